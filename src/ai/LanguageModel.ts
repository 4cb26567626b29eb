/**
 * Any provider of this library as a `LanguageModel` of `effect/ai`: `Chat`, `Toolkit`, `generateObject` and
 * `ExecutionPlan` work over it.
 *
 * `layer` is for the provider in context. The modules of the providers, such as `OpenAiLanguageModel`, have the models in
 * the shape of the `@effect/ai-*` packages.
 *
 * @since 0.2.0
 */
import * as AiError from "effect/ai/AiError"
import * as AnthropicStructuredOutput from "effect/ai/AnthropicStructuredOutput"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as Prompt from "effect/ai/Prompt"
import type * as AiResponse from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as ChatRequest from "../ChatRequest.ts"
import { MaxSize } from "../ChatResponse.ts"
import type { Chunk } from "../Chunk.ts"
import * as Cost from "../Cost.ts"
import * as CostMetadata from "../CostMetadata.ts"
import { decodeStream } from "../internal/decodeStream.ts"
import { defined } from "../internal/defined.ts"
import * as Fields from "../internal/fields.ts"
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as ResponseParts from "../ResponseParts.ts"

/**
 * The key in the metadata of `finish` parts under which this library states what it knows: `cost` and `chunks`.
 *
 * @category constants
 * @since 0.2.0
 */
export const metadataKey = "effect-llm-stream"

/**
 * What every request of a model says beside its prompt, tools and format: temperature, limits, reasoning, and the
 * provider's own `options`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Settings
  extends Omit<ChatRequest.ChatRequest, "model" | "prompt" | "tools" | "toolChoice" | "responseFormat">
{
  /**
   * Makes the provider guarantee the schema of `generateObject`, where it can. Default: `true` for OpenAI and Azure OpenAI;
   * otherwise each API does what it does by default.
   */
  readonly strict?: boolean | undefined
  /**
   * How `generateObject` asks for its schema: `format` is the API's own field for it; `instructions` tells the model, for
   * models and hosts that have no such field. Default: `format`.
   */
  readonly schemaBy?: "format" | "instructions" | undefined
  /** Puts the payloads of all chunks into the metadata of the `finish` part, as `chunks`. Default: `false`. */
  readonly rawChunks?: boolean | undefined
}

/**
 * Settings of the calls that run with it; they win over those of the model, field by field. {@link withSettings} adds to
 * them.
 *
 * @example
 * ```ts
 * import { AiLanguageModel } from "effect-llm-stream"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const precise = LanguageModel.generateText({ prompt: "What is 7 times 191?" }).pipe(
 *   Effect.provideService(AiLanguageModel.CurrentSettings, { temperature: 0 })
 * )
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const CurrentSettings: Context.Reference<Settings> = Context.Reference<Settings>(
  "effect-llm-stream/ai/LanguageModel/CurrentSettings",
  { defaultValue: () => ({}) }
)

/**
 * Runs an effect with other settings, which are added to those that are set already.
 *
 * @example
 * ```ts
 * import { AiLanguageModel } from "effect-llm-stream"
 * import { LanguageModel } from "effect/ai"
 *
 * const precise = LanguageModel.generateText({ prompt: "What is 7 times 191?" }).pipe(
 *   AiLanguageModel.withSettings({ temperature: 0, reasoning: { effort: "high" } })
 * )
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const withSettings: {
  (settings: Settings): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, settings: Settings): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, settings: Settings): Effect.Effect<A, E, R> =>
    Effect.updateService(self, CurrentSettings, (current) => ({ ...current, ...settings }))
)

/**
 * What a model of `effect/ai` has to know of a provider's API beyond its `Provider`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Dialect {
  /** The key of the provider's own fields in the `options` of a request. */
  readonly key: string
  /** Writes the schema of `generateObject` in the part of JSON Schema that the API takes. */
  readonly codecTransformer: LanguageModel.CodecTransformer
  /** Whether schemas are `strict` unless the settings say otherwise; `undefined` leaves it to the API. */
  readonly strict: boolean | undefined
  /** How the API takes tools that the provider defines. `undefined` when it has no such tools. */
  readonly providerTools: ProviderTools | undefined
  /**
   * Whether the API takes calls in the prompt only where tools are declared. They are then declared by their names, when
   * the program gives no toolkit.
   */
  readonly declaresTools: boolean
  /**
   * The field of the body that names the response to go on from, where the API keeps responses. It is used with a
   * `ResponseIdTracker` of `effect/ai`, and only what is new is then sent. `undefined` when the API keeps none.
   */
  readonly previousResponse?: string | undefined
}

