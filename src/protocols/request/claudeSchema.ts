import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as ChatRequest from "../../ChatRequest.ts"
import { nodes, optionalFields, resolve } from "./schema.ts"

type Json = Schema.JsonObject

const isObject = (value: unknown): value is Json => Predicate.isObject(value)

const unsupported = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "patternProperties",
  "not",
  "if",
  "oneOf"
]

/**
 * A schema as Claude's guarantee takes it: objects that don't mention further properties are closed. Fails with a sentence when
 * it says what Claude can't guarantee.
 *
 * @internal
 */
export const claudeSchema = (schema: Json, path: string): Result.Result<Json, string> => {
  const cycle = cycleOf(schema)
  return cycle !== undefined
    ? Result.fail(`${path}: Claude takes no recursive schema, and ${cycle} is`)
    : closed(schema, path)
}

const closed = (schema: Json, path: string): Result.Result<Json, string> =>
  Result.gen(function*() {
    const keyword = unsupported.find((each) => each in schema)
    if (keyword !== undefined) return yield* Result.fail(`${path}.${keyword}: Claude does not take ${keyword} here`)
    const { minItems } = schema
    if (typeof minItems === "number" && minItems > 1) {
      return yield* Result.fail(`${path}.minItems: Claude takes 0 and 1`)
    }
    const out: Record<string, Schema.Json> = { ...schema }
    for (const key of ["properties", "$defs", "definitions"]) {
      const group = schema[key]
      if (!isObject(group)) continue
      const entries: Array<[string, Schema.Json]> = []
      for (const [name, each] of Object.entries(group)) {
        entries.push([name, isObject(each) ? yield* closed(each, `${path}.${key}.${name}`) : each])
      }
      out[key] = Object.fromEntries(entries)
    }
    const { items } = schema
    if (isObject(items)) out["items"] = yield* closed(items, `${path}.items`)
    for (const key of ["anyOf", "allOf", "prefixItems"]) {
      const group = schema[key]
      if (!Array.isArray(group)) continue
      const members: Array<Schema.Json> = []
      for (const [index, each] of group.entries()) {
        members.push(isObject(each) ? yield* closed(each, `${path}.${key}[${index}]`) : each)
      }
      out[key] = members
    }
    const { additionalProperties, properties, type } = schema
    if (type === "object" || Array.isArray(type) && type.includes("object") || isObject(properties)) {
      if (additionalProperties === undefined && isObject(properties)) out["additionalProperties"] = false
      else if (additionalProperties !== false) {
        return yield* Result.fail(`${path}.additionalProperties: Claude can't guarantee an open object`)
      }
    }
    return out
  })

/** A reference to a schema within which it stands. */
const cycleOf = (schema: Json): string | undefined => {
  const open = new Set<unknown>()
  const done = new Set<unknown>()
  const visit = (node: unknown): string | undefined => {
    if (typeof node !== "object" || node === null || done.has(node)) return undefined
    const reference = isObject(node) && typeof node["$ref"] === "string" ? node["$ref"] : undefined
    const target = reference === undefined ? undefined : resolve(schema, reference)
    open.add(node)
    if (open.has(target)) return reference
    for (const each of [target, ...Object.values(node)]) {
      const found = visit(each)
      if (found !== undefined) return found
    }
    open.delete(node)
    done.add(node)
    return undefined
  }
  return visit(schema)
}

/**
 * Whether the schemas that a request wants to be kept to are more than Claude guarantees at once, as a sentence.
 *
 * @internal
 */
export const claudeSchemasProblem = ({ responseFormat, tools = [] }: ChatRequest.Normalized): string | undefined => {
  const optional = [
    ...tools.filter(({ strict }) => strict).map(({ parameters }) => parameters),
    ...(typeof responseFormat === "object" ? [responseFormat.schema] : [])
  ].flatMap((schema) => nodes(schema, "")).reduce((sum, { schema }) => sum + optionalFields(schema).length, 0)
  return optional > 24
    ? `schemas of strict tools and of responseFormat: Claude takes 24 optional fields in all, not ${optional}`
    : undefined
}
