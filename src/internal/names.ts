/**
 * Names that somebody else makes up, as far as they are kept apart: beyond so many of a group, and beyond a length that no
 * name has, they are `other`.
 *
 * @internal
 */
export const names = (most: number): (name: string, group?: string) => string => {
  const groups = new Map<string, Set<string>>()
  return (name, group = "") => {
    const known = groups.get(group) ?? new Set()
    groups.set(group, known)
    if (name.length > 500 || known.size >= most && !known.has(name)) return "other"
    known.add(name)
    return name
  }
}
