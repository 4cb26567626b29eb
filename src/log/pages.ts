import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Store from "../stores/Store.ts"
import * as State from "./state.ts"

/**
 * Chunks that follow each other, as the text of a JSON array.
 *
 * @internal
 */
export interface Page {
  readonly _tag: "Page"
  readonly epoch: string
  /** Chunks of the answer before this page, and up to and with it. */
  readonly start: number
  readonly end: number
  readonly json: string
}

/**
 * The largest page in bytes of UTF-8. A chunk above that is a page by itself.
 *
 * @internal
 */
export const maxPage = 1_048_576

/**
 * The largest batch in UTF-16 code units, unless a single chunk is larger.
 *
 * @internal
 */
export const maxBatch = 65_536

const utf8 = new TextEncoder()

/** @internal */
export const sizeOf = (text: string): number => utf8.encode(text).byteLength

/** The elements of the text of an array. */
const inner = (json: string): string => json.slice(1, -1)

/** The array without its first elements. */
const without = (json: string, count: number): string =>
  JSON.stringify((JSON.parse(json) as Array<unknown>).slice(count))

/**
 * Joins batches that follow each other to pages.
 *
 * @internal
 */
export const pages = (epoch: string, batches: ReadonlyArray<State.Batch>): ReadonlyArray<Page> => {
  const all: Array<Page> = []
  let parts: Array<string> = []
  let size = 1
  let start = batches[0]?.start ?? 0
  let end = start
  const cut = () => {
    if (parts.length > 0) all.push({ _tag: "Page", epoch, start, end, json: `[${parts.join(",")}]` })
    parts = []
    size = 1
    start = end
  }
  for (const batch of batches) {
    const added = sizeOf(batch.json) - 1
    if (size + added > maxPage) cut()
    parts.push(inner(batch.json))
    size += added
    end = batch.end
  }
  cut()
  return all
}

/** A store that can't begin a scan in the middle is read from the start. */
const rows = (
  store: Store.Service,
  prefix: string,
  from: string,
  limit: number
): Effect.Effect<ReadonlyArray<Store.Entry>, Store.StoreError> =>
  store.page === undefined
    ? store.scan(prefix).pipe(Stream.filter(({ key }) => key >= from), Stream.take(limit), Stream.runCollect)
    : store.page(prefix, { from, limit })

/** @internal */
export const entries = rows

/**
 * Reads the page that begins at `from`, of chunks that lie below `to`; `undefined` when they are not there any more.
 *
 * @internal
 */
export const read = Effect.fnUntraced(function*(
  store: Store.Service,
  epoch: string,
  from: number,
  to: number
): Effect.fn.Return<Page | undefined, Store.StoreError> {
  const prefix = State.batchesOf(epoch)
  const found: Array<State.Batch> = []
  let at = from
  let size = 1
  let read = 0
  let limit = 16
  while (at < to) {
    const page = yield* rows(store, prefix, State.batchesAfter(epoch, at), limit)
    for (const entry of page) {
      const batch = State.batchOf(entry)
      if (batch.end > to) return joined(epoch, from, at, found)
      if (batch.start > at) return undefined
      const json = batch.start === at ? batch.json : without(batch.json, at - batch.start)
      const added = sizeOf(json) - 1
      if (size + added > maxPage && found.length > 0) return joined(epoch, from, at, found)
      found.push({ start: at, end: batch.end, json })
      at = batch.end
      size += added
      read += 1
    }
    if (page.length < limit && at < to) return undefined
    // As many as may fit: what one read takes into memory stays near a page.
    limit = Math.min(1024, Math.max(16, Math.ceil((maxPage - size) * read / size) + 1))
  }
  return joined(epoch, from, at, found)
})

const joined = (epoch: string, start: number, end: number, found: ReadonlyArray<State.Batch>): Page | undefined =>
  found.length === 0
    ? undefined
    : { _tag: "Page", epoch, start, end, json: `[${found.map(({ json }) => inner(json)).join(",")}]` }

/**
 * As many of the first chunks of a page as have so many bytes, and at least one.
 *
 * @internal
 */
export const limited = (page: Page, max: number): Page => {
  if (page.json.length <= max && sizeOf(page.json) <= max) return page
  const texts = (JSON.parse(page.json) as Array<unknown>).map((chunk) => JSON.stringify(chunk))
  let size = 1
  const count = texts.findIndex((text) => {
    size += sizeOf(text) + 1
    return size > max
  })
  const kept = texts.slice(0, count === -1 ? texts.length : Math.max(1, count))
  return { ...page, end: page.start + kept.length, json: `[${kept.join(",")}]` }
}

/**
 * Joins pages that follow each other, as many as fit into one.
 *
 * @internal
 */
export const joinedPages = (pages: ReadonlyArray<Page>): Page | undefined => {
  const [first, ...rest] = pages
  if (first === undefined || rest.length === 0) return first
  const found = [first]
  let size = sizeOf(first.json)
  for (const page of rest) {
    size += sizeOf(page.json) - 1
    if (size > maxPage) break
    found.push(page)
  }
  return found.length === 1 ? first : joined(first.epoch, first.start, found.at(-1)?.end ?? first.end, found)
}
