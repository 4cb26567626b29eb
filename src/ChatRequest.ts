/**
 * A request to a model of any provider. Each provider's format encodes it for its own API.
 *
 * The prompt is an `effect/ai` `Prompt`, tools are `effect/ai` tools or plain definitions, and an answer's format is an
 * Effect `Schema` or a JSON Schema.
 *
 * @since 0.1.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as ProviderError from "./errors/providerError.ts"
import * as JsonSchemaArbitrary from "./internal/jsonSchemaArbitrary.ts"
import { lazy } from "./internal/lazy.ts"
import { nearest } from "./internal/nearest.ts"
import { place } from "./internal/place.ts"
import * as PromptArbitrary from "./internal/promptArbitrary.ts"
import { schemaIssues } from "./internal/schemaIssues.ts"
import { validator } from "./internal/validator.ts"
import { documentOf, isTooLarge, maxWritten } from "./internal/writtenSize.ts"

/**
 * How much a model reasons before it answers; each model knows some of these.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Effort = Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh", "max"])

/**
 * How much a model reasons before it answers; each model knows some of these.
 *
 * @category models
 * @since 0.2.0
 */
export type Effort = typeof Effort.Type

/**
 * How a model reasons. Effort and budget are two ways to say how much. A model that takes only the other one is sent that, and
 * the request says so among what it ignores.
 *
 * @category models
 * @since 0.2.0
 */
export interface Reasoning {
  /** How much to reason. */
  readonly effort?: Effort
  /** Most tokens to reason with. They count towards `maxTokens`. Only Claude takes it; others get an effort near it. */
  readonly budgetTokens?: number
  /** Asks for a summary of the reasoning. Only the Responses API takes it. */
  readonly summary?: "auto" | "concise" | "detailed"
}

/**
 * A tool in a form that can be stored and sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolDefinition {
  /** The name by which the model calls the tool: letters, digits, `_` and `-`; most APIs take 64 characters. */
  readonly name: string
  /** What the tool does, for the model. */
  readonly description?: string
  /** JSON Schema of the arguments. Its root describes an object. */
  readonly parameters: Schema.JsonObject
  /** Makes the provider keep the arguments to the schema, where it can. When absent, it does not have to. */
  readonly strict?: boolean
  /** What a provider wants to know of this tool, by provider, such as `anthropic: { cacheControl }`. */
  readonly options?: Prompt.ProviderOptions
}

/**
 * Which tools the model may call: `auto` leaves it to the model, `none` forbids calls, `required` asks for at least one
 * call, and `{ tool }` asks for a call of that tool. When absent, the model decides.
 *
 * @category models
 * @since 0.2.0
 */
export type ToolChoice = "auto" | "none" | "required" | { readonly tool: string }

/**
 * A JSON Schema that the answer keeps to.
 *
 * @category models
 * @since 0.2.0
 */
export interface SchemaFormat {
  /** A name for the schema: letters, digits, `_` and `-`. Where an API requires one, `response` stands in. */
  readonly name?: string
  /** What the answer is, for the model. */
  readonly description?: string
  /** The JSON Schema. */
  readonly schema: Schema.JsonObject
  /** Makes the provider guarantee the schema, where it can. When absent, each API does what it does by default. */
  readonly strict?: boolean
}

/**
 * Spoken answers: the voice, and the format of the sound.
 *
 * @category models
 * @since 0.2.0
 */
export interface AudioOutput {
  /** The provider's name of the voice, such as `alloy`. */
  readonly voice: string
  /** The format of the sound. Streams of OpenAI give `pcm16` only. */
  readonly format: string
}

