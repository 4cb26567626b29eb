/**
 * The data that the price of a completion depends on, as chunks state it.
 *
 * @since 0.2.0
 */
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { trusted } from "./internal/trusted.ts"
import * as Usage from "./Usage.ts"

// Any number, not only naturals: an invalid count has to be representable to be flagged.
const quantity = Schema.optionalKey(Schema.Number)

/**
 * Schema of an image in the prompt. Its tokens are part of the input tokens.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Image = Schema.Struct({
  /** Pixels. */
  width: quantity,
  /** Pixels. */
  height: quantity,
  /** OpenAI's `image_url.detail`: `low`, `high` or `auto`. */
  detail: Schema.optionalKey(Schema.String),
  /** Tokens that the image takes, where known. */
  tokens: quantity
}).annotate({ identifier: "Image" })

/**
 * An image in the prompt.
 *
 * @category models
 * @since 0.1.0
 */
export type Image = typeof Image.Type

/**
 * Schema of a piece of audio in the prompt or in the answer. Its tokens are part of the input or output tokens.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Audio = Schema.Struct({
  durationSeconds: quantity,
  /** Tokens that the audio takes, where known. */
  tokens: quantity
}).annotate({ identifier: "Audio" })

/**
 * A piece of audio in the prompt or in the answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Audio = typeof Audio.Type

/**
 * Schema of a PDF in the prompt. Its tokens are part of the input tokens.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Pdf = Schema.Struct({
  pageCount: quantity,
  /** Tokens of the pages' text, where known. */
  textTokens: quantity,
  images: Schema.optionalKey(Schema.Array(Image)),
  /** Whether the provider read it from its prompt cache. */
  cached: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "Pdf" })

/**
 * A PDF in the prompt.
 *
 * @category models
 * @since 0.1.0
 */
export type Pdf = typeof Pdf.Type

/**
 * Everything that a price can depend on, as far as a chunk, a stream or a request states it. `undefined` means that it
 * was not stated.
 *
 * Token counts have the meaning of `Usage`: `inputTokens` includes `cachedTokens` and `cacheWriteTokens`, text, audio
 * and images; `outputTokens` includes `reasoningTokens` and audio. Counts may be any number, even negative, fractional
 * or `NaN`: `Cost.calculate` clamps them and says so.
 *
 * @example
 * ```ts
 * import { CostMetadata } from "effect-llm-stream"
 *
 * const metadata = new CostMetadata.CostMetadata({
 *   provider: "openai",
 *   model: "gpt-4o",
 *   inputTokens: 1000,
 *   cachedTokens: 200,
 *   outputTokens: 100
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class CostMetadata extends Schema.Class<CostMetadata>("effect-llm-stream/CostMetadata")({
  provider: Schema.optionalKey(Schema.String),
  /** The model that answered; for Bedrock the id that was asked for, because its prefix decides the price. */
  model: Schema.optionalKey(Schema.String),
  /** Azure: the model or deployment that was asked for; it decides the price where `model` is not stated. */
  requestedModel: Schema.optionalKey(Schema.String),
  inputTokens: quantity,
  cachedTokens: quantity,
  /** Audio tokens within `cachedTokens`. */
  cachedAudioTokens: quantity,
  /** Image tokens within `cachedTokens`. */
  cachedImageTokens: quantity,
  cacheWriteTokens: quantity,
  cacheWrite5mTokens: quantity,
  cacheWrite30mTokens: quantity,
  cacheWrite1hTokens: quantity,
  cacheWrite12hTokens: quantity,
  /** Audio tokens within `inputTokens`. */
  inputAudioTokens: quantity,
  /** Image tokens within `inputTokens`. */
  inputImageTokens: quantity,
  outputTokens: quantity,
  reasoningTokens: quantity,
  /** Audio tokens within `outputTokens`. */
  outputAudioTokens: quantity,
  /** Image tokens within `outputTokens`. */
  outputImageTokens: quantity,
  /** Tokens of tool definitions, calls and results within `inputTokens`. Not priced apart by any of these providers. */
  toolUseTokens: quantity,
  /** Requests made by tools that the provider runs itself, by kind (`web_search`, `web_fetch`, …). */
  serverToolRequests: Schema.optionalKey(Schema.Record(Schema.String, Schema.Number)),
  /** Whether the response was streamed. Not priced apart by any of these providers. */
  streamingMode: Schema.optionalKey(Schema.Boolean),
  /** Whether the response came from a cache in front of the provider, which may then not have billed it. */
  cachedResponse: Schema.optionalKey(Schema.Boolean),
  /** Size of the model's context window in tokens. Long-context prices depend on `inputTokens`, not on this. */
  contextLength: quantity,
  /** Whether the request went through the provider's batch API. */
  batchMode: Schema.optionalKey(Schema.Boolean),
  /** The service tier that served the request, in the provider's words (`default`, `flex`, `priority`, …). */
  serviceTier: Schema.optionalKey(Schema.String),
  /** Anthropic's `usage.speed` (`standard`, `fast`), Bedrock's latency (`standard`, `optimized`). */
  speed: Schema.optionalKey(Schema.String),
  /** The cloud region that the request was sent to. */
  region: Schema.optionalKey(Schema.String),
  /** Anthropic's `usage.inference_geo`: where inference ran. */
  inferenceGeo: Schema.optionalKey(Schema.String),
  /** Anthropic's `usage.fallback_credit`: what became of the credit that the request redeems. */
  fallbackCredit: Schema.optionalKey(Schema.String),
  /** Images in the prompt. */
  images: Schema.optionalKey(Schema.Array(Image)),
  /** Audio in the prompt. */
  audio: Schema.optionalKey(Schema.Array(Audio)),
  /** Audio in the answer. */
  audioOutput: Schema.optionalKey(Schema.Array(Audio)),
  pdf: Schema.optionalKey(Pdf),
  /** Azure: how the model is deployed (`global`, `dataZone`, `regional`, `provisioned`), which the wire does not state. */
  deploymentType: Schema.optionalKey(Schema.String),
  /** Day (`YYYY-MM-DD`, UTC) on which the request was answered; decides which of several dated prices holds. */
  date: Schema.optionalKey(Schema.String),
  /** The model calls behind the response, where the provider states them; each is priced by its own model and size. */
  iterations: Schema.optionalKey(Schema.Array(Usage.Iteration)),
  /** USD, when the provider itself states the cost of the response. */
  statedCost: quantity,
  /** Names of the counts that were invalid and are clamped already (see `Usage`). */
  clampedCounts: Schema.optionalKey(Schema.Array(Schema.String))
}) {}

