/**
 * Servers whose client is an optional peer.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
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
export const shown = (url: Redacted.Redacted): Effect.Effect<string, Store.StoreError> =>
  Effect.suspend(() => {
    const text = Redacted.value(url)
    if (!URL.canParse(text)) return unavailable("the URL of the store is not a URL")
    const { host, pathname, protocol } = new URL(text)
    return Effect.succeed(`${protocol}//${host}${pathname}`)
  })

const unavailable = (message: string): Store.StoreError => new Store.StoreError({ reason: "Unavailable", message })

/** Says in an error's message which server it was. */
export const at = (server: string) => ({ message, reason }: Store.StoreError): Store.StoreError =>
  new Store.StoreError({ reason, message: `${server}: ${message}` })
