/**
 * How much of the history that a client sends back is believed.
 *
 * Words are words: a user could have said them as well. Calls, their arguments and results, approvals, and all data for
 * the provider have effects, so they are believed when they carry a seal of this server. That is the default; see
 * {@link Trust}.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type * as Mac from "effect/crypto/Mac"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Checks from "../engine/checks.ts"
import { lazy } from "../internal/lazy.ts"
import * as Store from "../stores/Store.ts"
import * as Seal from "./seal.ts"

/**
 * How histories are sealed and verified; {@link sealed} makes one.
 *
 * @category models
 * @since 0.2.0
 */
export interface Sealed {
  readonly _tag: "Sealed"
  /** The first one seals, all of them verify. */
  readonly keys: Effect.Effect<readonly [Mac.Key, ...ReadonlyArray<Mac.Key>]>
  /** Remembers an approval; `false` when it was used before. `undefined`: approvals are not remembered. */
  readonly use: ((approval: string) => Effect.Effect<boolean, Store.StoreError>) | undefined
}

/**
 * Everything that is well-formed is believed; see {@link trusted}.
 *
 * @category models
 * @since 0.2.0
 */
export interface Trusted {
  readonly _tag: "Trusted"
}

/**
 * Whom a server believes.
 *
 * @category models
 * @since 0.2.0
 */
export type Mode = Sealed | Trusted

/**
 * The secret has fewer than 32 characters, so it could be guessed.
 *
 * @example
 * ```ts
 * import * as Trust from "effect-llm-stream/ui/Trust"
 *
 * new Trust.WeakSecret({ length: 5 }).message // "The secret has 5 characters; it needs at least 32"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class WeakSecret extends Schema.TaggedError<WeakSecret>()("WeakSecret", {
  length: Schema.Natural
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return `The secret has ${this.length} characters; it needs at least 32`
  }
}

/**
 * Makes the mode in which a seal of HMAC-SHA256 is believed, whatever process with the same secret made it. Each secret
 * has at least 32 characters, else it fails with {@link WeakSecret}. Of several secrets the first one seals and all
 * verify, so that secrets can be rotated.
 *
 * A seal does not notice that it is sent twice: an approval that is sent again runs its tool again. With `approvals`,
 * those that were used are remembered in a store, and a second use is refused.
 *
 * @example
 * ```ts
 * import { Config, Effect, Layer } from "effect"
 * import * as Trust from "effect-llm-stream/ui/Trust"
 *
 * const live = Layer.effect(Trust.Trust, Effect.flatMap(Config.Redacted("CHAT_SECRET"), (secret) => Trust.sealed({ secret })))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const sealed = Effect.fnUntraced(function*(options: {
  readonly secret:
    | Redacted.Redacted<string>
    | readonly [Redacted.Redacted<string>, ...ReadonlyArray<Redacted.Redacted<string>>]
  readonly approvals?: Store.Service | undefined
}): Effect.fn.Return<Sealed, WeakSecret> {
  const { approvals, secret } = Result.getOrElse(Checks.copied(options), (): Partial<typeof options> => ({}))
  const [first, ...others] = Redacted.isRedacted(secret) ? [secret] : Array.isArray(secret) ? secret : []
  const keyOf = (secret?: Redacted.Redacted<string>): Effect.Effect<Mac.Key, WeakSecret> => {
    const text: unknown = Redacted.isRedacted(secret) ? Redacted.value(secret) : ""
    return typeof text !== "string" || text.length < 32
      ? Effect.fail(new WeakSecret({ length: typeof text === "string" ? text.length : 0 }))
      : Seal.key(text)
  }
  const keys = [yield* keyOf(first), ...(yield* Effect.forEach(others, keyOf))] as const
  return {
    _tag: "Sealed",
    keys: Effect.succeed(keys),
    use: approvals === undefined ? undefined : (approval) => {
      const key = Store.key("approval", approval)
      return approvals.transact(
        [key],
        ([value]) =>
          Result.succeed({ result: value === undefined, writes: value === undefined ? [{ key, value: "true" }] : [] })
      )
    }
  }
})

/**
 * The mode that believes everything that is well-formed. It is for a client that is a server of yours, and never for a
 * browser: whoever sends the history could approve any call and make up any result.
 *
 * @category constructors
 * @since 0.2.0
 */
export const trusted: Trusted = { _tag: "Trusted" }

const unconfigured = lazy((): Sealed => {
  let keys: readonly [Mac.Key] | undefined
  return {
    _tag: "Sealed",
    keys: Effect.suspend(() =>
      keys !== undefined ? Effect.succeed(keys) : Effect.gen(function*() {
        const made = [yield* Seal.key(crypto.getRandomValues(new Uint8Array(32)))] as const
        if (keys !== undefined) return keys
        keys = made
        yield* Effect.logWarning("No secret seals the chats of this process: they end with it. See Trust.sealed.")
        return made
      })
    ),
    use: undefined
  }
})

/**
 * The mode of a server. Default: sealed with a random secret, so chats end with the process, as one warning says.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Trust from "effect-llm-stream/ui/Trust"
 *
 * declare const internalRoute: Effect.Effect<void>
 *
 * const program = Effect.provideService(internalRoute, Trust.Trust, Trust.trusted)
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export const Trust: Context.Reference<Mode> = Context.Reference<Mode>("effect-llm-stream/ui/Trust", {
  defaultValue: unconfigured
})
