/**
 * How a line of a batch ended, as one line of JSON.
 *
 * @internal
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Usage } from "../Usage.ts"

const Tokens = Schema.NullOr(Schema.Number)

/**
 * Schema of what a model said.
 *
 * @internal
 */
export const Fields = Schema.Struct({
  provider: Schema.NullOr(Schema.String),
  model: Schema.NullOr(Schema.String),
  content: Schema.NullOr(Schema.String),
  reasoning: Schema.NullOr(Schema.String),
  refusal: Schema.NullOr(Schema.String),
  toolCalls: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, arguments: Schema.String })),
  finishReason: Schema.NullOr(Schema.String),
  usage: Schema.NullOr(Schema.Struct({
    inputTokens: Tokens,
    cachedTokens: Tokens,
    cacheWriteTokens: Tokens,
    outputTokens: Tokens,
    reasoningTokens: Tokens
  }))
})

/** @internal */
export type Fields = typeof Fields.Type

/**
 * Tokens as the lines of the command line have them.
 *
 * @internal
 */
export const tokensOf = (usage: Usage | undefined): Fields["usage"] =>
  usage === undefined ? null : {
    inputTokens: usage.inputTokens ?? null,
    cachedTokens: usage.cachedTokens ?? null,
    cacheWriteTokens: usage.cacheWriteTokens ?? null,
    outputTokens: usage.outputTokens ?? null,
    reasoningTokens: usage.reasoningTokens ?? null
  }

/**
 * Schema of the end of a line.
 *
 * @internal
 */
export const Answer = Schema.Struct({
  id: Schema.String,
  ...Fields.fields,
  /** USD as a plain decimal; `null` when it is not known. */
  cost: Schema.NullOr(Schema.String),
  attempts: Schema.Natural,
  cached: Schema.Boolean,
  error: Schema.NullOr(Schema.Struct({
    reason: Schema.String,
    message: Schema.String,
    status: Schema.NullOr(Schema.Number),
    retryable: Schema.Boolean,
    emitted: Schema.Boolean
  }))
})

/** @internal */
export type Answer = typeof Answer.Type

/**
 * Of a line that was not asked.
 *
 * @internal
 */
export const nothing: Fields = {
  provider: null,
  model: null,
  content: null,
  reasoning: null,
  refusal: null,
  toolCalls: [],
  finishReason: null,
  usage: null
}

// A terminal takes some of these for commands, and some readers of lines the others for the end of one.
const controls = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

/**
 * The line of JSON, without a line end: the keys in one order, and no control character in it.
 *
 * @internal
 */
export const text = ({ id, ...rest }: Answer): string =>
  JSON.stringify({ id, ...rest }).replace(
    controls,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

const decode = Schema.decodeUnknownResult(Answer)

const keys = Object.keys(Answer.fields)

/**
 * The answer that a line of an output is; `undefined` if it is none.
 *
 * @internal
 */
export const fromText = (line: string): Answer | undefined => {
  const value = Result.try((): unknown => JSON.parse(line))
  if (Result.isFailure(value)) return undefined
  const answer = decode(value.success)
  return Result.isSuccess(answer) && keys.every((key) => Object.hasOwn(Object(value.success), key))
    ? answer.success
    : undefined
}

/**
 * The id of a line that is an answer as {@link text} writes it; `undefined` where it can't be one.
 *
 * @internal
 */
export const idOf = (line: string): string | undefined => {
  const [, id] = /^\{"id":("(?:[^"\\]|\\.)*"),/.exec(line) ?? []
  return id === undefined ? undefined : Result.getOrUndefined(Result.try(() => String(JSON.parse(id))))
}

/**
 * How every answer begins.
 *
 * @internal
 */
export const beginning = "{\"id\":"

/** Short pieces, in a row, before the end or a longer piece. */
const pieces = /^(?:\{(?:"(?:i(?:d"?)?)?)?)*(?:$|\{"id":)/

/**
 * Whether a line is made of pieces of answers: processes that were killed may have left them.
 *
 * @internal
 */
export const isPiece = (line: string): boolean =>
  pieces.test(line) && Result.isFailure(Result.try((): unknown => JSON.parse(line)))
