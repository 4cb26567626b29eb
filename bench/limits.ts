/**
 * How much of a limit four processes use that share a store, and whether they ever pass it. They ask as fast as they may; a
 * server counts the requests as they come. Run: `node bench/limits.ts [LIMIT [MILLISECONDS [SECONDS]]]`, 50 in 1,000 ms for 15
 * seconds by default, then the URLs of stores, a SQLite file of its own by default.
 *
 * "used" and "later" leave out the first interval, in which cold processes start at once. "most in an interval" is by the
 * server's clock: requests that were on their way for longer than the later ones count with them, which a busy machine
 * makes many.
 */
import { Duration, Effect, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { fork } from "node:child_process"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { OpenAi } from "../src/index.ts"
import * as Limit from "../src/middleware/Limit.ts"
import * as Stores from "../src/stores/Stores.ts"

const processes = 4
const fibers = 16

const worker = ([store = "", baseUrl = "", key = "", limit = "", every = "", seconds = ""]: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const limited = yield* Limit.make({
      key: () => key,
      requests: { limit: Number(limit), every: Duration.millis(Number(every)) }
    })
    const provider = limited(yield* OpenAi.make({ apiKey: Redacted.make("key"), baseUrl }))
    const ask = Stream.runDrain(provider.stream({ model: "gpt-4o", prompt: "-" }))
    yield* Effect.promise(() => {
      process.send?.("ready")
      return new Promise((resolve) => process.once("message", resolve))
    })
    yield* Effect.all(Array.from({ length: fibers }, () => Effect.forever(ask)), { concurrency: "unbounded" }).pipe(
      Effect.timeoutOption(Duration.seconds(Number(seconds)))
    )
  }).pipe(
    Effect.provide(Layer.merge(Stores.layer(Redacted.make(store)), FetchHttpClient.layer)),
    Effect.scoped
  )

const answer = `data: ${
  JSON.stringify({
    id: "1",
    model: "gpt-4o",
    choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: "stop" }]
  })
}\n\ndata: [DONE]\n\n`

/** The most within an interval, wherever it begins. */
const most = (times: ReadonlyArray<number>, every: number): number => {
  let first = 0
  return times.reduce((most, time, index) => {
    while ((times[first] ?? 0) <= time - every) first++
    return Math.max(most, index - first + 1)
  }, 0)
}

const measured = (store: string, limit: number, every: number, seconds: number) =>
  Effect.promise(async () => {
    const times: Array<number> = []
    const server = Http.createServer((request, response) => {
      times.push(performance.now())
      request.resume()
      response.writeHead(200, { "content-type": "text/event-stream" }).end(answer)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    const key = `bench/${Date.now()}`
    const args = ["--worker", store, `http://127.0.0.1:${port}/v1`, key, limit, every, seconds].map(String)
    const workers = Array.from({ length: processes }, () => fork(fileURLToPath(import.meta.url), args))
    await Promise.all(workers.map((worker) =>
      new Promise((resolve, reject) => {
        worker.once("message", resolve)
        worker.once("close", (code) => reject(new Error(`a worker ended with ${code} before it could start`)))
      })
    ))
    const closed = Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("close", resolve))))
    for (const worker of workers) worker.send("start")
    await closed
    server.close()
    // Requests come in bursts: the first of a last one would count as long as all of it.
    const whole = times.slice(0, times.length - times.length % limit)
    const took = (whole.at(-1) ?? 0) - (whole[0] ?? 0)
    return {
      store: store.replace(/:.*/s, ""),
      requests: times.length,
      "used, %": Number(((whole.length - limit) / limit / (took / every) * 100).toFixed(1)),
      "most in an interval": most(times, every),
      "later": most(times.slice(limit), every),
      limit
    }
  })

const [flag, ...rest] = process.argv.slice(2)
if (flag === "--worker") {
  await Effect.runPromise(worker(rest))
  process.disconnect()
} else {
  const words = process.argv.slice(2)
  const [limit = 50, every = 1000, seconds = 15] = words.filter((word) => /^\d+$/.test(word)).map(Number)
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "bench-limits-"))
  const urls = words.filter((word) => word.includes(":"))
  const rows = []
  for (const url of urls.length > 0 ? urls : [`sqlite:${Path.join(folder, "store")}`]) {
    rows.push(await Effect.runPromise(measured(url, limit, every, seconds)))
  }
  console.table(rows)
  Fs.rmSync(folder, { recursive: true })
}
