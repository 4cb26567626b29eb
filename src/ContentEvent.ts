/**
 * The content of an answer, told once: the events that a payload adds to it, in order.
 *
 * Each chunk gives its events ({@link ContentEvent}) without any state. Everything else is a fold of them: the
 * attributes of a chunk, `ChatResponse`, the parts of `effect/ai`, `ChatEvent`s and streamed objects. Events are plain
 * data.
 *
 * @stability unstable
 * @since 0.2.0
 */
import type * as AiResponse from "effect/ai/Response"
import * as Predicate from "effect/Predicate"
import type * as FinishReason from "./FinishReason.ts"
import type * as Usages from "./Usage.ts"

/**
 * Fields of a provider's own. They go into the metadata of a part, flat under the provider's key, as JSON. Values that
 * JSON can't hold are left out.
 *
 * @category models
 * @since 0.2.0
 */
export interface Fields {
  readonly [name: string]: unknown
}

/**
 * Lists of a provider's own, which go where {@link Fields} go.
 *
 * @category models
 * @since 0.2.0
 */
export interface Lists {
  readonly [name: string]: ReadonlyArray<unknown> | null | undefined
}

/**
 * Says which block an event belongs to: a position on wires that number their blocks, a fixed name on others. A key can
 * be used again after its block has ended.
 *
 * @category models
 * @since 0.2.0
 */
export type Key = number | string | undefined

/**
 * The fields of an event that belongs to one of several alternative answers.
 *
 * @category models
 * @since 0.2.0
 */
export interface OfChoice {
  /** Index of the alternative answer. `undefined` is 0. */
  readonly choice?: number | undefined
}

/**
 * Names the response, as early as the wire does.
 *
 * @category models
 * @since 0.2.0
 */
export interface Response {
  readonly type: "response"
  /** `undefined` when this chunk does not state it. */
  readonly id: string | undefined
  /** `undefined` when this chunk does not state it. */
  readonly model: string | undefined
  /** When the response was made, in Unix seconds. */
  readonly created?: number | undefined
}

/**
 * Announces an alternative answer that has no content yet.
 *
 * @category models
 * @since 0.2.0
 */
export interface Choice extends OfChoice {
  readonly type: "choice"
}

/**
 * A piece of text or reasoning. Unless it is empty, it begins a block if no block of its kind is open under the key.
 *
 * @category models
 * @since 0.2.0
 */
export interface Text extends OfChoice {
  readonly type: "text" | "reasoning"
  readonly key: Key
  readonly delta: string
}

/**
 * A piece of the text by which the model refuses to answer. It is a text block of its own.
 *
 * @category models
 * @since 0.2.0
 */
export interface Refusal extends OfChoice {
  readonly type: "refusal"
  readonly key: Key
  readonly delta: string
  readonly provider: string
}

/**
 * A piece of a spoken answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface Audio extends OfChoice {
  readonly type: "audio"
  readonly provider: string
  /** The provider's id of the audio. */
  readonly id: string | undefined
  /** Samples: 16-bit PCM. */
  readonly data: Uint8Array | undefined
  readonly transcript: string | undefined
  /** Unix seconds until which the audio can be referred to by its id. */
  readonly expiresAt: number | undefined
}

/**
 * Details of a text or reasoning block beside its text. A block that has fields is kept even when its text
 * stays empty.
 *
 * @category models
 * @since 0.2.0
 */
export interface Annotation {
  readonly type: "annotation"
  readonly kind: "text" | "reasoning"
  readonly key: Key
  /** The key of the metadata that the fields go under. */
  readonly provider: string
  readonly fields?: Fields | undefined
  /** Lists that are joined with those of earlier annotations. */
  readonly lists?: Lists | undefined
}

/**
 * A piece of the signature of a reasoning block.
 *
 * @category models
 * @since 0.2.0
 */
export interface Signature {
  readonly type: "signature"
  readonly key: Key
  readonly provider: string
  readonly delta: string
  /** The field of the metadata that holds the whole signature. */
  readonly field: string
  /** When given, the field is an object of this `type`, whose `signature` is the whole signature. */
  readonly fieldType?: string | undefined
}

/**
 * Who defines a tool, and who runs it. A tool with neither is the caller's.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolKind {
  /** The provider runs the tool itself. */
  readonly providerExecuted?: boolean | undefined
  /** The provider defines the tool, and the caller runs it, such as `apply_patch`. */
  readonly providerDefined?: boolean | undefined
}

/**
 * Begins a tool call, on wires where calls are blocks.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCall extends ToolKind {
  readonly type: "tool-call"
  readonly key: Key
  readonly id: string | undefined
  readonly name: string | undefined
  /** The arguments, when they come whole; pieces that follow replace it. */
  readonly input?: unknown
  /** The arguments are a text, not JSON. */
  readonly custom?: boolean | undefined
  readonly metadata?: AiResponse.ProviderMetadata | undefined
}

/**
 * A piece of the arguments of the tool call that is open under the key.
 *
 * @category models
 * @since 0.2.0
 */
export interface Arguments extends ToolKind {
  readonly type: "arguments"
  readonly key: Key
  readonly delta: string
}

