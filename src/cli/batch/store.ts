import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Store from "../../stores/Store.ts"
import { type Failed, wrongUsage } from "../status.ts"
import { isPipe } from "./input.ts"

/**
 * The store of a URL. The drivers are loaded here.
 *
 * @internal
 */
export const layer = (url: string): Effect.Effect<Layer.Layer<Store.Store, Store.StoreError>> =>
  Effect.map(Effect.promise(() => import("../../stores/Stores.ts")), (Stores) => {
    const file = /^sqlite:(.+)$/s.exec(url)?.[1]
    return file !== undefined && isPipe(file)
      ? Layer.effect(
        Store.Store,
        Effect.fail(new Store.StoreError({ reason: "Unavailable", message: `${file}: is a pipe` }))
      )
      : Stores.layer(Redacted.make(url))
  })

/** @internal */
export const unusable = ({ message }: Store.StoreError): Failed => wrongUsage(`--store: ${message}`)