/**
 * How an API takes tools that the provider defines.
 *
 * @category models
 * @since 0.2.0
 */
export interface ProviderTools {
  /** What stands before the first dot in the ids of such tools: `anthropic` in `anthropic.web_search_20250305`. */
  readonly prefix: string
  /** The fields of the body that ask for the tools. */
  readonly fields: (tools: ReadonlyArray<ProviderTool>) => Schema.JsonObject
  /** By what `toolChoice` of a request asks for one of the tools. `undefined` when the API can't be asked for them. */
  readonly choice?: ((tool: ProviderTool) => string) | undefined
}

/**
 * A tool that a provider defines.
 *
 * @category models
 * @since 0.2.0
 */
export interface ProviderTool {
  /** The id without its prefix, such as `web_search_20250305`. */
  readonly type: string
  /** The provider's name of the tool, such as `web_search`. */
  readonly name: string
  /** The arguments of the tool, by their names on the wire. */
  readonly args: Schema.JsonObject
}

const openAiTools: ProviderTools = {
  prefix: "openai",
  fields: (tools) => ({ tools: tools.map(({ args, type }) => ({ type, ...args })) }),
  choice: ({ args, type }) => [args["name"], args["server_label"]].find(Predicate.isString) ?? type
}

const anthropicTools: ProviderTools = {
  prefix: "anthropic",
  fields: (tools) => ({ tools: tools.map(({ args, name, type }) => ({ type, name, ...args })) }),
  choice: ({ name }) => name
}

/**
 * The dialects of the bundled providers.
 *
 * @category constants
 * @since 0.2.0
 */
export const dialects = {
  openai: {
    key: "openai",
    codecTransformer: OpenAiStructuredOutput.toCodecOpenAI,
    strict: true,
    providerTools: undefined,
    declaresTools: false
  },
  openaiResponses: {
    key: "openaiResponses",
    codecTransformer: OpenAiStructuredOutput.toCodecOpenAI,
    strict: true,
    providerTools: openAiTools,
    declaresTools: false,
    previousResponse: "previous_response_id"
  },
  groq: {
    key: "groq",
    codecTransformer: OpenAiStructuredOutput.toCodecOpenAI,
    strict: undefined,
    providerTools: {
      prefix: "groq",
      fields: (tools) => ({ tools: tools.map(({ args, type }) => ({ type, ...args })) })
    },
    declaresTools: false
  },
  azure: {
    key: "azure",
    codecTransformer: OpenAiStructuredOutput.toCodecOpenAI,
    strict: true,
    providerTools: undefined,
    declaresTools: false
  },
  azureInference: {
    key: "azureInference",
    codecTransformer: OpenAiStructuredOutput.toCodecOpenAI,
    strict: undefined,
    providerTools: undefined,
    declaresTools: false
  },
  anthropic: {
    key: "anthropic",
    codecTransformer: AnthropicStructuredOutput.toCodecAnthropic,
    strict: undefined,
    providerTools: anthropicTools,
    declaresTools: false
  },
  bedrock: {
    key: "bedrock",
    codecTransformer: AnthropicStructuredOutput.toCodecAnthropic,
    strict: undefined,
    providerTools: {
      prefix: "bedrock",
      fields: (tools) => ({ toolConfig: { tools: tools.map(({ name }) => ({ systemTool: { name } })) } })
    },
    declaresTools: true
  },
  bedrockInvoke: {
    key: "bedrockInvoke",
    codecTransformer: AnthropicStructuredOutput.toCodecAnthropic,
    strict: undefined,
    providerTools: anthropicTools,
    declaresTools: false
  }
} as const satisfies Record<string, Dialect>

/**
 * The dialect of a provider by its name. A host that is not known is taken for one of OpenAI's format, without strict
 * schemas.
 *
 * @example
 * ```ts
 * import { AiLanguageModel } from "effect-llm-stream"
 *
 * AiLanguageModel.dialectOf("anthropic").key // "anthropic"
 * AiLanguageModel.dialectOf("ollama").strict // undefined
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const dialectOf = (provider: string): Dialect => {
  const known: Readonly<Record<string, Dialect>> = dialects
  const dialect = Object.hasOwn(known, provider) ? known[provider] : undefined
  return dialect ?? {
    key: provider,
    codecTransformer: OpenAiStructuredOutput.toCodecOpenAI,
    strict: undefined,
    providerTools: undefined,
    declaresTools: false
  }
}

/**
 * What a language model is made of.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options extends Settings {
  /** The provider's model id. When absent, the default model of the provider's layer. */
  readonly model?: string | undefined
  /**
   * What is particular to the provider's API. Default: that of the provider of this name, see {@link dialectOf}. State it
   * for `AzureInference` and `BedrockInvoke`, which share their names with `AzureOpenAi` and `Bedrock`.
   */
  readonly dialect?: Dialect | undefined
}