/**
 * A request in the form that formats encode and that can be stored and sent: the prompt is a `Prompt`, tools and the
 * answer's format are plain, and unset fields are absent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Normalized {
  /** The provider's model id. When absent, the layer's default model is used; without either, `InvalidRequest`. */
  readonly model?: string
  /** The conversation. */
  readonly prompt: Prompt.Prompt
  /** Instructions to the model, put before those in the prompt. */
  readonly system?: string
  /** Most tokens to generate, reasoning included. When absent, the provider's default, or what the model can do. */
  readonly maxTokens?: number
  /** Sampling temperature, 0 to 2; Anthropic and Bedrock take up to 1. */
  readonly temperature?: number
  /** Nucleus sampling: share of the probability from which tokens are drawn, 0 to 1. */
  readonly topP?: number
  /** Number of most likely tokens to sample from. Only Claude and Nova take it. */
  readonly topK?: number
  /** Lowers the probability of tokens by how often they have occurred, -2 to 2. */
  readonly frequencyPenalty?: number
  /** Lowers the probability of tokens that have occurred at all, -2 to 2. */
  readonly presencePenalty?: number
  /** Texts at which the model stops generating. */
  readonly stop?: ReadonlyArray<string>
  /** Seed: makes equal requests give the same answer, as far as the provider can. */
  readonly seed?: number
  /** The tools that the model may call. */
  readonly tools?: ReadonlyArray<ToolDefinition>
  /** Which of the tools the model may call, or has to. */
  readonly toolChoice?: ToolChoice
  /** `false` allows one call at a time. When absent, the model decides. */
  readonly parallelToolCalls?: boolean
  /** The form of the answer: text, any JSON, or JSON of a schema. When absent, text. */
  readonly responseFormat?: "text" | "json" | SchemaFormat
  /** How the model reasons. */
  readonly reasoning?: Reasoning
  /** The provider's name of a class of service, such as `flex` or `priority`. */
  readonly serviceTier?: string
  /** Your id of the end user, for the provider's abuse detection. */
  readonly user?: string
  /** Your own labels of the request, kept by the provider. */
  readonly metadata?: { readonly [label: string]: string }
  /** Asks for the log probabilities of each token, and of this many alternatives, 0 to 20. */
  readonly logprobs?: number
  /** Asks for a spoken answer. */
  readonly audio?: AudioOutput
  /** Fields of the provider's own request body, by provider; see {@link ProviderOptions}. */
  readonly options?: { readonly [provider: string]: Schema.JsonObject }
}

/**
 * A normalised request as JSON carries it: the prompt is a list of messages in `effect/ai`'s encoding.
 *
 * @category models
 * @since 0.2.0
 */
export interface NormalizedEncoded extends Omit<Normalized, "prompt"> {
  readonly prompt: ReadonlyArray<Prompt.MessageEncoded>
}

const JsonObject: Schema.Codec<Schema.JsonObject> = Schema.declare(Schema.is(Schema.JsonObject), {
  expected: "an object of JSON values",
  toCodecArbitrary: JsonSchemaArbitrary.toCodecArbitrary
})

const Conversation: Schema.Codec<Prompt.Prompt, ReadonlyArray<Prompt.MessageEncoded>> = Schema.Array(Prompt.Message)
  .pipe(
    Schema.decodeTo(
      Schema.declare(Prompt.isPrompt, {
        identifier: "Prompt",
        toCodecArbitrary: PromptArbitrary.toCodecArbitrary
      }),
      SchemaTransformation.transform({ decode: Prompt.fromMessages, encode: ({ content }) => content })
    )
  )

const Text = Schema.String.check(Schema.isNonEmpty())
const Penalty = Schema.Finite.check(Schema.isBetween({ minimum: -2, maximum: 2 }))
// No API takes a name of other letters, or a longer one.
const Name = Schema.String.check(
  Schema.isPattern(/^[a-zA-Z0-9_-]{1,128}$/, { expected: "a name of 1 to 128 letters, digits, _ and -" })
)

