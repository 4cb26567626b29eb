import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Terminal from "effect/Terminal"
import { isBrokenPipe, main, unwritten } from "./main.ts"

// The reader of the keys decides on Ctrl-C, Ctrl-D and Escape; by default, each of them ends all reading.
const terminal = Layer.effect(Terminal.Terminal, NodeTerminal.make(() => false))

const platform = Layer.mergeAll(NodeServices.layer, terminal, FetchHttpClient.layer)

/**
 * Runs the command line on Node; the process exits with its status.
 *
 * @internal
 */
export const start = (version: string): void => {
  // The console writes the help, and does not report a failed write.
  let lost: Error | undefined
  process.stdout.on("error", (error) => {
    lost = error
  })
  let signal: NodeJS.Signals | undefined
  process.on("SIGTERM", (name) => {
    signal = name
  })
  main(version).pipe(
    Effect.provide(platform),
    NodeRuntime.runMain({
      teardown: (exit, onExit) => {
        // Standard input that was read and that nobody closes would keep the process alive.
        process.stdin.destroy()
        if (signal !== undefined && Exit.hasInterrupts(exit)) return onExit(143)
        if (!Exit.isSuccess(exit) || typeof exit.value !== "number") return Runtime.defaultTeardown(exit, onExit)
        const status = exit.value
        // A stream reports a failed write in a later turn of the event loop.
        setImmediate(() => {
          if (status !== 0 || lost === undefined || isBrokenPipe(lost)) return onExit(status)
          process.stderr.write(`${unwritten(lost.message)}\n`)
          onExit(1)
        })
      }
    })
  )
}
