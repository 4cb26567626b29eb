/**
 * Rulings: what `scripts/generate-prices.ts` puts on top of what the price lists state, each with its reason. Prices are
 * USD per million tokens.
 *
 * A price is stated here only when the provider itself publishes it; the reason names the page, and says so where the
 * figure was taken from a list that cites it (LiteLLM's `model_prices_and_context_window.json` of August 2026). Where a
 * price could not be established, the source's is removed: an unknown price is reported as unknown.
 */
import type { ModelPrice } from "../src/Price.ts"

/** The providers of the snapshot, in our names. */
export type Provider = "openai" | "anthropic" | "bedrock" | "groq" | "azure"

/** What holds for all models of a provider. */
export const defaults: Record<Provider, ModelPrice> = {
  openai: {
    serviceTiers: {
      auto: 1,
      default: 1,
      // https://developers.openai.com/api/docs/guides/flex-processing: "priced at Batch API rates".
      flex: 0.5,
      // https://developers.openai.com/api/docs/guides/batch: 50 % discount.
      batch: 0.5
      // `scale` is bought as a number of units, not by the token: unknown. `priority` differs by model, see below.
    },
    // https://developers.openai.com/api/docs/pricing, table Tools: $2.50 for 1,000 calls of file search (Responses API
    // only) and $10 for 1,000 of web search, whichever model calls; lists have them of some models. Containers (code interpreter, hosted shell) are billed by
    // the minute since 2026-06-02 (https://developers.openai.com/api/docs/changelog), which no response states: unknown.
    serverTools: { file_search: 0.0025, web_search: 0.01 }
  },
  anthropic: {
    serviceTiers: {
      standard: 1,
      // https://platform.claude.com/docs/en/about-claude/pricing#batch-processing: 50 % discount on input and output.
      batch: 0.5
      // `priority` draws on a commitment that was bought before: unknown.
    },
    speeds: { standard: 1 },
    // `not_available` is what models from before the parameter report.
    inferenceGeos: { global: 1, not_available: 1 },
    // https://platform.claude.com/docs/en/about-claude/pricing#specific-tool-pricing: $10 for 1,000 web searches, whichever
    // model asks; web fetch has no additional charge.
    serverTools: { web_fetch: 0, web_search: 0.01 }
  },
  bedrock: {
    serviceTiers: {
      default: 1,
      standard: 1,
      // https://aws.amazon.com/bedrock/pricing/: batch inference at a 50 % lower price than on-demand.
      batch: 0.5,
      // https://aws.amazon.com/bedrock/service-tiers/: flex 50 % below, priority 75 % above standard.
      flex: 0.5,
      priority: 1.75
      // `reserved` is paid by the month: unknown.
    },
    // GovCloud has prices of its own: https://aws.amazon.com/bedrock/pricing/, by region.
    exceptRegions: ["us-gov-east-1", "us-gov-west-1"]
  },
  groq: {
    serviceTiers: {
      auto: 1,
      default: 1,
      on_demand: 1,
      // https://console.groq.com/docs/flex-processing: "Pricing matches the on-demand tier".
      flex: 1,
      // https://console.groq.com/docs/batch: 50 % cost discount.
      batch: 0.5
      // `performance` is priced by contract: unknown.
    }
  },
  azure: {
    serviceTiers: {
      auto: 1,
      default: 1,
      standard: 1,
      // https://learn.microsoft.com/azure/foundry/openai/how-to/flex-processing: 50 % discount to standard processing.
      flex: 0.5,
      // https://learn.microsoft.com/azure/foundry/openai/how-to/batch: 50 % less cost than global standard.
      batch: 0.5
      // `priority` is priced by model: unknown.
    }
  }
}

/** A change of one entry of the source, or a new entry. */
export interface Correction {
  readonly provider: Provider
  /** The entry; made when the source has none of that name. */
  readonly model: string
  readonly reason: string
  /** Fields to set. */
  readonly set?: ModelPrice
  /** Further ids to add. */
  readonly names?: ReadonlyArray<string>
  /** Ids of the source to drop. */
  readonly dropNames?: ReadonlyArray<string>
  /** Drops the entry: lookups of its ids then fail with `UnknownModel`. */
  readonly remove?: true
}

const openRouter = "price imported from OpenRouter, not OpenAI's: OpenAI publishes none for this id"
const openRouterAzureUnknown = "price imported from OpenRouter, not Azure's"
const openRouterAzure = "price imported from OpenRouter, not Azure's (which is here by LiteLLM)"
const fineTuning =
  "https://developers.openai.com/api/docs/pricing#fine-tuning, by LiteLLM; the source has no cached price, or no entry"
const fastMode = "https://openai.com/api-fast-mode/ (priority processing, renamed fast mode on 2026-07-30)"
const listedPriority = "https://developers.openai.com/api/docs/pricing, table Priority, by LiteLLM"
const anthropicFast = "https://platform.claude.com/docs/en/about-claude/pricing#fast-mode-pricing"
const anthropicFastBefore = "$30 / $150 as long as it had a fast mode, by LiteLLM and models.dev"
const hour =
  "1 h cache writes are 2x the input price on Bedrock too: https://aws.amazon.com/bedrock/pricing/, by LiteLLM and, for Opus 5.5, the source"
