import * as Schema from "effect/Schema"

/**
 * A wire object: the known fields are checked, the unknown ones survive decoding and encoding.
 *
 * @internal
 */
export const open = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.StructWithRest(Schema.Struct(fields), others)

// One for all: there are hundreds of objects.
const others = [Schema.Record(Schema.String, Schema.Unknown)] as const

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

/**
 * What a wire object is: it may have fields that this version does not know.
 *
 * @internal
 */
export interface Open {
  readonly [key: string]: unknown
}

/**
 * Fields that many wire objects have.
 *
 * @internal
 */
export const text = nullish(Schema.String)

/** @internal */
export const number = nullish(Schema.Finite)

/** @internal */
export const texts = nullish(list(Schema.String))

/** @internal */
export const anything = Schema.optionalKey(Schema.Unknown)

/** @internal */
export const things = nullish(Schema.Array(Schema.Unknown))

/**
 * A wire object that is told apart by its `type`.
 *
 * @internal
 */
export const typed =
  <const Type extends string>(type: Type) => <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
    open({ type: Schema.Literal(type), ...fields })
