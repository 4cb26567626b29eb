/**
 * The largest cost of a request, before it is sent.
 *
 * @since 0.2.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Cost } from "./Cost.ts"
import { CostMetadata } from "./CostMetadata.ts"
import * as Checks from "./engine/checks.ts"
import * as Tokens from "./engine/tokens.ts"
import { defined } from "./internal/defined.ts"
import { trusted } from "./internal/trusted.ts"
import type { Price } from "./Price.ts"
import * as Pricing from "./Pricing.ts"
import type { ProviderError } from "./ProviderError.ts"
import { count } from "./Usage.ts"

/**
 * The fields of a chat request that its cost depends on. A `ChatRequest` is one.
 *
 * @category models
 * @since 0.2.0
 */
export interface Request {
  readonly model?: string | undefined
  readonly prompt: unknown
  readonly system?: string | undefined
  readonly tools?: unknown
  readonly responseFormat?: unknown
  /** Most tokens to generate; without it the cost has no upper limit. */
  readonly maxTokens?: number | undefined
  readonly serviceTier?: string | undefined
  readonly audio?: unknown
  /** A provider's own request fields, by its key. */
  readonly options?: object | undefined
}

/**
 * How {@link atMost} counts.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** The provider that is asked. */
  readonly provider: string
  /** The model, where the request names none. */
  readonly model?: string | undefined
  /** Tokens of a text: the model's tokenizer. {@link approximateTokens} when `undefined`. */
  readonly tokens?: ((text: string) => number) | undefined
  /** Most tokens to generate, where the request states none: the model's own limit. */
  readonly maxTokens?: number | undefined
  /** Day (`YYYY-MM-DD`) of the request. Without it, a price that changes or ends on a day gives no upper limit. */
  readonly date?: string | undefined
  /** The region that the provider's host serves from, where that changes the price. */
  readonly region?: string | undefined
}

/**
 * The largest cost of a request.
 *
 * @category models
 * @since 0.2.0
 */
export interface Estimate {
  /**
   * Every input token at the highest input rate that may apply, every output token that may be generated. Its flags say
   * what is not in it.
   */
  readonly cost: Cost
  readonly inputTokens: number
  /** `undefined` when nothing limits them: `cost` is then that of the input alone, not an upper limit. */
  readonly outputTokens: number | undefined
  /** Whether tokens were counted by {@link approximateTokens}, which may count too few. */
  readonly isApproximate: boolean
  /** Files, images and audio in the prompt, whose tokens only the provider can count. They are not in `cost`. */
  readonly uncounted: number
  /**
   * Whether the response can't cost more than `cost`: nothing is uncounted, approximate, unlimited or flagged, and the
   * request asks for nothing whose cost is not known before, such as tools that the provider runs, audio, or own fields
   * of the provider that may change the price.
   */
  readonly isBound: boolean
}

/**
 * Estimates the tokens of a text without a tokenizer: a third of its UTF-8 bytes, rounded up. English prose has four to
 * five bytes a token, code and most other languages three; random letters and rare scripts have fewer.
 *
 * @example
 * ```ts
 * import { CostEstimate } from "effect-llm-stream"
 *
 * CostEstimate.approximateTokens("Say hello") // 3
 * ```
 *
 * @category conversions
 * @since 0.2.0
 */
export const approximateTokens: (text: string) => number = Tokens.approximate

/**
 * The largest cost of a request: `maxTokens` of output for each answer, and its input at the highest rate that may
 * apply (a cache write, where the request asks for one or the provider writes without being asked). Fails with
 * `UnknownModel` when the price is not known, and with an `InvalidRequest` without a prompt or with a
 * number of tokens that is not a count. `isBound` says whether it is an upper limit.
 *
 * @example
 * ```ts
 * import { BigDecimal, Result } from "effect"
 * import { CostEstimate, Pricing } from "effect-llm-stream"
 *
 * const estimate = Result.getOrThrow(CostEstimate.atMost(
 *   { model: "gpt-4o-mini", prompt: "Say hello", maxTokens: 1000 },
 *   { provider: "openai", tokens: () => 2 },
 *   Pricing.makeUnsafe()
 * ))
 * // (2 + 8) × $0.15 + 1000 × $0.60, per million
 * BigDecimal.format(estimate.cost.total) // "0.0006015"
 * estimate.isBound // true
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const atMost = (
  request: Request,
  options: Options,
  pricing: Pricing.Service
): Result.Result<Estimate, Pricing.UnknownModel | ProviderError> => atMostOf(request, options, pricing)

/**
 * {@link atMost} of a request in which somebody else has found the texts, or will.
 *
 * @internal
 */