const bedrockLong =
  "https://aws.amazon.com/bedrock/pricing/ lists Sonnet 4 and 4.5 Long Context (above 200,000 tokens) apart, not so later models, by LiteLLM and models.dev (https://github.com/anomalyco/models.dev/issues/1220); the source has it for Anthropic only"
const usResidency =
  "https://platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing: US-only inference 1.1x on Claude 4.6 and later"

const priority = (tier: NonNullable<ModelPrice["serviceTiers"]>[string]): ModelPrice => ({
  // Asked for as `priority` or `fast`; answered as `priority`.
  serviceTiers: { priority: tier, fast: tier }
})

/** Service tiers, speeds and geographies, which the source does not have. They never change its standard prices. */
export const multipliers: ReadonlyArray<Correction> = [
  { provider: "openai", model: "gpt-5.6-sol", set: priority(2), reason: fastMode }, // 8 / 0.80 / 40, long 16 / 1.60 / 60
  { provider: "openai", model: "gpt-5.6-terra", set: priority(2), reason: fastMode }, // 4 / 0.40 / 24, long 8 / 0.80 / 36
  { provider: "openai", model: "gpt-5.6-luna", set: priority(2), reason: fastMode }, // 0.40 / 0.04 / 2.40
  // These three exclude long context, so they are rates, not multipliers.
  { provider: "openai", model: "gpt-5.5", set: priority({ input: 12.5, cached: 1.25, output: 75 }), reason: fastMode },
  { provider: "openai", model: "gpt-5.4", set: priority({ input: 5, cached: 0.5, output: 30 }), reason: fastMode },
  {
    provider: "openai",
    model: "gpt-5.4-mini",
    set: priority({ input: 1.5, cached: 0.15, output: 9 }),
    reason: fastMode
  },
  { provider: "openai", model: "gpt-5.2", set: priority(2), reason: fastMode }, // 3.50 / 0.35 / 28
  { provider: "openai", model: "gpt-5.1", set: priority(2), reason: fastMode }, // 2.50 / 0.25 / 20
  { provider: "openai", model: "gpt-5", set: priority(2), reason: fastMode }, // 2.50 / 0.25 / 20
  { provider: "openai", model: "gpt-5-mini", set: priority(1.8), reason: fastMode }, // 0.45 / 0.045 / 3.60
  { provider: "openai", model: "gpt-4.1", set: priority(1.75), reason: fastMode }, // 3.50 / 0.875 / 14
  { provider: "openai", model: "gpt-4.1-mini", set: priority(1.75), reason: listedPriority }, // 0.70 / 0.175 / 2.80
  { provider: "openai", model: "gpt-4.1-nano", set: priority(2), reason: listedPriority }, // 0.20 / 0.05 / 0.80
  { provider: "openai", model: "gpt-4o", set: priority(1.7), reason: listedPriority }, // 4.25 / 2.125 / 17
  { provider: "openai", model: "gpt-4o-2024-05-13", set: priority(1.75), reason: listedPriority }, // 8.75 / – / 26.25
  {
    provider: "openai",
    model: "gpt-4o-mini",
    set: priority({ input: 0.25, cached: 0.125, output: 1 }),
    reason: listedPriority
  },
  { provider: "openai", model: "o3", set: priority(1.75), reason: listedPriority }, // 3.50 / 0.875 / 14
  { provider: "openai", model: "o4-mini", set: priority({ input: 2, cached: 0.5, output: 8 }), reason: listedPriority },

  { provider: "anthropic", model: "claude-opus-5-5", set: { speeds: { fast: 2 } }, reason: anthropicFast }, // 8 / 40
  { provider: "anthropic", model: "claude-opus-5", set: { speeds: { fast: 2 } }, reason: anthropicFast }, // 10 / 50
  { provider: "anthropic", model: "claude-opus-4-8", set: { speeds: { fast: 2 } }, reason: anthropicFast }, // 10 / 50
  { provider: "anthropic", model: "claude-opus-4-7", set: { speeds: { fast: 6 } }, reason: anthropicFastBefore },
  { provider: "anthropic", model: "claude-opus-4-6", set: { speeds: { fast: 6 } }, reason: anthropicFastBefore },
  ...[
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-opus-5",
    "claude-opus-5-5",
    "claude-sonnet-5"
  ].map((model): Correction => ({
    provider: "anthropic",
    model,
    set: { inferenceGeos: { us: 1.1 } },
    reason: usResidency
  }))
]

