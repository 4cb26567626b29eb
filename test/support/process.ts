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
    const ended = () =>
      resume(
        is()
          ? Effect.void
          : Effect.die(
            new Error(
              `the process ended (${child.exitCode ?? child.signalCode}) before it printed what the test waits for`
            )
          )
      )
    if (child.stdout.readableEnded) return ended()
    look()
    child.stdout.on("data", look)
    child.on("close", ended)
    return Effect.sync(() => {
      child.stdout.off("data", look)
      child.off("close", ended)
    })
  })

/** A port of this machine that nobody listens at. */
export const freePort = Effect.callback<number>((resume) => {
  const server = Net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" ? address?.port ?? 0 : 0)))
  })
})
