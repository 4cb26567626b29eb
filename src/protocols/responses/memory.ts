/**
 * The memory of the events of a response, which tells a text that comes whole from one that came in pieces.
 *
 * @since 0.2.0
 */
import { elements } from "../../internal/open.ts"
import { countedType, type ResponsesChunk } from "./chunk.ts"
import type { ContentPart, OutputItem, Payload, Response } from "./payload.ts"

/**
 * The context of an event from earlier events.
 *
 * @category models
 * @since 0.2.0
 */
export interface Context extends Partial<Pick<ResponsesChunk, "whole" | "items" | "call">> {}

/**
 * A place in the stream of a background response.
 *
 * @category models
 * @since 0.2.0
 */
export interface Position {
  /** The response's id, as its first chunks state it. */
  readonly id: string
  /** The number of the last event that was read: `sequenceNumber` of its chunk. Default: the start of the stream. */
  readonly startingAfter?: number | undefined
}

/** The pieces of an item that came. */
interface ItemState {
  announced: boolean
  /** The parts of which a piece came. */
  readonly parts: Set<number>
  /** Whether its beginning was seen. If not, only its pieces count, because the rest may have come before. */
  known: boolean
}

const kinds = { output_text: 0, refusal: 1, reasoning_text: 2, summary_text: 3, arguments: 4 }

const part = (kind: keyof typeof kinds, index: number | null | undefined): number => kinds[kind] + 8 * (index ?? 0)

const kindOf = (part: ContentPart | null | undefined): Exclude<keyof typeof kinds, "arguments"> | undefined =>
  part?.type === "output_text" || part?.type === "refusal" || part?.type === "reasoning_text" ||
    part?.type === "summary_text"
    ? part.type
    : undefined

const hasText = ({ type }: OutputItem): boolean =>
  type === "message" || type === "reasoning" || type === "function_call" || type === "custom_tool_call" ||
  type === "mcp_call"

const nothing: Context = {}

const wholeText: Context = { whole: "text" }

const wholeItem: Context = { whole: "item" }

interface Piece {
  readonly output_index?: number | null
  readonly item_id?: string | null
}

/**
 * The state of a response that the next events depend on.
 *
 * @internal
 */
export class Memory {
  /** The response's id, once an event has stated it. */
  id: string | undefined
  /** The number of the last event that has one. */
  number: number | undefined
  /** Whether the events before some place are unknown. */
  private readonly isPartial: boolean
  private search: string | undefined
  private items = new Map<number | string, ItemState>()
  private types: Array<string> = []
  private containers = new Set<string>()

  constructor(position?: Position) {
    this.id = position?.id
    this.number = position?.startingAfter
    this.isPartial = position?.startingAfter !== undefined
  }

  /** A copy that continues from here. */
  copy(): Memory {
    const copy = new Memory(this.isPartial ? { id: "", startingAfter: 0 } : undefined)
    copy.id = this.id
    copy.number = this.number
    copy.search = this.search
    copy.types = this.types.slice()
    copy.containers = new Set(this.containers)
    copy.items = new Map(
      Array.from(this.items, ([key, item]) => [key, { ...item, parts: new Set(item.parts) }] as const)
    )
    return copy
  }

