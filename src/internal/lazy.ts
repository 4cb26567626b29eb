/**
 * A value that is made at its first use.
 *
 * @internal
 */
export const lazy = <A>(make: () => A): () => A => {
  let made: A | undefined
  return () => made ??= make()
}

/**
 * A function that keeps its last value, for as long as it is asked for the same.
 *
 * @internal
 */
export const latest = <A extends ReadonlyArray<unknown>, B>(make: (...args: A) => B): (...args: A) => B => {
  let last: { readonly args: A; readonly made: B } | undefined
  return (...args) => {
    if (last === undefined || args.some((arg, at) => arg !== last?.args[at])) last = { args, made: make(...args) }
    return last.made
  }
}