/**
 * Makes a language model of a provider.
 *
 * All of it streams: `generateText` and `generateObject` read the same stream to its end. Errors are `AiError`s, with the
 * provider's own error inside, see {@link providerError}. The `finish` part has the usage in full under the provider's
 * name in its metadata, and the cost under {@link metadataKey}, when the price of the model is known.
 *
 * @example
 * ```ts
 * import { AiLanguageModel, OpenAi } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const openai = yield* OpenAi.OpenAi
 *   const model = yield* AiLanguageModel.make(openai, { model: "gpt-4o-mini", temperature: 0 })
 *   return (yield* model.generateText({ prompt: "Say hello" })).text
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (provider: Provider.Service, options: Options = {}): Effect.Effect<LanguageModel.LanguageModel> => {
  const { dialect = dialectOf(provider.name), model, ...modelSettings } = options
  const run = (
    call: LanguageModel.ProviderOptions,
    method: string
  ): Stream.Stream<AiResponse.StreamPartEncoded, AiError.AiError> =>
    Stream.unwrap(Effect.gen(function*() {
      const settings = { ...modelSettings, ...defined(yield* CurrentSettings) }
      const fail = (reason: AiError.AiErrorReason) => AiError.make({ module: provider.name, method, reason })
      const request = yield* Effect.mapError(
        Effect.fromResult(requestOf(call, { dialect, model, provider: provider.name, settings })),
        fail
      )
      const names = new Tool.NameMapper(call.tools)
      const parts = partsOf(provider.stream(request), settings.rawChunks === true).pipe(
        Stream.mapError((error) => fail(toReason(error)))
      )
      return names.customNames.length === 0 ? parts : Stream.map(parts, (part) => withToolName(part, names))
    })).pipe(
      // For `streamText` the caller does not make it the parent.
      Stream.provideService(Tracer.ParentSpan, call.span)
    )
  return LanguageModel.make({
    streamText: (call) => run(call, "streamText"),
    generateText: (call) => {
      const method = call.responseFormat.type === "json" ? "generateObject" : "generateText"
      return Effect.flatMap(Stream.runCollect(run(call, method)), (parts) => {
        const last = parts.at(-1)
        return last?.type === "error"
          ? Effect.fail(AiError.make({
            module: provider.name,
            method,
            reason: new AiError.InternalProviderError({ description: "The response ended without a finish reason" })
          }))
          : Effect.succeed([...ResponseParts.collect(parts)])
      })
    },
    codecTransformer: dialect.codecTransformer
  })
}

/**
 * A language model of the provider in context, whichever it is.
 *
 * @example
 * ```ts
 * import { AiLanguageModel, Groq } from "effect-llm-stream"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const GroqLive = AiLanguageModel.layer({ model: "openai/gpt-oss-20b" }).pipe(
 *   Layer.provide(Groq.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 *
 * const runnable = LanguageModel.generateText({ prompt: "Say hello" }).pipe(Effect.provide(GroqLive))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<LanguageModel.LanguageModel, never, Provider.Provider> =>
  Layer.effect(LanguageModel.LanguageModel, Effect.flatMap(Provider.Provider, (provider) => make(provider, options)))

/**
 * A `Model` of `effect/ai` over the service of any provider, ours or your own: it gives the `LanguageModel`, and the
 * service as the common `Provider`.
 *
 * @example
 * ```ts
 * import { AiLanguageModel, type Chunk, Provider } from "effect-llm-stream"
 * import { Context } from "effect"
 *
 * class Gateway extends Context.Service<Gateway, Provider.Service<Chunk.Chunk>>()("app/Gateway") {}
 *
 * const small = AiLanguageModel.model(Gateway, "gateway", "small-1", { maxTokens: 500 })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const model = <Self, C extends Chunk, const Name extends string, const ModelName extends string>(
  service: Context.Key<Self, Provider.Service<C>>,
  name: Name,
  modelName: ModelName,
  options: Omit<Options, "model"> = {}
): Model.Model<Name, LanguageModel.LanguageModel | Provider.Provider, Exclude<Self, Scope.Scope>> =>
  Model.make(
    name,
    modelName,
    Layer.effectContext(Effect.gen(function*() {
      const provider = yield* service
      const languageModel = yield* make(provider, { ...options, model: modelName })
      return Context.make(LanguageModel.LanguageModel, languageModel).pipe(Context.add(Provider.Provider, provider))
    }))
  )

/**
 * The error of the provider that an `AiError` stands for; `undefined` when it comes from elsewhere. It is the `cause` of
 * the error's reason, and is read from the metadata of the reason when the error has been stored as JSON.
 *
 * @example
 * ```ts
 * import { AiLanguageModel } from "effect-llm-stream"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const program = LanguageModel.generateText({ prompt: "Say hello" }).pipe(
 *   Effect.tapError((error) => Effect.logError(AiLanguageModel.providerError(error)?.requestId))
 * )
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const providerError = (error: AiError.AiError): ProviderError.ProviderError | undefined => {
  const { reason } = error
  if (ProviderError.isProviderError(reason.cause)) return reason.cause
  const stored = "metadata" in reason ? reason.metadata[metadataKey] : undefined
  return Predicate.hasProperty(stored, "error")
    ? Result.getOrUndefined(decodeError(stored.error))
    : undefined
}

// Made when there is an error: it takes milliseconds, which a program should not spend when it starts.
const errorCodec = () => Schema.toCodecJson(ProviderError.ProviderError)
const encodeError = (error: ProviderError.ProviderError) => Schema.encodeUnknownResult(errorCodec())(error)
const decodeError = (json: unknown) => Schema.decodeUnknownResult(errorCodec())(json)

interface RequestContext {
  readonly dialect: Dialect
  readonly model: string | undefined
  readonly provider: string
  readonly settings: Settings
}

const requestOf = (
  { incrementalPrompt, previousResponseId, prompt: whole, responseFormat, toolChoice, tools }:
    LanguageModel.ProviderOptions,
  { dialect, model, provider, settings: { rawChunks: _, schemaBy, strict = dialect.strict, ...settings } }:
    RequestContext
): Result.Result<ChatRequest.ChatRequest, AiError.AiErrorReason> =>
  Result.gen(function*() {
    const ours = tools.filter(Tool.isProviderDefined)
    const goesOn = dialect.previousResponse !== undefined && previousResponseId !== undefined &&
      incrementalPrompt !== undefined
    const prompt = goesOn ? incrementalPrompt : whole
    const others = tools.length === 0 && dialect.declaresTools
      ? calledTools(prompt)
      : tools.filter((tool) => !Tool.isProviderDefined(tool))
    const format = responseFormat.type === "text" ? undefined : yield* formatOf(responseFormat, dialect)
    const providerTools = yield* Result.all(ours.map((tool) => providerTool(tool, dialect, provider)))
    const fields: Schema.JsonObject = {
      ...(providerTools.length === 0 ? undefined : dialect.providerTools?.fields(providerTools)),
      ...(goesOn ? { [dialect.previousResponse]: previousResponseId } : undefined)
    }
    return {
      ...settings,
      model,
      prompt: withProviderNames(prompt, ours),
      ...(Object.keys(fields).length === 0
        ? undefined
        : { options: withFields(settings.options, dialect.key, fields) }),
      ...(others.length === 0 ? undefined : { tools: others }),
      ...(tools.length === 0 || toolChoice === "auto"
        ? undefined
        : { toolChoice: yield* choiceOf(toolChoice, ours, dialect, provider) }),
      ...(format === undefined
        ? undefined
        : schemaBy === "instructions"
        ? {
          system: [...(settings.system === undefined ? [] : [settings.system]), instructions(format.schema)].join(
            "\n\n"
          )
        }
        : { responseFormat: { ...format, strict } })
    }
  })

/**
 * What a model is told that has no field for a schema.
 *
 * @internal
 */
export const instructions = (schema: Schema.JsonObject): string =>
  `Answer with JSON of this JSON Schema and nothing else, not even a code fence:\n${JSON.stringify(schema)}`

const calledTools = ({ content }: Prompt.Prompt): ReadonlyArray<ChatRequest.ToolInput> => {
  const names = content.flatMap((message) =>
    message.role === "assistant"
      ? message.content.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part.name] : [])
      : []
  )
  return Array.from(new Set(names), (name) => ({ name, parameters: { type: "object", properties: {} } }))
}

const providerTool = (
  tool: Tool.AnyProviderDefined,
  { providerTools }: Dialect,
  provider: string
): Result.Result<ProviderTool, AiError.AiErrorReason> => {
  const [prefix, ...rest] = tool.id.split(".")
  const problem = (description: string) =>
    Result.fail(new AiError.ToolConfigurationError({ toolName: tool.name, description }))
  if (providerTools === undefined) return problem(`${provider} takes no tools of its own through this API`)
  if (prefix !== providerTools.prefix) {
    return problem(`${tool.id} is no tool of ${provider}: its own have ids that begin with "${providerTools.prefix}."`)
  }
  const args: unknown = tool.args ?? {}
  return isJsonObject(args)
    ? Result.succeed({ type: rest.join("."), name: tool.providerName, args })
    : problem("its arguments are no JSON object")
}

