import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { place } from "../../internal/place.ts"
import { schemaIssues } from "../../internal/schemaIssues.ts"

/**
 * Reads the options of one provider on a message, a part or a tool: those of the others mean nothing to it. Fails with a
 * sentence when there is one that has no place there, as it would be lost otherwise.
 *
 * @internal
 */
export const ownOptions = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty: "error" })
  // Most parts have none.
  const none = decode({})
  return (
    options: Readonly<Record<string, unknown>> | undefined,
    key: string,
    path: string
  ): Result.Result<S["Type"], string> =>
    Result.mapError((options?.[key] ?? undefined) === undefined ? none : decode(options?.[key]), (error) => {
      const [issue] = schemaIssues(error)
      return `${path}.${place(["options", key, ...(issue?.path ?? [])])}: ${issue?.message ?? "is not valid"}`
    })
}
