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