const otherFields = {
  model: Schema.optionalKey(Schema.String),
  system: Schema.optionalKey(Schema.String),
  maxTokens: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  temperature: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 2 }))),
  topP: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))),
  topK: Schema.optionalKey(Schema.Natural),
  frequencyPenalty: Schema.optionalKey(Penalty),
  presencePenalty: Schema.optionalKey(Penalty),
  stop: Schema.optionalKey(Schema.Array(Text)),
  seed: Schema.optionalKey(Schema.Int),
  tools: Schema.optionalKey(Schema.Array(Schema.Struct({
    name: Name,
    description: Schema.optionalKey(Schema.String),
    parameters: JsonObject,
    strict: Schema.optionalKey(Schema.Boolean),
    options: Schema.optionalKey(Prompt.ProviderOptions)
  }))),
  toolChoice: Schema.optionalKey(
    Schema.Union([Schema.Literals(["auto", "none", "required"]), Schema.Struct({ tool: Name })])
  ),
  parallelToolCalls: Schema.optionalKey(Schema.Boolean),
  responseFormat: Schema.optionalKey(Schema.Union([
    Schema.Literals(["text", "json"]),
    Schema.Struct({
      name: Schema.optionalKey(Schema.String),
      description: Schema.optionalKey(Schema.String),
      schema: JsonObject,
      strict: Schema.optionalKey(Schema.Boolean)
    })
  ])),
  reasoning: Schema.optionalKey(Schema.Struct({
    effort: Schema.optionalKey(Effort),
    budgetTokens: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
    summary: Schema.optionalKey(Schema.Literals(["auto", "concise", "detailed"]))
  })),
  serviceTier: Schema.optionalKey(Text),
  user: Schema.optionalKey(Text),
  metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  logprobs: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))),
  audio: Schema.optionalKey(Schema.Struct({ voice: Text, format: Text })),
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.JsonObject))
} satisfies Record<Exclude<keyof Normalized, "prompt">, Schema.Constraint>

// The schema may not leave out what the interface has.
const equal = <A>() => <S extends Schema.Constraint>(schema: A extends S["Type"] ? S : never): S => schema

/**
 * Schema of a normalised request. `ask --request FILE` reads its JSON, and stored requests have this form.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Normalized: Schema.Codec<Normalized, NormalizedEncoded> = equal<Normalized>()(
  Schema.Struct({ prompt: Conversation, ...otherFields }).annotate({
    identifier: "ChatRequest"
  })
)

/**
 * A tool as a program states it: the arguments are an Effect `Schema`, or a JSON Schema.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolInput
  extends Pick<ToolDefinition, "name">, WithUndefined<Omit<ToolDefinition, "name" | "parameters">>
{
  /** Schema or JSON Schema of the arguments. It describes an object. */
  readonly parameters: Schema.Constraint | JsonSchema.JsonSchema
}

/**
 * The form of an answer as a program states it: an Effect `Schema`, or a JSON Schema.
 *
 * @category models
 * @since 0.2.0
 */
export interface SchemaFormatInput extends WithUndefined<Omit<SchemaFormat, "schema">> {
  /** Schema or JSON Schema of the answer. A schema's `identifier` is the default name. */
  readonly schema: Schema.Constraint | JsonSchema.JsonSchema
}

/**
 * Fields of the providers' own request bodies, by provider. They are merged into the body last, so that nothing that a
 * provider offers is out of reach; the other providers don't see them.
 *
 * Each provider module adds its key. Add the key of a host of your own in the same way. A field that its provider has,
 * but this library does not know yet, goes in by {@link unchecked}.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 *
 * declare module "effect-llm-stream/ChatRequest" {
 *   interface ProviderOptions {
 *     readonly ollama?: { readonly keep_alive?: string | undefined } | undefined
 *   }
 * }
 *
 * const request: ChatRequest.ChatRequest = { prompt: "Say hello", options: { ollama: { keep_alive: "5m" } } }
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export interface ProviderOptions {}

/**
 * A chat request as a program states it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChatRequest extends
  WithUndefined<
    Omit<Normalized, "prompt" | "tools" | "responseFormat" | "reasoning" | "options">
  >
{
  /** The conversation: a text of the user, messages in `effect/ai`'s encoding, or a `Prompt`. */
  readonly prompt: Prompt.RawInput
  /** The tools that the model may call: `effect/ai` tools, a toolkit, or plain definitions. */
  readonly tools?: ReadonlyArray<Tool.Any | ToolInput> | Toolkit.Any | undefined
  /** The form of the answer: text, any JSON, or what a schema describes. When absent, text. */
  readonly responseFormat?: "text" | "json" | SchemaFormatInput | undefined
  /** How the model reasons. */
  readonly reasoning?: WithUndefined<Reasoning> | undefined
  /** Fields of the provider's own request body, by provider. */
  readonly options?: ProviderOptions | undefined
}

type WithUndefined<T> = { readonly [K in keyof T]: T[K] | undefined }

const uncheckedKey = "~effect-llm-stream/unchecked"

