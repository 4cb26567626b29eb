/**
 * Answers that the runners of a cluster share out: each is owned by one of them, which asks the provider.
 *
 * The cluster of Effect only says who begins an answer. Chunks, ends and stops go through the log alone: a reply that an entity
 * streams begins again on another runner when its own dies, so the provider would be asked twice, and the caller would have the
 * first chunks twice. Here such an answer ends as `Lost`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Entity from "effect/cluster/Entity"
import * as EntityId from "effect/cluster/EntityId"
import * as Sharding from "effect/cluster/Sharding"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Rpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ChatRequest from "../ChatRequest.ts"
import * as Provider from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import type * as Store from "../stores/Store.ts"
import * as Engine from "./engine.ts"
import * as StreamLog from "./StreamLog.ts"

/** An answer, by its id. Its messages are not stored: what is begun twice is begun once, as the log has it. */
const Answer = Entity.make("effect-llm-stream/Answer", [
  Rpc.make("Start", {
    payload: {
      user: Schema.String,
      // As texts: the binary format of runners can't tell the kinds of messages apart.
      request: Schema.fromJsonString(Schema.toCodecJson(ChatRequest.Normalized)),
      json: Schema.fromJsonString(Schema.Unknown)
    },
    success: Schema.Struct({ epoch: Schema.String, isNew: Schema.Boolean }),
    error: StreamLog.StreamLogError
  })
])

/**
 * The logs of a store, whose answers are begun by the runner that owns them. All else is as with {@link StreamLog.make}: any
 * server reads and stops what another owns. It is `ready` when this runner owns its share.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as ProviderCluster from "effect-llm-stream/log/ProviderCluster"
 *
 * const log = Effect.flatMap(OpenAi.make({}), (openai) => ProviderCluster.make(openai, { lease: "10 seconds" }))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  provider: Provider.Service,
  options: StreamLog.Options = {}
): Effect.fn.Return<StreamLog.Service, ProviderError, Store.Store | Sharding.Sharding | Scope.Scope> {
  const log = yield* StreamLog.make(provider, options)
  const sharding = yield* Sharding.Sharding
  const patience = Duration.fromInputUnsafe(options.patience ?? "8 seconds")

  yield* sharding.registerEntity(
    Answer,
    Effect.succeed(Answer.of({
      Start: ({ address, payload: { json, request, user } }) => log.start(request, { id: address.entityId, user, json })
    })),
    // It has nothing to do after the start.
    { maxIdleTime: "5 seconds" }
  )
  const answers = yield* Answer.client

  const begin = (id: string, user: string, json: unknown, request: ChatRequest.Normalized) =>
    answers(id).Start({ user, request, json }).pipe(
      Effect.timeout(patience),
      Effect.mapBoth({
        onFailure: (error) => error._tag === "StreamLogError" ? error : unavailable("no runner owns this answer now"),
        onSuccess: ({ epoch, isNew }) => ({ id, epoch, isNew })
      })
    )

  const probes = Array.from({ length: 1_000 }, (_, index) => EntityId.make(String(index)))
  const owns = Effect.suspend(() =>
    probes.some((id) => sharding.hasShardId(sharding.getShardId(id, Answer.getShardGroup(id))))
      ? Effect.void
      : Effect.fail(unavailable("this runner owns no answers yet"))
  )

  return {
    ...log,
    start: Effect.fn("ProviderCluster.start")(function*(request, options = {}) {
      const { id: given, user = "" } = options
      const normalized = ChatRequest.normalize(request)
      const asked = options.json === undefined ? Engine.jsonOf(request) : Result.succeed(options.json)
      // The log says what is wrong with it.
      if (Result.isFailure(normalized) || Result.isFailure(asked)) return yield* log.start(request, options)
      const json = asked.success
      if (given === undefined) return yield* begin(yield* Engine.token, user, json, normalized.success)
      // What there is needs no owner: it may have died.
      return yield* log.find(given, { user, json }).pipe(
        Effect.map(({ epoch, id }) => ({ id, epoch, isNew: false })),
        Effect.catchIf(
          ({ reason }) => reason === "NotFound",
          () => begin(given, user, json, normalized.success)
        )
      )
    }),
    ready: Effect.andThen(log.ready, owns)
  }
})

/**
 * A layer with the logs of a store, whose answers come from the common `Provider` of the runner that owns them. See
 * {@link make}.
 *
 * @example
 * ```ts
 * import { NodeClusterSocket } from "@effect/platform-node"
 * import { OpenAi } from "effect-llm-stream"
 * import * as ProviderCluster from "effect-llm-stream/log/ProviderCluster"
 * import * as SqliteClient from "effect-llm-stream/stores/SqliteClient"
 * import * as SqliteStore from "effect-llm-stream/stores/SqliteStore"
 * import { Layer } from "effect"
 * import { MessageStorage, ShardingConfig, SqlRunnerStorage } from "effect/cluster"
 * import { FetchHttpClient } from "effect/http"
 *
 * const runner = NodeClusterSocket.layer({ storage: "byo" }).pipe(
 *   Layer.provide([MessageStorage.layerNoop, SqlRunnerStorage.layer]),
 *   Layer.provide([SqliteClient.layer({ filename: "runners.db" }), ShardingConfig.layerFromEnv()])
 * )
 *
 * const layer = ProviderCluster.layer().pipe(
 *   Layer.provide([runner, SqliteStore.layer({ filename: "answers.store" }), OpenAi.layerConfig()]),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options?: StreamLog.Options
): Layer.Layer<StreamLog.StreamLog, ProviderError, Provider.Provider | Store.Store | Sharding.Sharding> =>
  Layer.effect(StreamLog.StreamLog, Effect.flatMap(Provider.Provider, (provider) => make(provider, options)))

const unavailable = (message: string) => new StreamLog.StreamLogError({ reason: "StoreUnavailable", message })
