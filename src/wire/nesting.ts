/**
 * How deep the objects and arrays of an event may be nested. Runtimes parse JSON of any depth, but write, compare and
 * print it by recursion, and run out of stack at one to a few thousand levels. With this limit, every payload is safe
 * to handle.
 *
 * @internal
 */
export const maxNesting = 512

/**
 * Whether a value that comes from `JSON.parse` is nested deeper than the limit.
 *
 * @internal
 */
export const isTooDeep = (json: unknown, levels = maxNesting): boolean => {
  if (typeof json !== "object" || json === null) return false
  if (levels === 0) return true
  for (const value of Array.isArray(json) ? json : Object.values(json)) if (isTooDeep(value, levels - 1)) return true
  return false
}
