import * as Schema from "effect/Schema"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"

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
  SchemaJITCompiler.enable(schema.ast)
  return Schema.is(schema)
}
