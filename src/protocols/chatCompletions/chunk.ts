/**
 * The common attributes of a chunk, computed from its payload.
 *
 * @since 0.2.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { type AudioDelta, Base, type ChoiceDelta, type Chunk, type ToolCallDelta } from "../../Chunk.ts"
import * as CostMetadata from "../../CostMetadata.ts"
import * as FinishReason from "../../FinishReason.ts"
import { elements } from "../../internal/open.ts"
import type * as Parts from "../../Parts.ts"
import * as Usage from "../../Usage.ts"
import { contentEvents } from "./parts.ts"
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

const contentOf = (choice: Choice): string => {
  const content = choice.delta?.content
  if (content === null || content === undefined) return ""
  return typeof content === "string" ? content : content.map((part) => part?.text ?? "").join("")
}

const refusalOf = (choice: Choice): string => choice.delta?.refusal ?? ""

const toolCallDeltasOf = (choice: Choice): ReadonlyArray<ToolCallDelta> => {
  const delta = choice.delta
  if (delta?.tool_calls !== null && delta?.tool_calls !== undefined) {
    return elements(delta.tool_calls).map((call) => ({
      ...(call.index === null || call.index === undefined ? undefined : { index: call.index }),
      ...(call.id === null || call.id === undefined || call.id === "" ? undefined : { id: call.id }),
      ...nameOf(call.function?.name ?? call.custom?.name),
      arguments: argumentsOf(call.function?.arguments ?? call.custom?.input)
    }))
  }
  if (delta?.function_call !== null && delta?.function_call !== undefined) {
    return [{ index: 0, ...nameOf(delta.function_call.name), arguments: argumentsOf(delta.function_call.arguments) }]
  }
  return []
}

const nameOf = (name: string | null | undefined) =>
  name === null || name === undefined || name === "" ? undefined : { name }

const argumentsOf = (value: string | Readonly<Record<string, unknown>> | null | undefined): string =>
  value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)

const none: ReadonlyArray<ToolCallDelta> = []

const finishReasonOf = (choice: Choice): string | undefined => choice.finish_reason || undefined

/**
 * The usage that `usage` objects of this format state, of each count the last stated; `undefined` when they state none.
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
  /**
   * The reasoning text of a choice; for a host that sends it under a name of its own to override.
   *
   * @since 0.1.0
   */
  protected reasoningOf({ delta }: Choice): string {
    return delta?.reasoning ?? delta?.reasoning_content ?? ""
  }

  private get first(): Choice | undefined {
    const choices = this.chunk.choices
    if (choices === null || choices === undefined) return undefined
    const [choice] = choices
    if (choice === undefined || choice !== null && indexOf(choice, 0) === 0) return choice
    return choices.find((choice, position) => choice !== null && indexOf(choice, position) === 0) ?? undefined
  }

  /** @since 0.1.0 */
  override get content(): string {
    const choice = this.first
    return choice === undefined ? "" : contentOf(choice)
  }

  /** @since 0.1.0 */
  override get reasoning(): string {
    const choice = this.first
    return choice === undefined ? "" : this.reasoningOf(choice)
  }

  /** @since 0.1.0 */
  override get refusal(): string {
    const choice = this.first
    return choice === undefined ? "" : refusalOf(choice)
  }

  /** @since 0.1.0 */
  override get finishReasons(): ReadonlyArray<string> {
    return elements(this.chunk.choices).flatMap((choice) => finishReasonOf(choice) ?? [])
  }

  /** @since 0.2.0 */
  protected override commonFinishReasonOf(raw: string): FinishReason.FinishReason {
    return toCommon(raw)
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
    const own = choices?.find((choice) => choice?.usage)?.usage
    return own || usage ? usageOf(own, usage) : undefined
  }

  /** @since 0.1.0 */
  override get audioTranscript(): string | undefined {
    return this.first?.delta?.audio?.transcript ?? undefined
  }

  /** @since 0.1.0 */
  override get audioDelta(): AudioDelta | undefined {
    const audio = this.first?.delta?.audio
    if (audio === null || audio === undefined) return undefined
    const data = typeof audio.data === "string" ? Result.getOrUndefined(Base64.decode(audio.data)) : undefined
    return {
      id: audio.id ?? undefined,
      data,
      transcript: audio.transcript ?? undefined,
      expiresAt: audio.expires_at ?? undefined
    }
  }

  /** @since 0.1.0 */
  override get toolCallDeltas(): ReadonlyArray<ToolCallDelta> {
    const choice = this.first
    return choice === undefined ? [] : toolCallDeltasOf(choice)
  }

  /** @since 0.1.0 */
  override get choiceDeltas(): ReadonlyArray<ChoiceDelta> {
    return (this.chunk.choices ?? []).flatMap((choice, position) =>
      choice === null ? [] : [{
        index: indexOf(choice, position),
        content: contentOf(choice),
        reasoning: this.reasoningOf(choice),
        refusal: refusalOf(choice),
        toolCallDeltas: toolCallDeltasOf(choice),
        finishReason: finishReasonOf(choice)
      }]
    )
  }

  /** @since 0.2.0 */
  contentEvents(out: Array<Parts.Event>, isNamed?: boolean): void {
    const choice = this.first
    const delta = choice?.delta
    const raw = choice?.finish_reason
    contentEvents(
      {
        provider: this.provider,
        id: isNamed === true ? undefined : this.id,
        model: isNamed === true ? undefined : this.model,
        content: choice === undefined ? "" : contentOf(choice),
        reasoning: choice === undefined ? "" : this.reasoningOf(choice),
        refusal: choice === undefined ? "" : refusalOf(choice),
        toolCallDeltas: choice === undefined || !delta?.tool_calls && !delta?.function_call
          ? none
          : toolCallDeltasOf(choice),
        audioDelta: delta?.audio ? this.audioDelta : undefined,
        usage: this.usage
      },
      this.chunk,
      choice,
      raw ? toCommon(raw) : undefined,
      out
    )
  }

  /** @since 0.1.0 */
  override get costMetadata(): CostMetadata.CostMetadata {
    return CostMetadata.fromChunk(this)
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    const statedCost = statedCostOf(this.chunk.usage)
    const serviceTier = this.chunk.service_tier
    return serviceTier || statedCost !== undefined
      ? { ...(serviceTier ? { serviceTier } : undefined), ...(statedCost === undefined ? undefined : { statedCost }) }
      : undefined
  }
}

// USD: a number at OpenRouter, an object with the total at Perplexity.
const statedCostOf = (usage: WireUsage | null | undefined): number | undefined => {
  const cost = usage?.["cost"]
  const total = Predicate.hasProperty(cost, "total_cost") ? cost.total_cost : cost
  return typeof total === "number" && Number.isFinite(total) ? total : undefined
}
