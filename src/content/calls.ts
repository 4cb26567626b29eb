/**
 * The one assembler of tool calls: which call a piece belongs to, which id a call has, and when it is over.
 *
 * @since 0.2.0
 */
import type * as ContentEvent from "../ContentEvent.ts"
import { inputText } from "../ContentEvent.ts"
import type { FinishReason } from "../FinishReason.ts"
import { isTooDeep, maxNesting } from "../wire/nesting.ts"
import { ObjectText } from "./objectText.ts"

/**
 * A tool call as far as it has come.
 *
 * @internal
 */
export class Call {
  /** Its id in this response. `""` until the call has begun; it never changes afterwards. */
  id = ""
  name = ""
  /** The provider's id. */
  stated: string | undefined
  /** Its id was made up, as it began without one. */
  isGenerated = false
  isOver = false
  /** What came in pieces. */
  private pieces = ""
  private readonly object = new ObjectText()
  /** A piece that names a tool and says nothing, after a whole object. */
  private again: ContentEvent.ToolCallPiece | undefined
  readonly event: ContentEvent.ToolCall | ContentEvent.ToolCallPiece

  constructor(event: ContentEvent.ToolCall | ContentEvent.ToolCallPiece) {
    this.event = event
  }

  add(delta: string): void {
    this.pieces += delta
    this.object.add(delta)
  }

  /** The arguments' text as it came. */
  get text(): string {
    return this.whole ?? this.pieces
  }

  /** The text of arguments that came whole, where no piece followed. */
  get whole(): string | undefined {
    if (this.event.type !== "tool-call" || this.event.input === undefined || this.pieces.trim() !== "") return undefined
    return inputText(this.event) || undefined
  }

  /** The arguments, or `undefined` when they are broken: the text is not JSON, ends too early, or is nested too deeply. */
  get params(): unknown {
    const { text } = this
    if (this.event.custom === true) return text
    // An object that is nested too deeply has no text.
    if (text.trim() === "") return this.event.type === "tool-call" ? this.event.input ?? {} : {}
    try {
      const params: unknown = JSON.parse(text)
      return text.length > 2 * maxNesting && isTooDeep(params) ? undefined : params ?? {}
    } catch {
      return undefined
    }
  }

  /** Whether the caller runs it, and defined it. */
  get isClients(): boolean {
    const { event } = this
    return event.type === "tool-call-piece" || event.providerExecuted !== true && event.providerDefined !== true
  }

  /**
   * Whether a piece that could be of this call begins another. Text after a whole object is broken in any reading, so
   * nothing is lost.
   */
  isFollowedBy(piece: ContentEvent.ToolCallPiece): boolean {
    if (this.event.custom === true || piece.name === undefined && this.again === undefined) return false
    if (!this.object.isWhole(this.pieces)) return false
    if (piece.arguments.trim() !== "") return true
    this.again ??= piece
    return false
  }

  /** The piece that begins the call after this one, with what was said before of its id and name. */
  followedBy(piece: ContentEvent.ToolCallPiece): ContentEvent.ToolCallPiece {
    const { again } = this
    return again === undefined || piece.name !== undefined
      ? piece
      : { ...piece, name: again.name, id: piece.id ?? again.id }
  }
}

/**
 * Whether an answer that ended for a reason has its calls, also those whose arguments are broken. Of one that was cut
 * short, the last call may only have been cut off.
 *
 * @internal
 */
export const isComplete = (reason: FinishReason): boolean => completeReasons.has(reason)

const completeReasons: ReadonlySet<FinishReason> = new Set<FinishReason>(["stop", "tool_calls", "pause"])

/**
 * What a message has in place of arguments that are not an object: APIs take back nothing else.
 *
 * @internal
 */
export const invalidArguments = (text: string) => ({ INVALID_JSON: text })

/**
 * Hears of each call what becomes of it.
 *
 * @internal
 */
