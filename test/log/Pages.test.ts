import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import * as Pages from "../../src/log/pages.ts"
import * as State from "../../src/log/state.ts"
import * as Store from "../../src/stores/Store.ts"

/** A batch of one chunk whose array takes so many bytes. */
const batch = (start: number, size: number): State.Batch => ({
  start,
  end: start + 1,
  json: `["${"x".repeat(size - 4)}"]`
})

const batches = (sizes: ReadonlyArray<number>) => sizes.map((size, index) => batch(index, size))

/** The first and last chunk, and the bytes, of each page. */
const shown = (pages: ReadonlyArray<Pages.Page>) =>
  pages.map(({ end, json, start }) => [start, end, Pages.sizeOf(json)])

/** The same, read from a store, page by page. */
const stored = Effect.fnUntraced(function*(all: ReadonlyArray<State.Batch>) {
  const store = yield* Store.memory
  yield* store.transact([], () =>
    Result.succeed({
      result: undefined,
      writes: all.map((batch) => ({ key: State.batchKey("e", batch), value: batch.json }))
    }))
  const pages: Array<Pages.Page> = []
  const to = all.at(-1)?.end ?? 0
  for (let at = 0; at < to;) {
    const page = yield* Pages.read(store, "e", at, to)
    if (page === undefined) break
    pages.push(page)
    at = page.end
  }
  return shown(pages)
})

const { maxPage } = Pages

describe("a page that is split", () => {
  it.prop("has all of its chunks, in pages of so many bytes or of one chunk", {
    chunks: Schema.Array(Schema.Literals(["", "a", "é", "日本", "x".repeat(40), "x".repeat(100)])),
    max: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 })),
    start: Schema.Natural
  }, ({ chunks, max, start }) => {
    const whole: Pages.Page = {
      _tag: "Page",
      epoch: "e",
      start,
      end: start + chunks.length,
      json: JSON.stringify(chunks)
    }
    const pages = Pages.split(whole, max)
    const read = pages.map(({ json }): ReadonlyArray<unknown> => JSON.parse(json))
    assert.deepStrictEqual<ReadonlyArray<unknown>>(read.flat(), chunks)
    let at = start
    for (const [index, { end, epoch, json, start }] of pages.entries()) {
      const count = read[index]?.length ?? 0
      assert.deepStrictEqual([epoch, start, end], ["e", at, at + count])
      assert.isTrue(Pages.sizeOf(json) <= max || count === 1 || chunks.length === 0, json)
      // The next chunk would not have fitted.
      const next = read[index + 1]?.[0]
      if (next !== undefined) assert.isAbove(Pages.sizeOf(json) + Pages.sizeOf(JSON.stringify(next)) + 1, max)
      at = end
    }
    assert.strictEqual(at, whole.end)
  })
})

describe("pages", () => {
  const cases: ReadonlyArray<[string, ReadonlyArray<number>, ReadonlyArray<ReadonlyArray<number>>]> = [
    ["nothing has no page", [], []],
    ["a page may be full to its last byte", [1000, maxPage - 999], [[0, 2, maxPage]]],
    ["one byte more is another page", [1000, maxPage - 998], [[0, 1, 1000], [1, 2, maxPage - 998]]],
    ["a chunk above the limit is a page by itself", [10, maxPage + 5, 10], [
      [0, 1, 10],
      [1, 2, maxPage + 5],
      [2, 3, 10]
    ]],
    ["also as the first", [maxPage + 5, 10], [[0, 1, maxPage + 5], [1, 2, 10]]]
  ]
  for (const [name, sizes, expected] of cases) {
    it.effect(name, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(shown(Pages.pages("e", batches(sizes))), expected)
        assert.deepStrictEqual(yield* stored(batches(sizes)), expected)
      }))
  }

  it("are joined up to the last byte", () => {
    const page = (start: number, size: number): Pages.Page => ({ _tag: "Page", epoch: "e", ...batch(start, size) })
    const joined = (...pages: ReadonlyArray<Pages.Page>) => shown([Pages.joinedPages(pages) ?? page(0, 4)])
    assert.deepStrictEqual(joined(page(0, 1000), page(1, maxPage - 999)), [[0, 2, maxPage]])
    assert.deepStrictEqual(joined(page(0, 1000), page(1, maxPage - 998)), [[0, 1, 1000]])
    assert.deepStrictEqual(joined(page(0, 1000), page(1, 1000), page(2, maxPage - 1998)), [[0, 3, maxPage]])
    assert.isUndefined(Pages.joinedPages([]))
  })

  it.effect.prop(
    "have each chunk once, in order, and are no smaller than they have to be",
    { sizes: Schema.Array(Schema.Literals([4, 1000, 200_000, 524_288, 600_000, maxPage, maxPage + 1])) },
    ({ sizes }) =>
      Effect.gen(function*() {
        const all = batches(sizes)
        const pages = shown(Pages.pages("e", all))
        assert.deepStrictEqual(yield* stored(all), pages)
        assert.deepStrictEqual(pages.flatMap(([start = 0, end = 0]) => sizes.slice(start, end)), sizes)
        for (const [start = 0, end = 0, size = 0] of pages) {
          assert.isTrue(size <= maxPage || end === start + 1)
          const next = sizes[end]
          assert.isTrue(next === undefined || size + next - 1 > maxPage)
        }
      }),
    { arbitrary: { runs: 40 } }
  )
})
