import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Chunk from "../Chunk.ts"
import type * as Protocol from "../Protocol.ts"
import type * as Provider from "../Provider.ts"
import * as Providers from "../Providers.ts"

/**
 * The options of a provider that the command line can set; the rest comes from the environment. The model is in each
 * request.
 *
 * @internal
 */
export interface Settings {
  readonly baseUrl: string | undefined
  readonly idleTimeout: Duration.Duration | undefined
  readonly maxRetries: number | undefined
}

/** @internal */
export interface Module {
  readonly protocol: Protocol.Protocol<Chunk.Chunk>
  /** The provider as a value: it shows a request without sending it, and makes the service that sends it. */
  readonly definition: (settings: Settings) => Config.Config<Provider.Definition<Chunk.Chunk>>
}

/** @internal */
export interface Row {
  /** The name that `--provider` takes. */
  readonly id: Providers.Name
  /** The environment variables of its credentials: all of one of these groups have to be set. */
  readonly keys: ReadonlyArray<ReadonlyArray<string>>
  /** The model that is asked when `--model` is not given; `undefined` without a sensible default. */
  readonly model: string | undefined
  /** Loaded on demand: a run needs one provider, and start-up is felt. */
  readonly load: () => Promise<Module>
}

// Only what was given: the rest is left to the environment and the defaults.
const configs = ({ baseUrl, idleTimeout, maxRetries }: Settings) => ({
  ...(baseUrl === undefined ? undefined : { baseUrl, endpoint: baseUrl }),
  ...(idleTimeout === undefined ? undefined : { idleTimeout }),
  ...(maxRetries === undefined ? undefined : { maxRetries })
})

const row = <N extends Providers.Name>(id: N, keys: Row["keys"], model: string | undefined): Row => ({
  id,
  keys,
  model,
  load: async () => {
    const { config, define, protocol } = await Providers.modules[id]()
    return { protocol: protocol(), definition: (settings) => Config.map(config(configs(settings)), define) }
  }
})

const bedrockKeys = [["AWS_BEARER_TOKEN_BEDROCK"], ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]]
const azureKeys = [["AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"]]

// Claude, as `bedrock-invoke` needs it, by the inference profile that works from every region.
const bedrockModel = "global.anthropic.claude-haiku-4-5-20251001-v1:0"

/**
 * The providers that there are, in the order in which a default is looked for.
 *
 * @internal
 */
export const providers: ReadonlyArray<Row> = [
  row("openai", [["OPENAI_API_KEY"]], "gpt-4.1-mini"),
  row("openai-responses", [["OPENAI_API_KEY"]], "gpt-5-mini"),
  row("anthropic", [["ANTHROPIC_API_KEY"]], "claude-haiku-4-5"),
  row("bedrock", bedrockKeys, bedrockModel),
  row("bedrock-invoke", bedrockKeys, bedrockModel),
  row("groq", [["GROQ_API_KEY"]], "openai/gpt-oss-20b"),
  row("azure", azureKeys, undefined),
  row("azure-responses", azureKeys, undefined),
  row("azure-inference", [["AZURE_INFERENCE_ENDPOINT", "AZURE_INFERENCE_CREDENTIAL"]], undefined)
]

/** @internal */
export const find = (id: string): Row | undefined => providers.find((row) => row.id === id)

/**
 * The message for a name that is not a provider's.
 *
 * @internal
 */
export const expected = (): string => `one of ${providers.map((row) => row.id).join(", ")}`

/**
 * The provider that a name is most likely a misspelling of.
 *
 * @internal
 */
export const nearest = (name: string): string | undefined => new Providers.UnknownProvider({ provider: name }).nearest

/**
 * Whether the environment holds credentials for a provider.
 *
 * @internal
 */
export const hasKey = (row: Row): Effect.Effect<boolean> =>
  Effect.map(
    Effect.forEach(row.keys, (group) => Effect.forEach(group, isSet)),
    (groups) => groups.some((group) => group.every((set) => set))
  )

const isSet = (name: string): Effect.Effect<boolean> =>
  Config.option(Config.String(name)).pipe(
    Effect.map((value) => Option.isSome(value) && value.value.trim() !== ""),
    Effect.orElseSucceed(() => false)
  )
