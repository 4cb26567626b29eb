import type * as Effect from "effect/Effect"
import type { Reason } from "../errors/providerError.ts"
import type { Explain } from "./explain.ts"

/**
 * What tells why a response fails, once what it needs for that has been loaded.
 *
 * @internal
 */
export type Unexplained = (explain: Explain) => Effect.Effect<Reason>

/** @internal */
export type Fault = Reason | Unexplained

/** @internal */
export const isUnexplained = (value: unknown): value is Unexplained => typeof value === "function"