/** Corrections of the source's standard prices and of what it matches. */
export const corrections: ReadonlyArray<Correction> = [
  // OpenAI
  {
    provider: "openai",
    model: "gpt-4o-audio-preview",
    set: { inputAudio: 40, outputAudio: 80 },
    reason:
      "audio priced as text in the source; https://developers.openai.com/api/docs/models/gpt-4o-audio-preview lists $40 / $80"
  },
  {
    provider: "openai",
    model: "gpt-4o-audio-preview-2024-10-01",
    set: { input: 2.5, output: 10, inputAudio: 100, outputAudio: 200 },
    reason: "the first snapshot's audio was $100 / $200; the source prices it as text"
  },
  {
    provider: "openai",
    model: "gpt-4o-mini-audio-preview",
    set: { inputAudio: 10, outputAudio: 20 },
    reason:
      "audio priced as text in the source; https://developers.openai.com/api/docs/models/gpt-4o-mini-audio-preview lists $10 / $20"
  },
  {
    provider: "openai",
    model: "gpt-4",
    dropNames: ["ft:gpt-4-0"],
    reason: "the source prices fine-tuned gpt-4 as gpt-4; no price of the fine-tuned model is published any more"
  },
  { provider: "openai", model: "ft:gpt-4o", set: { cached: 1.875 }, reason: fineTuning },
  { provider: "openai", model: "ft:gpt-4o-mini", set: { cached: 0.15 }, reason: fineTuning },
  {
    provider: "openai",
    model: "gpt-4o-mini-2024-07-18.ft-",
    remove: true,
    reason: "Azure's form of ft:gpt-4o-mini, to which look-up normalises it"
  },
  { provider: "openai", model: "ft:gpt-4.1", set: { input: 3, cached: 0.75, output: 12 }, reason: fineTuning },
  { provider: "openai", model: "ft:gpt-4.1-mini", set: { input: 0.8, cached: 0.2, output: 3.2 }, reason: fineTuning },
  { provider: "openai", model: "ft:gpt-4.1-nano", set: { input: 0.2, cached: 0.05, output: 0.8 }, reason: fineTuning },
  { provider: "openai", model: "ft:o4-mini", set: { input: 4, cached: 1, output: 16 }, reason: fineTuning },
  {
    provider: "openai",
    model: "ft:gpt-3.5-turbo-",
    names: ["ft:gpt-3.5-turbo-0125", "ft:gpt-3.5-turbo-0613", "ft:gpt-3.5-turbo-1106"],
    reason: "the snapshots that can be fine-tuned; the source matches any name with the prefix"
  },
  {
    provider: "openai",
    model: "moderation",
    names: ["omni-moderation", "text-moderation", "text-moderation-stable", "text-moderation-007"],
    set: { input: 0, output: 0 },
    reason: "free: https://developers.openai.com/api/docs/guides/moderation; the source matches any name with the word"
  },
  { provider: "openai", model: "gpt-4o:extended", remove: true, reason: openRouter },
  { provider: "openai", model: "gpt-5-image", remove: true, reason: openRouter },
  { provider: "openai", model: "gpt-5-image-mini", remove: true, reason: openRouter },
  { provider: "openai", model: "gpt-5.4-image-2", remove: true, reason: openRouter },
  { provider: "openai", model: "gpt-chat-latest", remove: true, reason: openRouter },
  { provider: "openai", model: "gpt-oss-120b", remove: true, reason: openRouter },
  { provider: "openai", model: "gpt-oss-20b", remove: true, reason: openRouter },
  { provider: "openai", model: "gpt-oss-safeguard-20b", remove: true, reason: openRouter },

  // Anthropic
  {
    provider: "anthropic",
    model: "claude-2",
    names: ["claude-2.0", "claude-2.1"],
    reason: "the ids that there were; the source matches any name with the prefix"
  },

  // Groq
  {
    provider: "groq",
    model: "openai/gpt-oss-120b",
    dropNames: ["openai/gpt-oss-safeguard-20b"],
    reason: "the source prices gpt-oss-safeguard-20b as gpt-oss-120b"
  },
  {
    provider: "groq",
    model: "openai/gpt-oss-safeguard-20b",
    set: { input: 0.075, output: 0.3 },
    reason:
      "https://console.groq.com/docs/model/openai/gpt-oss-safeguard-20b, by LiteLLM and models.dev; its cached price is listed rounded and differently in places, so it is left out"
  },

  // Azure
  {
    provider: "azure",
    model: "deepseek-r1",
    set: { input: 1.35, output: 5.4 },
    reason:
      "Azure's price, not the DeepSeek API's as in the source; by LiteLLM from https://techcommunity.microsoft.com/blog/machinelearningblog/deepseek-r1-improved-performance-higher-limits-and-transparent-pricing/4386367"
  },
  {
    provider: "azure",
    model: "llama-3.3-70b-instruct",
    set: { input: 0.71, output: 0.71 },
    reason:
      "not in the source; by LiteLLM from https://azuremarketplace.microsoft.com/marketplace/apps/metagenai.llama-3-3-70b-instruct-offer"
  },
  {
    provider: "azure",
    model: "phi-4",
    set: { input: 0.125, output: 0.5 },
    reason: `${openRouterAzure}: https://azure.microsoft.com/pricing/details/ai-foundry-models/microsoft/`
  },
  {
    provider: "azure",
    model: "phi-4-mini-instruct",
    set: { input: 0.075, output: 0.3 },
    reason:
      `${openRouterAzure}: https://techcommunity.microsoft.com/blog/azure-ai-services-blog/announcing-new-phi-pricing-empowering-your-business-with-small-language-models/4395112`
  },
  {
    provider: "azure",
    model: "phi-4-multimodal-instruct",
    set: { input: 0.08, output: 0.32, inputAudio: 4 },
    reason:
      `${openRouterAzure}: https://techcommunity.microsoft.com/blog/azure-ai-services-blog/announcing-new-phi-pricing-empowering-your-business-with-small-language-models/4395112`
  },
  {
    provider: "azure",
    model: "phi-3-medium-128k-instruct",
    set: { input: 0.17, output: 0.68 },
    reason: `${openRouterAzure}: https://azure.microsoft.com/pricing/details/phi-3/`
  },
  {
    provider: "azure",
    model: "phi-3-mini-128k-instruct",
    set: { input: 0.13, output: 0.52 },
    reason: `${openRouterAzure}: https://azure.microsoft.com/pricing/details/phi-3/`
  },
  {
    provider: "azure",
    model: "phi-3.5-mini-128k-instruct",
    names: ["phi-3.5-mini-instruct"],
    set: { input: 0.13, output: 0.52 },
    reason: `${openRouterAzure}: https://azure.microsoft.com/pricing/details/phi-3/`
  },
  { provider: "azure", model: "phi-4-reasoning-plus", remove: true, reason: openRouterAzureUnknown },
  { provider: "azure", model: "phi-4-reasoning-plus:free", remove: true, reason: openRouterAzureUnknown },
  { provider: "azure", model: "phi-4-reasoning:free", remove: true, reason: openRouterAzureUnknown },
  { provider: "azure", model: "mai-ds-r1:free", remove: true, reason: openRouterAzureUnknown },
  { provider: "azure", model: "wizardlm-2-8x22b", remove: true, reason: openRouterAzureUnknown },

  // Bedrock
  ...Object.entries({
    "global.anthropic.claude-haiku-4-5-20251001-v1:0": 2,
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0": 6,
    "global.anthropic.claude-sonnet-4-6-v1:0": 6,
    "global.anthropic.claude-sonnet-5-v1:0": 4,
    "global.anthropic.claude-opus-4-5-v1:0": 10,
    "global.anthropic.claude-opus-4-6-v1:0": 10,
    "global.anthropic.claude-opus-4-7-v1:0": 10,
    "global.anthropic.claude-opus-4-8-v1:0": 10,
    "global.anthropic.claude-opus-5": 10,
    "global.anthropic.claude-fable-5-v1:0": 20,
    "global.anthropic.claude-fable-5-1-v1:0": 20,
    "regional.anthropic.claude-haiku-4-5-20251001-v1:0": 2.2,
    "regional.anthropic.claude-sonnet-4-5-20250929-v1:0": 6.6,
    "regional.anthropic.claude-sonnet-4-6-v1:0": 6.6,
    "regional.anthropic.claude-sonnet-5-v1:0": 4.4,
    "regional.anthropic.claude-opus-4-5-v1:0": 11,
    "regional.anthropic.claude-opus-4-6-v1:0": 11,
    "regional.anthropic.claude-opus-4-7-v1:0": 11,
    "regional.anthropic.claude-opus-4-8-v1:0": 11,
    "regional.anthropic.claude-opus-5": 11,
    "regional.anthropic.claude-fable-5-v1:0": 22,
    "regional.anthropic.claude-fable-5-1-v1:0": 22
  }).map(([model, cacheWrite1h]): Correction => ({
    provider: "bedrock",
    model,
    set: { cacheWrite1h },
    reason: hour
  })),
  ...["global", "regional"].map((profile): Correction => ({
    provider: "bedrock",
    model: `${profile}.anthropic.claude-sonnet-4-20250514-v1:0`,
    set: { longContext: { above: 200_000, input: 6, cacheWrite: 7.5, cached: 0.6, output: 22.5 } },
    reason: bedrockLong
  })),
  {
    provider: "bedrock",
    model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    set: { longContext: { above: 200_000, input: 6, cacheWrite: 7.5, cached: 0.6, cacheWrite1h: 12, output: 22.5 } },
    reason: bedrockLong
  },
  {
    provider: "bedrock",
    model: "regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
    set: {
      longContext: { above: 200_000, input: 6.6, cacheWrite: 8.25, cached: 0.66, cacheWrite1h: 13.2, output: 24.75 }
    },
    reason: bedrockLong
  }
]

