/**
 * A record of entries by name, from the names of each entry.
 *
 * @internal
 */
export const namesOf = (names: Readonly<Record<string, ReadonlyArray<string>>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(names).flatMap(([entry, of]) => of.map((name) => [name, entry])))
