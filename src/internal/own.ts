/**
 * What a table has under a name that may be anything, such as one of those that every object has.
 *
 * @internal
 */
export const own = <A>(table: { readonly [name: string]: A } | undefined, name: unknown): A | undefined =>
  typeof name === "string" && table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined
