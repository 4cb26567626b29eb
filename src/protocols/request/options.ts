/**
 * A provider's own fields in the `options` of requests, messages, parts and tools.
 *
 * @since 0.2.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { lazy } from "../../internal/lazy.ts"
import { place } from "../../internal/place.ts"
import { schemaIssues } from "../../internal/schemaIssues.ts"
import type { Encoding } from "./encoding.ts"

/**
 * A provider's own fields in a request's `options`: under which keys they stand, and which are known.
 *
 * @category models
 * @since 0.2.0
 */
export interface OwnOptions {
  /** The first that a request has counts. */
  readonly keys: readonly [string, ...ReadonlyArray<string>]
  /** Schema of the fields that are known, by their names on the wire. */
  readonly schema: Schema.ConstraintDecoder<unknown>
}

const letters = (key: string): string => key.toLowerCase().replace(/[^a-z0-9]/g, "")

/**
 * A key of `options` that can only mean one of the provider's own, as a sentence: it differs in case or punctuation alone.
 * Every other key is that of another provider.
 *
 * @internal
 */
export const keyProblem = (
  options: Readonly<Record<string, unknown>> | undefined,
  keys: ReadonlyArray<string>
): string | undefined => {
  for (const key in options) {
    if (keys.includes(key)) continue
    const meant = keys.find((own) => letters(own) === letters(key))
    if (meant !== undefined) return `${place(["options", key])}: no such provider; did you mean ${meant}?`
  }
  return undefined
}

/**
 * Reads the options of one provider on a message, a part or a tool; those of the others mean nothing to it. Fails with a
 * sentence when there is one that the schema does not list, as it would be lost otherwise, or when the key is written in
 * another way.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Result, Schema } from "effect"
 *
 * const options = RequestKit.ownOptions(Schema.Struct({ detail: Schema.optionalKey(Schema.String) }))
 * Result.getOrThrow(options({ acme: { detail: "low" } }, "acme", "prompt[0]")).detail // "low"
 * Result.isFailure(options({ acme: { size: 1 } }, "acme", "prompt[0]")) // true
 * Result.isFailure(options({ Acme: {} }, "acme", "prompt[0]")) // true
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const ownOptions = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = lazy(() => Schema.decodeUnknownResult(schema, { onExcessProperty: "error" }))
  // Most parts have none.
  const none = lazy(() => decode()({}))
  return (
    options: Readonly<Record<string, unknown>> | undefined,
    key: string,
    path: string
  ): Encoding<S["Type"]> => {
    const problem = keyProblem(options, [key])
    if (problem !== undefined) return Result.fail(`${path}.${problem}`)
    const own = options?.[key] ?? undefined
    return Result.mapError(own === undefined ? none() : decode()(own), (error) => {
      const [issue] = schemaIssues(error)
      return `${path}.${place(["options", key, ...(issue?.path ?? [])])}: ${issue?.message ?? "is not valid"}`
    })
  }
}
