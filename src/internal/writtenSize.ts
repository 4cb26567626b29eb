import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/**
 * How many objects a JSON Schema may have when it is written out. A schema that uses its parts several times, on
 * several levels, may have more than fit into memory.
 *
 * @internal
 */
export const maxWritten = 100_000

/** A schema with more parts gets definitions for the parts that it uses several times. */
const maxInlined = 10_000

/**
 * Whether a JSON Schema has too many objects; a cyclic one has.
 *
 * @internal
 */
export const isTooLarge = (schema: unknown): boolean =>
  Predicate.isObjectKeyword(schema) &&
  writtenSize(schema, (node) => Object.values(node).filter(Predicate.isObjectKeyword)) > maxWritten

/**
 * The JSON Schema of a schema. A part that is used several times is repeated, unless the result would be huge.
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
    // Infinite until it is counted, so that a cycle is too large.
    sizes.set(node, Number.POSITIVE_INFINITY)
    const size = children(node).reduce((sum, child) => sum + sizeOf(child), 1)
    sizes.set(node, size)
    return size
  }
  return sizeOf(root)
}
