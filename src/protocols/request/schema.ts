import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"

type Json = Schema.JsonObject

const isObject = (value: Schema.Json | undefined): value is Json => Predicate.isObject(value)

/**
 * Puts the schema that a root `$ref` names in its place, as schema libraries write named types and no API takes that for
 * the parameters of a tool. What the definition is needed for elsewhere stays.
 *
 * @internal
 */
export const inlineRoot = (schema: Json): Json => {
  const parts: Array<Json> = []
  const seen = new Set<Json>()
  let target = schema
  while (typeof target["$ref"] === "string") {
    const { $ref: _, ...beside } = target
    const next = resolve(schema, target["$ref"])
    if (next === undefined || seen.has(next)) return schema
    seen.add(next)
    parts.push(beside)
    target = next
  }
  if (parts.length === 0) return schema
  // What is nearest to the root is last, and wins.
  return Object.fromEntries([...parts, target].toReversed().flatMap((part) => Object.entries(part)))
}

/**
 * The schema that a pointer as in `#/$defs/test~1Person`, which may also be percent-encoded, names; `undefined` when none.
 *
 * @internal
 */
export const resolve = (schema: Json, reference: string): Json | undefined => {
  if (reference === "#") return schema
  if (!reference.startsWith("#/")) return undefined
  let at: Schema.Json | undefined = schema
  for (const token of reference.slice(2).split("/")) {
    const key = pointerToken(token)
    at = isObject(at) && key !== undefined && Object.hasOwn(at, key) ? at[key] : undefined
  }
  return isObject(at) ? at : undefined
}

const pointerToken = (token: string): string | undefined => {
  try {
    return decodeURIComponent(token).replaceAll("~1", "/").replaceAll("~0", "~")
  } catch {
    return undefined
  }
}

const annotations = new Set(["$schema", "$id", "$comment", "title", "description", "$defs", "definitions"])

/**
 * The parameters of a tool as APIs take them: an object at the root, with its `properties` stated. A schema that says
 * nothing becomes that of an object without fields. Fails with a sentence when the root is something else.
 *
 * @internal
 */
export const parameters = (schema: Json, path: string): Result.Result<Json, string> => {
  const root = inlineRoot(schema)
  const isEmpty = Object.keys(root).every((key) => annotations.has(key))
  if (root["type"] !== "object" && !isEmpty) {
    return Result.fail(`${path}: the root of a tool's parameters has to be of type "object"`)
  }
  return Result.succeed({ ...root, type: "object", properties: root["properties"] ?? {} })
}

/**
 * Which combination of schemas stands at the root beside its type, as a sentence; `undefined` when none does.
 *
 * @internal
 */
export const rootCombination = (schema: Json, path: string): string | undefined => {
  const keyword = ["anyOf", "oneOf", "allOf", "not", "enum"].find((keyword) => Object.hasOwn(schema, keyword))
  return keyword === undefined ? undefined : `${path}.${keyword}: not taken at the root of a tool's parameters`
}

/**
 * A schema and its place.
 *
 * @internal
 */
export interface Node {
  readonly schema: Json
  readonly path: string
}

/**
 * All schemas within a schema, itself first.
 *
 * @internal
 */
export const nodes = (schema: Json, path: string): ReadonlyArray<Node> => {
  const out: Array<Node> = []
  const visit = (schema: Schema.Json | undefined, path: string): void => {
    if (!isObject(schema)) return
    out.push({ schema, path })
    for (const keyword of inside.maps) {
      const map = schema[keyword]
      if (!isObject(map)) continue
      for (const [name, value] of Object.entries(map)) visit(value, `${path}.${keyword}.${name}`)
    }
    for (const keyword of inside.schemas) visit(schema[keyword], `${path}.${keyword}`)
    for (const keyword of inside.lists) {
      const list = schema[keyword]
      if (!Array.isArray(list)) continue
      for (const [index, value] of list.entries()) visit(value, `${path}.${keyword}[${index}]`)
    }
  }
  visit(schema, path)
  return out
}

/** Where a schema has schemas. */
const inside = {
  maps: ["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"],
  schemas: ["items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"],
  lists: ["anyOf", "oneOf", "allOf", "prefixItems"]
}

/**
 * Whether a schema describes objects.
 *
 * @internal
 */
export const describesObjects = (schema: Json): boolean =>
  schema["type"] === "object" || Array.isArray(schema["type"]) && schema["type"].includes("object")
  || isObject(schema["properties"])

/**
 * The properties of a schema that may be missing.
 *
 * @internal
 */
export const optionalFields = ({ properties, required }: Json): ReadonlyArray<string> => {
  const always = new Set(Array.isArray(required) ? required : [])
  return Object.keys(isObject(properties) ? properties : {}).filter((name) => !always.has(name))
}

const notStrict = new Set([
  "oneOf",
  "allOf",
  "not",
  "if",
  "then",
  "else",
  "dependentRequired",
  "dependentSchemas",
  "patternProperties",
  "propertyNames",
  "unevaluatedProperties",
  "contains",
  "minContains",
  "maxContains"
])

/**
 * A schema that OpenAI guarantees (`strict`): an object at the root, all objects closed, all fields required. Fails with a
 * sentence that says what is in the way; a schema is never changed to fit.
 *
 * @internal
 */
export const strict = (schema: Json, path: string): Result.Result<Json, string> => {
  const root = inlineRoot(schema)
  if (root["type"] !== "object" || Object.hasOwn(root, "anyOf")) {
    return Result.fail(`${path}: the root of a strict schema has to be of type "object", without anyOf`)
  }
  for (const { path: at, schema: node } of nodes(root, path)) {
    const keyword = Object.keys(node).find((key) => notStrict.has(key))
    if (keyword !== undefined) return Result.fail(`${at}.${keyword}: not possible in a strict schema`)
    if (!describesObjects(node)) continue
    if (node["additionalProperties"] !== false) {
      return Result.fail(`${at}: objects of a strict schema need additionalProperties: false`)
    }
    const [optional] = optionalFields(node)
    if (optional !== undefined) {
      return Result.fail(
        `${at}.properties.${optional}: fields of a strict schema have to be required; one that may be missing is required and may be null; \`StructuredOutput.format\` and \`ToolLoop\` write an Effect schema so`
      )
    }
  }
  return Result.succeed(root)
}
