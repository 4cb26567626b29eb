import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

/**
 * A schema of one named type: what it decodes to, what it encodes to, and what a constructor takes.
 *
 * @internal
 */
export type Exact<T> = Schema.Bottom<T, T, never, never, SchemaAST.AST, Schema.Codec<T>>

/**
 * The schemas of the known fields of `T`, which other schemas can spread.
 *
 * @internal
 */
export type FieldsOf<T> = {
  readonly [K in keyof T as string extends K ? never : K]-?: {} extends Pick<T, K>
    ? Schema.optionalKey<Exact<Exclude<T[K], undefined>>>
    : Exact<T[K]>
}

/** Whether two types are the same: assignable to each other, and with the same optional fields. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

type Known<T> = { [K in keyof T as string extends K ? never : K]: T[K] }

type Check<A, Type, Encoded> = Same<A, Type> extends true
  ? Same<A, Encoded> extends true ? unknown : { readonly "the encoded type differs": Encoded }
  : { readonly "the type differs": Type }

/**
 * Gives a schema the name of its type. It compiles only when the type that is written out and that of the schema are the
 * same. The schema itself stays as it is.
 *
 * @internal
 */
export const exactly = <A, S extends Schema.Constraint>(schema: S & Check<A, S["Type"], S["Encoded"]>): Exact<A> =>
  Schema.make<Exact<A>>(schema.ast)

/**
 * Like {@link exactly}, for an open object and a type that has its known fields only. So the compiler refuses a misspelt
 * field, while the schema keeps fields that it does not know.
 *
 * @internal
 */
export const exactFields = <A, S extends Schema.Constraint>(
  schema: S & Check<A, Known<S["Type"]>, Known<S["Encoded"]>>
): Exact<A> => Schema.make<Exact<A>>(schema.ast)

/**
 * One of the known words, which editors suggest, or any other: providers add words between releases of this library.
 *
 * @internal
 */
export type Word<Known extends string> = Known | (string & Record<never, never>)

/**
 * Schema of a {@link Word}.
 *
 * @internal
 */
export const word = <const Words extends ReadonlyArray<string>>(..._known: Words): Exact<Word<Words[number]>> =>
  Schema.make<Exact<Word<Words[number]>>>(Schema.String.ast)
