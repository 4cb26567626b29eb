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
export const latest = <A, B, C>(make: (a: A, b: B) => C): (a: A, b: B) => C => {
  let last: { readonly a: A; readonly b: B; readonly made: C } | undefined
  return (a, b) => {
    if (last === undefined || last.a !== a || last.b !== b) last = { a, b, made: make(a, b) }
    return last.made
  }
}
