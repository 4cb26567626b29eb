import * as Result from "effect/Result"
import type * as ChatRequest from "../../ChatRequest.ts"

/**
 * What a format does with a field of a request: it is in the body, it is left out and named, or it is refused. The reason
 * follows the field's name: `seed: the API takes none`.
 *
 * @internal
 */
export type Treatment = "encoded" | { readonly ignored: string } | { readonly refused: string }

/**
 * What a format does with each field. A new field of requests does not compile until every format has an answer.
 *
 * @internal
 */
export type Treatments = Readonly<Record<keyof ChatRequest.Normalized, Treatment>>

/**
 * The fields of a request that a format leaves out, with the reasons; fails at the first that it refuses.
 *
 * @internal
 */
export const leftOut = (
  request: ChatRequest.Normalized,
  treatments: Treatments
): Result.Result<ReadonlyArray<string>, string> => {
  const ignored: Array<string> = []
  for (const [name, treatment] of Object.entries(treatments)) {
    if (treatment === "encoded" || !Object.hasOwn(request, name)) continue
    if ("refused" in treatment) return Result.fail(`${name}: ${treatment.refused}`)
    ignored.push(`${name}: ${treatment.ignored}`)
  }
  return Result.succeed(ignored)
}
