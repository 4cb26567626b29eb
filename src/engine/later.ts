/**
 * What a provider loads later. It is given to what needs it: esbuild writes what a module loads later even where a program
 * has nothing else of that module.
 */
import * as Effect from "effect/Effect"
import { once } from "../internal/lazy.ts"

/** @internal */
export const later = {
  /** What few requests need; `undefined` where it can't be loaded. */
  seldom: Effect.catchDefect(once(() => import("./seldom.ts")), () => Effect.undefined),
  /** Encodes what is more than texts and limits. */
  wholeRequest: once(() => import("./wholeRequest.ts")),
  /** Parses the events of long answers. */
  repeatedJson: () => import("../wire/repeatedJson.ts")
}

/** @internal */
export type Later = typeof later
