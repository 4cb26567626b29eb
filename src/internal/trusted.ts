/**
 * Makes an instance of a Schema class from fields that are valid by construction, without the constructor's validation
 * (which costs microseconds, and chunks are made once per event). Only for values whose fields were just validated or
 * are produced by total functions.
 *
 * @internal
 */
export const trusted = <A extends object, const F extends Partial<A>>(
  self: { readonly prototype: A },
  fields: F
): A => Object.assign<A, F>(Object.create(self.prototype), fields)

/**
 * An instance of a Schema class whose fields are still to be set, by who knows them to be valid: a chunk is made for each
 * event, and this takes a quarter of the time of {@link trusted}.
 *
 * @internal
 */
export const bare = <A extends object>(self: { readonly prototype: A }): A & { -readonly [K in keyof A]: A[K] } =>
  Object.create(self.prototype)
