/**
 * Writes `src/pricing/<provider>.ts` from `@pydantic/genai-prices` (a dev dependency), the lists in
 * `scripts/prices-files/` and the rulings of `scripts/prices-overlay.ts`; and what the lists disagree on, with the
 * ruling of each, to `scripts/price-disagreements.md`. Needs no network. Run with `node scripts/generate-prices.ts`
 * (Node 24 strips the types).
 */
import { map } from "effect/Record"
import { execFileSync } from "node:child_process"
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { type ModelPrice, type PriceTable, tokenComponentNames } from "../src/Price.ts"
import type { PriceFile } from "./extract-prices.ts"
import { type Disagreement, type Flat, flatten, merge, type Statements, unflatten } from "./merge-prices.ts"
import { corrected, source } from "./prices-genai.ts"
import { corrections, defaults, dropped, type Provider, ruled, rules } from "./prices-overlay.ts"

/** A generated table, before it is written. */
export type Table = Omit<PriceTable, "fallback">

/** Something in a list that is likely a slip of it, and what was made of it. */
export interface Suspect {
  readonly provider: Provider
  readonly id: string
  readonly what: "one id, several prices" | "output cheaper than input"
  /** Where it is stated, and the prices of input and output there. */
  readonly stated: ReadonlyArray<readonly [where: string, input: number | undefined, output: number | undefined]>
  readonly chosen: ModelPrice | undefined
}

/** The generated tables, what the lists disagree on, and what is likely wrong in them. */
export interface Generated {
  readonly tables: Readonly<Record<Provider, Table>>
  readonly disagreements: ReadonlyArray<Disagreement>
  readonly suspects: ReadonlyArray<Suspect>
}

const providers: ReadonlyArray<Provider> = ["openai", "anthropic", "bedrock", "groq", "azure"]

const keys: Readonly<Record<string, string>> = {
  "genai-prices": "g",
  "pi-ai": "p",
  "ai-sdk-cost-calculator": "c",
  "litellm": "l",
  "portkey": "k",
  "models.dev": "m"
}

/** The lists of `scripts/prices-files/`. */
export const files = (): ReadonlyArray<PriceFile> => {
  const folder = new URL("./prices-files/", import.meta.url)
  return readdirSync(folder).sort().map((name): PriceFile => JSON.parse(readFileSync(new URL(name, folder), "utf8")))
}

/** The lists that tables are made from; `without` leaves one out, to check the others against it. */
export const statements = async (provider: Provider, without?: string): Promise<ReadonlyArray<Statements>> => {
  const { models, names } = await corrected(provider)
  const genai: Record<string, ModelPrice> = {}
  for (const [id, price] of Object.entries(models)) genai[id] = price
  for (const [id, model] of Object.entries(names)) genai[id] ??= models[model] ?? {}
  // "regional." is the list's own name of entries; GovCloud's prices it copied from the commercial ones.
  for (const id of Object.keys(genai)) if (/^(?:regional|us-gov)\./.test(id)) delete genai[id]
  return [
    {
      key: "g",
      name: "genai-prices",
      date: source.date,
      prices: genai,
      weight: 1,
      statesLongContext: provider !== "bedrock"
    },
    ...files().map(({ date, name, prices }): Statements => ({
      key: keys[name] ?? fail(`no key for ${name}`),
      name,
      date,
      prices: map(prices[provider] ?? {}, withoutMultipliers),
      // It swaps cache reads and writes, and audio in and out, in places.
      weight: name === "portkey" ? 0.9 : 1,
      statesLongContext: name === "pi-ai" || name === "ai-sdk-cost-calculator"
    }))
  ].filter(({ name }) => name !== without)
    .map((list) => provider === "azure" ? { ...list, prices: map(list.prices, withoutTools) } : list)
}

// Models of other makers that Azure serves.
const isFoundry = /^(?:kimi|grok|mistral|ministral|codestral|cohere|llama|meta-llama|deepseek|phi|jamba|ai21)/

// Tiers and regions are rulings, which hold for a family of models.
const withoutMultipliers = (price: ModelPrice): ModelPrice => {
  const { deploymentTypes: _, regionFactors: __, serverTools, serviceTiers: ___, ...rest } = price
  // A fee of 0 stands for "no such tool" in these lists.
  return serverTools?.["web_search"] ? { ...rest, serverTools } : rest
}

// Azure's tools are other tools than the makers', at other fees.
const withoutTools = ({ serverTools: _tools, ...price }: ModelPrice): ModelPrice => price

const fail = (message: string): never => {
  throw new Error(message)
}

