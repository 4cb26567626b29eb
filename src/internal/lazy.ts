/**
 * A value that is made at its first use.
 *
 * @internal
 */
export const lazy = <A>(make: () => A): () => A => {
  let made: A | undefined
  return () => made ??= make()
}
