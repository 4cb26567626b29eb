/**
 * Processes that end with the test, and a browser among them.
 */
import { Effect, Option, Schedule } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { root } from "./process.ts"

/** A process that ends with the test. */
export const start = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}, command = process.execPath) =>
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

export const until = (is: () => boolean) =>
  Effect.repeat(Effect.sync(is), { until: (is) => is, schedule: Schedule.spaced("10 millis") })

export const chromium = [process.env["CHROMIUM"] ?? "", "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  Fs.existsSync
)

export const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "resumable-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
)

/** A page in a browser, by its debugging protocol. */
export const open = Effect.fnUntraced(function*(executable: string, url: string) {
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
