import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"

/**
 * Keeps V8 from giving ever more room to objects that live shortly, and from letting what died grow to four times what lives: a
 * run makes many objects, and keeps few.
 *
 * @internal
 */
export const keepSmall: Effect.Effect<void> = Effect.sync(() => {
  setFlagsFromString("--semi-space-growth-factor=1")
  setFlagsFromString("--heap-growing-percent=100")
})
