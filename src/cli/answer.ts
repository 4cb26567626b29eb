import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ChatResponse } from "../ChatResponse.ts"
import type * as Chunk from "../Chunk.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as Usage from "../Usage.ts"
import { observe } from "./observe.ts"

/**
 * An event of an answer: a chunk, or, where tools run, a call, a result or the end of a step.
 *
 * @internal
 */
export type Item =
  | { readonly _tag: "Chunk"; readonly chunk: Chunk.Chunk }
  | {
    readonly _tag: "ToolCall"
    readonly id: string
    readonly name: string
    /** The text, where it is not complete JSON. */
    readonly params: unknown
    /** Why it can't run; `null` when it can. */
    readonly problem: string | null
  }
  | {
    readonly _tag: "ToolResult"
    readonly id: string
    readonly name: string
    readonly result: unknown
    readonly isFailure: boolean
  }
  | { readonly _tag: "Step" }

/**
 * The responses so far.
 *
 * @internal
 */
export interface Responses {
  /** One a step. */
  readonly all: ReadonlyArray<ChatResponse>
  /** The last of them, with the provider's failure. */
  readonly last: ChatResponse
}

/**
 * The tokens of several responses together; `undefined` where none states them.
 *
 * @internal
 */
export const usageOf = (responses: ReadonlyArray<ChatResponse>): Usage.Usage | undefined =>
  responses.reduce<Usage.Usage | undefined>(
    (sum, { usage }) => usage === undefined ? sum : sum === undefined ? usage : Usage.sum(sum, usage),
    undefined
  )

/**
 * Asks whether a call may run, and shows all of it; `undefined` when nobody can answer.
 *
 * @internal
 */
export type Confirm = (call: string) => Effect.Effect<boolean | undefined>

/**
 * An answer that streams.
 *
 * @internal
 */
export interface Answer {
  /** It ends, well, where the provider fails. */
  readonly items: Stream.Stream<Item>
  readonly responses: () => Responses
  /** From now to the first chunk; `undefined` while there is none. */
  readonly millisToFirstChunk: () => number | undefined
  /** Where tools run: the conversation after the last step whose tools have run; `undefined` before that. */
  readonly prompt: () => Prompt.Prompt | undefined
  /** Whether `prompt` has everything that came. */
  readonly isOver: () => boolean
  /** Whether the limit of responses was reached and the model wanted more. */
  readonly isOutOfSteps: () => boolean
}

/**
 * The answer of one response.
 *
 * @internal
 */
export const ofOne = (stream: Stream.Stream<Chunk.Chunk, ProviderError>): Effect.Effect<Answer> =>
  Effect.map(observe(stream), ({ chunks, millisToFirstChunk, response }) => ({
    items: Stream.map(chunks, (chunk): Item => ({ _tag: "Chunk", chunk })),
    responses: () => {
      const last = response()
      return { all: [last], last }
    },
    millisToFirstChunk,
    prompt: () => undefined,
    isOver: () => false,
    isOutOfSteps: () => false
  }))
