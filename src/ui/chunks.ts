/**
 * What the reader of the AI SDK takes: a block as chunks, chunks as frames, and a message as the chunks that it is made of.
 */
import type * as Arr from "effect/Array"
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import type * as ChatEvent from "../ChatEvent.ts"
import { defined } from "../internal/defined.ts"
import { plain } from "../internal/sent.ts"
import type * as Usage from "../Usage.ts"
import * as Blocks from "./blocks.ts"
import type * as Body from "./body.ts"

/** @internal */
export interface Chunk extends Body.Fields {
  readonly type: string
}

/**
 * The part that carries a seal.
 *
 * @internal
 */
export const sealType = "data-llm-stream-seal"

/** @internal */
export const frame = (chunk: Chunk): string => `data: ${JSON.stringify(chunk)}\n\n`

/**
 * The last frame.
 *
 * @internal
 */
export const done = "data: [DONE]\n\n"

/** @internal */
export const isLast = ({ type }: Chunk): boolean => type === "finish" || type === "error"

/**
 * The chunks of a block. Tools that are dynamic have no type of their own in the front end.
 *
 * @internal
 */
export const chunksOf = (
  block: Blocks.Block,
  isDynamic: (tool: string) => boolean
): Arr.NonEmptyReadonlyArray<Chunk> => {
  switch (block.type) {
    case "finish":
      return [{ type: "finish", finishReason: Blocks.finishWords[block.reason], messageMetadata: totals(block) }]
    case "failure":
      return [
        { type: "message-metadata", messageMetadata: totals(block) },
        { type: "error", errorText: block.reason }
      ]
    default:
      return [chunkOf(block, isDynamic)]
  }
}

const chunkOf = (
  block: Exclude<Blocks.Block, { readonly type: "finish" | "failure" }>,
  isDynamic: (tool: string) => boolean
): Chunk => {
  switch (block.type) {
    case "step-start":
      return { type: "start-step" }
    case "step-end":
      return { type: "finish-step" }
    case "call-start":
      return { type: "tool-input-start", ...callOf(block, isDynamic) }
    case "call-delta":
      return { type: "tool-input-delta", toolCallId: block.id, inputTextDelta: block.delta }
    case "call": {
      const input = shown(block.params)
      return input === block.params
        ? { type: "tool-input-available", ...callOf(block, isDynamic), input }
        : {
          type: "tool-input-error",
          ...callOf(block, isDynamic),
          input,
          errorText: "UnreadableToolCall" satisfies Blocks.CallProblem
        }
    }
    case "call-error": {
      const { error, input = "" } = block
      return { type: "tool-input-error", ...callOf(block, isDynamic), input: shown(input), errorText: error }
    }
    case "approval":
      return { type: "tool-approval-request", approvalId: block.approvalId, toolCallId: block.id }
    case "result": {
      const { id: toolCallId, preliminary, providerExecuted } = block
      const { denied, error, output } = shownResult(block)
      return denied === true
        ? { type: "tool-output-denied", toolCallId }
        : error !== undefined
        ? { type: "tool-output-error", toolCallId, errorText: error, ...executed(providerExecuted) }
        : {
          type: "tool-output-available",
          toolCallId,
          output,
          ...executed(providerExecuted),
          ...(preliminary ? { preliminary } : undefined)
        }
    }
    case "no-result": {
      const { error, id, providerExecuted } = block
      return { type: "tool-output-error", toolCallId: id, errorText: error, ...executed(providerExecuted) }
    }
    case "source": {
      const { citedText, place, title, url } = block.source
      const cited = citedText === undefined && place === undefined
        ? undefined
        : { providerMetadata: { source: defined({ citedText, place }) } }
      return url === undefined
        // No provider states the type.
        ? { type: "source-document", sourceId: block.id, mediaType: documentType(place), title, ...cited }
        : { type: "source-url", sourceId: block.id, url, title, ...cited }
    }
    case "file": {
      const { data, mediaType } = block
      return { type: "file", mediaType, url: `data:${mediaType};base64,${Base64.encode(data)}` }
    }
    case "seal":
      return { type: sealType, data: block.seal }
    default:
      return { ...block }
  }
}

const documentType = (place: ChatEvent.Source["place"]): string =>
  place?.unit === "page" ? "application/pdf" : "text/plain"

const callOf = (
  { id, name, providerExecuted }: { readonly id: string; readonly name: string; readonly providerExecuted: boolean },
  isDynamic: (tool: string) => boolean
) => ({
  toolCallId: id,
  toolName: name,
  ...executed(providerExecuted),
  ...(isDynamic(name) ? { dynamic: true } : undefined)
})

const executed = (providerExecuted: boolean) => providerExecuted ? { providerExecuted } : undefined

/**
 * What an answer has used, as the metadata of its message.
 *
 * @internal
 */
export const totals = ({ cost, model, usage }: {
  readonly model: string | undefined
  readonly usage: Usage.Usage | undefined
  readonly cost: number | undefined
}) =>
  defined({
    model,
    usage: usage && defined({
      inputTokens: usage.inputTokens,
      cachedTokens: usage.cachedTokens,
      cacheWriteTokens: usage.cacheWriteTokens,
      outputTokens: usage.outputTokens,
      reasoningTokens: usage.reasoningTokens
    }),
    cost
  })

/**
 * The value, its text where the client's reader would die of it, or `null` where it has none.
 *
 * @internal
 */
export const shown = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  const json = plain(value)
  if (json === null) return null
  const text = JSON.stringify(json)
  return /"__proto__":/.test(text) || /"constructor":\{/.test(text) && /"prototype":/.test(text) ? text : value
}

