import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema, Stream } from "effect"
import { createHash } from "node:crypto"
import { Usage } from "../../src/index.ts"
import * as Requests from "../../src/log/requests.ts"
import * as State from "../../src/log/state.ts"
import * as Store from "../../src/stores/Store.ts"

const now = 1_000_000
const lease = 3000
const ttl = 60_000

const stated: State.Stated = { provider: "openai", model: "small", usage: null, cost: null }
const usage = new Usage.Usage({ inputTokens: 10, outputTokens: 5 })
const billed: State.Stated = { ...stated, usage, cost: "0.5" }

const opening: State.Opening = { epoch: "e", hash: "h", user: "u", lease, ttl, stated }

/** An answer that began a second ago, and has written twice. */
const running: State.Head = {
  ...opening,
  tail: 4,
  commit: 2,
  until: now + 1,
  startedAt: now - 1000,
  ended: null
}

const done: State.End = { _tag: "Done", usage, finishReason: "stop" }

const endedWith = (end: State.End, at: number, head: State.Head = running): State.Head => ({
  ...head,
  ended: { end, at }
})

const head = State.head("a")
const runningMark = `"log-running"/"a"/`

/** What is written when an answer ends: its head, which outlives its chunks, its marks, and its bill. */
const ending = (end: State.End, of: State.Head = running, unstated = true): ReadonlyArray<Store.Write> => [
  head.put(endedWith(end, now, of), now + 10 * ttl + 60_000),
  { key: runningMark, value: undefined },
  {
    key: `"log-expiring"/"000000001060000"/"a"/"e"/`,
    value: `{"id":"a","epoch":"e","at":1060000}`,
    expiresAt: undefined
  },
  State.rowAt(`"log-bill"/"u"/"a"/"e"/`).put({
    ...of.stated,
    attempt: "a:e",
    id: "a",
    user: "u",
    end: end._tag,
    unstated,
    startedAt: now - 1000,
    endedAt: now
  })
]

const same = <A>(result: A): Store.Step<A> => ({ result, writes: [] })

const lost: State.End = { _tag: "Lost" }
const silent: State.Head = { ...running, until: now }

describe("the entries of a log", () => {
  it("have keys by which they are found, and sorted", () => {
    assert.deepStrictEqual(
      [
        head.key,
        State.row({ user: "u", id: "a", epoch: "e" }).key,
        State.rowsOf(),
        State.rowsOf("u"),
        State.rowsOf("u", "a"),
        State.runningOf("a"),
        State.expiringMark("a", "e", 5.9).key,
        State.batchesOf("e"),
        State.batchesAfter("e", 9),
        State.batchKey("e", { start: 3, end: 12 })
      ],
      [
        `"log"/"a"/`,
        `"log-bill"/"u"/"a"/"e"/`,
        `"log-bill"/`,
        `"log-bill"/"u"/`,
        `"log-bill"/"u"/"a"/`,
        runningMark,
        `"log-expiring"/"000000000000005"/"a"/"e"/`,
        `"log-batch"/"e"/`,
        `"log-batch"/"e"/"000000000000010"/`,
        `"log-batch"/"e"/"000000000000012"/"3"/`
      ]
    )
    for (const key of [State.runningKey, State.expiringKey, State.batchesKey]) assert.match(key, /^"log-\w+"\/$/)
    assert.isTrue(State.batchKey("e", { start: 0, end: 1 }).startsWith(State.batchesKey))
  })

  it("say of a batch what it holds", () => {
    for (const [start, end] of [[0, 1], [12, 345]] as const) {
      const key = State.batchKey(`1"/"2`, { start, end })
      assert.deepStrictEqual(State.batchOf({ key, value: "[1]" }), { start, end, json: "[1]" })
    }
  })

  it("give a mark back", () => {
    const write = State.expiringMark("a", "e", 7).put({ id: "a", epoch: "e", at: 7 })
    assert.deepStrictEqual(
      State.markOf({ key: write.key, value: write.value ?? "" }),
      Result.succeed({ id: "a", epoch: "e", at: 7 })
    )
  })
})

