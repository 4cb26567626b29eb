/**
 * A prompt as formats take it in which user and assistant take turns.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../../ChatRequest.ts"
import { place } from "../../internal/place.ts"
import type { Encoding } from "./encoding.ts"
import { ownOptions } from "./options.ts"
import { callIds, type IdRule } from "./tools.ts"

/**
 * A mark on what a prompt is cached up to.
 *
 * @category models
 * @since 0.2.0
 */
export interface Mark {
  /** How long it is kept. Default: `5m`. */
  readonly ttl?: "5m" | "1h"
}

/**
 * What one part of a prompt becomes: one block, or a block and what belongs right behind it. Without blocks nothing of the
 * part is sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface Piece<Block> {
  readonly blocks: ReadonlyArray<Block>
  /** The part's own mark. */
  readonly mark?: Mark | null | undefined
  /** Why the part is not sent, if it should be. Its place stands before it. */
  readonly leftOut?: string | undefined
  /** What the part holds, as a result of a tool holds files. */
  readonly within?: ReadonlyArray<Unit<Block>> | undefined
}

/**
 * A piece and its part.
 *
 * @category models
 * @since 0.2.0
 */
export interface Unit<Block> extends Piece<Block> {
  /** The part's place in the request, such as `prompt[2].content[0]`. */
  readonly path: string
  /** The id of the tool call that this is, unless the provider ran the tool. */
  readonly call?: string | undefined
  /** The id of the tool call that this is the result of, unless the provider ran the tool. */
  readonly result?: string | undefined
}

/**
 * Who speaks, in formats where results of tools are the user's.
 *
 * @category models
 * @since 0.2.0
 */
export type Role = "user" | "assistant"

/**
 * All that one role says before the other does.
 *
 * @category models
 * @since 0.2.0
 */
export interface Turn<Block> {
  readonly role: Role
  readonly units: ReadonlyArray<Unit<Block>>
}

/**
 * Where a format has marks on what is cached: in the last block of what they are on, or in one behind it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Marks<Block> {
  /** The option of a part that is a mark, for messages: `anthropic.cacheControl`. */
  readonly option: string
  readonly put: (blocks: ReadonlyArray<Block>, mark: Mark) => ReadonlyArray<Block>
  /** Whether a block can't be marked, as it is reasoning. */
  readonly isReasoning: (block: Block) => boolean
}

/**
 * How a format writes the parts of a prompt. Each function is given the part's place, to begin the sentence with when the
 * part can't be sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface Wire<Block> {
  /** The key of the provider's own options on messages and parts. */
  readonly key: string
  /** Reads the options of a message. Default: there are none, and any is refused. */
  readonly message?:
    | ((options: Prompt.ProviderOptions, path: string) => Encoding<Pick<Piece<Block>, "mark">>)
    | undefined
  /** Instructions. Blank ones are not sent. */
  readonly instruction: (text: string) => Block
  readonly text: (part: Prompt.TextPart, path: string) => Encoding<Piece<Block>>
  /** A file of the user. */
  readonly file: (part: Prompt.FilePart, path: string) => Encoding<Piece<Block>>
  /** A file of the assistant. Default: refused. */
  readonly ownFile?: ((part: Prompt.FilePart, path: string) => Encoding<Piece<Block>>) | undefined
  readonly reasoning: (part: Prompt.ReasoningPart, path: string) => Encoding<Piece<Block>>
  /** A call that the caller answers; `id` is one that the API takes. */
  readonly call: (part: Prompt.ToolCallPart, path: string, id: string) => Encoding<Piece<Block>>
  /** What the caller's tool returned; `id` is the call's. */
  readonly result: (part: Prompt.ToolResultPart, path: string, id: string) => Encoding<Piece<Block>>
  /** A call of a tool that the provider ran itself. Default: refused. */
  readonly ownCall?: ((part: Prompt.ToolCallPart, path: string) => Encoding<Piece<Block>>) | undefined
  /** What the provider's own tool returned, in the assistant's message. Default: refused. */
  readonly ownResult?: ((part: Prompt.ToolResultPart, path: string) => Encoding<Piece<Block>>) | undefined
  /** What the API takes as the id of a call. Default: any text. */
  readonly ids?: IdRule | undefined
  /** Default: the format has none. */
  readonly marks?: Marks<Block> | undefined
}

/**
 * A prompt in turns.
 *
 * @category models
 * @since 0.2.0
 */
export interface Walked<Block> {
  /** The instructions, those of the request first. */
  readonly system: ReadonlyArray<Unit<Block>>
  /** What user and assistant say. The first turn is the user's. */
  readonly turns: ReadonlyArray<Turn<Block>>
  /** What is not sent and should be: a sentence each, its place first. */
  readonly ignored: ReadonlyArray<string>
}

