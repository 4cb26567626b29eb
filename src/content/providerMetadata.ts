import type { Json } from "effect/Schema"
import type { Fields, Lists } from "../ContentEvent.ts"

/**
 * Fields that are being put together, by provider.
 *
 * @internal
 */
export type Merged = Map<string, Map<string, unknown>>

/**
 * Sets a provider's fields. One that is not stated changes nothing.
 *
 * @internal
 */
export const assign = (into: Merged, provider: string, fields: Fields): void => {
  const known = fieldsOf(into, provider)
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (value !== undefined && value !== null) known.set(name, value)
  }
}

/**
 * Adds to lists of a provider.
 *
 * @internal
 */
export const append = (into: Merged, provider: string, lists: Lists): void => {
  const known = fieldsOf(into, provider)
  for (const [name, items] of Object.entries(lists)) {
    if (items === undefined || items === null || items.length === 0) continue
    const list = known.get(name)
    // In place, as a stream may state thousands of items one by one.
    if (Array.isArray(list)) { for (const item of items) list.push(item) }
    else known.set(name, items.slice())
  }
}

const fieldsOf = (merged: Merged, provider: string): Map<string, unknown> => {
  let fields = merged.get(provider)
  if (fields === undefined) merged.set(provider, fields = new Map())
  return fields
}

/**
 * What was put together so far, as provider metadata; `undefined` when that is nothing.
 *
 * @internal
 */
export const toMetadata = (merged: Merged | undefined): { readonly [provider: string]: Json } | undefined => {
  let metadata: { [provider: string]: Json } | undefined
  for (const [provider, fields] of merged ?? []) {
    const json = fromEntries(fields, 0)
    if (Object.keys(json).length > 0) set(metadata ??= {}, provider, json)
  }
  return metadata
}

/**
 * A provider's fields, as provider metadata; `undefined` when none is stated.
 *
 * @internal
 */
export const metadata = (provider: string, fields: Fields): { readonly [provider: string]: Json } | undefined => {
  const merged: Merged = new Map()
  assign(merged, provider, fields)
  return toMetadata(merged)
}

// Nothing worth keeping is nested more deeply, and recursion has an end.
const deepest = 100

const toJson = (value: unknown, depth: number): Json | undefined => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : undefined
    case "object":
      if (value === null) return null
      if (depth > deepest) return undefined
      return Array.isArray(value)
        ? value.map((item) => toJson(item, depth + 1) ?? null)
        : fromEntries(Object.entries(value), depth + 1)
    default:
      return undefined
  }
}

const fromEntries = (entries: Iterable<readonly [string, unknown]>, depth: number): { [name: string]: Json } => {
  const object: { [name: string]: Json } = {}
  for (const [name, value] of entries) {
    const json = toJson(value, depth)
    if (json !== undefined) set(object, name, json)
  }
  return object
}

// A plain assignment to "__proto__" would set the prototype.
const set = (object: { [name: string]: Json }, name: string, value: Json): void => {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  } else object[name] = value
}