  /** Adds an event that follows the last one, and returns its context. */
  see(event: Payload): Context {
    const { sequence_number } = event
    if (typeof sequence_number === "number") this.number = sequence_number
    this.id ??= responseId(event)
    switch (event.type) {
      case "response.output_text.delta":
        return this.piece(event, part("output_text", event.content_index))
      case "response.refusal.delta":
        return this.piece(event, part("refusal", event.content_index))
      case "response.reasoning_text.delta":
        return this.piece(event, part("reasoning_text", event.content_index))
      case "response.reasoning_summary_text.delta":
        return this.piece(event, part("summary_text", event.summary_index))
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
      case "response.mcp_call_arguments.delta":
        return this.piece(event, part("arguments", 0))
      case "response.output_text.done":
        return event.text ? this.whole(event, part("output_text", event.content_index)) : nothing
      case "response.refusal.done":
        return event.refusal ? this.whole(event, part("refusal", event.content_index)) : nothing
      case "response.reasoning_text.done":
        return event.text ? this.whole(event, part("reasoning_text", event.content_index)) : nothing
      case "response.reasoning_summary_text.done":
        return event.text ? this.whole(event, part("summary_text", event.summary_index)) : nothing
      case "response.function_call_arguments.done":
      case "response.mcp_call_arguments.done":
        return event.arguments ? this.whole(event, part("arguments", 0)) : nothing
      case "response.custom_tool_call_input.done":
        return event.input ? this.whole(event, part("arguments", 0)) : nothing
      case "response.content_part.done":
      case "response.reasoning_summary_part.done": {
        const kind = kindOf(event.part)
        const index = event["content_index"] ?? event["summary_index"]
        const text = event.part?.["text"] ?? event.part?.["refusal"]
        return kind === undefined || !text
          ? nothing
          : this.whole(event, part(kind, typeof index === "number" ? index : 0))
      }
      case "response.output_item.added": {
        const item = this.itemAt(event.output_index, event.item?.id)
        item.announced = true
        item.known = true
        return nothing
      }
      case "response.output_item.done":
        return event.item ? this.itemDone(event.item, this.itemAt(event.output_index, event.item.id)) : nothing
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        return this.ended(event.response ?? {})
      default:
        return nothing
    }
  }

  private itemAt(index: number | null | undefined, id: unknown): ItemState {
    const key = index ?? (typeof id === "string" ? id : -1)
    let item = this.items.get(key)
    if (item === undefined) {
      this.items.set(key, item = { announced: false, parts: new Set(), known: !this.isPartial })
    }
    return item
  }

  private piece(event: Piece, at: number): Context {
    this.itemAt(event.output_index, event.item_id).parts.add(at)
    return nothing
  }

  private whole(event: Piece, at: number): Context {
    const { known, parts } = this.itemAt(event.output_index, event.item_id)
    if (!known || parts.has(at)) return nothing
    parts.add(at)
    return wholeText
  }

  private itemDone(item: OutputItem, state: ItemState): Context {
    const type = countedType(item, this.containers)
    if (type !== undefined) this.types.push(type)
    if (item.type === "tool_search_call") this.search = item.id ?? undefined
    const isWhole = state.known && state.parts.size === 0
    const context = isWhole && !state.announced ? wholeItem : isWhole && hasText(item) ? wholeText : nothing
    state.announced = true
    state.parts.add(-1)
    return item.type === "tool_search_output" && !item.call_id && this.search !== undefined
      ? { ...context, call: this.search }
      : context
  }

  private ended(response: Response): Context {
    const output = elements(response.output)
    if (this.items.size === 0 && !this.isPartial) return output.length === 0 ? nothing : { whole: "response" }
    return output.length === 0 ? { items: this.types } : nothing
  }
}

/** A position whose past is known. */
class Remembered implements Position {
  readonly id: string
  readonly startingAfter: number
  readonly memory: Memory
  constructor(id: string, startingAfter: number, memory: Memory) {
    this.id = id
    this.startingAfter = startingAfter
    this.memory = memory
  }
}

/**
 * A position whose past is known.
 *
 * @internal
 */
export const remembered = (id: string, startingAfter: number, memory: Memory): Position =>
  new Remembered(id, startingAfter, memory)

/**
 * The memory of a response at a position, or at its start.
 *
 * @internal
 */
export const at = (position?: Position): Memory =>
  position instanceof Remembered ? position.memory : new Memory(position)

/**
 * The id that an event states of its response.
 *
 * @internal
 */
export const responseId = (event: Payload): string | undefined => {
  const response = "response" in event && typeof event.response === "object" ? event.response : undefined
  const id = response !== undefined && response !== null && "id" in response ? response.id : undefined
  return typeof id === "string" && id !== "" ? id : undefined
}