interface ShownResult {
  readonly denied?: true
  readonly error?: string
  readonly output?: unknown
}

/** @internal */
export const shownResult = (
  { isFailure, result }: { readonly isFailure: boolean; readonly result: unknown }
): ShownResult => {
  const value = plain(result)
  if (!isFailure) return { output: shown(value) }
  return Predicate.hasProperty(value, "type") && value.type === "execution-denied"
    ? { denied: true }
    : { error: typeof value === "string" ? value : JSON.stringify(value) }
}

// ---------------------------------------------------------------------------------------------------------------------
// A message that is there
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A message as a client has sent it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Message {
  readonly id: string
  readonly metadata?: unknown
  readonly parts: ReadonlyArray<Chunk>
}

/** @internal */
export const isChunk = (value: unknown): value is Chunk =>
  Predicate.hasProperty(value, "type") && typeof value.type === "string"

/**
 * The chunks that make a message what it is, from nothing.
 *
 * @internal
 */
export const rebuilt = ({ id, metadata, parts }: Message): ReadonlyArray<Chunk> => [
  { type: "start", messageId: id, ...defined({ messageMetadata: metadata }) },
  ...parts.flatMap((part, index) => partChunks(part, `before-${index}`))
]

const partChunks = (part: Chunk, unnamed: string): ReadonlyArray<Chunk> => {
  const { id = unnamed, providerMetadata, text, type } = part
  switch (type) {
    case "step-start":
      return [{ type: "start-step" }]
    case "text":
    case "reasoning":
      return [
        { type: `${type}-start`, id, ...defined({ providerMetadata }) },
        { type: `${type}-delta`, id, delta: text },
        { type: `${type}-end`, id }
      ]
    default:
      return type === "dynamic-tool" || type.startsWith("tool-") ? callChunks(part) : [part]
  }
}

const callChunks = (part: Chunk): ReadonlyArray<Chunk> => {
  const { approval, errorText, input, output, preliminary, providerExecuted, state, title, toolCallId, type } = part
  const call = {
    toolCallId,
    toolName: type === "dynamic-tool" ? part["toolName"] : type.slice("tool-".length),
    ...defined({
      providerExecuted,
      title,
      dynamic: type === "dynamic-tool" ? true : undefined,
      providerMetadata: part["callProviderMetadata"]
    })
  }
  if (typeof errorText === "string" && Blocks.callProblems.has(errorText)) {
    return [{ type: "tool-input-error", ...call, input, errorText }]
  }
  const { approved, id: approvalId, reason } = Predicate.isObject(approval) ? { ...approval } : {}
  const result = { toolCallId, ...defined({ providerExecuted, providerMetadata: part["resultProviderMetadata"] }) }
  return [
    ...(state === "input-available" || providerExecuted === true
      ? [{ type: "tool-input-available", ...call, input }]
      // A client runs what becomes available.
      : [
        { type: "tool-input-start", ...call },
        { type: "tool-input-delta", toolCallId, inputTextDelta: JSON.stringify(input) ?? "" }
      ]),
    ...(approvalId === undefined ? [] : [{ type: "tool-approval-request", approvalId, toolCallId }]),
    ...(approved === undefined
      ? []
      : [{ type: "tool-approval-response", approvalId, approved, ...defined({ reason }) }]),
    ...(state === "output-available"
      ? [{ type: "tool-output-available", ...result, output, ...defined({ preliminary }) }]
      : state === "output-error"
      ? [{ type: "tool-output-error", ...result, errorText }]
      : state === "output-denied"
      ? [{ type: "tool-output-denied", toolCallId }]
      : [])
  ]
}

/**
 * What is open after the chunks of an answer, for the case that no more come.
 *
 * @internal
 */
export class Unfinished {
  private text: { readonly end: string; readonly id: unknown } | undefined
  private isStep = false
  private readonly calls = new Map<unknown, { readonly call: Chunk; isWhole: boolean }>()
  isOver = false

  see(chunk: Chunk): void {
    const { id, preliminary, toolCallId, type } = chunk
    const call = this.calls.get(toolCallId)
    if (isLast(chunk)) this.isOver = true
    else if (type === "text-start" || type === "reasoning-start") this.text = { end: type.replace(/start$/, "end"), id }
    else if (type === this.text?.end) this.text = undefined
    else if (type === "start-step" || type === "finish-step") this.isStep = type === "start-step"
    else if (type === "tool-input-start") this.calls.set(toolCallId, { call: chunk, isWhole: false })
    else if (type === "tool-input-available") this.calls.set(toolCallId, { call: chunk, isWhole: true })
    else if (type === "tool-approval-request" && call !== undefined) call.isWhole = true
    else if (/^tool-(input-error|output-)/.test(type) && preliminary !== true) this.calls.delete(toolCallId)
  }

  /** The chunks that leave nothing open. */
  close(error: string): ReadonlyArray<Chunk> {
    return [
      ...(this.text === undefined ? [] : [{ type: this.text.end, id: this.text.id }]),
      ...Array.from(this.calls.values(), ({ call, isWhole }): Chunk =>
        isWhole
          ? {
            type: "tool-output-error",
            toolCallId: call["toolCallId"],
            errorText: error,
            ...executed(call["providerExecuted"] === true)
          }
          : { ...call, type: "tool-input-error", input: "", errorText: error }),
      ...(this.isStep ? [{ type: "finish-step" }] : [])
    ]
  }
}
