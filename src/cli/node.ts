import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import { isBrokenPipe, main, unwritten } from "./main.ts"

/**
 * Runs the command line on Node; the process exits with its status.
 *
 * @internal
 */
export const start = (version: string): void => {
  // Help is written by the console, which keeps to itself what became of it.
  let lost: Error | undefined
  process.stdout.on("error", (error) => {
    lost = error
  })
  main(version).pipe(
    Effect.provide(Layer.merge(NodeServices.layer, FetchHttpClient.layer)),
    NodeRuntime.runMain({
      teardown: (exit, onExit) => {
        // Standard input that was read and that nobody closes would keep the process alive.
        process.stdin.destroy()
        if (!Exit.isSuccess(exit) || typeof exit.value !== "number") return Runtime.defaultTeardown(exit, onExit)
        const status = exit.value
        // What a stream could not write it tells in a turn of its own.
        setImmediate(() => {
          if (status !== 0 || lost === undefined || isBrokenPipe(lost)) return onExit(status)
          process.stderr.write(`${unwritten(lost.message)}\n`)
          onExit(1)
        })
      }
    })
  )
}
