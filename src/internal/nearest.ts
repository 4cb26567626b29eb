/**
 * The name among those known that `name` is most likely a misspelling of: at most two letters added, left out, changed
 * or swapped with their neighbour, one in a name of three or four letters, none in a shorter one. `undefined` when no
 * name is that near, or when `name` itself is known.
 *
 * @internal
 */
export const nearest = (name: string, known: Iterable<string>): string | undefined => {
  let best: string | undefined
  let least = name.length <= 2 ? 1 : name.length <= 4 ? 2 : 3
  for (const candidate of known) {
    if (candidate === name) return undefined
    const edits = distance(name.toLowerCase(), candidate.toLowerCase(), least)
    if (edits < least) {
      best = candidate
      least = edits
    }
  }
  return best
}

// Damerau's distance of neighbouring letters, given up at `limit`.
const distance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: ReadonlyArray<number> = []
  let previous: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        (previous[j] ?? limit) + 1,
        (row[j - 1] ?? limit) + 1,
        (previous[j - 1] ?? limit) + cost,
        swapped ? (before[j - 2] ?? limit) + 1 : limit
      )
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? limit
}
