/**
 * How long a transaction of two entries takes in each store. Run with `node bench/stores.ts`, and with the URLs of servers:
 * `node bench/stores.ts redis://127.0.0.1:6379 postgres://postgres@127.0.0.1:5432/test`. It removes what it writes.
 */
import { Effect, Redacted, Result } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Store from "../src/stores/Store.ts"
import * as Stores from "../src/stores/Stores.ts"

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "bench-stores-"))
const urls = ["memory:", `sqlite:${Path.join(folder, "store")}`, ...process.argv.slice(2)]

/** The median of several rounds, in µs for each transaction. */
const measure = Effect.fnUntraced(function*(store: Store.Service, fibers: number, keysOf: (index: number) => string) {
  const times: Array<number> = []
  for (let round = 0; round < 5; round++) {
    const times0 = performance.now()
    yield* Effect.forEach(
      Array.from(
        { length: 200 },
        (_, index) => [Store.key("bench", keysOf(index)), Store.key("bench", keysOf(index), "b")]
      ),
      ([a = "", b = ""]) =>
        store.transact([a, b], ([x = "0", y = "0"]) =>
          Result.succeed({
            result: undefined,
            writes: [{ key: a, value: String(Number(x) + 1) }, { key: b, value: String(Number(y) + 1) }]
          })),
      { concurrency: fibers, discard: true }
    )
    times.push((performance.now() - times0) * 1000 / 200)
  }
  return Math.round(times.sort((a, b) => a - b)[2] ?? 0)
})

const rows = []
for (const url of urls) {
  rows.push(
    await Effect.gen(function*() {
      const store = yield* Store.Store
      const result = {
        store: url.replace(/:.*/s, ""),
        "one after the other, µs": yield* measure(store, 1, () => "one"),
        "8 at a time, other entries, µs": yield* measure(store, 8, (index) => String(index % 8)),
        "8 at a time, the same entries, µs": yield* measure(store, 8, () => "one")
      }
      const keys = ["one", ...Array.from({ length: 8 }, (_, index) => String(index))].flatMap((name) => [
        Store.key("bench", name),
        Store.key("bench", name, "b")
      ])
      yield* store.transact(
        [],
        () => Result.succeed({ result: undefined, writes: keys.map((key) => ({ key, value: undefined })) })
      )
      return result
    }).pipe(Effect.provide(Stores.layer(Redacted.make(url))), Effect.runPromise)
  )
}
console.table(rows)
Fs.rmSync(folder, { recursive: true })
