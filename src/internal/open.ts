import * as Schema from "effect/Schema"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import * as SchemaAST from "effect/SchemaAST"

/**
 * A wire object: the known fields are checked, the unknown ones survive decoding and encoding.
 *
 * @internal
 */
export const open = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.StructWithRest(Schema.Struct(fields), [Schema.Record(Schema.String, Schema.Unknown)])

/**
 * A field that a provider may leave out or send as `null`.
 *
 * @internal
 */
export const nullish = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/**
 * A validator of wire payloads, compiled where the runtime allows it. It only looks: the value that passed is used as
 * it is, so decoding neither copies nor strips.
 *
 * @internal
 */
export const validator = <T>(schema: Schema.Codec<T, T>): (u: unknown) => u is T => {
  const looking = Schema.make<Schema.Codec<T, T>>(withoutRest(schema.ast))
  SchemaJITCompiler.enable(looking.ast)
  return Schema.is(looking)
}

// Unknown fields need no look, and walking over them costs almost as much as checking the known ones.
const withoutRest = (ast: SchemaAST.AST): SchemaAST.AST => {
  switch (ast._tag) {
    case "Objects": {
      const isOpen = ast.propertySignatures.length > 0 &&
        ast.indexSignatures.every((signature) => SchemaAST.isUnknown(signature.type))
      return new SchemaAST.Objects(
        ast.propertySignatures.map(({ name, type }) => new SchemaAST.PropertySignature(name, withoutRest(type))),
        isOpen ? [] : ast.indexSignatures,
        ast.annotations,
        ast.checks,
        ast.encoding,
        ast.context
      )
    }
    case "Arrays":
      return new SchemaAST.Arrays(
        ast.isMutable,
        ast.elements.map(withoutRest),
        ast.rest.map(withoutRest),
        ast.annotations,
        ast.checks,
        ast.encoding,
        ast.context
      )
    case "Union":
      return new SchemaAST.Union(
        ast.types.map(withoutRest),
        ast.options,
        ast.annotations,
        ast.checks,
        ast.encoding,
        ast.context
      )
    default:
      return ast
  }
}
