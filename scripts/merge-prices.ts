/**
 * Merges what several price lists state, field by field, and says where they disagree.
 */
import type { ModelPrice } from "../src/Price.ts"
import type { Provider } from "./prices-overlay.ts"

/** What one list states of one provider, by id. */
export interface Statements {
  /** The letter of the list in an entry's `from`. */
  readonly key: string
  readonly name: string
  /** Day (`YYYY-MM-DD`) on which the list was published. */
  readonly date: string
  readonly prices: Readonly<Record<string, ModelPrice>>
  /** What its word counts, against 1 for the others: less for a list with known slips. */
  readonly weight: number
  /** Whether a model that the list has without a long-context price has none. */
  readonly statesLongContext: boolean
}

/** A field that lists disagree on, and what was chosen. */
export interface Disagreement {
  readonly provider: Provider
  readonly id: string
  readonly field: string
  readonly stated: ReadonlyArray<readonly [list: string, value: number | undefined]>
  readonly chosen: number | undefined
  readonly ruling: string
}

/** Fields of a price that are numbers, by path. */
export type Flat = Readonly<Record<string, number>>

/** The numbers of a price by path: `input`, `longContext.above`, `serviceTiers.priority.input`. */
export const flatten = (price: object, prefix = ""): Flat =>
  Object.fromEntries(
    Object.entries(price).flatMap(([key, value]): ReadonlyArray<readonly [string, number]> =>
      typeof value === "number"
        ? [[`${prefix}${key}`, value]]
        : typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(flatten(value, `${prefix}${key}.`))
        : []
    )
  )

/** The inverse of {@link flatten}. */
export const unflatten = (flat: Flat): ModelPrice => {
  const price: Record<string, unknown> = {}
  for (const [path, value] of Object.entries(flat)) {
    const keys = path.split(".")
    let at: Record<string, unknown> = price
    for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>
    at[keys.at(-1) ?? path] = value
  }
  return price
}

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const daysBetween = (a: string, b: string): number => (Date.parse(b) - Date.parse(a)) / 86_400_000

/** Lists older than this against the newest count less: prices fall, and an old list has not heard of it. */
const freshDays = 60

/**
 * Chooses a value for each field of an id: the one that most lists agree on, where old lists count for 0.4; between
 * equals the one of the newest list.
 */
export const merge = (
  provider: Provider,
  id: string,
  lists: ReadonlyArray<Statements>,
  ruled: Flat
): { readonly price: Flat; readonly from: string; readonly disagreements: ReadonlyArray<Disagreement> } => {
  const listing = lists.filter(({ prices }) => prices[id] !== undefined)
  const newest = lists.map(({ date }) => date).sort().at(-1) ?? ""
  const flats = listing.map((list) => ({ list, flat: flatten(list.prices[id] ?? {}) }))
  const paths = new Set([...flats.flatMap(({ flat }) => Object.keys(flat)), ...Object.keys(ruled)])
  const price: Record<string, number> = {}
  const disagreements: Array<Disagreement> = []
  for (const field of paths) {
    const stated = flats.flatMap(({ flat, list }) => {
      const value = flat[field]
      const absent = field.startsWith("longContext.") && list.statesLongContext &&
        flat["longContext.above"] === undefined
      return value !== undefined || absent ? [{ list, value }] : []
    })
    const values = new Set(stated.map(({ value }) => value))
    const weightOf = (value: number | undefined): readonly [weight: number, date: string] => {
      const voters = stated.filter((vote) => vote.value === value).map(({ list }) => list)
      return [
        voters.reduce((sum, { date, weight }) => sum + (daysBetween(date, newest) > freshDays ? 0.4 : 1) * weight, 0),
        voters.map(({ date }) => date).sort().at(-1) ?? ""
      ]
    }
    // Wrapped, as sorting leaves `undefined` to the end.
    const [best] = Array.from(values, (value) => ({ value, votes: weightOf(value) })).sort((a, b) =>
      b.votes[0] - a.votes[0] || compare(b.votes[1], a.votes[1]) || (a.value === undefined ? -1 : 1)
    )
    const chosen = ruled[field] ?? best?.value
    if (chosen !== undefined) price[field] = chosen
    if (values.size > 1 || values.size === 1 && !values.has(chosen)) {
      disagreements.push({
        provider,
        id,
        field,
        stated: stated.map(({ list, value }) => [list.name, value]),
        chosen,
        ruling: ruled[field] !== undefined
          ? "ruled in scripts/prices-overlay.ts"
          : weightOf(chosen)[0] > Math.max(...Array.from(values).filter((v) => v !== chosen).map((v) => weightOf(v)[0]))
          ? "most lists, recent ones counting more"
          : "the newest list"
      })
    }
  }
  // A threshold without rates, or rates without a threshold, say nothing.
  if (price["longContext.above"] === undefined || price["longContext.input"] === undefined) {
    for (const field of Object.keys(price)) if (field.startsWith("longContext.")) delete price[field]
  }
  const agreeing = flats.filter(({ flat }) => flat["input"] === price["input"] && flat["output"] === price["output"])
  return { price, from: agreeing.map(({ list }) => list.key).sort().join(""), disagreements }
}
