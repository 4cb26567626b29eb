import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"

/**
 * Keeps V8 from giving objects that live shortly ever more room: a run makes many of them, and keeps few.
 *
 * @internal
 */
export const keepSmall: Effect.Effect<void> = Effect.sync(() => setFlagsFromString("--semi-space-growth-factor=1"))
