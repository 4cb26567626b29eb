import * as Context from "effect/Context"

/**
 * What one run of a provider's stream tells whoever watches it.
 *
 * @internal
 */
export interface Watcher {
  /** The request is about to be sent again. */
  readonly onRetry: () => void
}

/** @internal */
export const CurrentWatcher: Context.Reference<Watcher | undefined> = Context.Reference<Watcher | undefined>(
  "effect-llm-stream/engine/CurrentWatcher",
  { defaultValue: () => undefined }
)
