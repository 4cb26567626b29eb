/**
 * Programs that tests run.
 */
import { Effect } from "effect"
import { type ChildProcess, execFile } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import type { Readable } from "node:stream"

export const root = Path.resolve(import.meta.dirname, "../..")

/** The script of a development tool, to be run by Node. */
export const bin = (name: string): string => {
  const link = Path.join(root, "node_modules/.bin", name)
  return Fs.realpathSync(link)
}

export const run = (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeout?: number } = {}
): Promise<{ readonly status: number | string; readonly output: string }> =>
  new Promise((resolve) => {
    execFile(
      command,
      args,
      { cwd: root, maxBuffer: 64 * 1024 * 1024, timeout: 240_000, ...options },
      (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : error.code ?? error.signal ?? 1, output: stdout + stderr })
    )
  })

/**
 * Waits until a process has printed what a test waits for. A process that ends before that would never print it, so that
 * is told at once.
 */
export const printed = (child: ChildProcess & { readonly stdout: Readable }, is: () => boolean) =>
  Effect.callback<void>((resume) => {
    const look = () => is() ? resume(Effect.void) : undefined
    const ended = () => {
      look()
      const how = child.exitCode ?? child.signalCode
      resume(Effect.die(new Error(`the process ended (${how}) before it printed what the test waits for`)))
    }
    if (child.stdout.readableEnded) return ended()
    look()
    child.stdout.on("data", look)
    child.on("close", ended)
    return Effect.sync(() => {
      child.stdout.off("data", look)
      child.off("close", ended)
    })
  })

/**
 * A port of this machine that nobody listens at. It is none of those that systems give to connections: one of them might
 * take it before it is listened at.
 */
export const freePort: Effect.Effect<number> = Effect.callback<number, Error>((resume) => {
  // Redis's clusters listen at one 10,000 above as well.
  const port = 10_000 + Math.floor(12_000 * Math.random())
  const server = Net.createServer()
    .once("error", (error) => resume(Effect.fail(error)))
    .listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(port))))
}).pipe(Effect.retry({ times: 100 }), Effect.orDie)
