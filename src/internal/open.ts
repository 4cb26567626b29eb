import * as Schema from "effect/Schema"

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
 * A list in which a provider may send `null` for an element.
 *
 * @internal
 */
export const list = <S extends Schema.Constraint>(schema: S) => Schema.Array(Schema.NullOr(schema))

/**
 * The elements of a list, without those that are `null`.
 *
 * @internal
 */
export const elements = <A>(list: ReadonlyArray<A | null> | null | undefined): ReadonlyArray<A> =>
  (list ?? []).filter((element) => element !== null)
