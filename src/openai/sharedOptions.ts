/**
 * Fields that requests of both of OpenAI's APIs have.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields, type Word, word } from "../internal/exact.ts"
import { nullish, open } from "../internal/open.ts"

/**
 * How prompts are cached.
 *
 * @category models
 * @since 0.2.0
 */
export interface PromptCacheOptions {
  /** `implicit`: OpenAI chooses; `explicit`: at the marks in the prompt. */
  readonly mode?: Word<"implicit" | "explicit">
  /** How long a prefix is kept at least: `30m`, or, with the Responses API, `12h`. Default: `30m`. */
  readonly ttl?: Word<"30m" | "12h">
}

/**
 * Schema of how prompts are cached. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.2.0
 */
export const PromptCacheOptions: Exact<PromptCacheOptions> = exactFields(open({
  mode: Schema.optionalKey(word("implicit", "explicit")),
  ttl: Schema.optionalKey(word("30m", "12h"))
}))

/**
 * The treatment of flagged content of one kind.
 *
 * @category models
 * @since 0.2.0
 */
export interface ModerationMode {
  /** `score` only states it, `block` refuses it. */
  readonly mode: Word<"score" | "block">
}

const ModerationMode: Exact<ModerationMode> = exactFields(open({
  mode: word("score", "block")
}))

/**
 * The treatment of flagged content.
 *
 * @category models
 * @since 0.2.0
 */
export interface ModerationPolicy {
  /** In the prompt. */
  readonly input?: ModerationMode | null
  /** In the answer. */
  readonly output?: ModerationMode | null
}

const ModerationPolicy: Exact<ModerationPolicy> = exactFields(open({
  input: nullish(ModerationMode),
  output: nullish(ModerationMode)
}))

/**
 * Which moderation runs beside the model.
 *
 * @category models
 * @since 0.2.0
 */
export interface Moderation {
  /** The id of the moderation model. */
  readonly model: string
  /** The treatment of flagged content. */
  readonly policy?: ModerationPolicy | null
}

/**
 * Schema of which moderation runs beside the model. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Moderation: Exact<Moderation> = exactFields(open({
  model: Schema.String,
  policy: nullish(ModerationPolicy)
}))
