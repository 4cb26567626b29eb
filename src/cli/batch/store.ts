import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Store from "../../stores/Store.ts"
import { type Failed, wrongUsage } from "../status.ts"

/**
 * The store of a URL. The drivers are loaded here.
 *
 * @internal
 */
export const layer = (url: string): Effect.Effect<Layer.Layer<Store.Store, Store.StoreError>> =>
  Effect.map(Effect.promise(() => import("../../stores/Stores.ts")), (Stores) => Stores.layer(Redacted.make(url)))

/** @internal */
export const unusable = ({ message }: Store.StoreError): Failed => wrongUsage(`--store: ${message}`)