/**
 * Merges what two chunks of one stream state: per field, the later stated value wins.
 *
 * @example
 * ```ts
 * import { CostMetadata } from "effect-llm-stream"
 *
 * const start = new CostMetadata.CostMetadata({ model: "claude-sonnet-4-5", outputTokens: 1 })
 * const end = new CostMetadata.CostMetadata({ outputTokens: 15 })
 * CostMetadata.merge(start, end).outputTokens // 15
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge: {
  (that: CostMetadata): (self: CostMetadata) => CostMetadata
  (self: CostMetadata, that: CostMetadata): CostMetadata
} = dual(2, (self: CostMetadata, that: CostMetadata): CostMetadata => trusted(CostMetadata, { ...self, ...that }))

/** The counts of a usage that no price depends on. The compiler asks for a decision when `Usage` gets a new field. */
type Unpriced =
  // Part of the total that is in `inputTokens`.
  | "uncachedInputTokens"
  | "inputTextTokens"
  | "outputTextTokens"
  | "acceptedPredictionTokens"
  | "rejectedPredictionTokens"

type PricedField = Exclude<keyof typeof Usage.Usage.fields, Unpriced>

const pricedFields = Object.keys(CostMetadata.fields)
  .filter((field): field is PricedField => Object.hasOwn(Usage.Usage.fields, field))

/**
 * The counts of a usage that a price can depend on.
 *
 * @example
 * ```ts
 * import { CostMetadata, Usage } from "effect-llm-stream"
 *
 * CostMetadata.usageFields(new Usage.Usage({ outputTokens: 5, acceptedPredictionTokens: 2 })) // { outputTokens: 5 }
 * ```
 *
 * @category conversions
 * @since 0.2.0
 */
export const usageFields = (usage: Usage.Usage): Fields => {
  const fields: Record<string, unknown> = {}
  for (const field of pricedFields) {
    if (usage[field] !== undefined) fields[field] = usage[field]
  }
  return fields satisfies Fields
}