/** The fields that a correction of the base list's entry rules on. */
const ruledByCorrection = (provider: Provider, entry: string): Flat =>
  Object.assign(
    {},
    ...corrections.flatMap(({ model, provider: of, set }) =>
      of === provider && model === entry && set !== undefined ? [flatten(set)] : []
    )
  )

/** Makes the tables. */
export const generate = async (without?: string): Promise<Generated> => {
  const disagreements: Array<Disagreement> = []
  const suspects: Array<Suspect> = []
  const tableOf = async (provider: Provider): Promise<Table> => {
    const lists = await statements(provider, without)
    const base = await corrected(provider)
    const models: Record<string, ModelPrice> = {}
    const ids = new Set(lists.flatMap(({ prices }) => Object.keys(prices)))
    for (const id of Array.from(ids).sort()) {
      if (isDropped(provider, id)) continue
      const listing = lists.filter(({ prices }) => prices[id] !== undefined)
      // Resellers' lists hold ids of other hosts: what only one of them has is left out.
      if (listing.length === 0) continue
      if (listing.every(({ key }) => key === "k") && !(provider === "azure" && isFoundry.test(id))) continue
      const entry = base.names[id] ?? id
      const ruling = { ...ruledByCorrection(provider, entry), ...ruled(provider, id) }
      const merged = merge(provider, id, lists, ruling)
      disagreements.push(...merged.disagreements)
      const { regions } = base.models[entry] ?? {}
      models[id] = {
        ...unflatten(merged.price),
        ...(regions === undefined ? undefined : { regions }),
        from: merged.from
      }
    }
    completeDated(models)
    for (const rule of rules) if (rule.provider === provider) rule.apply(models)
    for (const suspect of suspectsOf(provider, lists)) {
      const chosen = models[suspect.id]
      suspects.push({ ...suspect, chosen })
    }
    for (const [id, price] of Object.entries(models)) {
      if (isInverted(price)) fail(`${provider} ${id}: output is cheaper than input; rule on it in prices-overlay.ts`)
      models[id] = withoutDefaults(price, defaults[provider])
    }
    return {
      provider,
      source: "scripts/generate-prices.ts",
      date: lists.map(({ date }) => date).sort().at(-1) ?? "",
      sources: {
        ...Object.fromEntries(
          lists.flatMap(({ date, key, name, prices }) =>
            Object.keys(prices).length > 0 ? [[key, `${name} ${date}`]] : []
          )
        ),
        ...(Object.values(models).some(({ from }) => from === "r") ? { r: "the provider's own page" } : undefined)
      },
      defaults: defaults[provider],
      ...grouped(provider, models)
    }
  }
  const tables: Partial<Record<Provider, Table>> = {}
  for (const provider of providers) tables[provider] = await tableOf(provider)
  return { tables: tables as Record<Provider, Table>, disagreements, suspects }
}

const isDropped = (provider: Provider, id: string): boolean =>
  dropped.some(({ pattern, provider: of }) => of === provider && pattern.test(id))

// Embeddings and the like have no output.
const isInverted = ({ input = 0, output = 0 }: ModelPrice): boolean => output > 0 && output < input

const suspectsOf = (
  provider: Provider,
  lists: ReadonlyArray<Statements>
): ReadonlyArray<Omit<Suspect, "chosen">> => [
  ...files().filter(({ name }) => lists.some((list) => list.name === name)).flatMap(({ collisions, name }) =>
    Object.entries(collisions?.[provider] ?? {}).map(([id, spellings]) => ({
      provider,
      id,
      what: "one id, several prices" as const,
      stated: Object.entries(spellings).map(([at, { input, output }]) => [`${name} ${at}`, input, output] as const)
    }))
  ),
  ...lists.flatMap(({ name, prices }) =>
    Object.entries(prices).filter(([, price]) => isInverted(price)).map(([id, { input, output }]) => ({
      provider,
      id,
      what: "output cheaper than input" as const,
      stated: [[name, input, output] as const]
    }))
  )
]

/** What a provider's defaults say already, no model has to. */
const withoutDefaults = ({ serverTools = {}, ...price }: ModelPrice, defaults: ModelPrice): ModelPrice => {
  const own = Object.entries(serverTools).filter(([kind, fee]) => defaults.serverTools?.[kind] !== fee)
  return own.length === 0 ? price : { ...price, serverTools: Object.fromEntries(own) }
}

/** A dated id of which lists state less than of the id without a date has what that has, if they cost the same. */
const completeDated = (models: Record<string, ModelPrice>): void => {
  for (const [id, price] of Object.entries(models)) {
    const base = models[id.replace(/-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$/, "")]
    if (base === undefined || base === price || base.input !== price.input || base.output !== price.output) continue
    if (base.inputAudio !== undefined && price.inputAudio !== undefined && base.inputAudio !== price.inputAudio) {
      continue
    }
    const serverTools = { ...base.serverTools, ...price.serverTools }
    models[id] = { ...base, ...price, ...(Object.keys(serverTools).length > 0 ? { serverTools } : undefined) }
  }
}

