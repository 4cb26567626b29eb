import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { isProviderError } from "../errors/providerError.ts"

/**
 * What a user is told of an error: the tag of its reason. Messages stay on the server, as they may not be meant for users.
 *
 * @internal
 */
export const tagOf = (error: unknown): string =>
  readable(() =>
    isProviderError(error)
      ? error.reason._tag
      : Predicate.hasProperty(error, "_tag")
      ? String(error._tag)
      : "Unknown"
  )

// An error may be anything, also what throws when it is looked at.
const readable = (text: () => string): string => Result.getOrElse(Result.try(text), () => "Unknown")

/**
 * Logs why the stream of a client has failed.
 *
 * @internal
 */
export const logged = (error: unknown): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.logWarning(
      `The stream of a client failed: ${readable(() => Predicate.isError(error) ? `${error.message}` : tagOf(error))}`
    )
  )

/**
 * The value as JSON; `null` where there is none, as in circles.
 *
 * @internal
 */
export const plain = (value: unknown): unknown => {
  try {
    const json = JSON.stringify(
      value,
      (_, item: unknown) =>
        typeof item === "bigint" || typeof item === "number" && !Number.isFinite(item) ? String(item) : item
    )
    return json === undefined ? null : JSON.parse(json)
  } catch {
    return null
  }
}
