import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/**
 * How many objects a JSON Schema may have when it is written out. One that uses its parts several times, on several
 * levels, may have more than there is room for.
 *
 * @internal
 */
export const maxWritten = 100_000

/** A schema with more parts gets definitions for what it uses several times. */
const maxInlined = 10_000

/**
 * Whether a JSON Schema has more objects than it may have; so has one that holds itself.
 *
 * @internal
 */
export const isTooLarge = (schema: unknown): boolean =>
  Predicate.isObjectKeyword(schema) &&
  writtenSize(schema, (node) => Object.values(node).filter(Predicate.isObjectKeyword)) > maxWritten

/**
 * The JSON Schema of a schema. What is used several times is written each time, unless that would be huge.
 *
 * @internal
 */
export const documentOf = (schema: Schema.Constraint) => {
  const isHuge = writtenSize(SchemaAST.toEncoded(Schema.toCodecJson(schema).ast), partsOf) > maxInlined
  return Schema.toJsonSchemaDocument(schema, {
    onExcessProperty: "error",
    referencePolicy: ({ ast, identifier, occurrences }) =>
      identifier ?? (isHuge && occurrences > 1 && partsOf(ast).length > 0 ? "Shared" : undefined)
  })
}

const partsOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  switch (ast._tag) {
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type)
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Union":
      return ast.types
    default:
      return []
  }
}

/** How many nodes a value has when it is written out. Counting takes linear time. */
const writtenSize = <A extends object>(root: A, children: (node: A) => ReadonlyArray<A>): number => {
  const sizes = new Map<A, number>()
  const sizeOf = (node: A): number => {
    const known = sizes.get(node)
    if (known !== undefined) return known
    // Until it is counted: what holds itself has no end.
    sizes.set(node, Number.POSITIVE_INFINITY)
    const size = children(node).reduce((sum, child) => sum + sizeOf(child), 1)
    sizes.set(node, size)
    return size
  }
  return sizeOf(root)
}