/** The id that a dated, versioned or geographic id is a variant of. */
const variantOf = (provider: Provider, id: string): string => {
  const bare = provider === "bedrock" ? id.replace(/^(?:us|eu|apac|au|jp|ca|in|global)\./, "") : id
  return bare.replace(/(?:[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|latest|\d{4}))?(?:-v\d+)?(?::\d+)?$/, "")
}

/** Variants of one id that cost the same are one entry with several names. */
const grouped = (
  provider: Provider,
  models: Readonly<Record<string, ModelPrice>>
): Pick<PriceTable, "models" | "names"> => {
  const entries = new Map<string, string>()
  const kept: Record<string, ModelPrice> = {}
  const names: Record<string, string> = {}
  for (const id of Object.keys(models).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))) {
    const { from = "", ...price } = models[id] ?? {}
    const key = `${variantOf(provider, id)} ${JSON.stringify(Object.entries(flatten(price)).sort())} ${price.regions}`
    const entry = entries.get(key)
    if (entry === undefined) {
      entries.set(key, id)
      kept[id] = { ...price, from }
    } else {
      names[id] = entry
      const so = kept[entry]
      kept[entry] = { ...so, from: Array.from(new Set(`${so?.from ?? ""}${from}`)).sort().join("") }
    }
  }
  const sorted = <A>(record: Record<string, A>): Record<string, A> =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1))
  return { models: sorted(kept), names: sorted(names) }
}

/** The values inside entries that several entries state, by how they are written, with the name each gets. */
const sharedValues = (models: Table["models"]): ReadonlyMap<string, string> => {
  const counts = new Map<string, { readonly field: string; count: number }>()
  for (const [field, value] of Object.values(models).flatMap((price) => Object.entries(price))) {
    if (typeof value !== "object") continue
    const written = literal(value)
    const known = counts.get(written) ?? { field, count: 0 }
    known.count++
    counts.set(written, known)
  }
  const shared = Array.from(counts).filter(([written, { count }]) => count > 2 && written.length > 2)
  return new Map(shared.map(([written, { field }], at) => {
    const before = shared.slice(0, at).filter(([, other]) => other.field === field).length
    return [written, before === 0 ? field : `${field}${before + 1}`]
  }))
}

const literal = (value: unknown, shared?: ReadonlyMap<string, string>): string => {
  if (Array.isArray(value)) return `[${value.map((element) => literal(element)).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const rank = (key: string): number => tokenComponentNames.findIndex((name) => name === key)
  const entries = Object.entries(value).sort(([a], [b]) => rank(a) - rank(b)).map(([key, field]) => {
    const written = literal(field)
    const name = shared?.get(written)
    return name === key ? key : `${property(key)}: ${name ?? written}`
  })
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`
}

const property = (key: string): string => /^[a-z]\w*$/i.test(key) ? key : JSON.stringify(key)

const lines = (record: Readonly<Record<string, string>>): string =>
  Object.entries(record).map(([key, value]) => `      ${JSON.stringify(key)}: ${value}`).join(",\n")

/** Entries that state the same rates are rows below the names of these, by all their ids; their other fields end a row. */
const written = ({ models, names }: Table, shared: ReadonlyMap<string, string>): string => {
  const others: Record<string, string> = {}
  for (const [name, id] of Object.entries(names)) others[id] = `${others[id] ?? id} ${name.replace(id, "*")}`
  const groups = new Map<string, Record<string, string>>()
  for (const [id, { from = "", ...price }] of Object.entries(models)) {
    const rates = tokenComponentNames.filter((name) => price[name] !== undefined)
    const more = Object.entries(price).filter(([name]) => !rates.some((rate) => rate === name))
    const group = groups.get(literal(rates)) ?? {}
    groups.set(literal(rates), group)
    group[others[id] ?? id] = `[${
      [
        ...rates.map((name) => literal(price[name])),
        literal(from),
        ...(more.length === 0 ? [] : [literal(Object.fromEntries(more), shared)])
      ].join(", ")
    }]`
  }
  return Array.from(groups).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
    .map(([rates, rows]) => `    ...rows(${rates}, {\n${lines(rows)}\n    })`).join(",\n")
}

// Azure serves the makers' models at the makers' prices, unless it lists its own.
const fallbacks: Partial<Record<Provider, ReadonlyArray<Provider>>> = { azure: ["openai", "anthropic"] }

