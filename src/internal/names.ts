/**
 * Names from outside, of which a limited number per group is kept apart. Later names, and very long ones, are `other`.
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
