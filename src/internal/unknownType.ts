import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { type Exact, exactly } from "./exact.ts"
import { open } from "./open.ts"

/**
 * The `type` of an event, content block or delta that this version does not know: a string, but not typed as one. So
 * comparing `type` with a known one narrows to that one alone; with `string` in the union it would not.
 * `String(event.type)` gives the word.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnknownType {
  readonly "~effect-llm-stream/UnknownType": never
  readonly toString: () => string
}

/**
 * An object of a type that this version does not know: an event, an item, a content block or a delta, kept as it came.
 *
 * @category models
 * @since 0.2.0
 */
export interface Unknown {
  readonly type: UnknownType
  readonly [key: string]: unknown
}

/**
 * Schema of an object of any other type. An object of a known type that has the wrong shape does not match.
 *
 * @internal
 */
export const unknownBut = (...known: ReadonlyArray<string>): Exact<Unknown> => {
  const types = new Set(known)
  const isOther = Schema.String.check(Schema.makeFilter((type) => !types.has(type)))
  // A string when it runs; see `UnknownType`.
  return exactly(open({ type: Schema.make<Exact<UnknownType>>(isOther.ast) }))
}

/**
 * Schema of one of these members, told apart by the literals of their `type`, or of an object of any other type.
 *
 * @internal
 */
export const openUnion = <const Members extends ReadonlyArray<Schema.Constraint>>(members: Members) =>
  Schema.Union([...members, unknownBut(...members.flatMap(({ ast }) => typesOf(ast)))])

/**
 * The literals of the `type` that objects of a schema have to have; none where they are not told apart by that.
 *
 * @internal
 */
export const typesOf = (ast: SchemaAST.AST): ReadonlyArray<string> => {
  const type = SchemaAST.isObjects(ast) && ast.encoding === undefined && ast.checks === undefined
    ? ast.propertySignatures.find(({ name }) => name === "type")?.type
    : undefined
  if (type === undefined || SchemaAST.isOptional(type)) return []
  const types = SchemaAST.isUnion(type) ? type.types : [type]
  const literals = types.flatMap((each) => SchemaAST.isLiteral(each) ? [each.literal] : [])
  const texts = literals.filter((literal) => typeof literal === "string")
  return texts.length === types.length ? texts : []
}
