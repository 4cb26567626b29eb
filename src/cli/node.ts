import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Terminal from "effect/Terminal"
import { main } from "./main.ts"

// What Ctrl-C, Ctrl-D and Escape do is up to who reads the keys; by default, each of them ends all reading.
const terminal = Layer.effect(Terminal.Terminal, NodeTerminal.make(() => false))

const platform = Layer.mergeAll(NodeServices.layer, terminal, FetchHttpClient.layer)

/**
 * Runs the command line on Node; the process exits with its status.
 *
 * @internal
 */
export const start = (version: string): void =>
  main(version).pipe(
    Effect.provide(platform),
    NodeRuntime.runMain({
      teardown: (exit, onExit) => {
        // Standard input that was read and that nobody closes would keep the process alive.
        process.stdin.destroy()
        return Exit.isSuccess(exit) && typeof exit.value === "number"
          ? onExit(exit.value)
          : Runtime.defaultTeardown(exit, onExit)
      }
    })
  )
