/**
 * The common attributes of a chunk, computed from its payload.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { Base, type Chunk } from "../../Chunk.ts"
import type { ContentEvent } from "../../ContentEvent.ts"
import type * as CostMetadata from "../../CostMetadata.ts"
import * as FinishReason from "../../FinishReason.ts"
import { latest } from "../../internal/lazy.ts"
import * as Usage from "../../Usage.ts"
import { contentEvents, contentOf, type Words } from "./content.ts"
import { type Choice, indexOf, Payload, type WireUsage } from "./payload.ts"

/**
 * The finish reasons of the chat-completions format.
 *
 * @category mapping
 * @since 0.1.0
 */
export const finishReasons = {
  stop: "stop",
  length: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter"
} as const satisfies FinishReason.Table

const toCommon = FinishReason.fromTable(finishReasons)

/**
 * The usage that `usage` objects of this format state, the last stated value of each count; `undefined` when they state
 * none.
 *
 * @example
 * ```ts
 * import { ChatCompletions } from "effect-llm-stream"
 *
 * const usage = ChatCompletions.usageOf({ prompt_tokens: 100, prompt_tokens_details: { cached_tokens: 60 } }, null)
 * usage?.cachedTokens // 60
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const usageOf = (...usages: ReadonlyArray<WireUsage | null | undefined>): Usage.Usage | undefined => {
  let merged: Usage.Usage | undefined
  for (const usage of usages) {
    const stated = statedUsage(usage)
    merged = merged === undefined || stated === undefined ? stated ?? merged : Usage.merge(merged, stated)
  }
  return merged
}

const usageOfChoice = (choices: ReadonlyArray<Choice | null>): WireUsage | null | undefined => {
  for (const choice of choices) if (choice?.usage) return choice.usage
  return undefined
}

const statedUsage = (usage: WireUsage | null | undefined): Usage.Usage | undefined =>
  usage === null || usage === undefined ? undefined : Usage.fromStated({
    inputTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cached_tokens,
    cacheWriteTokens: usage.prompt_tokens_details?.cache_write_tokens,
    inputTextTokens: usage.prompt_tokens_details?.text_tokens,
    inputAudioTokens: usage.prompt_tokens_details?.audio_tokens,
    inputImageTokens: usage.prompt_tokens_details?.image_tokens,
    outputTokens: usage.completion_tokens,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens,
    outputTextTokens: usage.completion_tokens_details?.text_tokens,
    outputAudioTokens: usage.completion_tokens_details?.audio_tokens,
    acceptedPredictionTokens: usage.completion_tokens_details?.accepted_prediction_tokens,
    rejectedPredictionTokens: usage.completion_tokens_details?.rejected_prediction_tokens
  })

/**
 * A chunk of any host of this format: the payload, and the common attributes computed from it.
 *
 * @example
 * ```ts
 * import { ChatCompletions } from "effect-llm-stream"
 *
 * const chunk = new ChatCompletions.ChatCompletionChunk({
 *   provider: "gateway",
 *   chunk: { choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: "length" }] }
 * })
 * chunk.content // "Hello"
 * chunk.commonFinishReasons // ["length"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class ChatCompletionChunk extends Base.extend<ChatCompletionChunk>("effect-llm-stream/ChatCompletionChunk")({
  chunk: Payload
}) implements Chunk {
  private static readonly words: Words<ChatCompletionChunk> = {
    reasoningOf: (chunk, choice) => chunk.reasoningOf(choice),
    finishReasonOf: (chunk, raw) => chunk.finishReasonOf(raw)
  }

  /**
   * The reasoning text of a choice. A host that sends it under another name overrides this.
   *
   * @since 0.1.0
   */
  protected reasoningOf({ delta }: Choice): string {
    return delta?.reasoning ?? delta?.reasoning_content ?? ""
  }

  /**
   * The common finish reason of a host's word. A host with words of its own overrides this.
   *
   * @since 0.2.0
   */
  protected finishReasonOf(raw: string): FinishReason.FinishReason {
    return toCommon(raw)
  }

  // Overridden because it is read most: as a fold of the events it takes seven times as long.
  /** @since 0.1.0 */
  override get content(): string {
    const choices = this.chunk.choices ?? []
    const choice = choices.find((choice, position) => choice !== null && indexOf(choice, position) === 0)
    return choice ? contentOf(choice) : ""
  }

  /** @since 0.1.0 */
  override get id(): string | undefined {
    return this.chunk.id || undefined
  }

  /** @since 0.1.0 */
  override get model(): string | undefined {
    return this.chunk.model || undefined
  }

  /** @since 0.1.0 */
  override get usage(): Usage.Usage | undefined {
    const { choices, usage } = this.chunk
    const own = choices && usageOfChoice(choices)
    return own || usage ? usageOf(own, usage) : undefined
  }

  /** @since 0.2.0 */
  override contentEvents(out: Array<ContentEvent>, isNamed?: boolean): void {
    contentEvents(this, isNamed === true, ChatCompletionChunk.words, out)
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    const statedCost = statedCostOf(this.chunk.usage)
    const serviceTier = this.chunk.service_tier
    if (statedCost === undefined) return serviceTier ? tierDetails(serviceTier) : undefined
    return serviceTier ? { serviceTier, statedCost } : { statedCost }
  }
}

// The same object for each chunk of an answer, as each states the tier: who adds them up sees at once that it is no news.
const tierDetails = latest((serviceTier: string): CostMetadata.Fields => ({ serviceTier }))

// USD: a number at OpenRouter, an object with the total at Perplexity.
const statedCostOf = (usage: WireUsage | null | undefined): number | undefined => {
  const cost = usage?.["cost"]
  const total = Predicate.hasProperty(cost, "total_cost") ? cost.total_cost : cost
  return typeof total === "number" && Number.isFinite(total) ? total : undefined
}
