/**
 * How formats say what they can't send.
 *
 * @since 0.2.0
 */
import * as Result from "effect/Result"

/**
 * What a format makes of a piece of a request, or a sentence that begins with the piece's place:
 * `tools[0].name: longer than 64 characters`.
 *
 * @category models
 * @since 0.2.0
 */
export type Encoding<A> = Result.Result<A, string>

/**
 * Fields of a body, or of something in it.
 *
 * @category models
 * @since 0.2.0
 */
export type Fields = Readonly<Record<string, unknown>>

/**
 * Fails with the sentence, if there is one.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Result } from "effect"
 *
 * const few = (texts: ReadonlyArray<string>) =>
 *   RequestKit.unless(texts.length > 4 ? "stop: at most 4 texts are taken" : undefined)
 * Result.isSuccess(few(["a"])) // true
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const unless = (problem: string | undefined): Encoding<void> =>
  problem === undefined ? Result.void : Result.fail(problem)

/**
 * Why a word is not taken, as a sentence that begins with its place; `undefined` when it is one of those that are, or
 * when either of them is not stated.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 *
 * RequestKit.wordProblem("serviceTier", "flex", ["auto"]) // "serviceTier: auto is taken, not flex"
 * RequestKit.wordProblem("serviceTier", "auto", ["auto"]) // undefined
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const wordProblem = (
  path: string,
  word: string | undefined,
  taken: ReadonlyArray<string> | undefined
): string | undefined =>
  word === undefined || taken === undefined || taken.includes(word)
    ? undefined
    : `${path}: ${taken.length === 1 ? "" : "one of "}${taken.join(", ")} is taken, not ${word}`