/**
 * Marks fields of a provider's body that are neither typed nor checked: a field that this library does not know, or
 * knows in another form. They are sent as they are.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 *
 * const request: ChatRequest.ChatRequest = {
 *   prompt: "Say hello",
 *   options: { openai: { verbosity: "low", ...ChatRequest.unchecked({ brand_new_field: true }) } }
 * }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const unchecked = (fields: Schema.JsonObject): Record<never, never> => ({ [uncheckedKey]: fields })

/**
 * The fields in a provider's record of `options`, with those that {@link unchecked} marks apart.
 *
 * @internal
 */
export const splitUnchecked = (
  record: Schema.JsonObject
): { readonly checked: Schema.JsonObject; readonly unchecked: Schema.JsonObject } => {
  const { [uncheckedKey]: marked, ...checked } = record
  return { checked, unchecked: isJsonRecord(marked) ? marked : {} }
}

const isJsonRecord = (u: Schema.Json | undefined): u is Schema.JsonObject => Predicate.isObject(u)

/**
 * Normalises a request: the prompt becomes a `Prompt`, tools and schemas become plain, and fields that are `undefined`
 * go. Fails with an `InvalidRequest` that says what is wrong and where; never throws.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const request = Result.getOrThrow(ChatRequest.normalize({ model: "gpt-4o-mini", prompt: "Say hello" }))
 * request.prompt.content[0]?.role // "user"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const normalize = (request: ChatRequest): Result.Result<Normalized, ProviderError.InvalidRequest> =>
  total(() =>
    Result.gen(function*() {
      const { prompt, responseFormat, tools, ...rest } = yield* knownFields(request)
      const read = yield* promptOf(prompt)
      const others = {
        ...definedFields(rest),
        ...(tools === undefined ? {} : { tools: yield* toolsOf(tools) }),
        ...(responseFormat === undefined ? {} : { responseFormat: formatOf(responseFormat) })
      }
      return yield* checkForAny({ ...(isPlain(others) ? others : yield* decoded(decodeOthers(others))), prompt: read })
    })
  )

/**
 * Reads a request from JSON, such as a file of `ask --request`. Fails with an `InvalidRequest` that names the unknown
 * field, or the value of the wrong type.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * Result.isSuccess(ChatRequest.fromJson({ prompt: "Say hello", temperature: 0.5 })) // true
 * const typo = ChatRequest.fromJson({ prompt: "Say hello", temprature: 0.5 })
 * Result.isFailure(typo) && typo.failure.message // "temprature: no such field; did you mean `temperature`?"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromJson = (json: unknown): Result.Result<Normalized, ProviderError.InvalidRequest> =>
  total(() =>
    Result.gen(function*() {
      const { prompt, ...rest } = yield* knownFields(json)
      const encoded = typeof prompt === "string"
        ? [{ role: "user", content: [{ type: "text", text: prompt }] }]
        : prompt
      if (!Array.isArray(encoded)) return yield* invalid(noPrompt)
      return yield* checkForAny(yield* decoded(decodeJson()({ ...rest, prompt: encoded })))
    })
  )

/**
 * Differences between APIs that {@link check} has to know.
 *
 * @category models
 * @since 0.2.0
 */
export interface Allowances {
  /** Calls whose input is free text, see {@link isFreeText}. Default: `false`. */
  readonly freeText?: boolean | undefined
  /** Results of calls that are not in the prompt, as the provider has them. Default: `false`. */
  readonly earlierCalls?: boolean | undefined
  /** Names of tools beside those of the request, which {@link ToolChoice} can name; `any` for all. Default: none. */
  readonly otherTools?: "any" | ReadonlyArray<string> | undefined
}

