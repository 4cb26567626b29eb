import { map } from "effect/Record"
import type { ModelPrice, PriceTable, TokenComponent } from "../Price.ts"

/**
 * Entries by their names: below the names of the rates, for each entry its rates, the lists that agree on it, and its other
 * fields, if it has any.
 *
 * @internal
 */
export const rows = <const Names extends ReadonlyArray<TokenComponent>>(
  names: Names,
  rows: Readonly<Record<string, readonly [...{ [K in keyof Names]: number }, from: string, others?: ModelPrice]>>
): Readonly<Record<string, ModelPrice>> =>
  map(rows, (row: ReadonlyArray<number | string | ModelPrice | undefined>) => {
    const others = row[names.length + 1]
    return {
      ...Object.fromEntries([...names, "from"].map((name, at) => [name, row[at]])),
      ...(typeof others === "object" ? others : undefined)
    }
  })

/**
 * The entries and their further names, from entries by their names: the id and the others, parted by blanks, in which `*`
 * stands for the id.
 *
 * @internal
 */
export const entries = (byNames: Readonly<Record<string, ModelPrice>>): Pick<PriceTable, "models" | "names"> => {
  const models: Record<string, ModelPrice> = {}
  const names: Record<string, string> = {}
  for (const [key, price] of Object.entries(byNames)) {
    const [id = key, ...others] = key.split(" ")
    models[id] = price
    for (const name of others) names[name.replace("*", id)] = id
  }
  return { models, names }
}
