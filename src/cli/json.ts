import * as Duration from "effect/Duration"
import * as Base64 from "effect/encoding/Base64"
import { tokensOf } from "../batch/answer.ts"
import type { ChatResponse } from "../ChatResponse.ts"
import type * as Chunk from "../Chunk.ts"
import * as Cost from "../Cost.ts"
import { CostMetadata } from "../CostMetadata.ts"
import type * as Pricing from "../Pricing.ts"
import type { ProviderError } from "../ProviderError.ts"
import { type Responses, usageOf } from "./answer.ts"
import * as CliCost from "./cost.ts"

/**
 * One line of output. Control characters of a terminal and Unicode line separators are escaped as well: a reader of
 * JSON sees the same value.
 *
 * @internal
 */
export const line = (value: object): string => escaped(JSON.stringify(value))

/**
 * A value on several lines, for people.
 *
 * @internal
 */
export const pretty = (value: unknown): string => escaped(JSON.stringify(value, undefined, 2))

const escaped = (json: string): string =>
  `${
    json.replace(
      /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
    )
  }\n`

/**
 * A chunk's attributes; absent ones are `null`.
 *
 * @internal
 */
export const fromChunk = (chunk: Chunk.Chunk) => {
  const usage = chunk.usage
  const audio = chunk.audio
  return {
    provider: chunk.provider,
    chunk: chunk.chunk,
    content: chunk.content,
    reasoning: chunk.reasoning,
    refusal: chunk.refusal,
    finishReasons: chunk.finishReasons,
    commonFinishReasons: chunk.commonFinishReasons,
    id: chunk.id ?? null,
    model: chunk.model ?? null,
    usage: tokensOf(usage),
    inputTokens: usage?.inputTokens ?? null,
    cachedTokens: usage?.cachedTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    audio: audio === undefined ? null : Base64.encode(audio),
    audioTranscript: chunk.audioTranscript ?? null,
    toolCallDeltas: chunk.toolCallDeltas.map((delta) => ({
      index: delta.index ?? null,
      id: delta.id ?? null,
      name: delta.name ?? null,
      arguments: delta.arguments
    })),
    costMetadata: fromCostMetadata(chunk.costMetadata)
  }
}

/**
 * A response; fields that its stream did not state are `null`.
 *
 * @internal
 */
export const fromResponse = (response: ChatResponse, provider: string, pricing: Pricing.Service) => {
  const { cost, ...unpriced } = CliCost.json(response, pricing)
  return {
    provider: response.provider ?? provider,
    id: response.id ?? null,
    model: response.model ?? null,
    content: response.content,
    reasoning: response.reasoning,
    refusal: response.refusal,
    toolCalls: response.toolCalls.map((call) => ({ id: call.id, name: call.name, arguments: call.arguments })),
    finishReasons: response.finishReasons,
    commonFinishReasons: response.commonFinishReasons,
    usage: tokensOf(response.usage),
    audio: response.audio === undefined
      ? null
      : { byteLength: response.audio.data.byteLength, transcript: response.audio.transcript },
    costMetadata: { ...fromCostMetadata(response.costMetadata), ...unpriced },
    cost,
    chunks: response.chunks,
    error: response.error === undefined ? null : fromError(response.error)
  }
}

/**
 * The totals of all responses of an answer, where tools run.
 *
 * @internal
 */
export const total = ({ all }: Responses, isOutOfSteps: boolean, pricing: Pricing.Service) => {
  const { cost, unknown } = CliCost.total(all, pricing)
  return {
    steps: all.length,
    isOutOfSteps,
    usage: tokensOf(usageOf(all)),
    cost: cost === undefined ? null : Cost.toJson(cost),
    stepsWithoutCost: unknown.length
  }
}

/** @internal */
export const fromError = (error: ProviderError) => ({
  provider: error.provider,
  reason: error.reason._tag,
  message: error.reason.message,
  status: error.status ?? null,
  code: error.code ?? null,
  requestId: error.requestId ?? null,
  retryAfterSeconds: error.retryAfter === undefined ? null : Duration.toSeconds(error.retryAfter),
  retryable: error.isRetryable,
  emitted: error.emitted
})

const costMetadataKeys = Object.keys(CostMetadata.fields) as ReadonlyArray<keyof typeof CostMetadata.fields>

const fromCostMetadata = (metadata: CostMetadata) =>
  Object.fromEntries(costMetadataKeys.map((key) => [key, metadata[key] ?? null]))