/**
 * Checks what the types can't: tool names are unique, a chosen tool exists, and in the conversation every call has its
 * result and every result its call. Every format runs this check, with the allowances of its API.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import { Prompt } from "effect/ai"
 * import { Result } from "effect"
 *
 * const request: ChatRequest.Normalized = { prompt: Prompt.make("Hi"), toolChoice: { tool: "search" } }
 * Result.isSuccess(ChatRequest.check(request)) // false
 * Result.isSuccess(ChatRequest.check(request, { otherTools: ["search"] })) // true
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const check = (
  request: Normalized,
  allowances: Allowances = {}
): Result.Result<Normalized, ProviderError.InvalidRequest> => {
  const problem = toolProblem(request, allowances) ?? promptProblem(request.prompt, allowances)
  return problem === undefined ? Result.succeed(request) : invalid(problem)
}

/**
 * Whether a call belongs to a tool that takes free text instead of JSON: its arguments are a text, and the options of
 * some provider on it state the `type` `custom`, as the parts of a response do.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import { Prompt } from "effect/ai"
 *
 * const call = { id: "call_1", name: "run", params: "ls -l", providerExecuted: false }
 * ChatRequest.isFreeText(Prompt.toolCallPart({ ...call, options: { openai: { type: "custom" } } })) // true
 * ChatRequest.isFreeText(Prompt.toolCallPart(call)) // false
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const isFreeText = (
  part: Prompt.ToolCallPart
): part is Prompt.ToolCallPart & { readonly params: string } =>
  typeof part.params === "string" &&
  Object.values(part.options).some((own) => Predicate.hasProperty(own, "type") && own.type === "custom")

// Only the format that raw fields are for knows what they say of tools and of stored content.
const checkForAny = (request: Normalized): Result.Result<Normalized, ProviderError.InvalidRequest> => {
  const hasRaw = Object.keys(request.options ?? {}).length > 0
  return check(request, { freeText: true, earlierCalls: hasRaw, otherTools: hasRaw ? "any" : [] })
}

const invalid = (message: string) => Result.fail(new ProviderError.InvalidRequest({ message }))

// A caller's getters and iterables may throw, and values may be nested too deeply: a bad request, not a defect.
const total = <A>(
  evaluate: () => Result.Result<A, ProviderError.InvalidRequest>
): Result.Result<A, ProviderError.InvalidRequest> => {
  try {
    return evaluate()
  } catch (error) {
    return invalid(
      error instanceof RangeError
        ? "The request is nested too deeply"
        : `The request cannot be read: ${error instanceof Error ? error.message : String(error)}`
    )
  }
}

const noPrompt = "prompt: missing or not readable; it is a text, or a list of messages with `role` and `content`"

// Names of fields in other libraries.
const synonyms: Readonly<Record<string, string>> = {
  input: "prompt",
  instructions: "system",
  max_completion_tokens: "maxTokens",
  max_output_tokens: "maxTokens",
  maxOutputTokens: "maxTokens",
  messages: "prompt",
  providerOptions: "options",
  reasoning_effort: "reasoning",
  reasoningEffort: "reasoning",
  stop_sequences: "stop",
  stopSequences: "stop",
  systemPrompt: "system"
}

const knownFields = (request: unknown): Result.Result<Record<string, unknown>, ProviderError.InvalidRequest> => {
  if (!Predicate.isObject(request)) return invalid("The request is not an object")
  for (const [key, value] of Object.entries(request)) {
    if (key !== "prompt" && !Object.hasOwn(otherFields, key) && value !== undefined) {
      const meant = Object.hasOwn(synonyms, key) ? synonyms[key] : nearest(key, ["prompt", ...Object.keys(otherFields)])
      return invalid(`${place([key])}: no such field${meant === undefined ? "" : `; did you mean \`${meant}\`?`}`)
    }
  }
  return Result.succeed({ ...request })
}

const Others = Schema.toType(Schema.Struct(otherFields))
const decodeOthers = Schema.decodeUnknownResult(Others, { onExcessProperty: "error" })
const isOthers = validator(Others)
// Most requests have nothing in these fields that could hold a field too many.
const isPlain = (others: Record<string, unknown>): others is typeof Others.Type =>
  Object.values(others).every((value) => typeof value !== "object") && isOthers(others)
const decodeJson = lazy(() => Schema.decodeUnknownResult(Normalized, { onExcessProperty: "error" }))
const decodeMessages = lazy(() => Schema.decodeUnknownResult(Schema.Array(Prompt.Message)))
const decodeMessagesType = lazy(() => Schema.decodeUnknownResult(Schema.toType(Schema.Array(Prompt.Message))))

const decoded = <A>(
  result: Result.Result<A, Schema.SchemaError>,
  root: ReadonlyArray<string | number> = []
): Result.Result<A, ProviderError.InvalidRequest> =>
  Result.mapError(result, (error) => {
    const issue = schemaIssues(error)[0]
    const path = [...root, ...issue?.path ?? []]
    const message = path[0] === "prompt" && issue?.message.startsWith("Expected {") === true
      ? path.length > 2
        ? "not a part that a message of this role can hold: its `type` is `text` or `file`, of an assistant also `reasoning`, `tool-call` or `tool-result`, of a tool `tool-result`"
        : "not a message: it has no `role` of `system`, `user`, `assistant` or `tool`"
      : issue?.message ?? "not valid"
    return new ProviderError.InvalidRequest({ message: `${place(path)}: ${message}` })
  })

/**
 * The messages of what a request gives as its prompt.
 *
 * @internal
 */
