import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { isFiniteNumber, validator } from "./validator.ts"

/**
 * Whether something marks a place where any other text or whole number may be: such a mark begins with a zero.
 *
 * @internal
 */
export const isHole = (marked: unknown): marked is string => typeof marked === "string" && marked.startsWith("\u0000")

const hasHole = (marked: unknown): boolean =>
  isHole(marked) || typeof marked === "object" && marked !== null && Object.values(marked).some(hasHole)

/**
 * Whether a schema takes a value that comes from `JSON.parse`, and takes it as well with any other text in place of a text,
 * and any other whole number in place of a number, where `marked` has a hole. What is `false` may be so all the same.
 *
 * @internal
 */
export const takesAny = (ast: SchemaAST.AST, value: unknown, marked: unknown): boolean => {
  if (ast.encoding === undefined && (ast.checks === undefined || isFiniteNumber(ast))) {
    switch (ast._tag) {
      case "Unknown":
      case "Any":
        return true
      case "String":
      case "Boolean":
        return typeof value === ast._tag.toLowerCase()
      case "Number":
        return typeof value === "number" && (ast.checks === undefined || Number.isFinite(value))
      case "Null":
        return value === null
      case "Literal":
        return ast.literal === value && !isHole(marked)
      case "Union":
        if (ast.options?.mode === "oneOf") break
        return ast.types.some((type) => takesAny(type, value, marked))
      case "Arrays": {
        const [item, ...more] = ast.rest
        if (item === undefined || more.length > 0 || ast.elements.length > 0) break
        return Array.isArray(value) && isObject(marked) && value.every((each, at) => takesAny(item, each, marked[at]))
      }
      case "Objects":
        if (ast.indexSignatures.some(({ type }) => !SchemaAST.isUnknown(type))) break
        return isObject(value) && !Array.isArray(value) && isObject(marked) &&
          ast.propertySignatures.every(({ name, type }) =>
            value[name] === undefined ? SchemaAST.isOptional(type) : takesAny(type, value[name], marked[name])
          )
    }
  }
  return !hasHole(marked) && validator(Schema.make<Schema.Codec<unknown>>(ast))(value)
}

const isObject = (value: unknown): value is { readonly [key: PropertyKey]: unknown } =>
  typeof value === "object" && value !== null