/**
 * Walks over the prompt of a request. Messages that hold nothing go, neighbours of one role are joined, and in every turn
 * the results of tools come first. Fails with a sentence when the wire refuses a part, when there is no message, and when
 * the first one is the assistant's.
 *
 * The request is one that `ChatRequest.check` has passed, as `make` runs it: calls and results face each other.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Result } from "effect"
 *
 * const refuse = (_: unknown, path: string) => Result.fail(`${path}: texts only`)
 * const wire: RequestKit.Wire<string> = {
 *   key: "acme",
 *   instruction: (text) => text,
 *   text: ({ text }) => Result.succeed({ blocks: [text] }),
 *   file: refuse,
 *   reasoning: () => Result.succeed({ blocks: [], leftOut: "the API takes no reasoning back" }),
 *   call: refuse,
 *   result: refuse
 * }
 * const request = Result.getOrThrow(ChatRequest.normalize({ system: "Be brief.", prompt: "Hi" }))
 * const { system, turns } = Result.getOrThrow(RequestKit.walk(request, wire))
 * system[0]?.blocks // ["Be brief."]
 * turns[0]?.units[0]?.blocks // ["Hi"]
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const walk = <Block>(
  { prompt, system: instructions = "" }: ChatRequest.Normalized,
  wire: Wire<Block>
): Encoding<Walked<Block>> =>
  Result.gen(function*() {
    const id = callIds(prompt, wire.ids ?? {})
    const system: Array<Unit<Block>> = []
    const messages: Array<Turn<Block>> = []
    const instruct = (text: string, unit: Omit<Unit<Block>, "blocks">) =>
      marked({ ...unit, blocks: isBlank(text) ? [] : [wire.instruction(text)] }, wire.marks)
    system.push(yield* instruct(instructions, { path: "system" }))
    for (const [index, message] of prompt.content.entries()) {
      const path = place(["prompt", index])
      const { mark } = yield* wire.message?.(message.options, path) ?? noOptions(message.options, wire.key, path)
      if (message.role === "system") {
        system.push(yield* instruct(message.content, { path, mark }))
        continue
      }
      const parts: ReadonlyArray<Prompt.UserMessagePart | Prompt.AssistantMessagePart | Prompt.ToolMessagePart> =
        message.content
      const units = yield* Result.all(parts.map((part, index) => {
        const here = `${path}.content[${index}]`
        return Result.flatMap(
          pieceOf(wire, part, here, message.role === "assistant", id),
          (piece) => marked({ path: here, ...piece }, wire.marks)
        )
      }))
      const said = mark ? yield* markedLast(units, mark, wire.marks, path) : units
      // The results of calls are the user's wherever they stand.
      for (const unit of said) {
        const role = message.role === "assistant" && unit.result === undefined ? "assistant" : "user"
        messages.push({ role, units: [unit] })
      }
    }
    return {
      system: system.filter(isSent),
      turns: yield* turnsOf(messages),
      ignored: messages.flatMap(({ units }) =>
        units.flatMap(({ leftOut, path }) => leftOut === undefined ? [] : [`${path}: ${leftOut}`])
      )
    }
  })

const noOptions = ownOptions(Schema.Struct({ mark: Schema.optionalKey(Schema.Never) }))

const pieceOf = <Block>(
  wire: Wire<Block>,
  part: Prompt.UserMessagePart | Prompt.AssistantMessagePart | Prompt.ToolMessagePart,
  path: string,
  isAssistant: boolean,
  id: (id: string) => string
): Encoding<Omit<Unit<Block>, "path">> => {
  switch (part.type) {
    case "text":
      return wire.text(part, path)
    case "file":
      return !isAssistant
        ? wire.file(part, path)
        : wire.ownFile?.(part, path) ??
          Result.fail(`${path}: a file of the assistant can't be sent back; ${part.mediaType} is for the user`)
    case "reasoning":
      return wire.reasoning(part, path)
    case "tool-call":
      return part.providerExecuted
        ? wire.ownCall?.(part, path) ?? Result.fail(unknownTool(part, path))
        : Result.map(wire.call(part, path, id(part.id)), (piece) => ({ ...piece, call: part.id }))
    case "tool-result":
      return !part.providerExecuted
        ? Result.map(wire.result(part, path, id(part.id)), (piece) => ({ ...piece, result: part.id }))
        : !isAssistant
        ? Result.fail(`${path}: what a provider's own tool returned belongs in the assistant's message`)
        : wire.ownResult?.(part, path) ?? Result.fail(unknownTool(part, path))
    // These are between the program and its user.
    case "tool-approval-request":
    case "tool-approval-response":
      return Result.succeed({ blocks: [] })
  }
}

/**
 * Texts and files as a result of a tool holds them.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import type { Prompt } from "effect/ai"
 *
 * const shown = ({ modelOutput = [] }: Prompt.ToolResultPart, path: string, wire: RequestKit.Wire<string>) =>
 *   RequestKit.contents(modelOutput, `${path}.modelOutput`, wire)
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const contents = <Block>(
  parts: ReadonlyArray<Prompt.TextPart | Prompt.FilePart>,
  path: string,
  wire: Pick<Wire<Block>, "text" | "file" | "marks">
): Encoding<ReadonlyArray<Unit<Block>>> =>
  Result.all(parts.map((part, index) => {
    const here = `${path}[${index}]`
    return Result.flatMap(
      part.type === "text" ? wire.text(part, here) : wire.file(part, here),
      (piece) => marked({ path: here, ...piece }, wire.marks)
    )
  }))

/**
 * Why a call of a provider's own tool, or its result, is refused.
 *
 * @internal
 */