export const promptOf = (prompt: unknown): Result.Result<Prompt.Prompt, ProviderError.InvalidRequest> =>
  total(() => {
    if (typeof prompt === "string") return Result.succeed(Prompt.make(prompt))
    if (Prompt.isPrompt(prompt)) {
      return Result.map(decoded(decodeMessagesType()(prompt.content), ["prompt"]), () => prompt)
    }
    if (!Predicate.isIterable(prompt)) return invalid(noPrompt)
    return Result.try(() => itemsOf(prompt)).pipe(
      Result.orElse((error) =>
        invalid(`prompt: not readable: ${error instanceof Error ? error.message : String(error)}`)
      ),
      Result.flatMap((messages) => decoded(decodeMessages()(messages), ["prompt"])),
      Result.map(Prompt.fromMessages)
    )
  })

/** A longer list is refused: one without an end, or of 2^32 holes, would never be read. */
const maxItems = 2 ** 20

const itemsOf = (list: Iterable<unknown>): ReadonlyArray<unknown> => {
  const tooLong = () => new Error(`a list has more than ${maxItems} items`)
  if (Array.isArray(list)) {
    if (list.length > maxItems) throw tooLong()
    return list
  }
  const items: Array<unknown> = []
  for (const item of list) {
    if (items.push(item) > maxItems) throw tooLong()
  }
  return items
}

// JSON has no `undefined`: a field that is undefined is a field that is not set.
const definedFields = (record: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(record).flatMap(([key, field]) => field === undefined ? [] : [[key, definedValue(field)]])
  )

const definedValue = (value: unknown): unknown =>
  Array.isArray(value) ? itemsOf(value).map(definedValue) : isPlainObject(value) ? definedFields(value) : value

const isPlainObject = (u: unknown): u is object =>
  Predicate.isObject(u) && [Object.prototype, null].includes(Object.getPrototypeOf(u))

const toolsOf = (
  tools: unknown
): Result.Result<ReadonlyArray<unknown>, ProviderError.InvalidRequest> => {
  const list: unknown = Predicate.hasProperty(tools, "tools") ? Object.values(Object(tools.tools)) : tools
  if (!Array.isArray(list)) return invalid("tools: neither a list nor a toolkit")
  return Result.all(itemsOf(list).map(toolOf))
}

const toolOf = (tool: unknown, index: number): Result.Result<unknown, ProviderError.InvalidRequest> => {
  if (Tool.isProviderDefined(tool)) {
    return invalid(
      `${
        place(["tools", index])
      }: ${tool.name} is defined by a provider; give that provider's own fields in \`options\``
    )
  }
  const path = place(["tools", index, "parameters"])
  return Result.succeed(
    isEffectTool(tool)
      ? definedFields({
        name: tool.name,
        description: Tool.getDescription(tool),
        parameters: Tool.isDynamic(tool) && tool.jsonSchema !== undefined
          ? tool.jsonSchema
          : jsonSchemaOf(tool.parametersSchema, path),
        strict: Tool.getStrictMode(tool)
      })
      : isPlainObject(tool) && "parameters" in tool
      ? definedFields({ ...tool, parameters: jsonSchemaOf(tool.parameters, path) })
      : tool
  )
}

const isEffectTool = (u: unknown): u is Tool.Any => Tool.isUserDefined(u) || Tool.isDynamic(u)

/**
 * The JSON Schema of a schema; another value is returned as it is. Throws where it would be too large.
 *
 * @internal
 */
export const jsonSchemaOf = (schema: unknown, path: string): unknown => {
  if (!Schema.isSchema(schema)) {
    if (isTooLarge(schema)) throw new Error(`${path} has more than ${maxWritten} objects when it is written out`)
    return schema
  }
  const document = documentOf(schema)
  return plain(
    Object.keys(document.definitions).length === 0
      ? document.schema
      : { ...document.schema, $defs: document.definitions }
  )
}

