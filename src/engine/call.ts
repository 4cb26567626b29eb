import * as Context from "effect/Context"
import * as Stream from "effect/Stream"

/**
 * What the runs of a provider's streams tell whoever watches them.
 *
 * @internal
 */
export interface Watcher {
  /** How often a request was sent again; `undefined` while none was made. */
  retries: number | undefined
  /** Requests that may be paid for, though no chunk has come: they were sent, and no error status came. */
  readonly open: Set<Sent>
}

/** @internal */
export interface Sent {
  readonly provider: string
  /** The model that was asked for. */
  readonly model: string | undefined
}

/** @internal */
export const watcher = (): Watcher => ({ retries: undefined, open: new Set() })

/** @internal */
export const CurrentWatchers: Context.Reference<ReadonlyArray<Watcher>> = Context.Reference<ReadonlyArray<Watcher>>(
  "effect-llm-stream/engine/CurrentWatchers",
  { defaultValue: () => [] }
)

/** @internal */
export const watched = <A, E, R>(self: Stream.Stream<A, E, R>, watcher: Watcher): Stream.Stream<A, E, R> =>
  Stream.updateService(self, CurrentWatchers, (watchers) => [...watchers, watcher])
