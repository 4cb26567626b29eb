/**
 * Reads a public price list, and writes what it states of our providers' chat models, by provider and id, to
 * `scripts/prices-files/`. `scripts/generate-prices.ts` merges these files, so that it runs without a network.
 *
 *   node scripts/extract-prices.ts litellm FILE DATE      model_prices_and_context_window.json of BerriAI/litellm
 *   node scripts/extract-prices.ts models.dev FILE DATE   https://models.dev/api.json
 *   node scripts/extract-prices.ts portkey FOLDER DATE    a checkout of Portkey-AI/models
 *   node scripts/extract-prices.ts pi-ai FOLDER DATE      the unpacked npm package @earendil-works/pi-ai
 *   node scripts/extract-prices.ts ai-sdk-cost-calculator FOLDER DATE   the unpacked npm package of that name
 *
 * DATE is the day (`YYYY-MM-DD`) on which the list was published.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { resolve } from "node:path"
import type { ModelPrice } from "../src/Price.ts"
import type { Provider } from "./prices-overlay.ts"

/** What a list states, by provider and id in lower case. */
export type Prices = Partial<Record<Provider, Record<string, ModelPrice>>>

/** Ids that a list has in several spellings at different prices, by provider, id in lower case, and spelling. */
export type Collisions = Partial<Record<Provider, Record<string, Record<string, ModelPrice>>>>

/** A file of `scripts/prices-files/`. */
export interface PriceFile {
  readonly name: string
  readonly version: string
  readonly url: string
  readonly licence: string
  readonly date: string
  readonly prices: Prices
  readonly collisions?: Collisions
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const numberOf = (value: unknown): number | undefined => typeof value === "number" ? value : undefined

/** Shifts the decimal point of what a list wrote down, without the digits that binary fractions add. */
const shifted = (value: unknown, exponent: number): number | undefined =>
  typeof value === "number" ? Number((value * 10 ** exponent).toPrecision(12)) : undefined

const compact = (price: Readonly<Record<string, unknown>>): ModelPrice =>
  Object.fromEntries(
    Object.entries(price).filter(([, value]) =>
      value !== undefined && !(isObject(value) && Object.keys(value).length === 0)
    )
  )

const ratesOf = ({ serverTools: _fees, ...rates }: ModelPrice): string => JSON.stringify(rates)

/**
 * What a list states so far. Ids are compared in lower case: one that comes in several spellings at different prices is
 * in `collisions`, and none of its prices is believed.
 */
class Gathered {
  readonly prices: Prices = {}
  readonly collisions: Collisions = {}
  private readonly spelled = new Map<string, string>()

