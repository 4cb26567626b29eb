/**
 * What `@pydantic/genai-prices` (MIT, a dev dependency) states of our providers' models, with the corrections of
 * `scripts/prices-overlay.ts`, by id.
 */
import { type MatchLogic, type ModelInfo, type ModelPrice as SourcePrice, waitForUpdate } from "@pydantic/genai-prices"
import type { ModelPrice } from "../src/Price.ts"
import {
  bedrockGeographies,
  bedrockRegions,
  type Correction,
  corrections,
  droppedBedrockNames,
  multipliers,
  type Provider
} from "./prices-overlay.ts"

/** The version of the dev dependency that the overlay was written for, and the day it was published. */
export const source = { version: "0.1.8", date: "2026-09-23" }

/** Our providers and the source's names for them. */
export const sourceIds: Record<Provider, string> = {
  openai: "openai",
  anthropic: "anthropic",
  bedrock: "aws",
  groq: "groq",
  azure: "azure"
}

/** The source's entries of a provider, corrected, and the ids of each. */
export const corrected = async (provider: Provider): Promise<Entries> => {
  const providers = await waitForUpdate()
  const models = providers?.find(({ id }) => id === sourceIds[provider])?.models ?? fail(`no ${provider} in the source`)
  return correctedModels(provider, models.filter((model) => !isUnsupported(model)))
}

/** Entries by name, and further ids of them. */
export interface Entries {
  readonly models: Readonly<Record<string, ModelPrice>>
  readonly names: Readonly<Record<string, string>>
}

const tokenKeys: Readonly<Record<string, keyof ModelPrice>> = {
  input_mtok: "input",
  cache_read_mtok: "cached",
  cache_audio_read_mtok: "cachedAudio",
  cache_image_read_mtok: "cachedImage",
  cache_write_mtok: "cacheWrite",
  cache_write_1h_mtok: "cacheWrite1h",
  input_audio_mtok: "inputAudio",
  input_image_mtok: "inputImage",
  output_mtok: "output",
  output_audio_mtok: "outputAudio",
  output_image_mtok: "outputImage"
}

const toolKeys: Readonly<Record<string, string>> = {
  web_searches_kcount: "web_search",
  storage_searches_kcount: "file_search"
}

// Billed by the hour of audio, and not by a streamed completion.
const unsupportedKeys = new Set(["audio_hours", "input_audio_hours"])

const fail = (message: string): never => {
  throw new Error(message)
}

const isUnsupported = (model: ModelInfo): boolean =>
  Object.keys(effectivePrices(model)).some((key) => unsupportedKeys.has(key))

/** The prices in force on the source's date. */
const effectivePrices = (model: ModelInfo): SourcePrice => {
  if (!Array.isArray(model.prices)) return model.prices
  const inForce = model.prices.filter(({ constraint }) => {
    if (constraint === undefined) return true
    if (constraint.type !== "start_date") return fail(`${model.id}: prices by time of day`)
    if (constraint.start_date > source.date) return fail(`${model.id}: a price that starts on ${constraint.start_date}`)
    return true
  })
  return inForce.at(-1)?.prices ?? fail(`${model.id}: no price`)
}

const convert = (model: ModelInfo): ModelPrice => {
  const price: Record<string, number> = {}
  const long: Record<string, number> = {}
  const serverTools: Record<string, number> = {}
  const thresholds = new Set<number>()
  for (const [key, value] of Object.entries(effectivePrices(model))) {
    if (value === undefined) continue
    const tool = toolKeys[key]
    const name = tokenKeys[key]
    if (tool !== undefined && typeof value === "number") {
      // Shifting the point in the text is exact.
      serverTools[tool] = Number(`${value}e-3`)
    } else if (name !== undefined && typeof value === "number") {
      price[name] = value
    } else if (name !== undefined && typeof value === "object" && value.tiers.length === 1) {
      const [tier] = value.tiers
      price[name] = value.base
      if (tier !== undefined) {
        long[name] = tier.price
        // The source starts tiers of "more than 272K" one token early in places.
        thresholds.add(tier.start === 271_999 ? 272_000 : tier.start)
      }
    } else {
      fail(`${model.id}: cannot convert ${key}`)
    }
  }
  const [above, ...others] = thresholds
  if (others.length > 0) fail(`${model.id}: several thresholds`)
  return {
    ...price,
    ...(Object.keys(serverTools).length > 0 ? { serverTools } : undefined),
    ...(above === undefined ? undefined : { longContext: { above, ...long } })
  }
}

