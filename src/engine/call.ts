import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import type * as Redacted from "effect/Redacted"
import type { ResponseHeaders } from "../Protocol.ts"

/**
 * What the runs of a provider's streams tell whoever watches them.
 *
 * @internal
 */
export interface Watcher {
  /** Number of retries; `undefined` before the first request. */
  retries: number | undefined
  /** Requests that may have been billed without a chunk: they were sent, and no error status came. */
  readonly open: Set<Sent>
  /** Whether middleware answered or refused, and sent nothing. */
  isUnsent?: boolean
  /** What must not be shown of what a host states of its answer; absent before the first request. */
  secrets?: ReadonlyArray<Redacted.Redacted>
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

/**
 * Tells whoever watches that middleware answers or refuses by itself, without a request.
 *
 * @internal
 */
export const tellUnsent: Effect.Effect<void> = Effect.map(CurrentWatchers, (watchers) => {
  for (const watcher of watchers) watcher.isUnsent = true
})

/**
 * Tells those who watch that a request is sent again.
 *
 * @internal
 */
export const countRetry = (watchers: ReadonlyArray<Watcher>): void => {
  for (const watcher of watchers) watcher.retries = (watcher.retries ?? 0) + 1
}

/**
 * The head of a response, refusals included, without the caller's secrets.
 *
 * @internal
 */
export interface Head extends Sent {
  /** HTTP status. */
  readonly status: number
  readonly headers: Headers.Headers
  readonly names: ResponseHeaders
}

/** @internal */
export const CurrentHeads: Context.Reference<ReadonlyArray<(head: Head) => Effect.Effect<void>>> = Context.Reference<
  ReadonlyArray<(head: Head) => Effect.Effect<void>>
>("effect-llm-stream/engine/CurrentHeads", { defaultValue: () => [] })
