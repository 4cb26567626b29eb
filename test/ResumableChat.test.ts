/**
 * The example of answers that survive, as its users have it: a server, a client and a page, each a process of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schedule } from "effect"
import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
import * as NodeReplayServer from "effect-llm-stream/testing/NodeReplayServer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { freePort, root } from "./support/process.ts"

const answer = Array.from({ length: 120 }, (_, index) => `word ${index}`).join(" ")

/** A provider that takes its time. */
const slow = NodeReplayServer.make([
  ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: answer })), { interval: "15 millis" })
])

/** A process that ends with the test. */
const start = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}, command = process.execPath) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } })
      const output = { text: "", error: "" }
      child.stdout.on("data", (data: Buffer) => output.text += String(data))
      child.stderr.on("data", (data: Buffer) => output.error += String(data))
      const exit = once(child, "exit")
      return { child, output, exit: Effect.promise(() => exit) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

const until = (is: () => boolean) =>
  Effect.repeat(Effect.sync(is), { until: (is) => is, schedule: Schedule.spaced("10 millis") })

/** The example's server before a slow provider. */
const serve = Effect.gen(function*() {
  const provider = yield* slow
  const port = yield* freePort
  const { output } = yield* start([Path.join(root, "examples/resumable-chat/server.ts")], {
    PORT: String(port),
    STORE: "memory",
    API_KEY: "key",
    BASE_URL: `${provider.url}/v1`
  })
  yield* until(() => output.text.includes("Listening"))
  return { provider, url: `http://127.0.0.1:${port}` }
})

const client = (...args: ReadonlyArray<string>) =>
  start([Path.join(root, "examples/resumable-chat/client.ts"), ...args])

const chromium = [process.env["CHROMIUM"] ?? "", "/usr/bin/chromium", "/usr/bin/google-chrome"].find(Fs.existsSync)

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "resumable-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
)

/** A page in a browser, by its debugging protocol. */
const open = Effect.fnUntraced(function*(executable: string, url: string) {
  const browser = yield* start(
    [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--remote-debugging-port=0",
      `--user-data-dir=${yield* folder}`,
      "about:blank"
    ],
    {},
    executable
  )
  const endpoint = () => /ws:\S+/.exec(browser.output.error)?.[0]
  yield* until(() => endpoint() !== undefined)
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(endpoint() ?? "")),
    (socket) => Effect.sync(() => socket.close())
  )
  yield* Effect.promise(() => once(socket, "open"))
  let count = 0
  const send = (method: string, params: object, sessionId?: string) =>
    Effect.callback<Readonly<Record<string, unknown>>>((resume) => {
      const id = ++count
      const hear = ({ data }: MessageEvent) => {
        const message = JSON.parse(String(data))
        if (message.id !== id) return
        socket.removeEventListener("message", hear)
        // A page that is just being left answers with an error.
        resume(Effect.succeed(message.result ?? {}))
      }
      socket.addEventListener("message", hear)
      socket.send(JSON.stringify({ id, method, params, sessionId }))
    })
  const { targetId } = yield* send("Target.createTarget", { url })
  const { sessionId } = yield* send("Target.attachToTarget", { targetId, flatten: true })
  const run = (expression: string) =>
    send("Runtime.evaluate", { expression, returnByValue: true }, String(sessionId)).pipe(
      // A page that is just being left may not answer at all.
      Effect.timeoutOption("2 seconds"),
      Effect.map((answer) => String(Object(Option.getOrUndefined(answer)?.["result"])["value"]))
    )
  const reaches = (expression: string, value: string) =>
    Effect.repeat(run(expression), {
      until: (found) => found.includes(value),
      schedule: Schedule.spaced("20 millis")
    })
  return { run, reaches }
})

describe("examples/resumable-chat", () => {
  it.live("a client that is killed and started again prints the whole answer, and the provider is asked once", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve
      const request = Path.join(yield* folder, "request.json")
      Fs.writeFileSync(request, JSON.stringify({ prompt: "Say words" }))
      const first = yield* client(`${url}/answers/a1`, request)
      yield* until(() => first.output.text.includes("word 3"))
      first.child.kill("SIGKILL")
      const second = yield* client(`${url}/answers/a1`, request)
      const [code] = yield* second.exit
      assert.strictEqual(second.output.text, answer)
      assert.deepInclude(JSON.parse(second.output.error), { _tag: "Done" })
      assert.strictEqual(code, 0)
      assert.strictEqual((yield* provider.requests).length, 1)
    }))

  it.live.skipIf(chromium === undefined)(
    "a page that is loaded again in the midst of an answer has all of it, once",
    () =>
      Effect.gen(function*() {
        const { provider, url } = yield* serve
        const { reaches, run } = yield* open(chromium ?? "", url)
        // Not the empty page that comes before it.
        yield* reaches("document.readyState + document.forms.length", "complete1")
        yield* run(`form.elements.text.value = "Say words"; form.requestSubmit()`)
        const shown = `document.querySelector(".answer")?.textContent ?? ""`
        const before = yield* reaches(shown, "word 3")
        yield* run("window.isOld = true; location.reload()")
        yield* reaches("typeof window.isOld", "undefined")
        // All that was there, and no piece of it typed out again.
        const [first] = yield* Effect.all([reaches(shown, "word"), reaches("document.readyState", "complete")])
        assert.isTrue(first.startsWith(before))
        yield* reaches(`document.querySelector(".answer")?.dataset.end`, "Done")
        assert.strictEqual(yield* run(shown), answer)
        assert.strictEqual((yield* provider.requests).length, 1)
      })
  )
})