/**
 * The metadata of each model call behind a response: those of its `iterations`, or the metadata itself when it states
 * none. Where the totals include none of them, the totals are a call of their own, the first. Requests of server tools are
 * with the first call that the totals include.
 *
 * @example
 * ```ts
 * import { CostMetadata } from "effect-llm-stream"
 *
 * const metadata = new CostMetadata.CostMetadata({
 *   model: "claude-sonnet-5",
 *   inputTokens: 100,
 *   outputTokens: 10,
 *   iterations: [
 *     { type: "message", included: true, inputTokens: 100, outputTokens: 10 },
 *     { type: "advisor_message", included: false, model: "claude-opus-4-8", inputTokens: 200, outputTokens: 20 }
 *   ]
 * })
 * CostMetadata.calls(metadata).map((call) => call.model) // ["claude-sonnet-5", "claude-opus-4-8"]
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const calls = (metadata: CostMetadata): ReadonlyArray<CostMetadata> => {
  const { audio: _a, audioOutput: _o, images: _i, iterations = [], pdf: _p, ...rest } = metadata
  if (iterations.length === 0) return [metadata]
  const shared: Record<string, unknown> = { ...rest }
  for (const field of pricedFields) delete shared[field]
  const { clampedCounts, serverToolRequests } = metadata
  const main = iterations.findIndex(({ included }) => included)
  const each = iterations.map(({ included: _included, model, type: _type, ...counts }, index) =>
    trusted(CostMetadata, {
      ...shared,
      ...(model === undefined ? undefined : { model }),
      ...counts,
      ...(index === main && serverToolRequests !== undefined ? { serverToolRequests } : undefined),
      ...(index === main && clampedCounts !== undefined ? { clampedCounts } : undefined)
    })
  )
  if (isItemised(metadata)) return each
  const { iterations: _, ...totals } = metadata
  return [trusted(CostMetadata, totals), ...each]
}

/**
 * Whether the totals are stated call by call: some of the `iterations` are included in them.
 *
 * @example
 * ```ts
 * import { CostMetadata } from "effect-llm-stream"
 *
 * CostMetadata.isItemised(new CostMetadata.CostMetadata({ inputTokens: 100, outputTokens: 10 })) // false
 * ```
 *
 * @category predicates
 * @since 0.2.0
 */
export const isItemised = ({ iterations }: CostMetadata): boolean =>
  iterations?.some(({ included }) => included) ?? false

/**
 * Fields of {@link CostMetadata}, each absent when it was not stated.
 *
 * @category models
 * @since 0.2.0
 */
export type Fields = { readonly [K in keyof typeof CostMetadata.fields]?: Exclude<CostMetadata[K], undefined> }

/**
 * The attributes of a chunk that cost metadata is made from.
 *
 * @category models
 * @since 0.2.0
 */
export interface Source {
  readonly provider: string
  readonly model: string | undefined
  readonly usage: Usage.Usage | undefined
  /** Other data that a price depends on; `undefined` when the chunk states none. */
  readonly costDetails?: Fields | undefined
}

/**
 * The cost metadata of one chunk: its provider, model and usage, and its `costDetails`, which win.
 *
 * @example
 * ```ts
 * import { CostMetadata, Usage } from "effect-llm-stream"
 *
 * const usage = new Usage.Usage({ inputTokens: 10, outputTokens: 5 })
 * const metadata = CostMetadata.fromChunk({
 *   provider: "groq",
 *   model: "llama-3.1-8b-instant",
 *   usage,
 *   costDetails: { serviceTier: "flex" }
 * })
 * metadata.serviceTier // "flex"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromChunk = ({ costDetails, model, provider, usage }: Source): CostMetadata =>
  trusted(CostMetadata, {
    provider,
    ...(model === undefined ? undefined : { model }),
    ...(usage === undefined ? undefined : usageFields(usage)),
    streamingMode: true,
    ...costDetails
  })

/**
 * Whether the metadata states a count or a cost. Without either, nothing can be priced.
 *
 * @example
 * ```ts
 * import { CostMetadata } from "effect-llm-stream"
 *
 * CostMetadata.isStated(new CostMetadata.CostMetadata({ provider: "groq", model: "llama-3.1-8b-instant" })) // false
 * ```
 *
 * @category predicates
 * @since 0.2.0
 */
export const isStated = (metadata: CostMetadata): boolean =>
  metadata.statedCost !== undefined || pricedFields.some((field) => metadata[field] !== undefined)

/**
 * Gathers the cost metadata of the chunks of one stream. A stream may have several responses, such as by a fallback in
 * the middle of it: a chunk of another provider, or with the id of another response, begins a new one.
 *
 * @category models
 * @since 0.2.0
 */
export interface Accumulator {
  /** Adds a chunk, and says whether it states usage or a cost. */
  readonly add: (
    chunk: Source & {
      readonly id?: string | undefined
      readonly costMetadata: CostMetadata
      /** @internal */
      readonly isPiece?: boolean | undefined
    }
  ) => boolean
  /** The merged usage, the sum over all responses; `undefined` when no chunk stated any. */
  readonly usage: () => Usage.Usage | undefined
  /**
   * The metadata of all chunks so far: of the last response, with those before it among its `iterations`. Later
   * additions do not change metadata already taken.
   */
  readonly metadata: () => CostMetadata
  /** The metadata of all chunks so far, response by response. */
  readonly responses: () => ReadonlyArray<CostMetadata>
}

