/**
 * Any provider of this library as a `LanguageModel` of `effect/ai`. `Chat`, `Toolkit`, `generateObject` and
 * `ExecutionPlan` work with it.
 *
 * `layer` is for the provider in context, `of` for any provider's own service. Those of the bundled providers are made
 * already, such as `OpenAiLanguageModel`.
 *
 * @since 0.2.0
 */
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
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
import { decodeStream } from "../content/decodeStream.ts"
import * as ProviderMetadata from "../content/providerMetadata.ts"
import * as Cost from "../Cost.ts"
import * as CostMetadata from "../CostMetadata.ts"
import * as Checks from "../engine/checks.ts"
import * as ProviderError from "../errors/providerError.ts"
import { defined } from "../internal/defined.ts"
import { once } from "../internal/lazy.ts"
import * as Parts from "../Parts.ts"
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as ResponseParts from "../ResponseParts.ts"
import { codecTransformer, instructions } from "./dialect.ts"

/**
 * How a provider's API takes the schema of an object: writes the JSON Schema of the request, and reads the answer.
 *
 * @example
 * ```ts
 * import { EffectAi, Provider } from "effect-llm-stream"
 * import { Effect, Schema } from "effect"
 *
 * const sent = Effect.map(
 *   Provider.Provider,
 *   (provider) => EffectAi.codecTransformer(provider)(Schema.Struct({ city: Schema.String })).jsonSchema
 * )
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export { codecTransformer }

/**
 * The key of this library in the metadata of `finish` parts: `cost` and `chunks` are under it.
 *
 * @category constants
 * @since 0.2.0
 */
export const metadataKey = "effect-llm-stream"

