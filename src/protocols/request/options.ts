import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as ChatRequest from "../../ChatRequest.ts"
import { nearest } from "../../internal/nearest.ts"
import { place } from "../../internal/place.ts"
import { schemaIssues } from "../../internal/schemaIssues.ts"

/**
 * A provider's own part of a request's `options`.
 *
 * @internal
 */
export interface OwnOptions {
  /** The keys under which the provider's fields stand. The first that a request has counts. */
  readonly keys: readonly [string, ...ReadonlyArray<string>]
  /** Schema of the fields that are known, by their names on the wire. */
  readonly schema: Schema.ConstraintDecoder<unknown>
}

/**
 * The raw fields of a request for one provider, and where they stand.
 *
 * @internal
 */
export interface RawFields {
  readonly path: string
  readonly fields: Schema.JsonObject
}

/**
 * Reads the raw fields of a request for one provider. Fails with a sentence when a known field is of the wrong type, or
 * when a name looks like a misspelling: that of a provider, or that of a field among those of the schema and `others`.
 *
 * @internal
 */
export const rawFields = (own: OwnOptions, others: Iterable<string>) => {
  const decode = Schema.decodeUnknownResult(own.schema)
  const names = [...fieldNames(own.schema), ...others]
  return ({ options = {} }: ChatRequest.Normalized): Result.Result<RawFields, string> => {
    for (const key of Object.keys(options)) {
      const meant = nearest(key, [...ChatRequest.providerKeys, ...own.keys])
      if (meant !== undefined) {
        return Result.fail(`${place(["options", key])}: no such provider; did you mean ${meant}?`)
      }
    }
    const key = own.keys.find((key) => Object.hasOwn(options, key))
    if (key === undefined) return Result.succeed({ path: place(["options", own.keys[0]]), fields: {} })
    const { checked, unchecked } = ChatRequest.splitUnchecked(options[key] ?? {})
    for (const name of Object.keys(checked)) {
      const meant = nearest(name, names)
      if (meant !== undefined) {
        return Result.fail(
          `${
            place(["options", key, name])
          }: no such field; did you mean ${meant}? If not, give it by ChatRequest.unchecked`
        )
      }
    }
    return Result.mapBoth(decode(checked), {
      onFailure: (error) => {
        const [issue] = schemaIssues(error)
        return `${place(["options", key, ...(issue?.path ?? [])])}: ${issue?.message ?? "not valid"}`
      },
      onSuccess: () => ({ path: place(["options", key]), fields: { ...checked, ...unchecked } })
    })
  }
}

/**
 * The raw fields of a request for one provider as they stand, before anything is checked.
 *
 * @internal
 */
export const recordOf = ({ keys }: OwnOptions, { options = {} }: ChatRequest.Normalized): Schema.JsonObject => {
  const key = keys.find((key) => Object.hasOwn(options, key))
  const { checked, unchecked } = ChatRequest.splitUnchecked(key === undefined ? {} : options[key] ?? {})
  return { ...checked, ...unchecked }
}

const fieldNames = (schema: Schema.ConstraintDecoder<unknown>): ReadonlyArray<string> => {
  const ast = SchemaAST.toEncoded(schema.ast)
  return SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []
}
