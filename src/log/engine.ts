import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as Store from "../stores/Store.ts"
import { longestOperation, trying, unavailable } from "./patience.ts"
import * as Producers from "./producers.ts"
import * as Readers from "./readers.ts"
import * as Requests from "./requests.ts"
import type { Source } from "./source.ts"
import * as State from "./state.ts"
import * as Sweep from "./sweep.ts"
import type * as Tails from "./tail.ts"
import * as Watch from "./watch.ts"

export { hash, toJson as jsonOf, token } from "./requests.ts"

/** @internal */
export const requestOf = ChatRequest.normalize

/** @internal */
export type Gone = Tails.Gone

/** @internal */
export type Item = Readers.Item

/** @internal */
export interface Options {
  /** In ms. */
  readonly lease: number
  readonly ttl: number
  readonly patience: number
  /** In UTF-16 code units. */
  readonly maxPending: number
  /** Default: `AnyChunk`. */
  readonly chunk: Schema.Codec<Chunk, unknown> | undefined
}

/** @internal */
export const make = Effect.fnUntraced(function*(
  { chunk, lease, maxPending, patience, ttl }: Options
) {
  const store = yield* Store.Store
  const clock = yield* Clock.Clock
  // Of readers' and producers' fibers: it closes after the answers have ended.
  const scope = yield* Scope.make()
  const recordings = new Map<string, Producers.Recording>()
  const tails = new Map<string, Tails.Tail>()
  // How long readers wait for a store that is away: a producer that is alive may be as long.
  const awaited = Math.max(lease, patience)
  let isClosing = false

  const transact = <A>(id: string, f: (before: State.Head | undefined, now: number) => Store.Step<A>) =>
    State.transact(store, id, f)

  /** Changes nothing, and waits for nobody, unless the answer is lost. */
  const look = (id: string): Effect.Effect<State.Known | undefined, Store.StoreError> =>
    Effect.flatMap(
      State.peek(store, [State.head(id).key]),
      ({ now, values }) =>
        Effect.flatMap(
          Effect.fromResult(State.over(id, State.look(id))(values, now)),
          ({ result, writes }) => writes.length === 0 ? Effect.succeed(result) : transact(id, State.look(id))
        )
    )

  const watch = yield* Watch.make(store, {
    me: yield* Requests.token,
    patience: longestOperation,
    watched: () => [...tails.keys(), ...recordings.keys()],
    changed: (id, found) => {
      const goesOn = (epoch: string) => found?.head?.epoch === epoch && found.head.ended === null
      const tail = tails.get(id)
      if (tail !== undefined && !(goesOn(tail.epoch) && found?.head?.tail === tail.known())) tail.nudge.ring()
      const recording = recordings.get(id)
      if (recording !== undefined && !goesOn(recording.epoch)) recording.check()
    },
    // A tail finds out by itself what the store has to say.
    failed: () => {
      for (const { nudge } of tails.values()) nudge.ring()
    }
  }).pipe(Scope.provide(scope))

  const { follow } = Readers.make({ store, look, tails, scope, awaited, onBegin: watch.begin })
  const { record, renew } = Producers.make({
    store,
    clock,
    lease,
    maxPending,
    recordings,
    tails,
    onBegin: watch.begin,
    onStored: watch.tell
  })
  yield* Effect.forkIn(Effect.forever(Effect.delay(renew, lease / 5)), scope)

  /** No request owns it: whoever asked may leave, also while it begins. */
  const start = (options: {
    readonly id: string
    readonly user: string
    readonly hash: string
    readonly source: Source
  }): Effect.Effect<State.Known & { readonly isNew: boolean }, Store.StoreError> =>
    isClosing ? unavailable("the server is shutting down") : Effect.gen(function*() {
      const { hash, id, source, user } = options
      const opening: State.Opening = {
        epoch: yield* Requests.token,
        hash,
        user,
        lease,
        ttl,
        stated: { provider: source.provider, model: source.model, usage: null, cost: null }
      }
      const opened = yield* trying(patience)(transact(id, State.open(id, opening)))
      if (opened.isNew) yield* Effect.forkIn(record(opened.head, id, source), scope)
      return opened
    }).pipe(Effect.forkIn(scope), Effect.flatMap(Fiber.join))

  const cancel = (id: string, user: string) =>
    Effect.tap(trying(patience)(transact(id, State.cancel(id, user))), () =>
      Effect.sync(() => {
        recordings.get(id)?.check()
        tails.get(id)?.nudge.ring()
        watch.tell(id)
      }))

  const shutdown = Effect.suspend(() => {
    isClosing = true
    for (const { interrupt } of recordings.values()) interrupt()
    return Effect.forEach(Array.from(recordings.values()), ({ ended }) => Deferred.await(ended), {
      concurrency: "unbounded",
      discard: true
    }).pipe(Effect.timeoutOption(Duration.seconds(8)), Effect.asVoid)
  })

  yield* Effect.forkIn(
    Sweep.make(store, { isRecorded: (id) => recordings.has(id), look }).pipe(
      Effect.timeoutOption(Math.max(lease, longestOperation)),
      Effect.catchCause((cause) => Effect.logDebug("the logs can't be swept", cause)),
      Effect.andThen(Effect.sleep(lease)),
      Effect.forever
    ),
    scope
  )

  yield* Effect.addFinalizer((exit) => Effect.andThen(shutdown, Scope.close(scope, exit)))

  return {
    start,
    follow,
    text: (head: State.Head) => Readers.text(store, head, { chunk, patience }),
    cancel,
    shutdown,
    ttl,
    /** Waits for a store that is away. */
    patiently: trying(patience),
    look: (id: string) => trying(patience)(look(id)),
    rows: (user: string, id: string | undefined) => trying(patience)(Stream.runCollect(State.rows(store, user, id))),
    ready: Effect.suspend(() =>
      isClosing
        ? unavailable("the server is shutting down")
        : trying(Math.min(patience, longestOperation))(
          store.transact([], () => Result.succeed({ result: undefined, writes: [] }))
        )
    )
  }
})
