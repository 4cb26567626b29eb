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

/**
 * What reads the text of chunks, which may not be what was written.
 *
 * @internal
 */
export const reading = <A>(epoch: string, read: () => A): Effect.Effect<A, Store.StoreError> =>
  Effect.try({
    try: read,
    catch: () =>
      new Store.StoreError({
        reason: "Corrupt",
        message: `the entries ${State.batchesOf(epoch)} of the store are not what was written`
      })
  })

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
      const json = batch.start === at
        ? batch.json
        : yield* reading(epoch, () => without(batch.json, at - batch.start))
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
 * A page as pages of so many bytes, and of at least one chunk. All are made at once: who made the first one alone would read
 * the page again for each.
 *
 * @internal
 */
export const split = (page: Page, max: number): ReadonlyArray<Page> => {
  if (page.json.length <= max && sizeOf(page.json) <= max) return [page]
  const all: Array<Page> = []
  let texts: Array<string> = []
  let size = 1
  let { start } = page
  const cut = () => {
    const end = start + texts.length
    all.push({ ...page, start, end, json: `[${texts.join(",")}]` })
    start = end
    texts = []
    size = 1
  }
  for (const chunk of JSON.parse(page.json) as Array<unknown>) {
    const text = JSON.stringify(chunk)
    const added = sizeOf(text) + 1
    if (size + added > max && texts.length > 0) cut()
    texts.push(text)
    size += added
  }
  cut()
  return all
}

/**
 * Joins pages that follow each other, from the one at an index on as many as fit into one.
 *
 * @internal
 */
export const joinedPages = (pages: ReadonlyArray<Page>, from = 0): Page | undefined => {
  const first = pages[from]
  if (first === undefined || from + 1 === pages.length) return first
  const found = [first]
  let size = sizeOf(first.json)
  for (let index = from + 1; index < pages.length; index++) {
    const page = pages[index]
    if (page === undefined) break
    size += sizeOf(page.json) - 1
    if (size > maxPage) break
    found.push(page)
  }
  return found.length === 1 ? first : joined(first.epoch, first.start, found.at(-1)?.end ?? first.end, found)
}
