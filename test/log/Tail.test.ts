import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Page } from "../../src/log/pages.ts"
import * as Tail from "../../src/log/tail.ts"

const page = (start: number, end: number, size = 20): Page => ({
  _tag: "Page",
  epoch: "e",
  start,
  end,
  json: `["${"x".repeat(size - 4)}"]`
})

describe("a bell", () => {
  it.effect("wakes whoever waits, once", () =>
    Effect.gen(function*() {
      const bell = Tail.bell()
      bell.ring()
      const first = yield* Effect.forkChild(bell.next(), { startImmediately: true })
      assert.isUndefined(first.pollUnsafe())
      bell.ring()
      const second = yield* Effect.forkChild(bell.next(), { startImmediately: true })
      yield* Fiber.join(first)
      assert.isUndefined(second.pollUnsafe())
      yield* Fiber.interrupt(second)
    }))
})

describe("the tail of a log", () => {
  it("keeps the pages that follow each other, and finds those from an offset on", () => {
    const tail = Tail.make("a", "e", 3)
    const pages = [page(3, 5), page(5, 6), page(6, 10)]
    assert.deepInclude(tail, { id: "a", epoch: "e", readers: 0, fiber: undefined })
    assert.strictEqual(tail.known(), 3)
    for (const one of [page(2, 5), page(4, 5), ...pages, page(6, 11)]) tail.push(one)
    assert.strictEqual(tail.known(), 10)
    const json = (count: number) => `[${Array.from({ length: count }, () => `"${"x".repeat(16)}"`).join(",")}]`
    const whole = (start: number, count: number) => ({ _tag: "Page", epoch: "e", start, end: 10, json: json(count) })
    assert.deepStrictEqual(
      Array.from({ length: 12 }, (_, from) => tail.pageAt(from)),
      Array.from({ length: 12 }, (_, from) => {
        const index = pages.findIndex(({ start }) => start === from)
        return index < 0 ? undefined : whole(from, 3 - index)
      })
    )
  })

  it("forgets the older half of what is more than 2 Mi characters", () => {
    const size = 512 * 1024
    const tail = Tail.make("a", "e", 0)
    const kept = () => [0, 1, 2, 3, 4, 5, 6].filter((from) => tail.pageAt(from) !== undefined)
    for (const n of [0, 1, 2, 3]) tail.push(page(n, n + 1, size))
    assert.deepStrictEqual(kept(), [0, 1, 2, 3])
    tail.push(page(4, 5))
    assert.deepStrictEqual(kept(), [3, 4])
    for (const n of [5, 6]) tail.push(page(n, n + 1, size))
    assert.deepStrictEqual(kept(), [3, 4, 5, 6])
    assert.strictEqual(tail.known(), 7)
    for (const [last, from] of [[size - 4, 0], [size - 3, 3]] as const) {
      const tail = Tail.make("a", "e", 0)
      for (const [n, length] of [size, size, size, last, 4].entries()) tail.push(page(n, n + 1, length))
      assert.isDefined(tail.pageAt(from))
      assert.strictEqual(tail.pageAt(0) === undefined, from > 0)
    }
  })

  it.effect("tells of each page that it takes, and of its first end", () =>
    Effect.gen(function*() {
      const tail = Tail.make("a", "e", 0)
      const isTold = Effect.fnUntraced(function*(f: () => void) {
        const told = yield* Effect.forkChild(tail.changed.next(), { startImmediately: true })
        f()
        yield* Effect.yieldNow
        const isOver = told.pollUnsafe() !== undefined
        yield* Fiber.interrupt(told)
        return isOver
      })
      assert.isTrue(yield* isTold(() => tail.push(page(0, 1))))
      assert.isFalse(yield* isTold(() => tail.push(page(0, 1))))
      assert.isUndefined(tail.over())
      assert.isTrue(yield* isTold(() => tail.finish({ _tag: "Gone" })))
      tail.finish({ _tag: "Ended", epoch: "e", end: { _tag: "Lost" } })
      assert.deepStrictEqual(tail.over(), { _tag: "Gone" })
    }))
})