export interface Listener {
  /** It has its id and its name; what has come of its text so far is in it. */
  readonly begin?: (call: Call) => void
  /** More of its text has come. It may not have begun. */
  readonly add?: (call: Call, delta: string) => void
  /** Nothing more comes. It has begun. */
  readonly end?: (call: Call) => void
  /** The provider ran a tool: the id that the result has in this response, and its call, if that is in it. */
  readonly result?: (event: ContentEvent.ToolResult, id: string, call: Call | undefined) => void
}

// So many calls without a name wait for it; a host that sends more of them would make each snapshot take longer.
const mostWaiting = 64

/**
 * The calls of one choice of a response.
 *
 * A piece belongs to the call at its index, unless it has another id: some hosts use one index for parallel calls. Without
 * an index it belongs to the call with its id; without either, or where the last call has no id yet, to the last call,
 * unless it names another tool. In each case, a piece that names a tool after a whole object begins another call.
 *
 * The id of a call is the provider's own unless an earlier call has it, else a made-up one. It is decided as soon as the
 * id and the name are known, without an id when the next call comes, and at the latest at the end.
 *
 * @internal
 */
export class Calls {
  private readonly listener: Listener
  /** The calls that came as blocks and are open. */
  private readonly blocks = new Map<ContentEvent.Key, Call>()
  private readonly byIndex = new Map<number, Call>()
  private readonly byStated = new Map<string, Call>()
  private last: Call | undefined
  private readonly byId = new Map<string, Call>()
  /** How often each id was asked for. */
  private readonly taken = new Map<string, number>()
  private count = 0
  private readonly open = new Set<Call>()
  /** Those that have not begun. */
  private readonly waiting = new Set<Call>()
  /** Those of them that wait for nothing but an id. */
  private named: Array<Call> = []

  constructor(listener: Listener) {
    this.listener = listener
  }

  /** Takes in an event of this choice. */
  see(event: ContentEvent.ContentEvent): void {
    switch (event.type) {
      case "text":
      case "reasoning":
      case "signature":
        return event.delta === "" ? undefined : this.close(event.key)
      case "refusal":
      case "annotation":
      case "file":
      case "end":
        return this.close(event.key)
      case "tool-call":
        return this.block(event)
      case "arguments": {
        const call = this.blocks.get(event.key)
        return call === undefined ? undefined : this.add(call, event.delta)
      }
      case "tool-call-piece":
        return this.piece(event)
      case "tool-result": {
        // First: nothing comes between a call that ends here and its result.
        if (event.key !== undefined) this.close(event.key)
        const call = this.answered(event.id || undefined)
        return this.listener.result?.(event, call?.id ?? this.resultId(event.id), call)
      }
      case "tool-approval-request":
        return void this.answered(event.callId)
      default:
    }
  }

  /** The call that has begun with an id. */
  get(id: string): Call | undefined {
    return this.byId.get(id)
  }

  /** Ends all calls. */
  end(): void {
    this.begin(Array.from(this.waiting))
    for (const call of this.open) this.over(call)
  }

  get hasPending(): boolean {
    return this.waiting.size > 0
  }

  /** The calls that have not begun, with the ids that they will have if nothing more comes. */
  pending(): ReadonlyArray<readonly [call: Call, id: string]> {
    const ids = new Set<string>()
    return Array.from(this.waiting, (call, at) => {
      const { id } = this.free(call.stated ?? `call_${this.count + at}`, ids)
      ids.add(id)
      return [call, id]
    })
  }

  private block(event: ContentEvent.ToolCall): void {
    this.close(event.key)
    this.settle()
    const call = new Call(event)
    this.blocks.set(event.key, call)
    this.open.add(call)
    call.stated = event.id || undefined
    call.name = event.name ?? ""
    this.begin([call])
  }

  private piece(piece: ContentEvent.ToolCallPiece): void {
    const known = this.find(piece)
    if (known !== undefined && !known.isOver && !known.isFollowedBy(piece)) return this.join(known, piece)
    const before = piece.index === undefined ? this.last : this.byIndex.get(piece.index)
    this.next(before?.followedBy(piece) ?? piece)
  }