// `Schema.Int` states the bounds of safe integers, which say nothing to a model and are more than some dialects take.
// Effect writes `Schema.Struct({})` as "anything but `null`"; a program means "no fields".
const plain = (schema: unknown, isMap = false): unknown => {
  if (Array.isArray(schema)) return schema.map((each) => plain(each))
  if (!isPlainObject(schema)) return schema
  return Object.fromEntries(
    Object.entries(schema).flatMap(([key, value]) =>
      (key === "minimum" && value === Number.MIN_SAFE_INTEGER) ||
        (key === "maximum" && value === Number.MAX_SAFE_INTEGER)
        ? []
        : !isMap && key === "not" && isPlainObject(value) && "type" in value && value.type === "null"
        ? [["type", "object"], ["properties", {}], ["additionalProperties", false]]
        : [[key, plain(value, !isMap && (key === "properties" || key === "$defs"))]]
    )
  )
}

const formatOf = (format: unknown): unknown => {
  if (!isPlainObject(format) || !("schema" in format)) return format
  const { schema } = format
  const name = Schema.isSchema(schema) ? SchemaAST.resolveIdentifier(schema.ast) : undefined
  return {
    ...(name === undefined ? {} : { name: name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64) }),
    ...definedFields({ ...format, schema: jsonSchemaOf(schema, "responseFormat.schema") })
  }
}

const toolProblem = (
  { toolChoice, tools = [] }: Normalized,
  { otherTools = [] }: Allowances
): string | undefined => {
  const names = tools.map(({ name }) => name)
  const before = new Set<string>()
  const twice = names.findIndex((name) => before.size === before.add(name).size)
  if (twice !== -1) {
    return `${place(["tools", twice, "name"])}: ${names[twice]} is already the name of another tool`
  }
  if (otherTools === "any") return undefined
  if (toolChoice === "required" && tools.length === 0 && otherTools.length === 0) {
    return "toolChoice: a call is required, but there are no tools"
  }
  if (typeof toolChoice === "object" && !names.includes(toolChoice.tool) && !otherTools.includes(toolChoice.tool)) {
    return `toolChoice: there is no tool ${toolChoice.tool}`
  }
  return undefined
}

const promptProblem = (
  { content: messages }: Prompt.Prompt,
  { earlierCalls = false, freeText = false }: Allowances
): string | undefined => {
  if (messages.length === 0) return "prompt: no messages"
  const calls = new Set<string>()
  // Calls that have no result yet, with their places.
  const open = new Map<string, string>()
  const unanswered = () => {
    for (const call of open.values()) return `${call} has no result`
    return undefined
  }
  // The assistant's turn is over: results, the user's message or instructions follow.
  let isOver = false
  for (const [i, message] of messages.entries()) {
    isOver ||= message.role !== "assistant"
    if (message.role === "system" || message.role === "user") continue
    for (const [j, part] of message.content.entries()) {
      const here = place(["prompt", i, "content", j])
      if (part.type === "tool-result" && !part.providerExecuted) {
        isOver = true
        if (open.delete(part.id)) continue
        if (calls.has(part.id)) return `${here}.id: the call ${part.id} has a result already`
        if (!earlierCalls) return `${here}.id: there is no call ${part.id} before this result`
        calls.add(part.id)
        continue
      }
      if (message.role === "tool") continue
      if (isOver && open.size > 0) return unanswered()
      isOver = false
      if (part.type !== "tool-call" || part.providerExecuted) continue
      if (calls.has(part.id)) return `${here}.id: ${part.id} is already the id of another call`
      if (isFreeText(part)) {
        if (!freeText) return `${here}.params: the call is one with free text, and the API takes arguments in JSON only`
      } else if (!isArguments(part.params)) return `${here}.params: the arguments of a call are an object`
      calls.add(part.id)
      open.set(part.id, `${here}: the call ${part.id} of ${part.name}`)
    }
  }
  return unanswered()
}

/**
 * Whether the arguments of a call can be sent. Models write nothing, or `null`, for no arguments.
 *
 * @internal
 */
export const isArguments = (params: unknown): boolean =>
  params === undefined || params === null || params === "" || Predicate.isObject(params)
