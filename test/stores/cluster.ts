/** A Redis Cluster of one node, which has all slots: it refuses commands over keys of several. */
import { Effect, Schedule } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { freePort } from "../support/process.ts"
import { folder } from "./stores.ts"

/** Whether this machine can run one. */
export const hasCluster = (() => {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

const send = (port: number, ...command: ReadonlyArray<string>) =>
  Effect.try(() => execFileSync("redis-cli", ["-p", String(port), ...command], { encoding: "utf8", stdio: "pipe" }))

/** Its URL; it ends with the scope. */
export const cluster = Effect.gen(function*() {
  const port = yield* freePort
  const cwd = yield* folder
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        "redis-server",
        ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--cluster-enabled", "yes"],
        { cwd, stdio: "ignore" }
      )
    ),
    (child) =>
      Effect.promise(async () => {
        const exit = once(child, "exit")
        child.kill()
        await exit
      })
  )
  const soon = Schedule.upTo(Schedule.spaced("50 millis"), { times: 200 })
  yield* Effect.retry(send(port, "CLUSTER", "ADDSLOTSRANGE", "0", "16383"), soon)
  yield* Effect.repeat(send(port, "CLUSTER", "INFO"), {
    schedule: soon,
    until: (info) => info.includes("cluster_state:ok")
  })
  return `redis://127.0.0.1:${port}`
})