/**
 * Makes an accumulator with no chunks yet. The counts are those of the merged usage: where a provider states disjoint
 * parts in different chunks, their sum is more than any chunk says.
 *
 * @example
 * ```ts
 * import { type Chunk, CostMetadata } from "effect-llm-stream"
 *
 * declare const chunks: ReadonlyArray<Chunk.Chunk>
 *
 * const accumulator = CostMetadata.accumulator()
 * for (const chunk of chunks) accumulator.add(chunk)
 * const metadata = accumulator.metadata()
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const accumulator = (): Accumulator => {
  const earlier: Array<CostMetadata> = []
  let usageBefore: Usage.Usage | undefined
  let usage: Usage.Usage | undefined
  let fields: Fields = {}
  let details: Partial<Fields> = {}
  /** The details that the chunk before stated. */
  let repeated: Fields | undefined
  let id: string | undefined
  /** Chunks since the id was first stated. */
  let known = 0
  /** What it comes to; `undefined` once a chunk has said something new. */
  let made: CostMetadata | undefined
  const sum = () =>
    usage === undefined || usageBefore === undefined ? usage ?? usageBefore : Usage.sum(usageBefore, usage)
  const last = (): CostMetadata => {
    if (usage === undefined) return trusted(CostMetadata, { ...fields, ...details })
    // A later chunk may state a valid count.
    const { clampedCounts: _, ...stated } = details
    return trusted(CostMetadata, { ...fields, ...stated, ...usageFields(usage) })
  }
  const whole = (): CostMetadata => {
    const metadata = last()
    const before = earlier.filter(isStated).flatMap(calls).map(iteration)
    return before.length === 0
      ? metadata
      : trusted(CostMetadata, { ...metadata, iterations: [...before, ...(metadata.iterations ?? [])] })
  }
  return {
    add: (chunk) => {
      if (chunk.isPiece === true && chunk.provider === fields.provider) {
        if (id !== undefined) known++
        return false
      }
      const { id: stated, model, provider, usage: counts } = chunk
      // Some chunk classes compute only the whole.
      const other: Fields | undefined = "costDetails" in chunk ? chunk.costDetails : chunk.costMetadata
      const states = counts !== undefined || other?.statedCost !== undefined
      if (
        counts === undefined && (other === undefined || other === repeated) && provider === fields.provider &&
        (stated === undefined || stated === id) && (model === undefined || model === fields.model)
      ) {
        // As nearly every chunk.
        if (id !== undefined) known++
        return states
      }
      const isOther = stated !== undefined && id !== undefined && stated !== id
      // Some hosts give every chunk an id of its own, or the one that states the usage.
      const isNew = isOther && known > 1 &&
        (usage !== undefined || model !== undefined && fields.model !== undefined && model !== fields.model)
      if (isNew || fields.provider !== undefined && provider !== fields.provider) {
        earlier.push(last())
        usageBefore = sum()
        usage = id = made = undefined
        fields = {}
        details = {}
      }
      known = isOther || id === undefined ? 1 : known + 1
      id = stated ?? id
      if (counts !== undefined) {
        usage = usage === undefined ? counts : Usage.merge(usage, counts)
        made = undefined
      }
      if (provider !== fields.provider || model !== undefined && model !== fields.model) {
        const answering = model ?? fields.model
        made = undefined
        fields = { provider, ...(answering === undefined ? undefined : { model: answering }), streamingMode: true }
      }
      if (other !== undefined && isNews(other, details)) {
        Object.assign(details, other)
        made = undefined
      }
      repeated = other
      return states
    },
    usage: sum,
    metadata: () => made ??= whole(),
    responses: () => [...earlier, last()]
  }
}

/** Whether details say what those before do not: some hosts repeat theirs in every chunk. */
const isNews = (details: Values, before: Values): boolean =>
  Object.keys(details).some((field) => details[field] !== before[field])

type Values = Readonly<Record<string, unknown>>

const iteration = (call: CostMetadata): Usage.Iteration => {
  const counts: Record<string, unknown> = {}
  for (const field of iterationFields) if (call[field] !== undefined) counts[field] = call[field]
  return { ...counts, type: "response", included: false }
}

const iterationFields = Object.keys(Usage.Iteration.fields).filter((
  field
): field is keyof Usage.Iteration & keyof CostMetadata => field in CostMetadata.fields)