const isJsonObject = Schema.is(Schema.JsonObject)

/** The options with more fields of one provider. They are not checked, as their types are not those of the key. */
const withFields = (
  options: ChatRequest.ProviderOptions | undefined,
  key: string,
  fields: Schema.JsonObject
): ChatRequest.ProviderOptions => {
  const { [key]: mine, openai }: Readonly<Record<string, unknown>> = { ...options }
  // OpenAI's Responses API reads those of `openai` where there are none of its own.
  const own = mine === undefined && key === "openaiResponses" ? openai : mine
  const stated = isJsonObject(own) ? ChatRequest.splitUnchecked(own) : { checked: {}, unchecked: {} }
  const added = { ...stated.checked, ...ChatRequest.unchecked({ ...stated.unchecked, ...fields }) }
  return { ...options, [key]: added }
}

const choiceOf = (
  choice: LanguageModel.ProviderOptions["toolChoice"],
  ours: ReadonlyArray<Tool.AnyProviderDefined>,
  dialect: Dialect,
  provider: string
): Result.Result<ChatRequest.ToolChoice, AiError.AiErrorReason> => {
  if (typeof choice === "string") return Result.succeed(choice)
  // The tools are those of `oneOf` already.
  if ("oneOf" in choice) return Result.succeed(choice.mode ?? "auto")
  const tool = ours.find(({ name }) => name === choice.tool)
  if (tool === undefined) return Result.succeed({ tool: choice.tool })
  const nameOf = dialect.providerTools?.choice
  return nameOf === undefined
    ? Result.fail(
      new AiError.ToolConfigurationError({
        toolName: choice.tool,
        description: `the API of ${provider} can't be asked for a tool that it defines; ask for any tool by "required"`
      })
    )
    : Result.map(providerTool(tool, dialect, provider), (tool) => ({ tool: nameOf(tool) }))
}

const formatOf = (
  { objectName, schema }: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>,
  { codecTransformer }: Dialect
): Result.Result<{ readonly name: string; readonly schema: Schema.JsonObject }, AiError.AiErrorReason> =>
  Result.gen(function*() {
    const unsupported = (description: string) => new AiError.UnsupportedSchemaError({ description })
    const { jsonSchema } = yield* Result.try({
      try: () => codecTransformer(schema),
      catch: (error) => unsupported(error instanceof Error ? error.message : String(error))
    })
    if (!isJsonObject(jsonSchema)) return yield* Result.fail(unsupported("The JSON Schema holds more than JSON"))
    return { name: objectName.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64), schema: jsonSchema }
  })

// Answers name tools as the program does; the provider wants its own names back.
const withProviderNames = (prompt: Prompt.Prompt, tools: ReadonlyArray<Tool.AnyProviderDefined>): Prompt.Prompt => {
  if (tools.every(({ name, providerName }) => name === providerName)) return prompt
  const names = new Tool.NameMapper(tools)
  return Prompt.fromMessages(
    prompt.content.map((message) =>
      message.role !== "assistant" ? message : Prompt.assistantMessage({
        options: message.options,
        content: message.content.map((part) =>
          part.type === "tool-call" || part.type === "tool-result"
            ? { ...part, name: names.getProviderName(part.name) }
            : part
        )
      })
    )
  )
}

const withToolName = (
  part: AiResponse.StreamPartEncoded,
  names: Tool.NameMapper<ReadonlyArray<Tool.Any>>
): AiResponse.StreamPartEncoded =>
  part.type === "tool-call" || part.type === "tool-result" || part.type === "tool-params-start"
    ? { ...part, name: names.getCustomName(part.name) }
    : part