/** The ids that a rule of the source stands for, without what ends them (dates and versions, which look-up strips). */
const namesOf = (match: MatchLogic): ReadonlyArray<string> => {
  if ("or" in match) return match.or.flatMap(namesOf)
  if ("equals" in match) return [match.equals]
  if ("starts_with" in match) return [trimmed(match.starts_with)]
  if ("ends_with" in match) return [trimmed(match.ends_with)]
  if ("contains" in match) return [trimmed(match.contains)]
  // Every regular expression of these providers is an id followed by a date.
  if ("regex" in match && /^\^[\w\\.-]+-\\d\{[48]\}/.test(match.regex)) return []
  return fail(`cannot convert the rule ${JSON.stringify(match)}`)
}

const trimmed = (prefix: string): string => prefix.replace(/[-@.]+$/, "").replace(/-20\d\d$/, "")

const withoutVersion = (id: string): string => id.replace(/(?::\d+)?$/, "").replace(/-v\d+$/, "")

const correctedModels = (
  provider: Provider,
  sourceModels: ReadonlyArray<ModelInfo>
): Entries => {
  const models = new Map<string, ModelPrice>()
  const names = new Map<string, string>()
  const addName = (name: string, model: string): void => {
    const lower = name.toLowerCase()
    // The source takes the first entry that matches.
    if (!names.has(lower)) names.set(lower, model)
  }
  const apply = ({ dropNames, model, names: more, remove, set }: Correction): void => {
    if (remove === true) {
      if (!models.delete(model)) fail(`${provider}: no ${model} to remove`)
      for (const [name, of] of names) if (of === model) names.delete(name)
      return
    }
    const so = models.get(model)
    if (so !== undefined && set !== undefined && isSubset(set, so)) {
      fail(`${provider}: ${model} needs no correction any more`)
    }
    models.set(model, {
      ...so,
      ...set,
      ...(set?.serviceTiers && { serviceTiers: { ...so?.serviceTiers, ...set.serviceTiers } })
    })
    for (const name of dropNames ?? []) if (!names.delete(name)) fail(`${provider}: no name ${name} to drop`)
    for (const name of [model, ...more ?? []]) addName(name, model)
  }
  for (const model of sourceModels) {
    const id = model.id.toLowerCase()
    const idNames = id.startsWith("regional.") ? [] : [id]
    models.set(id, convert(model))
    const all = [...idNames, ...namesOf(model.match)]
    for (const name of provider === "bedrock" ? bedrockNames(id, all) : all) addName(name, id)
    if (
      provider === "bedrock" && !/(?:^|\.)(?:anthropic\.claude|openai\.gpt-5)/.test(id) &&
      !/^(?:global|regional)\./.test(id)
    ) {
      models.set(id, { ...models.get(id), regions: bedrockRegions })
    }
  }
  for (const correction of [...corrections, ...multipliers]) if (correction.provider === provider) apply(correction)
  return {
    models: Object.fromEntries(models),
    // An entry's own id needs no line.
    names: Object.fromEntries(Array.from(names).filter(([name, model]) => name !== model))
  }
}

const isSubset = (set: ModelPrice, of: ModelPrice): boolean =>
  Object.entries({ ...of, ...set }).every(([key, value]) =>
    JSON.stringify(value) === JSON.stringify(of[key as keyof ModelPrice])
  )

const bedrockNames = (id: string, sourceNames: ReadonlyArray<string>): ReadonlyArray<string> => {
  const names = new Set(sourceNames.flatMap((name) => [name, withoutVersion(name)]))
  // Entries that the source matches anywhere in an id: the id itself, and the profiles of the same price.
  const base = withoutVersion(id.replace(/^regional\./, ""))
  const isOnePrice = !/^(?:global|regional)\./.test(id) || !sourceNames.some((name) => /^(?:us|eu)\./.test(name))
  if (isOnePrice && !base.startsWith("global.") && !base.startsWith("openai.gpt-5")) {
    names.add(base)
    for (const geography of bedrockGeographies(base)) names.add(`${geography}.${base}`)
  }
  return Array.from(names).filter((name) => !droppedBedrockNames.some(([pattern]) => pattern.test(name)))
}
