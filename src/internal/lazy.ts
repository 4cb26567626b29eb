import * as Effect from "effect/Effect"

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

/**
 * What is loaded when it is first asked for, and at hand from then on.
 *
 * @internal
 */
export const once = <A extends object>(load: () => Promise<A>): Effect.Effect<A> => {
  let loaded: A | undefined
  return Effect.suspend(() =>
    loaded === undefined ? Effect.map(Effect.promise(load), (made) => loaded = made) : Effect.succeed(loaded)
  )
}