describe("a look", () => {
  const look = State.look("a")

  it("finds what is there", () => {
    assert.deepStrictEqual(look(undefined, now), same(undefined))
    assert.deepStrictEqual(look(running, now), same({ head: running, left: 1, isExpired: false }))
    const ended = endedWith(done, now - 10)
    assert.deepStrictEqual(look(ended, now + 5000), same({ head: ended, left: -4999, isExpired: false }))
  })

  it("ends an answer whose lease is over, with what it has stated so far", () => {
    for (const  of of[silent, { ...silent, until: now - 5, stated: billed }]) {
      assert.deepStrictEqual(look(of, now), {
        result: { head: endedWith(lost, now, of), left: of.until - now, isExpired: false },
        writes: ending(lost, of)
      })
    }
  })

  it("knows whether the chunks are there still", () => {
    const expired = (at: number) => look(endedWith(done, now), at).result?.isExpired
    assert.deepStrictEqual([expired(now + ttl - 1), expired(now + ttl)], [false, true])
  })
})

describe("an opening", () => {
  const open = State.open("a", opening)

  it("begins an answer", () => {
    const head0: State.Head = { ...opening, tail: 0, commit: 0, until: now + lease, startedAt: now, ended: null }
    assert.deepStrictEqual(open(undefined, now), {
      result: { head: head0, left: lease, isExpired: false, isNew: true },
      writes: [
        head.put(head0),
        { key: runningMark, value: `{"id":"a","epoch":"e","at":1000000}`, expiresAt: undefined }
      ]
    })
  })

  it("says what is there, and whether it is its own", () => {
    const other = { ...running, epoch: "f" }
    assert.deepStrictEqual(open(running, now), same({ head: running, left: 1, isExpired: false, isNew: true }))
    assert.deepStrictEqual(open(other, now), same({ head: other, left: 1, isExpired: false, isNew: false }))
    assert.deepStrictEqual(open(silent, now), {
      result: { head: endedWith(lost, now, silent), left: 0, isExpired: false, isNew: true },
      writes: ending(lost, silent)
    })
  })
})

describe("a commit", () => {
  const batches: ReadonlyArray<State.Batch> = [
    { start: 4, end: 6, json: "[5,6]" },
    { start: 6, end: 7, json: "[7]" }
  ]
  const commit: State.Commit = { epoch: "e", commit: 3, batches, stated: billed, end: undefined }
  const append = (change: Partial<State.Commit>, before: State.Head | undefined) =>
    State.append("a", { ...commit, ...change })(before, now)
  const next: State.Head = { ...running, commit: 3, stated: billed, tail: 7, until: now + lease }
  const stored = [
    { key: `"log-batch"/"e"/"000000000000006"/"4"/`, value: "[5,6]" },
    { key: `"log-batch"/"e"/"000000000000007"/"6"/`, value: "[7]" }
  ]

  it("adds batches, and renews the lease", () => {
    assert.deepStrictEqual(append({}, running), {
      result: { _tag: "Committed", head: next },
      writes: [head.put(next), ...stored]
    })
    const renewed = { ...next, tail: 4 }
    assert.deepStrictEqual(append({ batches: [] }, running), {
      result: { _tag: "Committed", head: renewed },
      writes: [head.put(renewed)]
    })
  })

  it("ends the answer with its bill", () => {
    const ends: ReadonlyArray<readonly [end: State.End, stated: State.Stated, unstated: boolean]> = [
      [done, billed, false],
      [{ ...done, usage: null }, billed, true],
      [done, stated, true],
      [{ _tag: "Failed", reason: "ServerError", message: "no" }, billed, true]
    ]
    for (const [end, stated, unstated] of ends) {
      const of = { ...next, stated }
      assert.deepStrictEqual(append({ end, stated }, running), {
        result: { _tag: "Committed", head: endedWith(end, now, of) },
        writes: [...stored, ...ending(end, of, unstated)]
      })
    }
  })

  it("succeeds once, also when it is tried again", () => {
    for (const before of [{ ...running, commit: 3 }, endedWith(done, now, { ...running, commit: 3 })]) {
      assert.deepStrictEqual(append({ end: done }, before), same({ _tag: "Committed", head: before }))
    }
  })

  it("adds nothing to what is another's, has ended, or whose lease is over", () => {
    for (const before of [undefined, { ...running, epoch: "f" }]) {
      assert.deepStrictEqual(append({}, before), same({ _tag: "Fenced", head: undefined }))
    }
    const ended = endedWith({ _tag: "Cancelled" }, now - 1)
    assert.deepStrictEqual(append({}, ended), same({ _tag: "Fenced", head: ended }))
    assert.deepStrictEqual(append({}, silent), {
      result: { _tag: "Fenced", head: endedWith(lost, now, silent) },
      writes: ending(lost, silent)
    })
  })
})

