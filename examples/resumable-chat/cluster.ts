/**
 * A runner of Effect's cluster on the store's own database: with `RUNNER=cluster`, the servers of a store share the answers out.
 */
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { Effect, Layer, Option, Redacted } from "effect"
import * as ProviderCluster from "effect-llm-stream/log/ProviderCluster"
import type * as StreamLog from "effect-llm-stream/log/StreamLog"
import * as SqliteClient from "effect-llm-stream/stores/SqliteClient"
import * as Stores from "effect-llm-stream/stores/Stores"
import { MessageStorage, RunnerAddress, ShardingConfig, SqlRunnerStorage } from "effect/cluster"
import { createServer } from "node:net"

/** Any free port: runners find each other in the database. */
const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" ? address?.port ?? 0 : 0)))
  })
})

/** The runners' tables are few and small; while another process writes the file, they wait a little longer than the store. */
const database = (store: Redacted.Redacted) => {
  const filename = /^sqlite:(.+)$/s.exec(Redacted.value(store))?.[1]
  return filename !== undefined
    ? Effect.succeed(SqliteClient.layer({ filename, busyTimeout: 250 }))
    : Effect.map(
      Effect.promise(() => import("@effect/sql-pg/PgClient")),
      (PgClient) => PgClient.layer({ url: store })
    )
}

const runner = (store: Redacted.Redacted) =>
  Layer.unwrap(Effect.gen(function*() {
    const shardingConfig = {
      runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", yield* freePort)),
      shardsPerGroup: 60,
      // The answers of a runner that died are lost at once; what it owned belongs to others after so long.
      shardLockExpiration: "6 seconds",
      shardLockRefreshInterval: "2 seconds",
      refreshAssignmentsInterval: "1 second",
      runnerHealthCheckInterval: "2 seconds"
    } as const
    return NodeClusterSocket.layer({ storage: "byo", shardingConfig }).pipe(
      Layer.provide([MessageStorage.layerNoop, SqlRunnerStorage.layer]),
      Layer.provide([yield* database(store), ShardingConfig.layer(shardingConfig)])
    )
  }))

export const layer = (store: Redacted.Redacted, options: StreamLog.Options) =>
  ProviderCluster.layer(options).pipe(
    // The store first: it takes no file that has tables of others only.
    Layer.provide(Layer.provideMerge(runner(store), Stores.layer(store)))
  )
