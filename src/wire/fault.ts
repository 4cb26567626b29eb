/** Why a response fails, as what reads its events tells it. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Failure, Table } from "../errors/classify.ts"
import type { MalformedEvent, Reason } from "../errors/providerError.ts"

/** @internal */
export type Errors = Table | Effect.Effect<Table>

/**
 * What reads failures: `explain.ts`, which is loaded with the first.
 *
 * @internal
 */
export interface Explain {
  /** What a failure means. */
  readonly classified: (failure: Failure, errors: Errors) => Effect.Effect<Reason>
  /** What an object says that is known to state a failure. */
  readonly stated: (json: object) => Failure
  /** What an object says, if it states a failure. */
  readonly failureOf: (json: object) => Failure | undefined
  /** The error for the data of an event that is no JSON object, or one that is nested too deep. */
  readonly invalidJson: (data: string, event: number) => MalformedEvent
  /** The error for a payload whose known fields do not have the documented types. */
  readonly invalidPayload: <T>(schema: Schema.Codec<T, T>, json: unknown, data: string, event: number) => MalformedEvent
  readonly malformed: (options: {
    readonly event: number
    readonly message: string
    readonly data: string
    readonly path?: ReadonlyArray<string | number>
  }) => MalformedEvent
  /** The start of a text. */
  readonly excerpt: (text: string) => string
}

/** @internal */
export type Unexplained = (explain: Explain) => Effect.Effect<Reason>

/** @internal */
export type Fault = Reason | Unexplained

/** @internal */
export const isUnexplained = (value: unknown): value is Unexplained => typeof value === "function"
