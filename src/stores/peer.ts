/**
 * Servers whose client is an optional peer.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Checks from "../engine/checks.ts"
import * as Store from "./Store.ts"

/** Loads a client that need not be installed. `names` are the packages that the user installs. */
export const loadPeer = <A>(names: string, load: () => Promise<A>): Effect.Effect<A, Store.StoreError> =>
  Effect.tryPromise({
    try: load,
    catch: (cause) =>
      unavailable(
        `its client cannot be loaded (npm install ${names}): ${cause instanceof Error ? cause.message : String(cause)}`
      )
  })

/** A URL that can be shown: without user, password and parameters. Fails with `Unavailable` if it is none. */
export const shown = (url: () => Redacted.Redacted): Effect.Effect<string, Store.StoreError> =>
  Effect.flatMap(text("url", () => Redacted.value(url())), (text) => {
    if (!URL.canParse(text)) return unavailable("the URL of the store is not a URL")
    const { host, pathname, protocol } = new URL(text)
    return Effect.succeed(`${protocol}//${host}${pathname}`)
  })

/** An option that is a text, also where the program has no types. */
export const text = (name: string, read: () => string): Effect.Effect<string, Store.StoreError> =>
  Effect.suspend(() =>
    Result.match(Checks.given(name, "a text", read, Predicate.isString), {
      onFailure: unavailable,
      onSuccess: Effect.succeed
    })
  )

const unavailable = (message: string): Store.StoreError => new Store.StoreError({ reason: "Unavailable", message })

/** Says in an error's message which server it was. */
export const at = (server: string) => ({ message, reason }: Store.StoreError): Store.StoreError =>
  new Store.StoreError({ reason, message: `${server}: ${message}` })

/**
 * A scope that ends with the current one, which waits five seconds for that at most: connections to a server that is silent
 * don't end by themselves.
 */
export const scopeOfConnections: Effect.Effect<Scope.Scope, never, Scope.Scope> = Effect.acquireRelease(
  Scope.make(),
  (scope, exit) =>
    Effect.flatMap(
      Effect.forkDetach(Scope.close(scope, exit)),
      (closing) => Effect.ignore(Effect.timeoutOption(Effect.interruptible(Fiber.join(closing)), "5 seconds"))
    )
)
