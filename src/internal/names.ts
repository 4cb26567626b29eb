import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

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

/**
 * {@link names} for a label of a metric: a registry keeps each of them for as long as it is there, whoever gives it.
 *
 * @internal
 */
export const labels = (most: number): Effect.Effect<ReturnType<typeof names>> => {
  const known = new WeakMap<object, ReturnType<typeof names>>()
  return Effect.map(Metric.MetricRegistry, (registry) => {
    const nameOf = known.get(registry) ?? names(most)
    known.set(registry, nameOf)
    return nameOf
  })
}
