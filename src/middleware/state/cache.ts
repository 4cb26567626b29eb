import * as Schema from "effect/Schema"
import * as Store from "../../stores/Store.ts"

/**
 * Schema of an entry of a cache: who asks, and then what was answered.
 *
 * @internal
 */
export const Entry = Schema.Union([
  Schema.TaggedStruct("Asking", {
    owner: Schema.String,
    /** When another may ask, in ms since 1970. */
    until: Schema.Number
  }),
  // Whose schema is that of the chunks.
  Schema.TaggedStruct("Kept", { value: Schema.Unknown })
])

/** @internal */
export type Entry = typeof Entry.Type

/** @internal */
export const cells: (key: string) => Store.Cell<Entry> = Store.cells(Entry, JSON.stringify)

/**
 * What one who wants an answer does: takes it, waits for it, or asks.
 *
 * @internal
 */
export type Claim =
  | { readonly _tag: "Hit"; readonly value: unknown }
  | { readonly _tag: "Wait"; readonly until: number }
  | { readonly _tag: "Ask"; readonly entry: Entry }

/** @internal */
export const claim = (entry: Entry | undefined, owner: string, now: number, until: number): Claim =>
  entry?._tag === "Kept"
    ? { _tag: "Hit", value: entry.value }
    : entry !== undefined && entry.owner !== owner && entry.until > now
    ? { _tag: "Wait", until: entry.until }
    : { _tag: "Ask", entry: { _tag: "Asking", owner, until } }

/**
 * Whether `owner` is the one who asks. One who was slower than its lease is not, once another asks or has answered.
 *
 * @internal
 */
export const isAsking = (entry: Entry | undefined, owner: string): boolean =>
  entry?._tag === "Asking" && entry.owner === owner

/**
 * Keeps an answer that is JSON already, which may be long.
 *
 * @internal
 */
export const keep = ({ key }: Store.Cell<Entry>, json: string, expiresAt: number): Store.Write => ({
  key,
  value: `{"_tag":"Kept","value":${json}}`,
  expiresAt
})
