/**
 * Empties an array that is filled again soon. With its length set to 0 it would lose its memory, and get new one each time.
 *
 * @internal
 */
export const clear = (array: Array<unknown>): void => {
  while (array.length > 0) array.pop()
}
