/**
 * Why a model stopped, in one vocabulary for every provider.
 *
 * A provider keeps its own words (`finishReasons`); this module holds the seven common ones and the total function
 * that maps from the former to the latter through a table that each provider states as data.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { own } from "./internal/own.ts"

/**
 * Schema of the provider-agnostic finish reasons.
 *
 * - `stop`: the model finished its turn or met a stop sequence
 * - `length`: the output limit or the context window was reached
 * - `tool_calls`: the model waits for the results of its tool calls
 * - `content_filter`: the provider withheld or cut the output, or the model refused
 * - `pause`: the provider paused a long turn; send the conversation back to go on
 * - `error`: the provider says that the model's output was malformed
 * - `other`: a word this version does not know; the raw word is in `finishReasons`
 *
 * @example
 * ```ts
 * import { FinishReason } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const isFinishReason = Schema.is(FinishReason.FinishReason)
 * isFinishReason("stop") // true
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FinishReason = Schema.Literals([
  "stop",
  "length",
  "tool_calls",
  "content_filter",
  "pause",
  "error",
  "other"
]).annotate({ identifier: "FinishReason" })

/**
 * A provider-agnostic finish reason.
 *
 * @category models
 * @since 0.1.0
 */
export type FinishReason = typeof FinishReason.Type

/**
 * A provider's finish-reason table: its documented words, each with the common reason it means.
 *
 * @category models
 * @since 0.1.0
 */
export type Table<Raw extends string = string> = Readonly<Record<Raw, FinishReason>>

/**
 * Builds the mapping of one provider from its table. Words that are not in the table map to `other`.
 *
 * @example
 * ```ts
 * import { FinishReason } from "effect-llm-stream"
 *
 * const fromRaw = FinishReason.fromTable({ end_turn: "stop", max_tokens: "length" })
 *
 * fromRaw("end_turn") // "stop"
 * fromRaw("brand_new_reason") // "other"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromTable = (table: Table) => (raw: string): FinishReason => own(table, raw) ?? "other"