/** The parts of a stream. `finish` states the cost and, when asked for, the chunks. */
const partsOf = (
  self: Stream.Stream<Chunk, ProviderError.ProviderError>,
  rawChunks: boolean
): Stream.Stream<AiResponse.StreamPartEncoded, ProviderError.ProviderError> =>
  Stream.unwrap(Effect.map(MaxSize, (maxSize) => {
    // Chats and `generateText` join the pieces.
    const decoder = ResponseParts.decoder({ maxSize, isJoined: true })
    const spent = CostMetadata.accumulator()
    const payloads: Array<unknown> = []
    const push = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<AiResponse.StreamPartEncoded> => {
      for (const chunk of chunks) {
        spent.add(chunk)
        if (rawChunks) payloads.push(chunk.chunk)
      }
      return decoder.push(chunks)
    }
    const priced = Effect.suspend(() => Effect.result(Pricing.cost(spent.metadata())))
    const end = Effect.map(priced, (cost) => {
      const metadata = Fields.metadata(metadataKey, {
        cost: Result.isSuccess(cost) ? Cost.toJson(cost.success) : undefined,
        chunks: rawChunks ? payloads : undefined
      })
      return decoder.end().map((part) =>
        part.type === "finish" ? { ...part, metadata: { ...part.metadata, ...metadata } } : part
      )
    })
    return decodeStream(self, { push, end, cut: decoder.cut, failure: () => decoder.failure })
  }))

type Metadata = typeof AiError.ProviderMetadata.Type

interface Told {
  readonly error: ProviderError.ProviderError
  readonly description: string
  readonly metadata: Metadata
  readonly http: { readonly http: typeof AiError.HttpContext.Type } | undefined
}

const invalidRequest = ({ description, http, metadata }: Told) =>
  new AiError.InvalidRequestError({ description, metadata, ...http })
const internal = ({ description, http, metadata }: Told) =>
  new AiError.InternalProviderError({ description, metadata, ...http })
const invalidResponse = ({ description, http, metadata }: Told) =>
  new AiError.InvalidResponseError({ description, metadata, ...http })

const reasons: Readonly<Record<ProviderError.Reason["_tag"], (told: Told) => AiError.AiErrorReason>> = {
  Authentication: ({ description, error, http, metadata }) =>
    new AiError.AuthenticationError({
      // Without a status nothing was sent.
      kind: error.status === undefined ? "MissingKey" : /expired/i.test(error.code ?? "") ? "ExpiredKey" : "InvalidKey",
      description,
      metadata,
      ...http
    }),
  PermissionDenied: ({ description, http, metadata }) =>
    new AiError.AuthenticationError({ kind: "InsufficientPermissions", description, metadata, ...http }),
  NotFound: invalidRequest,
  InvalidRequest: invalidRequest,
  ContextLengthExceeded: invalidRequest,
  ContentFiltered: ({ description, http, metadata }) =>
    new AiError.ContentPolicyError({ description, metadata, ...http }),
  RateLimited: ({ error: { retryAfter }, http, metadata }) =>
    new AiError.RateLimitError({ metadata, ...http, ...(retryAfter === undefined ? undefined : { retryAfter }) }),
  QuotaExceeded: ({ http, metadata }) => new AiError.QuotaExhaustedError({ metadata, ...http }),
  Overloaded: internal,
  ServerError: internal,
  // A provider doesn't tell its URL.
  Network: ({ description, error }) =>
    new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "", description, cause: error }),
  Timeout: internal,
  UnexpectedContentType: invalidResponse,
  MalformedEvent: invalidResponse,
  IncompleteStream: internal,
  ToolUseFailed: ({ description, metadata }) => new AiError.InvalidOutputError({ description, metadata }),
  Unknown: ({ description, http, metadata }) => new AiError.UnknownError({ description, metadata, ...http })
}

const toReason = (error: ProviderError.ProviderError): AiError.AiErrorReason => {
  const { body, message, status } = error.reason
  const encoded = encodeError(error)
  const stored: unknown = Result.isSuccess(encoded) ? { error: encoded.success } : undefined
  const reason = reasons[error.reason._tag]({
    error,
    description: message,
    metadata: isMutableJson(stored) ? { [metadataKey]: stored } : {},
    http: status === undefined
      ? undefined
      : { http: { response: { status, headers: {} }, ...(body === undefined ? undefined : { body }) } }
  })
  if (reason.cause === undefined) Object.defineProperty(reason, "cause", { value: error, configurable: true })
  return reason
}

const isMutableJson = Schema.is(Schema.MutableJson)
