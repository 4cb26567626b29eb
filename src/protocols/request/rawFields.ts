/**
 * A provider's raw fields in the body.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as ChatRequest from "../../ChatRequest.ts"
import { nearest } from "../../internal/nearest.ts"
import { own } from "../../internal/own.ts"
import { place } from "../../internal/place.ts"
import { schemaIssues } from "../../internal/schemaIssues.ts"
import type { Encoding, Fields } from "./encoding.ts"
import { keyProblem, type OwnOptions } from "./options.ts"

/**
 * The body of a format, as far as a provider's raw fields have to know it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Shape {
  /** Fields beside those of the options' schema: a name that is almost one of them is a misspelling. */
  readonly names: ReadonlyArray<string>
  /** Fields that would take away messages, tools or schemas if they were replaced. */
  readonly content: ReadonlyArray<string>
  /** Objects that are merged field by field, with the fields in them that are content. */
  readonly objects: Readonly<Record<string, ReadonlyArray<string>>>
}

/**
 * The raw fields of a request for one provider, and where they stand.
 *
 * @internal
 */
export interface RawFields {
  readonly path: string
  readonly fields: Fields
}

/**
 * Reads the raw fields of a request for one provider. Fails with a sentence when a known field is of the wrong type, or
 * when a name looks like a misspelling: of the provider's key, or of a field among those of the schema and `others`.
 *
 * @internal
 */
export const rawFields = ({ keys, schema }: OwnOptions, others: Iterable<string>) => {
  const decode = Schema.decodeUnknownResult(schema)
  const names = [...fieldNames(schema), ...others]
  return ({ options = {} }: ChatRequest.Normalized): Encoding<RawFields> => {
    const problem = keyProblem(options, keys)
    if (problem !== undefined) return Result.fail(problem)
    const key = keys.find((key) => Object.hasOwn(options, key)) ?? keys[0]
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
    return Result.mapBoth(options[key] === undefined ? Result.void : decode(checked), {
      onFailure: (error) => {
        const [issue] = schemaIssues(error)
        return `${place(["options", key, ...(issue?.path ?? [])])}: ${issue?.message ?? "not valid"}`
      },
      onSuccess: () => ({ path: place(["options", key]), fields: { ...checked, ...unchecked } })
    })
  }
}

const fieldNames = (schema: Schema.ConstraintDecoder<unknown>): ReadonlyArray<string> => {
  const ast = SchemaAST.toEncoded(schema.ast)
  return SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []
}

/**
 * Merges a provider's raw fields into a body: they win. Tools are added to those of the request. Fails with a sentence
 * when a field would take away what the request says itself.
 *
 * @internal
 */
export const merge = (
  body: Fields,
  raw: Fields,
  { content, objects }: Pick<Shape, "content" | "objects">,
  path: string
): Encoding<Fields> => {
  // A field may be called as the prototype.
  const out = new Map<string, unknown>(Object.entries(body))
  for (const [name, value] of Object.entries(raw)) {
    const here = `${path}.${name}`
    const present = own(body, name)
    if (name === "tools" && Array.isArray(present) && Array.isArray(value) && value.length > 0) {
      out.set(name, [...present, ...value])
      continue
    }
    if (present !== undefined && content.includes(name)) {
      return Result.fail(`${here}: would replace what the request itself says; state all of it in one of the two`)
    }
    const inside = own(objects, name)
    if (inside !== undefined && Predicate.isObject(present) && Predicate.isObject(value)) {
      const merged = merge(present, value, { content: inside, objects: {} }, here)
      if (Result.isFailure(merged)) return merged
      out.set(name, merged.success)
    } else {
      out.set(name, value)
    }
  }
  return Result.succeed(Object.fromEntries(out))
}