export const atMostOf = (
  request: Request,
  options: Options,
  pricing: Pricing.Service,
  texts?: Tokens.Found
): Result.Result<Estimate, Pricing.UnknownModel | ProviderError> =>
  Result.flatMap(
    Result.mapError(Tokens.count(request, options, texts), (message) => Checks.refused("CostEstimate", message)),
    (counts) => priced(request, options, pricing, counts)
  )

const priced = (
  request: Request,
  options: Options,
  pricing: Pricing.Service,
  { found, inputTokens, outputTokens }: Tokens.Counts
): Result.Result<Estimate, Pricing.UnknownModel> => {
  const { date, provider } = options
  const { model = options.model } = request
  const own = ownFields(request.options, provider)
  const { answers, isKnown, terms } = termsOf(own)
  const stated = {
    provider,
    inputTokens,
    outputTokens: (outputTokens ?? 0) * answers,
    ...defined({ model, serviceTier: request.serviceTier, date, region: options.region }),
    ...terms
  }
  const asked = `${found.caching}${Tokens.cachingIn(own)}`
  // Anthropic caches what the request marks; other providers decide themselves.
  const writes = asked === "" && /^(?:anthropic|bedrock)$/.test(provider) ? [] : cacheWrites(inputTokens)
    .filter(({ lifetime }) => lifetime === undefined || asked !== "")
    .map(({ counts, lifetime }) => ({
      lifetime,
      cost: Result.filterOrFail(
        Pricing.costWith(trusted(CostMetadata, { ...stated, ...counts }), pricing),
        ({ flags }) => !flags.some(({ kind, subject }) => kind === "unpriced" && subject.startsWith("cacheWrite")),
        () => lifetime
      )
    }))
  return Result.map(Pricing.costWith(trusted(CostMetadata, stated), pricing), (plain): Estimate => ({
    cost: writes.reduce(
      (dearest, { cost }) =>
        Result.isSuccess(cost) && BigDecimal.isGreaterThan(cost.success.total, dearest.total) ? cost.success : dearest,
      plain
    ),
    inputTokens,
    outputTokens,
    isApproximate: options.tokens === undefined,
    uncounted: found.files,
    isBound: options.tokens !== undefined && outputTokens !== undefined && found.files === 0 && plain.isComplete &&
      isKnown && request.audio === undefined &&
      (date !== undefined || !isDated(pricing.lookup(provider, model ?? ""))) &&
      writes.every(({ cost, lifetime }) =>
        Result.isSuccess(cost) || lifetime === undefined || !asked.includes(`"${lifetime}"`)
      )
  }))
}

const cacheWrites = (tokens: number) => [
  { lifetime: undefined, counts: { cacheWriteTokens: tokens } },
  { lifetime: "1h", counts: { cacheWrite1hTokens: tokens } },
  { lifetime: "12h", counts: { cacheWrite12hTokens: tokens } }
]

const isDated = (price: Result.Result<Price, unknown>): boolean =>
  Result.isSuccess(price) && (price.success.until !== undefined || price.success.later !== undefined)

type OwnFields = ReadonlyArray<readonly [name: string, value: unknown]>

/** The fields that only this provider reads, those that nobody checks (under a symbol) included. */
const ownFields = (options: object | undefined, provider: string): OwnFields =>
  Object.entries(options ?? {}).flatMap(([key, fields]): OwnFields =>
    key.startsWith(provider) && Predicate.isObject(fields)
      ? Reflect.ownKeys(fields).map((name): readonly [string, unknown] => [String(name), Reflect.get(fields, name)])
        .filter(([, value]) => value !== null && value !== undefined)
      : []
  )

/** How own fields change the price, as far as that is known. */
const termsOf = (own: OwnFields) => {
  let answers = 1
  let isKnown = true
  const terms: { serviceTier?: string; speed?: string; inferenceGeo?: string } = {}
  for (const [name, value] of own) {
    const word = Predicate.hasProperty(value, "type") ? value.type : value
    if (name === "n" && typeof value === "number") answers = Math.max(count(value) ?? 1, 1)
    else if (/^service_?tier$/i.test(name) && typeof word === "string") terms.serviceTier = word
    else if (name === "speed" && typeof word === "string") terms.speed = word
    else if (name === "inference_geo" && typeof word === "string") terms.inferenceGeo = word
    else if (!freeFields.has(name)) isKnown = false
  }
  return { answers, isKnown, terms }
}

/** Own fields that change neither counts nor prices, apart from cache writes. */
const freeFields = new Set(
  `temperature top_p topP top_k topK seed stop stop_sequences stopSequences frequency_penalty presence_penalty logit_bias
  logprobs top_logprobs user metadata requestMetadata store parallel_tool_calls tool_choice toolChoice verbosity thinking
  safety_identifier stream_options reasoning_effort reasoning_format include_reasoning prompt_cache_key
  prompt_cache_options prompt_cache_retention cache_control user_profile_id workspace_id`.split(/\s+/)
)
