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
 * A chunk whose fields are known to be valid; those that it need not have are still to be set. A chunk is made for each event,
 * and this takes a quarter of the time of {@link trusted}.
 *
 * @internal
 */
export const trustedChunk = <A extends { _tag: string; provider: string; chunk: unknown }>(
  self: { readonly prototype: A },
  _tag: A["_tag"],
  provider: A["provider"],
  chunk: A["chunk"]
): A & { -readonly [K in keyof A]: A[K] } => {
  const made: A & { -readonly [K in keyof A]: A[K] } = Object.create(self.prototype)
  made._tag = _tag
  made.provider = provider
  made.chunk = chunk
  return made
}
