import * as Result from "effect/Result"

/**
 * Runs an encoding over a list, up to its first failure.
 *
 * @internal
 */
export const each = <A, B, E>(
  list: ReadonlyArray<A>,
  encode: (value: A, index: number) => Result.Result<B, E>
): Result.Result<ReadonlyArray<B>, E> => {
  const out: Array<B> = []
  for (const [index, value] of list.entries()) {
    const encoded = encode(value, index)
    if (Result.isFailure(encoded)) return Result.fail(encoded.failure)
    out.push(encoded.success)
  }
  return Result.succeed(out)
}
