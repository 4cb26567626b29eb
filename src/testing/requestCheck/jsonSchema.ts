import { type Finding, invalid } from "./shape.ts"

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const inside: {
  readonly maps: ReadonlyArray<string>
  readonly schemas: ReadonlyArray<string>
  readonly lists: ReadonlyArray<string>
} = {
  maps: ["properties", "$defs", "definitions"],
  schemas: ["items", "additionalProperties", "not"],
  lists: ["anyOf", "oneOf", "allOf", "prefixItems"]
}

const visit = (
  schema: unknown,
  path: string,
  f: (schema: Json, path: string) => ReadonlyArray<Finding>
): ReadonlyArray<Finding> =>
  !isObject(schema) ? [] : [
    ...f(schema, path),
    ...inside.maps.flatMap((key) => {
      const map = schema[key]
      return isObject(map)
        ? Object.entries(map).flatMap(([name, each]) => visit(each, `${path}.${key}.${name}`, f))
        : []
    }),
    ...inside.schemas.flatMap((key) => visit(schema[key], `${path}.${key}`, f)),
    ...inside.lists.flatMap((key) => {
      const list: unknown = schema[key]
      return Array.isArray(list) ? list.flatMap((each, index) => visit(each, `${path}.${key}[${index}]`, f)) : []
    })
  ]

const describesObject = ({ properties, type }: Json): boolean =>
  type === "object" || Array.isArray(type) && type.includes("object") || isObject(properties)

const without = (schema: Json, path: string, keywords: ReadonlyArray<string>): ReadonlyArray<Finding> =>
  keywords.flatMap((keyword) =>
    Object.hasOwn(schema, keyword)
      ? [invalid(`${path}.${keyword}`, "is not permitted in a schema that is guaranteed")]
      : []
  )

const closed = (schema: Json, path: string): ReadonlyArray<Finding> =>
  describesObject(schema) && schema["additionalProperties"] !== false
    ? [invalid(path, "additionalProperties has to be stated, and to be false")]
    : []

/**
 * The parameters of a tool: an object at the root.
 *
 * @internal
 */
export const parameters = (schema: Json, path: string): ReadonlyArray<Finding> =>
  schema["type"] === "object" ? [] : [invalid(path, "the schema has to be of type object")]

/**
 * OpenAI's strict schemas.
 *
 * @internal
 */
export const strict = (schema: Json, path: string): ReadonlyArray<Finding> => [
  ...schema["type"] !== "object" || Object.hasOwn(schema, "anyOf")
    ? [invalid(path, "the schema has to be of type object, without anyOf")]
    : [],
  ...visit(schema, path, (each, at) => {
    const required: unknown = each["required"]
    const names = new Set(Array.isArray(required) ? required : [])
    const optional = Object.keys(isObject(each["properties"]) ? each["properties"] : {}).filter((name) =>
      !names.has(name)
    )
    return [
      ...without(each, at, ["oneOf", "allOf", "not", "if", "then", "else", "patternProperties"]),
      ...closed(each, at),
      ...optional.length > 0
        ? [invalid(at, `required has to hold every property, ${optional.join(", ")} included`)]
        : []
    ]
  })
]

/**
 * The schemas that Claude guarantees.
 *
 * @internal
 */
export const claude = (schema: Json, path: string): ReadonlyArray<Finding> => [
  ...visit(schema, path, (each, at) => [
    ...without(each, at, [
      "oneOf",
      "not",
      "if",
      "patternProperties",
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
      "maxProperties"
    ]),
    ...typeof each["minItems"] === "number" && each["minItems"] > 1
      ? [invalid(`${at}.minItems`, "has to be 0 or 1")]
      : [],
    ...closed(each, at)
  ]),
  ...recursive(schema) ? [invalid(path, "a schema that refers to itself is not permitted")] : []
]

const recursive = (schema: Json): boolean => {
  const definitions = new Map<unknown, unknown>(
    ["$defs", "definitions"].flatMap((key) => {
      const map = schema[key]
      return isObject(map) ? Object.entries(map).map(([name, each]) => [`#/${key}/${name}`, each] as const) : []
    })
  )
  const open = new Set<unknown>()
  const done = new Set<unknown>()
  const reachesItself = (node: unknown): boolean => {
    if (typeof node !== "object" || node === null || done.has(node)) return false
    if (open.has(node)) return true
    open.add(node)
    const { $ref } = isObject(node) ? node : {}
    const found = $ref === "#" || [definitions.get($ref), ...Object.values(node)].some(reachesItself)
    open.delete(node)
    done.add(node)
    return found
  }
  return reachesItself(schema)
}
