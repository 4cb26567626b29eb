/**
 * A runner whose entity streams an answer as its reply: `naive.ts FILE PORT`. It prints a line for each call of its provider.
 */
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { Effect, Layer, Option, Schedule, Schema, Stream } from "effect"
import { Entity, MessageStorage, RunnerAddress, ShardingConfig, SqlRunnerStorage } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { whileLocked } from "../../src/stores/sqlErrors.ts"
import * as SqliteClient from "../../src/stores/SqliteClient.ts"

export const Naive = Entity.make("Naive", [Rpc.make("Ask", { success: Schema.Number, stream: true })])

export const count = 120

const handlers = Naive.toLayer({
  Ask: () => {
    process.stdout.write("call\n")
    return Stream.range(1, count).pipe(Stream.schedule(Schedule.spaced("10 millis")))
  }
})

/** A member of a cluster whose runners are in a file; without a port, it owns nothing. */
export const member = (filename: string, port: number | undefined) => {
  const shardingConfig = {
    runnerAddress: Option.map(Option.fromUndefinedOr(port), (port) => RunnerAddress.make("127.0.0.1", port)),
    shardsPerGroup: 8,
    shardLockExpiration: "2 seconds",
    shardLockRefreshInterval: "500 millis",
    refreshAssignmentsInterval: "200 millis",
    runnerHealthCheckInterval: "500 millis"
  } as const
  return NodeClusterSocket.layer({ storage: "byo", clientOnly: port === undefined, shardingConfig }).pipe(
    Layer.provide([MessageStorage.layerNoop, SqlRunnerStorage.layer]),
    Layer.provide([SqliteClient.layer({ filename, busyTimeout: 250 }), ShardingConfig.layer(shardingConfig)])
  )
}

/** Begins again while another makes the tables; the cluster takes it for a defect that the file is locked. */
export const onceUnlocked = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  whileLocked(Effect.catchDefect(effect, Effect.fail))

if (import.meta.main) {
  const [filename = "", port = ""] = process.argv.slice(2)
  await Layer.launch(Layer.provide(handlers, member(filename, Number(port)))).pipe(
    onceUnlocked,
    Effect.runPromise
  )
}