describe("a renewal", () => {
  it("is of those that still run", () => {
    const heads: ReadonlyArray<readonly [id: string, head: State.Head | undefined]> = [
      ["a", running],
      ["b", { ...running, epoch: "f" }],
      ["c", endedWith(done, now)],
      ["d", silent],
      ["e", undefined],
      ["f", running]
    ]
    const step = State.renew(heads.map(([id]) => ({ id, epoch: "e" })))(
      heads.map(([id, head]) => head && State.head(id).put(head).value),
      now
    )
    const renewed = { ...running, until: now + lease }
    assert.deepStrictEqual(
      step,
      Result.succeed({
        result: new Set(["a", "f"]),
        writes: [State.head("a").put(renewed), State.head("f").put(renewed)]
      })
    )
  })
})

describe("a stop", () => {
  const cancelled: State.End = { _tag: "Cancelled" }

  it("ends what runs", () => {
    assert.deepStrictEqual(State.cancel("a", "u")(running, now), {
      result: { head: endedWith(cancelled, now), left: 1, isExpired: false, isNew: true },
      writes: ending(cancelled)
    })
  })

  it("finds what has ended, and nothing of others", () => {
    assert.deepStrictEqual(State.cancel("a", "u")(undefined, now), same(undefined))
    assert.deepStrictEqual(State.cancel("a", "v")(running, now), same(undefined))
    const ended = endedWith(done, now - 1)
    assert.deepStrictEqual(
      State.cancel("a", "u")(ended, now),
      same({ head: ended, left: 1, isExpired: false, isNew: false })
    )
    assert.deepStrictEqual(State.cancel("a", "u")(silent, now), {
      result: { head: endedWith(lost, now, silent), left: 0, isExpired: false, isNew: false },
      writes: ending(lost, silent)
    })
  })
})

describe("the bills of a store", () => {
  it.effect("are those of all, of a user, or of one answer", () =>
    Effect.gen(function*() {
      const store = yield* Store.memory
      const row = (user: string, id: string): State.Row => ({
        ...billed,
        attempt: `${id}:e`,
        id,
        user,
        end: "Done",
        unstated: false,
        startedAt: now,
        endedAt: now
      })
      const all = [row("u", "a"), row("u", "b"), row("v", "a")]
      yield* store.transact([], () =>
        Result.succeed({
          result: undefined,
          writes: all.map((one) => State.row({ ...one, epoch: "e" }).put(one))
        }))
      const ids = (...of: ReadonlyArray<string>) =>
        Effect.map(Stream.runCollect(State.rows(store, ...of)), (rows) => Array.from(rows))
      assert.deepStrictEqual(yield* ids(), all)
      assert.deepStrictEqual(yield* ids("u"), all.slice(0, 2))
      assert.deepStrictEqual(yield* ids("u", "b"), all.slice(1, 2))
    }))
})

describe("the hash of a request", () => {
  // Stores have it, so another release compares with it.
  it.effect.prop(
    "is the SHA-256 of its id and its JSON with sorted keys, in hexadecimal",
    { id: Schema.String, a: Schema.Json, b: Schema.Json.check(Schema.makeFilter((json) => typeof json !== "object")) },
    ({ a, b, id }) =>
      Effect.gen(function*() {
        const text = `[${JSON.stringify(id)},{"a":${JSON.stringify(b)},"b":[${JSON.stringify(b)}]}]`
        const hash = createHash("sha256").update(text).digest("hex")
        assert.strictEqual(yield* Requests.hash(id, { b: [b], a: b }), hash)
        assert.notStrictEqual(yield* Requests.hash(`${id}a`, { b: [b], a: b }), hash)
        if (JSON.stringify(a) !== JSON.stringify(b)) {
          assert.notStrictEqual(yield* Requests.hash(id, { b: [a], a: b }), hash)
        }
      })
  )
})

it.effect("a token is 32 random letters and digits", () =>
  Effect.gen(function*() {
    const tokens = yield* Effect.replicateEffect(Requests.token, 100)
    for (const token of tokens) assert.match(token, /^[0-9a-f]{32}$/)
    assert.strictEqual(new Set(tokens).size, 100)
  }))