/**
 * The settings of a model's requests beside prompt, tools and format: temperature, limits, reasoning, and the
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
 * import { EffectAi } from "effect-llm-stream"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const precise = LanguageModel.generateText({ prompt: "What is 7 times 191?" }).pipe(
 *   Effect.provideService(EffectAi.CurrentSettings, { temperature: 0 })
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
 * import { EffectAi } from "effect-llm-stream"
 * import { LanguageModel } from "effect/ai"
 *
 * const precise = LanguageModel.generateText({ prompt: "What is 7 times 191?" }).pipe(
 *   EffectAi.withSettings({ temperature: 0, reasoning: { effort: "high" } })
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
 * The options of a language model.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options extends Settings {
  /** The provider's model id. When absent, the default model of the provider's layer. */
  readonly model?: string | undefined
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
 * import { EffectAi, OpenAi } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const openai = yield* OpenAi.OpenAi
 *   const model = yield* EffectAi.make(openai, { model: "gpt-4o-mini", temperature: 0 })
 *   return (yield* model.generateText({ prompt: "Say hello" })).text
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (provider: Provider.Service, options: Options = {}): Effect.Effect<LanguageModel.LanguageModel> => {
  const stated = Checks.copied(options)
  const { model, ...modelSettings } = Result.getOrElse(stated, (): Options => ({}))
  const transformer = codecTransformer(provider)
  const run = (
    call: LanguageModel.ProviderOptions,
    method: string
  ): Stream.Stream<AiResponse.StreamPartEncoded, AiError.AiError> =>
    Stream.unwrap(Effect.gen(function*() {
      const settings = { ...modelSettings, ...defined(yield* CurrentSettings) }
      const fail = (reason: AiError.AiErrorReason) => AiError.make({ module: provider.name, method, reason })
      if (Result.isFailure(stated)) {
        return yield* fail(new AiError.InvalidRequestError({ description: stated.failure }))
      }
      const request = yield* Effect.mapError(
        Effect.fromResult(requestOf(call, { provider, transformer, model, settings })),
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
  return Effect.flatMap(languageModels, ({ make }) =>
    make({
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
      codecTransformer: transformer
    }))
}

// Who asks for a model has loaded it; who only imports this library need not.
const languageModels = once(() => import("effect/ai/LanguageModel"))

const contextOf = (
  provider: Provider.Service,
  options: Options
): Effect.Effect<Context.Context<LanguageModel.LanguageModel>> =>
  Effect.zipWith(
    make(provider, options),
    languageModels,
    (model, { LanguageModel }) => Context.make(LanguageModel, model)
  )

/**
 * A language model of the provider in context, whichever it is.
 *
 * @example
 * ```ts
 * import { EffectAi, Groq } from "effect-llm-stream"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const GroqLive = EffectAi.layer({ model: "openai/gpt-oss-20b" }).pipe(
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
  Layer.effectContext(Effect.flatMap(Provider.Provider, (provider) => contextOf(provider, options)))

/**
 * The language models of one provider, in the shape of the `@effect/ai-*` packages.
 *
 * @category models
 * @since 0.2.0
 */
export interface Models<Name extends string, R> {
  /** A layer with the `LanguageModel`, and with the provider as the common `Provider`. */
  readonly model: <const ModelName extends string>(
    modelName: ModelName,
    settings?: Settings
  ) => Model.Model<Name, LanguageModel.LanguageModel | Provider.Provider, R>
  /** The same as a plain layer, for a model whose name is known only when the program runs. */
  readonly layer: (options: {
    readonly model: string
    readonly config?: Settings | undefined
  }) => Layer.Layer<LanguageModel.LanguageModel | Provider.Provider, never, R>
}

/**
 * The language models of any provider, ours or your own, from its service. `name` is the value of `Model.ProviderName`.
 *
 * @example
 * ```ts
 * import { EffectAi, type Chunk, Provider } from "effect-llm-stream"
 * import { Context } from "effect"
 *
 * class Gateway extends Context.Service<Gateway, Provider.Service<Chunk.Chunk>>()("app/Gateway") {}
 *
 * const GatewayLanguageModel = EffectAi.of(Gateway, "gateway")
 *
 * const small = GatewayLanguageModel.model("small-1", { maxTokens: 500 })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const of = <Self, C extends Chunk, const Name extends string>(
  service: Context.Key<Self, Provider.Service<C>>,
  name: Name
): Models<Name, Exclude<Self, Scope.Scope>> => {
  const model: ReturnType<typeof of<Self, C, Name>>["model"] = (modelName, settings) =>
    Model.make(
      name,
      modelName,
      Layer.effectContext(Effect.gen(function*() {
        const provider = yield* service
        const context = yield* contextOf(provider, { ...settings, model: modelName })
        return Context.add(context, Provider.Provider, provider)
      }))
    )
  return { model, layer: ({ config, model: modelName }) => model(modelName, config) }
}

/**
 * The error of the provider that an `AiError` stands for; `undefined` when it comes from elsewhere. It is the `cause` of
 * the error's reason, and is read from the metadata of the reason when the error has been stored as JSON.
 *
 * @example
 * ```ts
 * import { EffectAi } from "effect-llm-stream"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const program = LanguageModel.generateText({ prompt: "Say hello" }).pipe(
 *   Effect.tapError((error) => Effect.logError(EffectAi.providerError(error)?.requestId))
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

// Made at the first error: it takes milliseconds, which a program should not spend at its start.
const errorCodec = () => Schema.toCodecJson(ProviderError.ProviderError)
const encodeError = (error: ProviderError.ProviderError) => Schema.encodeUnknownResult(errorCodec())(error)
const decodeError = (json: unknown) => Schema.decodeUnknownResult(errorCodec())(json)

interface RequestContext {
  readonly provider: Provider.Service
  readonly transformer: LanguageModel.CodecTransformer
  readonly model: string | undefined
  readonly settings: Settings
}

const requestOf = (
  { incrementalPrompt, previousResponseId, prompt: whole, responseFormat, toolChoice, tools }:
    LanguageModel.ProviderOptions,
  {
    model,
    provider,
    settings: { rawChunks: _, schemaBy, strict = provider.dialect?.strict, ...settings },
    transformer
  }: RequestContext
): Result.Result<ChatRequest.ChatRequest, AiError.AiErrorReason> =>
  Result.gen(function*() {
    const { declaresTools, keys, previousResponse, tools: ownTools } = provider.dialect ?? {}
    const ours = tools.filter(Tool.isProviderDefined)
    const goesOn = previousResponse !== undefined && previousResponseId !== undefined &&
      incrementalPrompt !== undefined
    const prompt = goesOn ? incrementalPrompt : whole
    const others = tools.length === 0 && declaresTools === true
      ? calledTools(prompt)
      : tools.filter((tool) => !Tool.isProviderDefined(tool))
    const format = responseFormat.type === "text" ? undefined : yield* formatOf(responseFormat, transformer)
    const asked = yield* Result.all(ours.map((tool) => ownTool(tool, provider)))
    const fields: Schema.JsonObject = {
      ...(asked.length === 0 ? undefined : ownTools?.fields(asked)),
      ...(goesOn ? { [previousResponse]: previousResponseId } : undefined)
    }
    return {
      ...settings,
      model,
      prompt: withProviderNames(prompt, ours),
      ...(Object.keys(fields).length === 0
        ? undefined
        : { options: withFields(settings.options, keys ?? [provider.name], fields) }),
      ...(others.length === 0 ? undefined : { tools: others }),
      ...(tools.length === 0 || toolChoice === "auto"
        ? undefined
        : { toolChoice: yield* choiceOf(toolChoice, ours, provider) }),
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

const calledTools = ({ content }: Prompt.Prompt): ReadonlyArray<ChatRequest.ToolInput> => {
  const names = content.flatMap((message) =>
    message.role === "assistant"
      ? message.content.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part.name] : [])
      : []
  )
  return Array.from(new Set(names), (name) => ({ name, parameters: { type: "object", properties: {} } }))
}

const ownTool = (
  tool: Tool.AnyProviderDefined,
  { dialect, name }: Provider.Service
): Result.Result<Provider.OwnTool, AiError.AiErrorReason> => {
  const own = dialect?.tools
  const [prefix, ...rest] = tool.id.split(".")
  const problem = (description: string) =>
    Result.fail(new AiError.ToolConfigurationError({ toolName: tool.name, description }))
  if (own === undefined) return problem(`${name} takes no tools of its own through this API`)
  if (prefix !== own.prefix) {
    return problem(`${tool.id} is not a tool of ${name}: its own have ids that begin with "${own.prefix}."`)
  }
  const args: unknown = tool.args ?? {}
  return isJsonObject(args)
    ? Result.succeed({ type: rest.join("."), name: tool.providerName, args })
    : problem("its arguments are not a JSON object")
}

const isJsonObject = Schema.is(Schema.JsonObject)

/** The options with more fields of one provider. They are not checked, as their types are not those of the key. */
const withFields = (
  options: ChatRequest.ProviderOptions | undefined,
  keys: readonly [string, ...ReadonlyArray<string>],
  fields: Schema.JsonObject
): ChatRequest.ProviderOptions => {
  const stated: Readonly<Record<string, unknown>> = { ...options }
  const own = stated[keys.find((key) => stated[key] !== undefined) ?? keys[0]]
  const { checked, unchecked } = isJsonObject(own) ? ChatRequest.splitUnchecked(own) : { checked: {}, unchecked: {} }
  return { ...options, [keys[0]]: { ...checked, ...ChatRequest.unchecked({ ...unchecked, ...fields }) } }
}

const choiceOf = (
  choice: LanguageModel.ProviderOptions["toolChoice"],
  ours: ReadonlyArray<Tool.AnyProviderDefined>,
  provider: Provider.Service
): Result.Result<ChatRequest.ToolChoice, AiError.AiErrorReason> => {
  if (typeof choice === "string") return Result.succeed(choice)
  // The tools are those of `oneOf` already.
  if ("oneOf" in choice) return Result.succeed(choice.mode ?? "auto")
  const tool = ours.find(({ name }) => name === choice.tool)
  if (tool === undefined) return Result.succeed({ tool: choice.tool })
  const nameOf = provider.dialect?.tools?.choice
  return nameOf === undefined
    ? Result.fail(
      new AiError.ToolConfigurationError({
        toolName: choice.tool,
        description:
          `the API of ${provider.name} can't be asked for a tool that it defines; ask for any tool by "required"`
      })
    )
    : Result.map(ownTool(tool, provider), (tool) => ({ tool: nameOf(tool) }))
}

const formatOf = (
  { objectName, schema }: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>,
  transformer: LanguageModel.CodecTransformer
): Result.Result<{ readonly name: string; readonly schema: Schema.JsonObject }, AiError.AiErrorReason> =>
  Result.gen(function*() {
    const unsupported = (description: string) => new AiError.UnsupportedSchemaError({ description })
    const { jsonSchema } = yield* Result.try({
      try: () => transformer(schema),
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
    const decoder = Parts.chunkDecoder({ maxSize, isJoined: true })
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
      const metadata = ProviderMetadata.metadata(metadataKey, {
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
