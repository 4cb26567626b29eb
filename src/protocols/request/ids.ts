/**
 * What an API takes as the id of a tool call.
 *
 * @internal
 */
export interface Rule {
  /** Every character that the API does not take; a global expression. */
  readonly foreign: RegExp
  readonly maxLength?: number | undefined
}

/**
 * The ids of calls as an API takes them: foreign characters become `_`, and what is too long is cut. No two of them
 * become one. Histories move between providers, and an id means nothing outside its history, so it may change as long as
 * call and result change alike.
 *
 * What an id becomes depends on the ids before it alone: as a conversation goes on, its beginning stays as it was, and
 * so do the provider's caches.
 *
 * @internal
 */
export const accepted = (ids: Iterable<string>, rule: Rule): ReadonlyMap<string, string> => {
  const out = new Map<string, string>()
  const taken = new Set<string>()
  for (const id of ids) {
    if (out.has(id)) continue
    const base = id.replace(rule.foreign, "_") || "call"
    let candidate = base.slice(0, rule.maxLength)
    for (let count = 2; taken.has(candidate); count++) {
      const suffix = `_${count}`
      candidate = base.slice(0, rule.maxLength === undefined ? undefined : rule.maxLength - suffix.length) + suffix
    }
    taken.add(candidate)
    out.set(id, candidate)
  }
  return out
}