/**
 * The regions that Bedrock's prices for models other than Claude and OpenAI's GPT hold for. The source has one price a
 * model, that of these regions; elsewhere (`eu.amazon.nova-pro`: $0.92 to $1.05 for $0.80, by source region) prices
 * differ and are left unknown.
 */
export const bedrockRegions: ReadonlyArray<string> = ["us-east-1", "us-east-2", "us-west-2"]

/**
 * Ids of the source's Bedrock rules that are dropped, with the reason.
 */
export const droppedBedrockNames: ReadonlyArray<readonly [pattern: RegExp, reason: string]> = [
  [
    /^(?:claude-(?:opus-4-[5-9]|sonnet-4-[5-9]|haiku-4|opus-5|sonnet-5|fable)|gpt-5)/,
    "an id without a vendor does not say whether the request went through a global or a regional profile, which differ by 10 %"
  ]
]

/** Geography prefixes of the profiles that have the same price as the id without a prefix. */
export const bedrockGeographies = (model: string): ReadonlyArray<string> =>
  // Claude from before 4.5 has one price everywhere outside GovCloud: https://platform.claude.com/docs/en/about-claude/pricing#third-party-platform-pricing
  model.startsWith("anthropic.") ? ["us", "eu", "apac", "au", "jp"] : ["us"]