  add(provider: Provider, id: string, price: ModelPrice, spelling = id): void {
    // A list that gives no price for input gives none at all; a free model says so on both sides.
    if (price.input === undefined || price.output === undefined) return
    if (price.input === 0 && price.output === 0) return
    const name = id.toLowerCase()
    const prices = this.prices[provider] ??= {}
    const collision = this.collisions[provider]?.[name]
    const before = prices[name]
    if (collision !== undefined) collision[spelling] = price
    else if (before === undefined || ratesOf(before) === ratesOf(price)) {
      prices[name] = price
      this.spelled.set(`${provider} ${name}`, spelling)
    } else {
      delete prices[name]
      ;(this.collisions[provider] ??= {})[name] = {
        [this.spelled.get(`${provider} ${name}`) ?? name]: before,
        [spelling]: price
      }
    }
  }
}

const litellm = (file: string): Gathered => {
  const found = new Gathered()
  const list: Json = JSON.parse(readFileSync(file, "utf8"))
  const providers: Readonly<Record<string, readonly [Provider, RegExp]>> = {
    "openai": ["openai", /^(?:openai\/)?/],
    "anthropic": ["anthropic", /^(?:anthropic\/)?/],
    "groq": ["groq", /^groq\//],
    "bedrock": ["bedrock", /^(?:bedrock\/)?/],
    "bedrock_converse": ["bedrock", /^(?:bedrock\/)?/],
    "bedrock_mantle": ["bedrock", /^bedrock_mantle\//],
    "azure": ["azure", /^azure\/(?:global(?:-standard)?\/)?/],
    "azure_ai": ["azure", /^azure_ai\/(?:global\/)?/]
  }
  const zones: Record<string, number> = {}
  for (const [key, entry] of Object.entries(list)) {
    if (!isObject(entry) || (entry["mode"] !== "chat" && entry["mode"] !== "responses")) continue
    const known = providers[String(entry["litellm_provider"])]
    if (known === undefined) continue
    const [provider, prefix] = known
    const id = key.replace(prefix, "").toLowerCase()
    const zone = /^(?:us|eu)\/(.+)$/.exec(id)?.[1]
    if (provider === "azure" && zone !== undefined) zones[zone] = numberOf(entry["input_cost_per_token"]) ?? 0
    // What is left of a path is a region, a commitment or another vendor's name.
    if (provider !== "groq" && id.includes("/")) continue
    const rates = (suffix: string) =>
      compact({
        input: shifted(entry[`input_cost_per_token${suffix}`], 6),
        cached: shifted(entry[`cache_read_input_token_cost${suffix}`], 6),
        cacheWrite: shifted(entry[`cache_creation_input_token_cost${suffix}`], 6),
        cacheWrite1h: shifted(entry[`cache_creation_input_token_cost_above_1hr${suffix}`], 6),
        inputAudio: shifted(entry[`input_cost_per_audio_token${suffix}`], 6),
        cachedAudio: shifted(entry[`cache_read_input_audio_token_cost${suffix}`], 6),
        output: shifted(entry[`output_cost_per_token${suffix}`], 6),
        outputAudio: shifted(entry[`output_cost_per_audio_token${suffix}`], 6)
      })
    const above = [200, 272].find((size) => entry[`input_cost_per_token_above_${size}k_tokens`] !== undefined)
    const search = isObject(entry["search_context_cost_per_query"])
      ? entry["search_context_cost_per_query"]["search_context_size_medium"]
      : undefined
    found.add(
      provider,
      id,
      compact({
        ...rates(""),
        longContext: above === undefined
          ? undefined
          : { above: above * 1000, ...rates(`_above_${above}k_tokens`) },
        serviceTiers: compact({
          priority: entry["input_cost_per_token_priority"] === undefined ? undefined : rates("_priority"),
          flex: entry["input_cost_per_token_flex"] === undefined ? undefined : rates("_flex")
        }),
        serverTools: compact({ web_search: numberOf(search) }),
        regionFactors: compact({
          us: numberOf(entry["regional_processing_uplift_multiplier_us"]),
          eu: numberOf(entry["regional_processing_uplift_multiplier_eu"])
        })
      }),
      key
    )
  }
  for (const [id, input] of Object.entries(zones)) {
    const price = found.prices.azure?.[id]
    if (price?.input === undefined || price.input === 0) continue
    const dataZone = Number((input * 1e6 / price.input).toPrecision(4))
    if (dataZone >= 1 && dataZone <= 1.2) {
      ;(found.prices.azure ??= {})[id] = { ...price, deploymentTypes: { global: 1, dataZone } }
    }
  }
  return found
}

const tierOf = (tiers: unknown): ModelPrice["longContext"] => {
  const [tier, ...others] = Array.isArray(tiers) ? tiers.filter(isObject) : []
  const above = numberOf(tier?.["inputTokensAbove"] ?? (isObject(tier?.["tier"]) ? tier["tier"]["size"] : undefined))
  return tier === undefined || above === undefined || others.length > 0 ? undefined : {
    above,
    ...costOf(tier)
  }
}

// 0 stands for "not stated" here, except for input and output.
const costOf = (cost: Json) =>
  compact({
    input: numberOf(cost["input"]),
    cached: numberOf(cost["cacheRead"] ?? cost["cache_read"]) || undefined,
    cacheWrite: numberOf(cost["cacheWrite"] ?? cost["cache_write"]) || undefined,
    inputAudio: numberOf(cost["input_audio"]) || undefined,
    output: numberOf(cost["output"]),
    outputAudio: numberOf(cost["output_audio"]) || undefined
  })

const platforms: Readonly<Record<string, Provider>> = {
  "openai": "openai",
  "anthropic": "anthropic",
  "groq": "groq",
  "amazon-bedrock": "bedrock",
  "azure": "azure",
  "azure-cognitive-services": "azure"
}

const piAi = (folder: string): Gathered => {
  const found = new Gathered()
  for (const [platform, provider] of Object.entries(platforms)) {
    const file = resolve(folder, `dist/providers/data/${platform}.json`)
    if (!existsSync(file)) continue
    const apis: Json = JSON.parse(readFileSync(file, "utf8"))
    for (const model of Object.values(apis).flatMap((models) => isObject(models) ? Object.values(models) : [])) {
      if (!isObject(model) || model["type"] !== "chat" || !isObject(model["cost"])) continue
      found.add(
        provider,
        String(model["id"]),
        compact({ ...costOf(model["cost"]), longContext: tierOf(model["cost"]["tiers"]) }),
        `${platform}/${String(model["id"])}`
      )
    }
  }
  return found
}

const modelsDev = (file: string): Gathered => {
  const found = new Gathered()
  const list: Json = JSON.parse(readFileSync(file, "utf8"))
  for (const [platform, provider] of Object.entries(platforms)) {
    const entry = list[platform]
    for (const [id, model] of isObject(entry) && isObject(entry["models"]) ? Object.entries(entry["models"]) : []) {
      if (!isObject(model) || !isObject(model["cost"])) continue
      const price = compact({ ...costOf(model["cost"]), longContext: tierOf(model["cost"]["tiers"]) })
      found.add(provider, id, price, `${platform}/${id}`)
    }
  }
  return found
}

const portkey = (folder: string): Gathered => {
  const found = new Gathered()
  const files: Readonly<Record<string, Provider>> = {
    "openai": "openai",
    "anthropic": "anthropic",
    "groq": "groq",
    "bedrock": "bedrock",
    "azure-openai": "azure",
    "azure-ai": "azure"
  }
  for (const [name, provider] of Object.entries(files)) {
    const list: Json = JSON.parse(readFileSync(resolve(folder, `pricing/${name}.json`), "utf8"))
    for (const [id, entry] of Object.entries(list)) {
      const config = isObject(entry) && isObject(entry["pricing_config"]) ? entry["pricing_config"] : {}
      const rates = config["pay_as_you_go"]
      if (id === "default" || !isObject(rates)) continue
      // US cents a token.
      const rate = (of: Json, key: string) => {
        const value = isObject(of[key]) ? shifted(of[key]["price"], 4) : undefined
        return value === 0 && !/^re(?:quest|sponse)_token$/.test(key) ? undefined : value
      }
      const units = isObject(rates["additional_units"]) ? rates["additional_units"] : {}
      const search = isObject(units["web_search"]) ? shifted(units["web_search"]["price"], -2) : undefined
      found.add(
        provider,
        id,
        compact({
          input: rate(rates, "request_token"),
          cached: rate(rates, "cache_read_input_token"),
          cacheWrite: rate(rates, "cache_write_input_token"),
          cacheWrite1h: rate(units, "cache_write_1h"),
          inputAudio: rate(rates, "request_audio_token"),
          output: rate(rates, "response_token"),
          outputAudio: rate(rates, "response_audio_token"),
          serverTools: compact({ web_search: search })
        }),
        `${name}/${id}`
      )
    }
  }
  return found
}

const calculator = (folder: string): Gathered => {
  const found = new Gathered()
  const { allPricing } = createRequire(import.meta.url)(resolve(folder, "dist/index.js"))
  for (const provider of ["openai", "anthropic", "groq"] as const) {
    for (const [id, entry] of Object.entries<Json>(allPricing[provider])) {
      const above = numberOf(entry["longContextThreshold"])
      found.add(
        provider,
        id,
        compact({
          input: numberOf(entry["inputPer1MTokens"]),
          cached: numberOf(entry["cacheReadPer1MTokens"]),
          cacheWrite: numberOf(entry["cacheWritePer1MTokens"]),
          inputAudio: numberOf(entry["audioInputPer1MTokens"]),
          output: numberOf(entry["outputPer1MTokens"]),
          outputAudio: numberOf(entry["audioOutputPer1MTokens"]),
          longContext: above === undefined ? undefined : compact({
            above,
            input: numberOf(entry["longContextInputPer1MTokens"]),
            cached: numberOf(entry["longContextCacheReadPer1MTokens"]),
            cacheWrite: numberOf(entry["longContextCacheWritePer1MTokens"]),
            output: numberOf(entry["longContextOutputPer1MTokens"])
          }),
          serverTools: compact({ web_search: shifted(entry["webSearchPer1kRequests"], -3) })
        })
      )
    }
  }
  return found
}

const versionOf = (folder: string): string => JSON.parse(readFileSync(resolve(folder, "package.json"), "utf8")).version

const lists: Readonly<
  Record<string, {
    readonly url: string
    readonly licence: string
    readonly read: (path: string) => Gathered
    readonly version: (path: string, date: string) => string
  }>
> = {
  "litellm": {
    url: "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json",
    licence: "MIT",
    read: litellm,
    version: (_, date) => date
  },
  "models.dev": {
    url: "https://models.dev/api.json",
    licence: "MIT",
    read: modelsDev,
    version: (_, date) => date
  },
  "portkey": {
    url: "https://github.com/Portkey-AI/models",
    licence: "MIT",
    read: portkey,
    version: (_, date) => date
  },
  "pi-ai": {
    url: "https://www.npmjs.com/package/@earendil-works/pi-ai",
    licence: "MIT",
    read: piAi,
    version: versionOf
  },
  "ai-sdk-cost-calculator": {
    url: "https://www.npmjs.com/package/ai-sdk-cost-calculator",
    licence: "MIT",
    read: calculator,
    version: versionOf
  }
}

if (import.meta.main) {
  const [name = "", path = "", date = ""] = process.argv.slice(2)
  const list = lists[name]
  if (list === undefined || path === "" || !/^\d{4}-\d{2}-\d{2}$/.test(date)) {
    throw new Error(`usage: node scripts/extract-prices.ts ${Object.keys(lists).join("|")} PATH DATE`)
  }
  const { collisions, prices } = list.read(path)
  const head = { name, version: list.version(path, date), url: list.url, licence: list.licence, date }
  const lines = Object.entries(prices).sort(([a], [b]) => a < b ? -1 : 1).map(([provider, models]) =>
    `${JSON.stringify(provider)}: {\n${
      Object.entries(models).sort(([a], [b]) => a < b ? -1 : 1)
        .map(([id, price]) => `${JSON.stringify(id)}: ${JSON.stringify(price)}`).join(",\n")
    }\n}`
  )
  const collided = Object.keys(collisions).length === 0 ? "" : `"collisions":${JSON.stringify(collisions)},\n`
  writeFileSync(
    new URL(`./prices-files/${name}.json`, import.meta.url),
    `${JSON.stringify(head).slice(0, -1)},${collided}"prices":{\n${lines.join(",\n")}\n}}\n`
  )
}
