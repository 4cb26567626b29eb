/**
 * A value that is made when it is first asked for.
 *
 * @internal
 */
export const lazy = <A>(make: () => A): () => A => {
  let made: A | undefined
  return () => made ??= make()
}
