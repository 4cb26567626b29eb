/**
 * The end of a range of keys.
 *
 * @internal
 */

/** The least text after all texts that begin with `prefix`, in the order of code points; `undefined` if none is. */
export const endOf = (prefix: string): string | undefined => {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  while (points.at(-1) === lastCodePoint) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  // A half of a surrogate pair is not a character.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
}

const lastCodePoint = 0x10ffff
