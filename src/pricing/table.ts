import { map } from "effect/Record"
import type { ModelPrice, TokenComponent } from "../Price.ts"

/**
 * Prices by entry: below the names of the rates, for each entry its rates, the lists that agree on it, and its other
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
 * The entries of further names, from the names of each entry, in which `*` stands for the entry.
 *
 * @internal
 */
export const namesOf = (names: Readonly<Record<string, ReadonlyArray<string>>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(names).flatMap(([entry, of]) => of.map((name) => [name.replace("*", entry), entry]))
  )