/**
 * A piece of a tool call on wires that do not say where a call begins and ends.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCallPiece extends OfChoice {
  readonly type: "tool-call-piece"
  readonly index?: number | undefined
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly arguments: string
  /** The arguments are a text, not JSON. */
  readonly custom?: boolean | undefined
  readonly metadata?: AiResponse.ProviderMetadata | undefined
}

/**
 * The result of a tool that the provider ran. With a key, more of it may follow until the key ends; without one, it is
 * whole.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResult {
  readonly type: "tool-result"
  readonly key?: Key
  /** The id of the call. */
  readonly id: string | undefined
  /** The tool's name, for a call that is not in this response. */
  readonly name: string
  readonly result: unknown
  readonly isFailure: boolean
  readonly metadata?: AiResponse.ProviderMetadata | undefined
}

/**
 * More entries of the result that is open under the key, which is a list.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResultPiece {
  readonly type: "tool-result-piece"
  readonly key: Key
  readonly items: ReadonlyArray<unknown>
}

/**
 * The provider asks whether it may run a tool, whose call came before.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolApprovalRequest {
  readonly type: "tool-approval-request"
  readonly approvalId: string
  /** The id of the call. */
  readonly callId: string
  readonly metadata?: AiResponse.ProviderMetadata | undefined
}

/**
 * Bytes of a file. The file is complete when its key, or the response, ends.
 *
 * @category models
 * @since 0.2.0
 */
export interface File {
  readonly type: "file"
  readonly key: Key
  readonly mediaType: string
  readonly data: Uint8Array | undefined
  readonly provider: string
  readonly fields?: Fields | undefined
}

/**
 * The place of the cited text in a source, as the provider counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface Place {
  readonly unit: "character" | "page" | "block" | "chunk"
  readonly start: number
  /** The first unit after the text. `undefined` where the provider does not state it. */
  readonly end?: number
}

/**
 * A source that the text cites: a web page, or a document of the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface Source {
  readonly type: "source"
  readonly provider: string
  /** Of a web page. */
  readonly url?: string | undefined
  /** Of a document: the provider's id of the file, or its position among the documents of the request. */
  readonly document?: string | undefined
  readonly title?: string | undefined
  readonly citedText?: string | undefined
  readonly place?: Place | undefined
}

/**
 * Ends the block that is open under the key, if there is one.
 *
 * @category models
 * @since 0.2.0
 */
export interface End {
  readonly type: "end"
  readonly key: Key
}

/**
 * Token usage as this chunk states it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Usage {
  readonly type: "usage"
  readonly provider: string
  readonly usage: Usages.Usage
}

/**
 * Why the model stopped. The last one of a choice counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface Finish extends OfChoice {
  readonly type: "finish"
  readonly provider: string
  readonly reason: FinishReason.FinishReason
  /** The provider's own word. */
  readonly raw: string
}

/**
 * Details of the whole response that no part has a place for. They go into the metadata of the finish.
 *
 * @category models
 * @since 0.2.0
 */
export interface Details {
  readonly type: "details"
  readonly provider: string
  readonly fields?: Fields | undefined
  /** Lists that are joined with those of earlier events. */
  readonly lists?: Lists | undefined
}

/**
 * One piece of what a chunk adds to the content of its response.
 *
 * @category models
 * @since 0.2.0
 */
export type ContentEvent =
  | Response
  | Choice
  | Text
  | Refusal
  | Audio
  | Annotation
  | Signature
  | ToolCall
  | Arguments
  | ToolCallPiece
  | ToolResult
  | ToolResultPiece
  | ToolApprovalRequest
  | File
  | Source
  | End
  | Usage
  | Finish
  | Details

/**
 * The alternative answer that an event belongs to.
 *
 * @internal
 */
export const choiceOf = ({ choice = 0 }: { readonly type: string } & OfChoice): number => choice

/**
 * A place, where the wire states one.
 *
 * @internal
 */
export const place = (
  unit: Place["unit"],
  start: number | null | undefined,
  end: number | null | undefined
): Place | undefined =>
  start === null || start === undefined
    ? undefined
    : { unit, start, ...(typeof end === "number" ? { end } : undefined) }

/**
 * The text of arguments that came whole; empty without arguments.
 *
 * @internal
 */
export const inputText = ({ input }: ToolCall): string => {
  if (typeof input === "string") return input
  if (input === undefined || input === null || Predicate.isObject(input) && Object.keys(input).length === 0) return ""
  try {
    return JSON.stringify(input) ?? ""
  } catch {
    // Nested too deeply.
    return ""
  }
}

/**
 * Whether an event says something of a choice: its text, its end, or a call that is the caller's.
 *
 * @internal
 */
export const isOfChoice = (event: ContentEvent): boolean => {
  switch (event.type) {
    case "choice":
    case "text":
    case "reasoning":
    case "refusal":
    case "tool-call-piece":
    case "finish":
      return true
    case "tool-call":
    case "arguments":
      return event.providerExecuted !== true && event.providerDefined !== true
    default:
      return false
  }
}