export const unknownTool = ({ name }: { readonly name: string }, path: string): string =>
  `${path}: the tool ${name} was run by a provider, and this one does not know it, so it can't be sent back`

/** @internal */
export const isBlank = (text: string): boolean => text.trim() === ""

const isSent = ({ blocks }: Unit<unknown>): boolean => blocks.length > 0

/**
 * Puts a unit's mark where the format has it.
 *
 * @internal
 */
export const marked = <Block>(
  unit: Unit<Block>,
  marks: Marks<Block> | undefined,
  path = unit.path
): Encoding<Unit<Block>> => {
  const { blocks, mark } = unit
  if (!mark || marks === undefined) return Result.succeed(unit)
  const last = blocks.at(-1)
  const here = `${path}.options.${marks.option}`
  return last === undefined
    ? Result.fail(`${here}: nothing is sent here that can hold a cache marker; blank texts are left out`)
    : marks.isReasoning(last)
    ? Result.fail(`${here}: reasoning can't hold a cache marker`)
    : Result.succeed({ ...unit, blocks: marks.put(blocks, mark) })
}

// A mark on a message is one on the last that is sent of it.
const markedLast = <Block>(
  units: ReadonlyArray<Unit<Block>>,
  mark: Mark,
  marks: Marks<Block> | undefined,
  path: string
): Encoding<ReadonlyArray<Unit<Block>>> => {
  const index = units.findLastIndex(isSent)
  const last = units[index] ?? { path, blocks: [] }
  return last.mark
    ? Result.succeed(units)
    : Result.map(marked({ ...last, mark }, marks, path), (last) => units.with(index, last))
}

/**
 * What is wrong with the marks of a request, in the order in which the provider reads them: tools, system, messages.
 *
 * @internal
 */
export const markProblem = (units: ReadonlyArray<Unit<unknown>>): string | undefined => {
  const all = units.flatMap(marksOf)
  const fifth = all[4]
  if (fifth !== undefined) return `${fifth.path}: at most 4 cache markers are taken, this is the fifth`
  const short = all.findIndex(({ mark }) => mark?.ttl !== "1h")
  const late = all.find(({ mark }, index) => mark?.ttl === "1h" && short !== -1 && index > short)
  return late === undefined
    ? undefined
    : `${late.path}: a cache marker of 1h has to come before those of 5m, in the order of tools, system and messages`
}

const marksOf = (unit: Unit<unknown>): ReadonlyArray<Unit<unknown>> => [
  ...(unit.within ?? []).flatMap(marksOf),
  ...(unit.mark ? [unit] : [])
]

/**
 * The turns of a conversation: messages that hold nothing go, neighbours of one role are joined, and in every turn the
 * results of tools come first.
 *
 * @internal
 */
export const turnsOf = <Block>(messages: ReadonlyArray<Turn<Block>>): Encoding<ReadonlyArray<Turn<Block>>> => {
  const joined: Array<{ readonly role: Role; readonly units: Array<Unit<Block>> }> = []
  for (const { role, units } of messages) {
    const full = units.filter(isSent)
    const previous = joined.at(-1)
    if (full.length === 0) continue
    if (previous?.role === role) { for (const unit of full) previous.units.push(unit) }
    else joined.push({ role, units: full })
  }
  const [first] = joined
  return first === undefined
    ? Result.fail("prompt: there is no message with a text or anything else in it")
    : first.role === "assistant"
    ? Result.fail(
      `${first.units[0]?.path ?? "prompt"}: the first message has to be the user's, this is the assistant's`
    )
    : Result.succeed(joined.map(({ role, units }) => ({ role, units: resultsFirst(units) })))
}

const resultsFirst = <Block>(units: ReadonlyArray<Unit<Block>>): ReadonlyArray<Unit<Block>> => [
  ...units.filter(({ result }) => result !== undefined),
  ...units.filter(({ result }) => result === undefined)
]