/** Ids that no list is believed on. */
export const dropped: ReadonlyArray<{
  readonly provider: Provider
  readonly pattern: RegExp
  readonly reason: string
}> = [
  ...droppedBedrockNames.map(([pattern, reason]) => ({ provider: "bedrock" as const, pattern, reason })),
  {
    provider: "bedrock",
    pattern: /^(?:claude(?!-(?:instant|3|(?:opus|sonnet)-4-(?:1-)?2025))|gpt|llama|mistral|nova|titan)(?:-|$)(?!.*\.)/,
    reason: "an id without a vendor does not say through which profile the request went"
  },
  { provider: "bedrock", pattern: /^anthropic\.claude-3-7-sonnet-20240620/, reason: "no such model" },
  { provider: "bedrock", pattern: /\//, reason: "the path of another list's own naming" },
  {
    provider: "openai",
    pattern:
      /^(?:computer-use|codex-mini|gpt-4o(?:-mini)?-(?:audio|realtime)|gpt-35.*|gpt-5-[12](?:-.*)?|gpt-4-turbo-0125-preview|ft:gpt-3\.5-turbo-)$|^(?:container|gpt-oss|openai\/)|whisper|transcribe|-tts|^sora|^dall-e|-image/,
    reason: "not a chat model of OpenAI's API"
  },
  {
    provider: "azure",
    pattern:
      /^(?:accounts\/|mai-ds-r1:free|model.router$|jais-|poseidon)|whisper|transcribe|-tts|^sora|^dall-e|-image|rerank|-ocr-|-document-ai-/,
    reason: "not a chat model with a price of its own"
  },
  {
    provider: "azure",
    pattern: /^(?:meta-llama-3-70b-instruct|llama-2-7b-chat)$/,
    reason: "lists contradict each other, or have input and output swapped; retired, and on no page any more"
  },
  { provider: "anthropic", pattern: /^claude-[45]-|^(?!claude-2).*\./, reason: "an id of another host" },
  ...(["openai", "azure"] as const).map((provider) => ({
    provider,
    pattern: /^(?:text-)?(?:ada|babbage|curie|davinci)(?:-\d+)?$/,
    reason: "no chat model, and retired"
  }))
]

const regional = "LiteLLM lists the price of regional deployments"

const llama = "https://aws.amazon.com/bedrock/pricing/: lowered in December 2024; LiteLLM has the price before"

const titan = "https://aws.amazon.com/bedrock/pricing/: Titan Text Embeddings V2 costs $0.02; lists price it as V1"

const fixed: ReadonlyArray<
  readonly [provider: Provider, id: string, set: Readonly<Record<string, number>>, reason: string]
> = [
  ["bedrock", "amazon.titan-embed-text-v2:0", { input: 0.02, output: 0 }, titan],
  ["bedrock", "amazon.titan-embed-text-v2", { input: 0.02, output: 0 }, titan],
  ...["meta.llama3-1-405b-instruct-v1:0", "us.meta.llama3-1-405b-instruct-v1:0"].map((id) =>
    ["bedrock", id, { input: 2.4, output: 2.4 }, llama] as const
  ),
  ...["meta.llama3-1-70b-instruct-v1:0", "us.meta.llama3-1-70b-instruct-v1:0"].map((id) =>
    ["bedrock", id, { input: 0.72, output: 0.72 }, llama] as const
  ),
  ["azure", "gpt-4o-mini-2024-07-18", { input: 0.15, cached: 0.075, output: 0.6 }, regional],
  ["azure", "o4-mini-2025-04-16", { cached: 0.275 }, "OpenAI's price; a list has it rounded"],
  [
    "azure",
    "gpt-4o-mini-audio-preview-2024-12-17",
    { input: 0.15, inputAudio: 10, output: 0.6, outputAudio: 20 },
    "OpenAI's price; LiteLLM has that of gpt-4o-audio-preview"
  ],
  [
    "azure",
    "llama-4-maverick-17b-128e-instruct-fp8",
    { input: 0.35, output: 1.41 },
    "https://azure.microsoft.com/pricing/details/ai-foundry-models/llama/; LiteLLM swaps input and output"
  ],
  [
    "azure",
    "gpt-5.6",
    {
      "input": 4,
      "cached": 0.4,
      "cacheWrite": 5,
      "output": 20,
      "longContext.input": 8,
      "longContext.cached": 0.8,
      "longContext.cacheWrite": 10,
      "longContext.output": 30
    },
    "an alias of gpt-5.6-sol, whose price was lowered since the lists that have the alias"
  ],
  ["bedrock", "us.meta.llama3-2-11b-instruct-v1:0", { input: 0.16, output: 0.16 }, llama],
  ["bedrock", "us.meta.llama3-2-90b-instruct-v1:0", { input: 0.72, output: 0.72 }, llama],
  [
    "bedrock",
    "eu.anthropic.claude-3-5-haiku-20241022-v1:0",
    { input: 0.8, cached: 0.08, cacheWrite: 1, output: 4 },
    "LiteLLM lists Claude 3 Haiku's price"
  ],
  ["bedrock", "mistral.mistral-large-2407-v1:0", { input: 2, output: 6 }, "https://aws.amazon.com/bedrock/pricing/"],
  ["openai", "ft:gpt-4o-2024-11-20", { cached: 1.875 }, fineTuning]
]

/** Fields that are ruled on, by path. */
export const ruled = (provider: Provider, id: string): Readonly<Record<string, number>> =>
  fixed.find(([of, name]) => of === provider && name === id)?.[2] ?? {}

/** A ruling on many entries of a provider. */
export interface Rule {
  readonly provider: Provider
  readonly reason: string
  readonly apply: (models: Record<string, ModelPrice>) => void
}

const change = (
  pattern: RegExp,
  changes: (price: ModelPrice) => ModelPrice
): Rule["apply"] =>
(models) => {
  for (const [id, price] of Object.entries(models)) {
    if (pattern.test(id)) models[id] = { ...price, ...changes(price) }
  }
}

const withFee = (pattern: RegExp, kind: string, fee: number): Rule["apply"] =>
  change(pattern, ({ serverTools }) => ({ serverTools: { ...serverTools, [kind]: fee } }))

/** The fee of the request is that of the search. */
const searchIncluded = { web_search: 0 }

const decimal = (value: number): number => Number(value.toPrecision(12))

const writesOfAnHour = (price: ModelPrice): ModelPrice =>
  price.input === undefined || price.cacheWrite === undefined ? {} : {
    cacheWrite1h: decimal(price.input * 2),
    ...(price.longContext?.input === undefined ? undefined : {
      longContext: {
        ...price.longContext,
        cacheWrite1h: decimal(price.longContext.input * 2)
      }
    })
  }

const writesOfTwelveHours = ({ cacheWrite, longContext }: ModelPrice): ModelPrice => ({
  ...(cacheWrite === undefined ? undefined : { cacheWrite12h: decimal(cacheWrite * 2) }),
  ...(longContext?.cacheWrite === undefined
    ? undefined
    : { longContext: { ...longContext, cacheWrite12h: decimal(longContext.cacheWrite * 2) } })
})

const longContextOf = ({ cacheWrite, cacheWrite1h, cached, input = 0, output = 0 }: ModelPrice): ModelPrice => ({
  longContext: {
    above: 200_000,
    input: decimal(input * 2),
    ...(cached === undefined ? undefined : { cached: decimal(cached * 2) }),
    ...(cacheWrite === undefined ? undefined : { cacheWrite: decimal(cacheWrite * 2) }),
    ...(cacheWrite1h === undefined ? undefined : { cacheWrite1h: decimal(cacheWrite1h * 2) }),
    output: decimal(output * 1.5)
  }
})

const without =
  (pattern: RegExp, field: "longContext" | "cacheWrite" | "cacheWrite1h" | "cached"): Rule["apply"] => (models) => {
    for (const [id, price] of Object.entries(models)) {
      const { [field]: _, ...rest } = price
      if (pattern.test(id)) models[id] = rest
    }
  }

const dated = "(?:-\\d{4}-\\d{2}-\\d{2})?$"

const snapshots: Readonly<Record<string, string>> = {
  "claude-3-5-sonnet-20240620": "claude-3-5-sonnet",
  "claude-3-5-sonnet-20241022": "claude-3-5-sonnet",
  "claude-3-5-sonnet-latest": "claude-3-5-sonnet",
  "claude-3-5-haiku-20241022": "claude-3-5-haiku",
  "claude-3-5-haiku-latest": "claude-3-5-haiku",
  "claude-3-haiku-20240307": "claude-3-haiku",
  "claude-3-opus-20240229": "claude-3-opus",
  "claude-3-opus-latest": "claude-3-opus",
  "claude-3-sonnet-20240229": "claude-3-sonnet",
  "claude-3-7-sonnet-20250219": "claude-3-7-sonnet",
  "claude-3-7-sonnet-latest": "claude-3-7-sonnet"
}

/**
 * The models of the image generation tool, USD per million tokens: text in, images in, images out. They answer with nothing
 * else, but for GPT Image 1.5, whose text costs `output`.
 */
const imageModels: ReadonlyArray<
  { readonly ids: ReadonlyArray<string>; readonly price: ModelPrice; readonly reason: string }
> = [
  {
    ids: ["gpt-image-1"],
    price: { input: 5, cached: 1.25, inputImage: 10, cachedImage: 2.5, outputImage: 40, from: "g" },
    reason: "https://developers.openai.com/api/docs/models/gpt-image-1, by genai-prices"
  },
  {
    ids: ["gpt-image-1-mini"],
    price: { input: 2, cached: 0.2, inputImage: 2.5, cachedImage: 0.25, outputImage: 8, from: "gr" },
    reason: "https://developers.openai.com/api/docs/models/gpt-image-1-mini"
  },
  {
    ids: ["gpt-image-1.5", "gpt-image-1.5-2025-12-16"],
    price: { input: 5, cached: 1.25, output: 10, inputImage: 8, cachedImage: 2, outputImage: 32, from: "g" },
    reason: "https://developers.openai.com/api/docs/models/gpt-image-1.5, by genai-prices"
  },
  {
    ids: ["gpt-image-2", "gpt-image-2-2026-04-21"],
    price: { input: 5, cached: 1.25, inputImage: 8, cachedImage: 2, outputImage: 30, from: "g" },
    reason: "https://developers.openai.com/api/docs/models/gpt-image-2, by genai-prices"
  },
  {
    ids: ["flare", "sunburst"].flatMap((name) => [`gpt-image-2.5-${name}`, `gpt-image-2.5-${name}-2026-09-08`]),
    price: { input: 5, cached: 1.25, inputImage: 8, outputImage: 30, from: "cr" },
    reason:
      "https://developers.openai.com/api/docs/pricing, as read on 2026-09-09 by https://apidog.com/blog/gpt-image-2-5-api/; the cached price of text by ai-sdk-cost-calculator"
  },
  {
    ids: ["gpt-image-2.6-flare", "gpt-image-2.6-sunburst"],
    price: { input: 5, cached: 1.25, inputImage: 8, cachedImage: 2, outputImage: 30, from: "r" },
    reason: "https://developers.openai.com/api/docs/models/gpt-image-2.6-sunburst; flare costs the same"
  }
]

const previewSearch =
  "https://developers.openai.com/api/docs/pricing, table Tools: the preview of web search is $10 for 1,000 calls of reasoning models and $25 of others, by https://community.openai.com/t/search-web-using-openai-api/1363698; models of which it is not plain which they are have none"

/** Rulings on the merged entries, in this order. */
export const rules: ReadonlyArray<Rule> = [
  ...imageModels.map(({ ids, price, reason }): Rule => ({
    provider: "openai",
    reason,
    apply: (models) => {
      for (const id of ids) models[id] ??= price
    }
  })),
  {
    provider: "openai",
    reason: "https://developers.openai.com/api/docs/models/gpt-6.2-sol, read on 2026-11-22; no list has it yet",
    apply: (models) => {
      models["gpt-6.2-sol"] ??= {
        input: 2,
        cached: 0.1,
        cacheWrite: 2.5,
        output: 10,
        longContext: { above: 272_000, input: 4, cached: 0.2, cacheWrite: 5, output: 15 },
        serviceTiers: { ultrafast: 3 },
        later: [{ since: "2027-03-01", serviceTiers: { ultrafast: 6 } }],
        from: "r"
      }
    }
  },
  {
    provider: "openai",
    reason:
      "https://github.com/BerriAI/litellm/discussions/52347 cites https://developers.openai.com/api/docs/models/gpt-6.2-astra: $8 and $40, cached input 60 % below GPT-6 Astra's $1; cache writes and long context by the rule of all GPT-6 (https://developers.openai.com/api/docs/models/gpt-6.2-sol)",
    apply: (models) => {
      models["gpt-6.2-astra"] ??= {
        input: 8,
        cached: 0.4,
        cacheWrite: 10,
        output: 40,
        longContext: { above: 272_000, input: 16, cached: 0.8, cacheWrite: 20, output: 60 },
        from: "r"
      }
    }
  },
  {
    provider: "openai",
    reason:
      "https://developers.openai.com/api/docs/models/gpt-6.2-sol: 12-hour cache writes cost $5, twice those of 30 minutes; https://developers.openai.com/api/docs/models/gpt-6.1-terra: $2.50. Older models' pages state none",
    apply: change(/^gpt-6\.[12]-/, writesOfTwelveHours)
  },
  {
    provider: "anthropic",
    reason: "https://www.anthropic.com/glasswing: $25 and $125; no page states what its cache costs",
    apply: (models) => {
      models["claude-mythos-preview"] ??= { input: 25, output: 125, from: "r" }
    }
  },
  {
    provider: "anthropic",
    reason: `https://code.claude.com/docs/en/fast-mode: Fable 5.2 has a fast mode; ${anthropicFast}: twice the price`,
    apply: change(/^claude-fable-5-2/, ({ speeds }) => ({ speeds: { ...speeds, fast: 2 } }))
  },
  {
    provider: "azure",
    reason:
      "Portkey has it in two spellings, one with input and output swapped; Mistral Large 2407 costs the same (LiteLLM)",
    apply: (models) => {
      models["mistral-large-2411"] ??= { input: 2, output: 6, from: "k" }
    }
  },
  {
    provider: "openai",
    reason: previewSearch,
    apply: withFee(/^(?:gpt-5(?!.*(?:chat|search))|gpt-6|o[1-9])/, "web_search_preview", 0.01)
  },
  {
    provider: "openai",
    reason: previewSearch,
    apply: withFee(/^gpt-4(?:o|\.1)(?!.*(?:search|audio|realtime))/, "web_search_preview", 0.025)
  },
  {
    provider: "anthropic",
    reason: "https://platform.claude.com/docs/en/about-claude/model-deprecations: the snapshots that there were",
    apply: (models) => {
      for (const [id, of] of Object.entries(snapshots)) {
        const price = models[of]
        if (price !== undefined) models[id] = { ...price, ...models[id] }
      }
    }
  },
  {
    provider: "bedrock",
    reason: "Claude before 4.5 has one price through every profile, so the id inside an invoke stream is enough",
    apply: (models) => {
      for (const [id, price] of Object.entries(models)) {
        const bare = /^anthropic\.(claude-(?:3|(?:opus|sonnet)-4-(?:1-)?2025).*\d{8})(?:-v\d:\d)?$/.exec(id)?.[1]
        if (bare !== undefined) models[bare] ??= price
      }
    }
  },
  {
    provider: "openai",
    reason: "https://developers.openai.com/api/docs/guides/data-residency: 10 % more for models from 2026-03-05 on",
    apply: change(/^gpt-(?:5\.[4-9]|6)/, () => ({
      regionFactors: Object.fromEntries(
        ["us", "eu", "au", "ca", "gb", "in", "jp", "kr", "sg", "ae"].map((region) => [region, 1.1])
      )
    }))
  },
  {
    provider: "openai",
    reason: "https://developers.openai.com/api/docs/pricing, table Fast mode: twice the standard price for GPT-6",
    apply: change(/^gpt-6/, ({ serviceTiers }) => ({ serviceTiers: { priority: 2, fast: 2, ...serviceTiers } }))
  },
  {
    provider: "openai",
    reason: "https://vercel.com/changelog/openai-ultrafast-mode-now-available-on-ai-gateway: 6 times the standard rate",
    apply: change(
      /^gpt-6(?:-astra|\.1-sol)/,
      ({ serviceTiers }) => ({ serviceTiers: { ...serviceTiers, ultrafast: 6 } })
    )
  },
  {
    provider: "openai",
    reason: "a dated snapshot has the tiers of its model",
    apply: (models) => {
      for (const { model, provider, set } of multipliers) {
        if (provider !== "openai" || set?.serviceTiers === undefined) continue
        const pattern = new RegExp(`^${model.replaceAll(".", "\\.")}${dated}`)
        change(pattern, ({ serviceTiers }) => ({ serviceTiers: { ...set.serviceTiers, ...serviceTiers } }))(models)
      }
    }
  },
  {
    provider: "openai",
    reason: "https://developers.openai.com/api/docs/models/gpt-4o-search-preview: $25 for 1,000 calls",
    apply: change(/^gpt-4o(?:-mini)?-search-preview/, () => ({ request: 0.025, serverTools: searchIncluded }))
  },
  {
    provider: "openai",
    reason: "https://developers.openai.com/api/docs/models/gpt-5-search-api: $10 for 1,000 calls",
    apply: change(/^gpt-5-search-api/, () => ({ request: 0.01, serverTools: searchIncluded }))
  },
  {
    provider: "openai",
    reason: "https://developers.openai.com/api/docs/pricing: the price of GPT-5.6 Sol is announced until 2026-11-21",
    apply: change(/^gpt-5\.6(?:-sol)?(?:-\d{4}-\d{2}-\d{2})?$/, () => ({ until: "2026-11-21" }))
  },
  {
    provider: "anthropic",
    reason:
      "https://platform.claude.com/docs/en/about-claude/pricing#prompt-caching: 1 h writes are twice the input price",
    apply: change(/^claude/, writesOfAnHour)
  },
  {
    provider: "anthropic",
    reason: "https://platform.claude.com/docs/en/about-claude/models/overview: Sonnet 4.5 has one price at any length",
    apply: without(/^claude-sonnet-4-5/, "longContext")
  },
  {
    provider: "openai",
    reason: "LiteLLM lists the cached price of this one as that of writes",
    apply: without(/^ft:gpt-4o-2024-11-20/, "cacheWrite")
  },
  ...(["openai", "azure"] as const).map((provider): Rule => ({
    provider,
    reason: "models without a prompt cache; Portkey and pi-ai list a cached price",
    apply: without(/^(?:gpt-5(?:\.[2-5])?-pro|o1-pro|o3-pro)(?:-\d{4}-\d{2}-\d{2})?$/, "cached")
  })),
  {
    provider: "bedrock",
    reason: bedrockLong,
    apply: change(/anthropic\.claude-sonnet-4-(?:20250514|5)/, longContextOf)
  },
  {
    provider: "anthropic",
    reason: usResidency,
    apply: change(
      /^claude-(?:fable|mythos)-|^claude-(?:opus|sonnet|haiku)-(?:4-[6-9]|5)/,
      ({ inferenceGeos }) => ({ inferenceGeos: { us: 1.1, ...inferenceGeos } })
    )
  },
  {
    provider: "bedrock",
    reason:
      "an id without a prefix is an in-region call, billed as the geographic profiles; some lists have the global price",
    apply: (models) => {
      for (const [id, global] of Object.entries(models)) {
        const bare = id.replace(/^global\./, "")
        const geographic = models[`us.${bare}`] ?? models[`eu.${bare}`] ?? models[`in.${bare}`]
        if (bare === id || geographic?.input === undefined || geographic.input <= (global.input ?? 0)) continue
        const { regions: _, ...price } = geographic
        if (models[bare] !== undefined) models[bare] = { ...price, from: models[bare]?.from ?? "" }
      }
    }
  },
  {
    provider: "bedrock",
    reason: "Nova's cache has one lifetime",
    apply: without(/amazon\.nova/, "cacheWrite1h")
  },
  {
    provider: "bedrock",
    reason: "Claude 3.5 takes no more than 200,000 tokens",
    apply: without(/anthropic\.claude-3/, "longContext")
  },
  {
    provider: "bedrock",
    reason: hour,
    apply: change(/anthropic\.claude-(?:fable|(?:haiku|opus|sonnet)-(?:4-[5-9]|5))/, writesOfAnHour)
  },
  {
    provider: "bedrock",
    reason: "GovCloud's profiles are listed at GovCloud's prices",
    apply: change(/^us-gov\./, () => ({ exceptRegions: [] }))
  },
  {
    provider: "bedrock",
    reason: "an id without its version is the same model",
    apply: (models) => {
      for (const id of Object.keys(models)) {
        const versioned = models[`${id}-v1:0`]
        if (versioned !== undefined) models[id] = versioned
      }
    }
  },
  {
    provider: "bedrock",
    reason: "prices of Nova's profiles outside the US differ by source region; lists state that of one region",
    apply: change(/^(?:eu|apac|jp|ca|au)\.amazon\./, () => ({ regions: [] }))
  },
  {
    provider: "azure",
    reason:
      "https://azure.microsoft.com/pricing/details/azure-openai/: data zones and regions cost a tenth more than global deployments",
    apply: change(
      /^(?:gpt-(?:4o|4\.1|5|6)|o[134])/,
      () => ({ deploymentTypes: { global: 1, dataZone: 1.1, regional: 1.1 } })
    )
  }
]
