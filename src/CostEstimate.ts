/**
 * What a request may cost, before it is sent.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Cost } from "./Cost.ts"
import { CostMetadata } from "./CostMetadata.ts"
import * as Checks from "./internal/checks.ts"
import * as Pricing from "./Pricing.ts"
import type { ProviderError } from "./ProviderError.ts"

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
  /** Most tokens to generate; without it there is no upper limit to the cost. */
  readonly maxTokens?: number | undefined
  readonly serviceTier?: string | undefined
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
}

/**
 * What a request may cost at most.
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
  /** `undefined` when nothing limits them: `cost` is then that of the input alone, and no upper limit. */
  readonly outputTokens: number | undefined
  /** Whether tokens were counted by {@link approximateTokens}, which may count too few. */
  readonly isApproximate: boolean
  /** Files, images and audio in the prompt, whose tokens only the provider can count. They are not in `cost`. */
  readonly uncounted: number
  /** Whether the response can't cost more than `cost`: nothing is uncounted, approximate, unlimited or flagged. */
  readonly isBound: boolean
}

/**
 * Tokens of a text where no tokenizer is at hand: a third of its UTF-8 bytes, rounded up. English prose has four to five
 * bytes a token, code and most other languages three; random letters and rare scripts have fewer.
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
export const approximateTokens = (text: string): number => Math.ceil(new TextEncoder().encode(text).length / 3)

// What formats add around a message or a tool: role, separators, names.
const tokensPerItem = 8

/**
 * What a request may cost at most: `maxTokens` of output, and its input at the highest rate that may apply (a cache
 * write, where the prompt asks for one). Fails with `UnknownModel` when the price is not known, and with an
 * `InvalidRequest` when there is no prompt, or a number of tokens is not one.
 *
 * It does not cover what the provider's tools read or ask for, nor several answers to one request.
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
): Result.Result<Estimate, Pricing.UnknownModel | ProviderError> =>
  Result.flatMap(
    Result.mapError(countsOf(request, options), (message) => Checks.refused("CostEstimate", message)),
    (counts) => priced(request, options, pricing, counts)
  )

interface Counts {
  readonly found: Texts
  readonly inputTokens: number
  readonly outputTokens: number | undefined
}

const countsOf = (request: Request, options: Options): Result.Result<Counts, string> =>
  Result.gen(function*() {
    const { maxTokens, prompt, responseFormat, system, tools }: Partial<Request> = { ...request }
    if (prompt === undefined || prompt === null) return yield* Result.fail("`prompt` is missing")
    const { maxTokens: longest, tokens = approximateTokens }: Partial<Options> = { ...options }
    const found = textsOf([system, prompt], [tools, responseFormat])
    const counted = found.texts.reduce((sum, text) => sum + Math.ceil(tokens(text)), 0)
    const outputTokens = maxTokens ?? longest
    return {
      found,
      inputTokens: (yield* Checks.count("tokens", counted)) + found.items * tokensPerItem,
      outputTokens: outputTokens === undefined ? undefined : yield* Checks.count("maxTokens", outputTokens)
    }
  })

const priced = (
  request: Request,
  options: Options,
  pricing: Pricing.Service,
  { found, inputTokens, outputTokens }: Counts
): Result.Result<Estimate, Pricing.UnknownModel> => {
  const model = request.model ?? options.model
  const metadata = new CostMetadata({
    provider: options.provider,
    ...(model === undefined ? undefined : { model }),
    inputTokens,
    ...(found.writesCache ? { cacheWriteTokens: inputTokens, cacheWrite1hTokens: inputTokens } : undefined),
    outputTokens: outputTokens ?? 0,
    ...(request.serviceTier === undefined ? undefined : { serviceTier: request.serviceTier })
  })
  return Result.map(Pricing.costWith(metadata, pricing), (cost): Estimate => ({
    cost,
    inputTokens,
    outputTokens,
    isApproximate: options.tokens === undefined,
    uncounted: found.files,
    isBound: options.tokens !== undefined && outputTokens !== undefined && found.files === 0 && cost.isComplete
  }))
}

interface Texts {
  readonly texts: ReadonlyArray<string>
  readonly items: number
  readonly files: number
  readonly writesCache: boolean
}

/** The texts in messages, and in schemas, of which the names of fields are text too. */
const textsOf = (messages: ReadonlyArray<unknown>, schemas: ReadonlyArray<unknown>): Texts => {
  const texts: Array<string> = []
  let items = 0
  let files = 0
  let writesCache = false
  const visit = (value: unknown, isSchema: boolean): void => {
    if (typeof value === "string") texts.push(value)
    else if (typeof value === "number" || typeof value === "boolean") texts.push(String(value))
    else if (Array.isArray(value)) value.forEach((element) => visit(element, isSchema))
    else if (value instanceof Uint8Array || value instanceof URL) files++
    else if (Predicate.isObject(value)) {
      if (Predicate.hasProperty(value, "type") && value.type === "file") {
        files++
        return
      }
      if (!isSchema && "content" in value) items++
      for (const [key, field] of Object.entries(value)) {
        if (isSchema) texts.push(key)
        if (isSchema || !/^(?:type|role|options)$/.test(key)) visit(field, isSchema)
        else if (key === "options" && /"cache(?:Control|Point)"/.test(JSON.stringify(field ?? {}))) writesCache = true
      }
    }
  }
  for (const message of messages) {
    if (typeof message === "string") items++
    visit(message, false)
  }
  for (const schema of schemas) visit(schema, true)
  return { texts, items, files, writesCache }
}
