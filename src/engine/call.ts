import * as Context from "effect/Context"

/**
 * What the runs of a provider's stream tell whoever watches them.
 *
 * @internal
 */
export interface Watcher {
  /** How often a request was sent again; `undefined` while none was made. */
  retries: number | undefined
}

/** @internal */
export const CurrentWatcher: Context.Reference<Watcher | undefined> = Context.Reference<Watcher | undefined>(
  "effect-llm-stream/engine/CurrentWatcher",
  { defaultValue: () => undefined }
)