  private find({ id, index, name }: ContentEvent.ToolCallPiece): Call | undefined {
    if (index !== undefined) {
      const call = this.byIndex.get(index)
      if (call === undefined || id === undefined || call.stated === undefined || call.stated === id) return call
      const known = this.byStated.get(id)
      return known?.event.type === "tool-call-piece" && known.event.index === index ? known : undefined
    }
    const { last } = this
    const fits = name === undefined || last?.name === "" || last?.name === name
    if (id !== undefined) return this.byStated.get(id) ?? (last?.stated === undefined && fits ? last : undefined)
    return fits ? last : undefined
  }

  private next(piece: ContentEvent.ToolCallPiece): void {
    this.settle()
    const call = new Call(piece)
    this.last = call
    if (piece.index !== undefined) this.byIndex.set(piece.index, call)
    this.open.add(call)
    const [first] = this.waiting
    if (first !== undefined && this.waiting.size === mostWaiting) this.begin([first])
    this.waiting.add(call)
    this.join(call, piece)
  }

  private join(call: Call, { arguments: text, id, name }: ContentEvent.ToolCallPiece): void {
    if (call.stated === undefined && id !== undefined) call.stated = id
    if (id !== undefined && call.stated === id) this.byStated.set(id, call)
    if (call.id === "" && call.name === "" && name !== undefined) {
      call.name = name
      if (call.stated === undefined) this.named.push(call)
    }
    if (call.id === "" && call.stated !== undefined && call.name !== "") this.begin([call])
    this.add(call, text)
  }

  private add(call: Call, delta: string): void {
    if (delta === "") return
    call.add(delta)
    this.listener.add?.(call, delta)
  }

  /** Begins the calls that wait for an id, as another call comes. */
  private settle(): void {
    const { named } = this
    this.named = []
    this.begin(named.filter(({ id }) => id === ""))
  }

  private begin(calls: ReadonlyArray<Call>): void {
    if (calls.length === 0) return
    for (const call of calls) {
      this.waiting.delete(call)
      call.id = this.take(call.stated)
      call.isGenerated = call.stated === undefined
      this.byId.set(call.id, call)
    }
    for (const call of calls) this.listener.begin?.(call)
  }

  /** Ends the call that is open under a key, as something else begins there. */
  private close(key: ContentEvent.Key): void {
    if (this.blocks.size === 0) return
    const call = this.blocks.get(key)
    if (call === undefined) return
    this.blocks.delete(key)
    this.over(call)
  }

  /** Ends the call that something refers to by its id. */
  private answered(id: string | undefined): Call | undefined {
    const call = id === undefined ? undefined : this.byId.get(id)
    if (call !== undefined) this.over(call)
    return call
  }

  private over(call: Call): void {
    if (call.isOver) return
    call.isOver = true
    this.open.delete(call)
    if (call.event.type === "tool-call" && this.blocks.get(call.event.key) === call) this.blocks.delete(call.event.key)
    this.listener.end?.(call)
  }

  /** The id of a result whose call is in an earlier response, or without an id: no call of this one has it. */
  private resultId(stated: string | undefined): string {
    if (!stated) return this.take(undefined)
    if (!this.taken.has(stated)) this.taken.set(stated, 1)
    return stated
  }

  private take(stated: string | undefined): string {
    const base = stated ?? `call_${this.count}`
    this.count++
    const { id, times } = this.free(base)
    this.taken.set(base, times)
    this.taken.set(id, this.taken.get(id) ?? 1)
    return id
  }

  /** The id, or the first that goes on from it and that no call has. */
  private free(base: string, others?: ReadonlySet<string>): { readonly id: string; readonly times: number } {
    let id = base
    let times = this.taken.get(base) ?? 1
    while (this.taken.has(id) || others?.has(id) === true) id = `${base}_${++times}`
    return { id, times }
  }
}