const titles: Record<Provider, string> = {
  openai: "OpenAI",
  anthropic: "Anthropic",
  bedrock: "AWS Bedrock (on demand, us-east-1)",
  groq: "Groq",
  azure: "Azure (global deployments)"
}

const render = (provider: Provider, table: Table): string => {
  const others = fallbacks[provider] ?? []
  const shared = sharedValues(table.models)
  return `/**
 * Prices of ${titles[provider]}, as of ${table.date}.
 *
 * Generated by \`scripts/generate-prices.ts\`. Do not edit: rule on prices in \`scripts/prices-overlay.ts\`. The letters in
 * a row name the lists that agree on it, see \`sources\`.
 *
 * Among the lists is @pydantic/genai-prices ${source.version} (https://github.com/pydantic/genai-prices), Copyright (c)
 * Pydantic Services Inc. 2025 to present, MIT License: see LICENSE-genai-prices.txt in this folder.
 *
 * @since 0.1.0
 */
import { entries, rows } from "./table.ts"
import type { PriceTable } from "../Price.ts"
${others.map((other) => `import { table as ${other} } from "./${other}.ts"\n`).join("")}
${Array.from(shared, ([value, name]) => `const ${name} = ${value}\n`).join("")}
/**
 * Prices of ${titles[provider]}, as of ${table.date}.
 *
 * @category models
 * @since 0.1.0
 */
export const table: PriceTable = {
  provider: ${literal(table.provider)},
  source: ${literal(table.source)},
  date: ${literal(table.date)},
  sources: ${literal(table.sources)},
  defaults: ${literal(table.defaults)},
  // dprint-ignore
  ...entries({\n${written(table, shared)}\n  })${others.length > 0 ? `,\n  fallback: [${others.join(", ")}]` : ""}
}
`
}

/** The report of what the lists disagree on. */
export const report = ({ disagreements, suspects }: Pick<Generated, "disagreements" | "suspects">): string => {
  const money = (value: number | undefined): string => value === undefined ? "none" : `${value}`
  const title: Record<Provider, string> = { ...titles, bedrock: "AWS Bedrock", azure: "Azure" }
  return [
    "# What the price lists disagree on",
    "",
    "Written by `scripts/generate-prices.ts`. USD per million tokens; fees by the request; thresholds in tokens.",
    "How a ruling is made is in [decisions/prices.md](../docs/decisions/prices.md).",
    "",
    `## Likely slips of a list: ${suspects.length}`,
    "",
    "| provider | id | what | stated (input / output) | chosen |",
    "| --- | --- | --- | --- | --- |",
    ...suspects.map(({ chosen, id, provider, stated, what }) =>
      `| ${provider} | ${id} | ${what} | ${
        stated.map(([where, input, output]) => `${where} ${money(input)} / ${money(output)}`).join(", ")
      } | ${chosen === undefined ? "none" : `${money(chosen.input)} / ${money(chosen.output)}`} |`
    ),
    ...providers.flatMap((provider) => {
      const rows = disagreements.filter((disagreement) => disagreement.provider === provider)
      return [
        "",
        `## ${title[provider]}: ${rows.length}`,
        "",
        "| id | field | stated | chosen | why |",
        "| --- | --- | --- | --- | --- |",
        ...rows.map(({ chosen, field, id, ruling, stated }) =>
          `| ${id} | ${field} | ${stated.map(([list, value]) => `${list} ${money(value)}`).join(", ")} | ${
            money(chosen)
          } | ${ruling} |`
        )
      ]
    }),
    ""
  ].join("\n")
}

if (import.meta.main) {
  const packageFolder = new URL("../node_modules/@pydantic/genai-prices/", import.meta.url)
  const { version } = JSON.parse(readFileSync(new URL("package.json", packageFolder), "utf8"))
  if (version !== source.version) {
    fail(`@pydantic/genai-prices ${version} is installed; set its version and date in scripts/prices-genai.ts first`)
  }
  const folder = new URL("../src/pricing/", import.meta.url)
  const { disagreements, suspects, tables } = await generate()
  const written: Array<string> = []
  for (const provider of providers) {
    const file = new URL(`${provider}.ts`, folder)
    writeFileSync(file, render(provider, tables[provider]))
    written.push(file.pathname)
  }
  const reportFile = new URL("price-disagreements.md", import.meta.url)
  writeFileSync(reportFile, report({ disagreements, suspects }))
  written.push(reportFile.pathname)
  copyFileSync(new URL("LICENSE", packageFolder), new URL("LICENSE-genai-prices.txt", folder))
  execFileSync(new URL("../node_modules/.bin/dprint", import.meta.url).pathname, ["fmt", ...written], {
    stdio: "inherit"
  })
}
