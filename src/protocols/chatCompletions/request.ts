/**
 * The request body.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import { place } from "../../internal/place.ts"
import type * as RequestFormat from "../../RequestFormat.ts"
import * as Fields from "../request/fields.ts"
import * as Files from "../request/files.ts"
import * as Ids from "../request/ids.ts"
import { make } from "../request/make.ts"
import * as OpenAi from "../request/openai.ts"
import { type OwnOptions, rawFields, recordOf } from "../request/options.ts"
import { ownOptions } from "../request/ownOptions.ts"
import * as RawFields from "../request/rawFields.ts"
import * as RawTools from "../request/rawTools.ts"
import { each } from "../request/results.ts"
import * as JsonSchemas from "../request/schema.ts"
import * as ToolResults from "../request/toolResults.ts"

/**
 * What differs between the request bodies of the hosts of this format.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface RequestQuirks {
  /** The body field that takes `maxTokens`. */
  readonly maxTokensField: "max_completion_tokens" | "max_tokens"
  /** Whether `stream_options.include_usage` is understood. */
  readonly includeUsage: boolean
}

/**
 * What a host takes of the format. A limit that is `undefined` is not checked here: the host says what it does not take.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Dialect extends RequestQuirks {
  /** What becomes of each field of a request. */
  readonly fields: Fields.Treatments
  /** Most stop texts. */
  readonly maxStops?: number | undefined
  /** The efforts of reasoning that some model has. */
  readonly efforts?: ReadonlyArray<ChatRequest.Effort> | undefined
  readonly serviceTiers?: ReadonlyArray<string> | undefined
  /** The formats of sound in which answers can be streamed. */
  readonly audioFormats?: ReadonlyArray<string> | undefined
  /** Most pairs of `metadata`, and most characters of a label and of its text. */
  readonly metadata?: OpenAi.MetadataLimits | undefined
  /** Longest id of a tool call, in characters; longer ones are shortened, in the call and in its result. */
  readonly maxIdLength?: number | undefined
  /** Whether parameters of tools may not have `anyOf` and the like at their root. */
  readonly plainParameters: boolean
  /** Whether JSON mode needs the word JSON in some text. */
  readonly jsonWord: boolean
  /** How images state their detail. */
  readonly imageDetails: ReadonlyArray<string>
  /** Media types of files, by kind of part. */
  readonly images?: ReadonlyArray<string> | undefined
  readonly documents: boolean
  readonly sounds: boolean
  /** Whether a sound may be given by its address. */
  readonly soundUrls: boolean
  /** The field of an assistant's message that takes its reasoning back. When absent, reasoning is not sent. */
  readonly reasoningField?: string | undefined
  /** Whether parts take `prompt_cache_breakpoint`, and assistants' messages the id of an audio answer. */
  readonly openAiParts: boolean
  /** Whether there are custom tools, whose calls hold free text instead of JSON. */
  readonly customTools: boolean
}

/**
 * How requests become the body of one host.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface FormatOptions {
  /** The provider's name, for messages. */
  readonly provider: string
  /** What the host takes. Default: {@link compatible}. */
  readonly dialect?: Dialect | undefined
  /**
   * The host's own fields in a request's `options`; the first key also holds those of parts and messages. Default: any
   * fields, under the provider's name.
   */
  readonly options?: OwnOptions | undefined
  /** What the body calls the model, `undefined` to leave it out. Default: what the request calls it. */
  readonly bodyModel?: ((model: string) => string | undefined) | undefined
}

const noBudget = "the API has an effort only, state reasoning.effort"

const openaiFields: Fields.Treatments = {
  model: "encoded",
  prompt: "encoded",
  system: "encoded",
  maxTokens: "encoded",
  temperature: "encoded",
  topP: "encoded",
  topK: { ignored: "the API takes none" },
  frequencyPenalty: "encoded",
  presencePenalty: "encoded",
  stop: "encoded",
  seed: "encoded",
  tools: "encoded",
  toolChoice: "encoded",
  parallelToolCalls: "encoded",
  responseFormat: "encoded",
  reasoning: "encoded",
  serviceTier: "encoded",
  user: "encoded",
  metadata: "encoded",
  logprobs: "encoded",
  audio: "encoded",
  options: "encoded"
}

/**
 * OpenAI's dialect.
 *
 * @category dialects
 * @since 0.2.0
 */
export const openai: Dialect = {
  fields: openaiFields,
  maxTokensField: "max_completion_tokens",
  includeUsage: true,
  maxStops: 4,
  serviceTiers: OpenAi.serviceTiers,
  audioFormats: ["pcm16"],
  metadata: OpenAi.metadataLimits,
  maxIdLength: 40,
  plainParameters: true,
  jsonWord: true,
  imageDetails: ["auto", "low", "high", "original"],
  images: OpenAi.imageTypes,
  documents: true,
  sounds: true,
  soundUrls: false,
  openAiParts: true,
  customTools: true
}

/**
 * Azure OpenAI's dialect, for `/openai/v1` and for api-versions from 2024-09-01-preview on. It is OpenAI's without documents.
 *
 * @category dialects
 * @since 0.2.0
 */
export const azure: Dialect = { ...openai, documents: false }

/**
 * Azure OpenAI's dialect of api-versions before 2024-09-01-preview: `max_tokens`, and no usage in streams.
 *
 * @category dialects
 * @since 0.2.0
 */
export const azureBefore202409: Dialect = { ...azure, maxTokensField: "max_tokens", includeUsage: false }

/**
 * Groq's dialect.
 *
 * @category dialects
 * @since 0.2.0
 */
export const groq: Dialect = {
  fields: {
    ...openaiFields,
    metadata: { ignored: "Groq documents it as not supported" },
    logprobs: { refused: "Groq documents it as not supported" },
    audio: { refused: "Groq gives no spoken answers here" }
  },
  maxTokensField: "max_completion_tokens",
  includeUsage: true,
  maxStops: 4,
  efforts: ["none", "low", "medium", "high"],
  serviceTiers: ["auto", "on_demand", "flex", "performance"],
  plainParameters: false,
  jsonWord: true,
  imageDetails: ["auto", "low", "high"],
  images: OpenAi.imageTypes,
  documents: false,
  sounds: false,
  soundUrls: false,
  reasoningField: "reasoning",
  openAiParts: false,
  customTools: false
}

/**
 * Azure AI Inference's dialect. Fields that the API does not have itself reach the model with the header
 * `extra-parameters: pass-through`.
 *
 * @category dialects
 * @since 0.2.0
 */
export const azureInference: Dialect = {
  fields: {
    ...openaiFields,
    serviceTier: { refused: "the API takes none" },
    user: { ignored: "the API takes none" },
    metadata: { ignored: "the API takes none" },
    audio: { refused: "the API gives no spoken answers" }
  },
  maxTokensField: "max_tokens",
  includeUsage: true,
  plainParameters: false,
  jsonWord: false,
  imageDetails: ["auto", "low", "high"],
  images: OpenAi.imageTypes,
  documents: false,
  sounds: true,
  soundUrls: true,
  openAiParts: false,
  customTools: false
}

/**
 * The dialect of hosts that say to speak OpenAI's format: `max_tokens`, and no limits that are OpenAI's own.
 *
 * @category dialects
 * @since 0.2.0
 */
export const compatible: Dialect = {
  fields: { ...openaiFields, topK: { ignored: "the format has none; hosts that have one take `top_k` in `options`" } },
  maxTokensField: "max_tokens",
  includeUsage: true,
  plainParameters: false,
  jsonWord: false,
  imageDetails: ["auto", "low", "high", "original"],
  documents: true,
  sounds: true,
  soundUrls: false,
  openAiParts: false,
  customTools: true
}

// All that this file writes into a body, and what several hosts know beside it: names that are no misspellings.
const bodyFields = [
  "audio",
  "frequency_penalty",
  "logit_bias",
  "logprobs",
  "max_completion_tokens",
  "max_tokens",
  "messages",
  "metadata",
  "min_p",
  "modalities",
  "model",
  "n",
  "parallel_tool_calls",
  "presence_penalty",
  "reasoning",
  "reasoning_effort",
  "repetition_penalty",
  "response_format",
  "seed",
  "service_tier",
  "stop",
  "store",
  "stream",
  "stream_options",
  "temperature",
  "tool_choice",
  "tools",
  "top_k",
  "top_logprobs",
  "top_p",
  "user"
]

const rawShape: RawFields.Shape = {
  content: ["messages", "tools", "functions"],
  objects: { stream_options: [], audio: [], metadata: [] }
}

/**
 * The format of one host. Its requests ask for a stream, and for usage in it where the host can.
 *
 * @example
 * ```ts
 * import { ChatCompletions, ChatRequest } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const format = ChatCompletions.format({
 *   provider: "ollama",
 *   dialect: { ...ChatCompletions.compatible, includeUsage: false }
 * })
 * const body = ChatRequest.normalize({ prompt: "Say hello", maxTokens: 10 }).pipe(
 *   Result.flatMap((request) => format.encode(request, "llama3.2")),
 *   Result.map(({ body }) => body["max_tokens"])
 * )
 * Result.getOrThrow(body) // 10
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const format = (options: FormatOptions): RequestFormat.RequestFormat => {
  const { bodyModel = (model) => model, dialect = compatible, provider } = options
  const own = options.options ?? { keys: [provider], schema: Schema.Record(Schema.String, Schema.Unknown) }
  const [key] = own.keys
  const raw = rawFields(own, bodyFields)
  const messages = messagesOf(dialect, key)
  return make({
    name: "chat-completions",
    provider,
    allowances: (request) => ({
      freeText: dialect.customTools,
      otherTools: RawTools.names(recordOf(own, request))
    }),
    encode: (request, model) =>
      Result.gen(function*() {
        const ignored = [...yield* Fields.leftOut(request, dialect.fields)]
        const tools = yield* toolsOf(request, dialect, key)
        const { fields, path } = yield* raw(request)
        const hasTools = tools.length > 0 || RawTools.list(fields).length > 0
        if (!hasTools) {
          for (const field of ["toolChoice", "parallelToolCalls"] as const) {
            if (request[field] !== undefined) ignored.push(`${field}: there are no tools`)
          }
        }
        yield* alwaysStreamed(fields, path)
        const encoded: { readonly [K in EncodedField]: Fields } = {
          model: { model: bodyModel(model) },
          prompt: { messages: yield* messages(request, ignored) },
          maxTokens: { [dialect.maxTokensField]: request.maxTokens },
          temperature: { temperature: request.temperature },
          topP: { top_p: request.topP },
          frequencyPenalty: { frequency_penalty: request.frequencyPenalty },
          presencePenalty: { presence_penalty: request.presencePenalty },
          stop: yield* stopOf(request, dialect),
          seed: { seed: request.seed },
          tools: tools.length === 0 ? {} : { tools },
          toolChoice: hasTools ? { tool_choice: yield* choiceOf(request, fields) } : {},
          parallelToolCalls: hasTools ? { parallel_tool_calls: request.parallelToolCalls } : {},
          responseFormat: yield* responseFormatOf(request, dialect),
          reasoning: yield* reasoningOf(request, dialect),
          serviceTier: { service_tier: yield* OpenAi.serviceTier(request, dialect.serviceTiers) },
          user: isEncoded(dialect, "user") ? { user: request.user } : {},
          metadata: isEncoded(dialect, "metadata")
            ? { metadata: yield* OpenAi.metadata(request, dialect.metadata) }
            : {},
          logprobs: request.logprobs === undefined ? {} : { logprobs: true, top_logprobs: request.logprobs },
          audio: yield* audioOf(request, dialect)
        }
        const body = {
          ...defined<Fields>(Object.assign({}, ...Object.values(encoded))),
          stream: true,
          ...(dialect.includeUsage ? { stream_options: { include_usage: true } } : {})
        }
        return { body: yield* RawFields.merge(body, fields, rawShape, path), headers: {}, ignored }
      })
  })
}

type Fields = Readonly<Record<string, unknown>>

// Fields that stand elsewhere: instructions among the messages, raw fields over all of them, and one that no host has.
type EncodedField = Exclude<keyof ChatRequest.Normalized, "system" | "options" | "topK">

const isEncoded = (dialect: Dialect, field: keyof ChatRequest.Normalized): boolean =>
  dialect.fields[field] === "encoded"

const alwaysStreamed = (fields: Schema.JsonObject, path: string): Result.Result<undefined, string> => {
  if ("stream" in fields && fields["stream"] !== true) {
    return Result.fail(`${path}.stream: answers are streamed, and that can't be turned off`)
  }
  const streamOptions = fields["stream_options"]
  return typeof streamOptions === "object" && streamOptions !== null && "include_usage" in streamOptions
      && streamOptions["include_usage"] !== true
    ? Result.fail(`${path}.stream_options.include_usage: usage is asked for, and that can't be turned off`)
    : Result.succeed(undefined)
}

const stopOf = ({ stop = [] }: ChatRequest.Normalized, { maxStops }: Dialect): Result.Result<Fields, string> =>
  maxStops !== undefined && stop.length > maxStops
    ? Result.fail(`stop: ${stop.length} texts, at most ${maxStops} are taken`)
    : Result.succeed(stop.length === 0 ? {} : { stop })

const reasoningOf = (
  { reasoning = {} }: ChatRequest.Normalized,
  { efforts }: Dialect
): Result.Result<Fields, string> => {
  const { budgetTokens, effort, summary } = reasoning
  if (budgetTokens !== undefined) return Result.fail(`reasoning.budgetTokens: ${noBudget}`)
  if (summary !== undefined) return Result.fail("reasoning.summary: the API gives none")
  return effort !== undefined && efforts?.includes(effort) === false
    ? Result.fail(`reasoning.effort: no model has the effort ${effort}; there are ${efforts.join(", ")}`)
    : Result.succeed(defined({ reasoning_effort: effort }))
}

const audioOf = (
  { audio }: ChatRequest.Normalized,
  { audioFormats }: Dialect
): Result.Result<Fields, string> => {
  if (audio === undefined) return Result.succeed({})
  return audioFormats?.includes(audio.format) === false
    ? Result.fail(`audio.format: streams give ${audioFormats.join(", ")} only, not ${audio.format}`)
    : Result.succeed({ modalities: ["text", "audio"], audio: { voice: audio.voice, format: audio.format } })
}

const noToolOptions = ownOptions(Schema.Struct({}))

const toolsOf = (
  { tools = [] }: ChatRequest.Normalized,
  { plainParameters }: Dialect,
  key: string
): Result.Result<ReadonlyArray<Fields>, string> =>
  each(tools, ({ description, name, options, parameters, strict }, index) =>
    Result.gen(function*() {
      const path = place(["tools", index])
      if (name.length > 64) yield* Result.fail(`${path}.name: longer than 64 characters`)
      yield* noToolOptions(options, key, path)
      const schema = yield* JsonSchemas.parameters(parameters, `${path}.parameters`)
      const combination = plainParameters ? JsonSchemas.rootCombination(schema, `${path}.parameters`) : undefined
      if (combination !== undefined) yield* Result.fail(combination)
      return {
        type: "function",
        function: defined({
          name,
          description: description === "" ? undefined : description,
          parameters: strict === true ? yield* JsonSchemas.strict(schema, `${path}.parameters`) : schema,
          strict
        })
      }
    }))

const choiceOf = (
  { toolChoice, tools = [] }: ChatRequest.Normalized,
  raw: Fields
): Result.Result<unknown, string> => {
  if (typeof toolChoice !== "object") return Result.succeed(toolChoice)
  const name = toolChoice.tool
  const own = tools.some((tool) => tool.name === name) ? undefined : RawTools.find(raw, name)
  const type = own?.["type"] ?? "function"
  return type === "function" || type === "custom"
    ? Result.succeed({ type, [type]: { name } })
    : Result.fail(`toolChoice: ${name} is a tool of the provider's own, and the API can't be asked for one of them`)
}

const responseFormatOf = (
  request: ChatRequest.Normalized,
  { jsonWord }: Dialect
): Result.Result<Fields, string> => {
  const { responseFormat } = request
  if (responseFormat === undefined || responseFormat === "text") return Result.succeed({})
  if (responseFormat === "json") {
    return jsonWord && !OpenAi.saysJson(request)
      ? Result.fail(OpenAi.noJsonWord)
      : Result.succeed({ response_format: { type: "json_object" } })
  }
  const { description, name = "response", schema, strict } = responseFormat
  if (name.length > 64) return Result.fail("responseFormat.name: longer than 64 characters")
  return Result.map(
    strict === true
      ? JsonSchemas.strict(schema, "responseFormat.schema")
      : Result.succeed(JsonSchemas.inlineRoot(schema)),
    (schema) => ({
      response_format: { type: "json_schema", json_schema: defined({ name, description, schema, strict }) }
    })
  )
}

type Call =
  | {
    readonly id: string
    readonly type: "function"
    readonly function: { readonly name: string; readonly arguments: string }
  }
  | { readonly id: string; readonly type: "custom"; readonly custom: { readonly name: string; readonly input: string } }

// What an assistant says before the results of its calls come.
interface Draft {
  readonly role: "assistant"
  readonly texts: Array<string>
  /** What was spoken, for a host that does not know the sound any more. */
  readonly transcripts: Array<string>
  readonly reasoningDetails: Array<unknown>
  readonly reasoning: Array<string>
  readonly calls: Array<Call>
  audio: string | undefined
}

type Message = Draft | { readonly role: "system" | "user" | "tool"; readonly [field: string]: unknown }

type CacheBreakpoint = { readonly mode: "explicit" } | null

const CacheBreakpoint: Schema.Codec<CacheBreakpoint> = Schema.NullOr(
  Schema.Struct({ mode: Schema.Literal("explicit") })
)

// What is the Responses API's, which shares the key with this one, and means nothing here.
const responsesOptions = {
  caller: Schema.optionalKey(Schema.Unknown),
  encryptedContent: Schema.optionalKey(Schema.Unknown),
  itemId: Schema.optionalKey(Schema.Unknown),
  namespace: Schema.optionalKey(Schema.Unknown),
  phase: Schema.optionalKey(Schema.Unknown),
  type: Schema.optionalKey(Schema.Unknown)
}

// What an answer says beside its parts. The host knows it, or has no field for it.
const answerDetails = {
  annotations: Schema.optionalKey(Schema.Unknown),
  citations: Schema.optionalKey(Schema.Unknown),
  expiresAt: Schema.optionalKey(Schema.Unknown),
  refusal: Schema.optionalKey(Schema.Unknown)
}

const messagesOf = (dialect: Dialect, key: string) => {
  const ofOpenAi = <A>(schema: Schema.Codec<A>): Schema.Codec<A> => dialect.openAiParts ? schema : Schema.Never
  const cached = { promptCacheBreakpoint: Schema.optionalKey(ofOpenAi(CacheBreakpoint)) }
  const plainOptions = ownOptions(Schema.Struct(responsesOptions))
  const textOptions = ownOptions(Schema.Struct({ ...responsesOptions, ...cached }))
  const imageOptions = ownOptions(Schema.Struct({
    ...responsesOptions,
    ...cached,
    imageDetail: Schema.optionalKey(Schema.NullOr(Schema.Literals(dialect.imageDetails)))
  }))
  const answerOptions = ownOptions(Schema.Struct({
    ...responsesOptions,
    ...answerDetails,
    audioId: Schema.optionalKey(ofOpenAi(Schema.String)),
    audioTranscript: Schema.optionalKey(Schema.Boolean),
    item: Schema.optionalKey(Schema.Unknown)
  }))
  const reasoningOptions = ownOptions(Schema.Struct({
    ...responsesOptions,
    reasoningDetails: Schema.optionalKey(Schema.Array(Schema.Json))
  }))

  const textPart = (part: Prompt.TextPart, path: string): Result.Result<Fields, string> =>
    Result.map(textOptions(part.options, key, path), (own) => ({ type: "text", text: part.text, ...breakpoint(own) }))

  const filePart = (part: Prompt.FilePart, path: string): Result.Result<Fields, string> =>
    Result.flatMap(Files.media(part, path), (media) => {
      const [kind] = media.mediaType.split("/")
      const url = "url" in media ? media.url : undefined
      if (url !== undefined && !/^https?:/i.test(url)) {
        return Result.fail(
          `${path}.data: a file is taken by http(s) address or as data, not from ${place([url.slice(0, 80)])}`
        )
      }
      return kind === "image"
        ? image(part, media, path)
        : kind === "audio" && dialect.sounds
        ? sound(part, media, path)
        : media.mediaType === "application/pdf" && dialect.documents
        ? document(part, media, path)
        : Result.fail(`${path}.mediaType: files of type ${media.mediaType} are not taken`)
    })

  const image = (part: Prompt.FilePart, media: Files.Media, path: string): Result.Result<Fields, string> => {
    const { images } = dialect
    const isOpen = media.mediaType === "image/*"
    if (isOpen && !("url" in media)) return Result.fail(`${path}.mediaType: the type of the image is not known`)
    if (!isOpen && images?.includes(media.mediaType) === false) {
      return Result.fail(`${path}.mediaType: images of type ${media.mediaType} are not taken, but ${images.join(", ")}`)
    }
    return Result.map(imageOptions(part.options, key, path), (own) => ({
      type: "image_url",
      image_url: defined({
        url: "url" in media ? media.url : `data:${media.mediaType};base64,${media.base64}`,
        detail: own.imageDetail ?? undefined
      }),
      ...breakpoint(own)
    }))
  }

  const sound = (part: Prompt.FilePart, media: Files.Media, path: string): Result.Result<Fields, string> => {
    if ("url" in media) {
      return dialect.soundUrls
        ? Result.map(
          plainOptions(part.options, key, path),
          () => ({ type: "audio_url", audio_url: { url: media.url } })
        )
        : Result.fail(`${path}.data: sound is taken as data only, not by its URL`)
    }
    const format = media.mediaType === "audio/wav" ? "wav" : media.mediaType === "audio/mpeg" ? "mp3" : undefined
    if (format === undefined) {
      return Result.fail(`${path}.mediaType: sound is taken as audio/wav or audio/mpeg, not as ${media.mediaType}`)
    }
    return Result.map(textOptions(part.options, key, path), (own) => ({
      type: "input_audio",
      input_audio: { data: media.base64, format },
      ...breakpoint(own)
    }))
  }

  const document = (part: Prompt.FilePart, media: Files.Media, path: string): Result.Result<Fields, string> =>
    "url" in media
      ? Result.fail(`${path}.data: documents are taken as data only, not by their URL`)
      : Result.map(textOptions(part.options, key, path), (own) => ({
        type: "file",
        file: {
          filename: media.fileName === undefined || media.fileName === "" ? "document.pdf" : media.fileName,
          file_data: `data:${media.mediaType};base64,${media.base64}`
        },
        ...breakpoint(own)
      }))

  const userContent = (
    parts: ReadonlyArray<Prompt.UserMessagePart>,
    path: ReadonlyArray<string | number>
  ): Result.Result<ReadonlyArray<Fields>, string> =>
    each(parts, (part, index) => {
      const here = place([...path, index])
      switch (part.type) {
        case "text":
          return textPart(part, here)
        case "file":
          return filePart(part, here)
      }
    })

  const resultContent = (part: Prompt.ToolResultPart, path: string): Result.Result<unknown, string> =>
    part.modelOutput === undefined
      ? ToolResults.text(part, path)
      : Result.map(
        each(part.modelOutput, (output, index) => {
          const here = `${path}.modelOutput[${index}]`
          return output.type === "text"
            ? textPart(output, here)
            : Result.fail(`${here}: results of tools are text only here, not ${output.mediaType}`)
        }),
        (contents) => compact(contents) ?? ""
      )

  return (
    request: ChatRequest.Normalized,
    ignored: Array<string>
  ): Result.Result<ReadonlyArray<Fields>, string> =>
    Result.gen(function*() {
      const out: Array<Message> = []
      const ids = Ids.accepted(ToolResults.callIds(request.prompt), {
        foreign: /(?!)/g,
        maxLength: dialect.maxIdLength
      })
      const idOf = (id: string) => ids.get(id) ?? id
      // Calls without a result so far. What the user and the instructions say meanwhile comes after the results.
      const open = new Set<string>()
      const held: Array<Message> = []
      const say = (message: Message) => (open.size > 0 ? held : out).push(message)
      const draft = (): Draft => {
        const last = out.at(-1)
        if (open.size > 0 && isDraft(last)) return last
        const fresh: Draft = {
          role: "assistant",
          texts: [],
          transcripts: [],
          reasoning: [],
          reasoningDetails: [],
          calls: [],
          audio: undefined
        }
        out.push(fresh)
        return fresh
      }
      const result = function*(part: Prompt.ToolResultPart, path: string) {
        if (part.providerExecuted) yield* executed(path)
        yield* plainOptions(part.options, key, path)
        out.push({ role: "tool", tool_call_id: idOf(part.id), content: yield* resultContent(part, path) })
        open.delete(part.id)
        if (open.size === 0) { for (const message of held.splice(0)) out.push(message) }
      }
      if (request.system !== undefined && request.system !== "") say({ role: "system", content: request.system })
      for (const [i, message] of request.prompt.content.entries()) {
        yield* plainOptions(message.options, key, place(["prompt", i]))
        switch (message.role) {
          case "system":
            if (message.content !== "") say({ role: "system", content: message.content })
            break
          case "user": {
            const content = compact(yield* userContent(message.content, ["prompt", i, "content"]))
            if (content !== undefined) say({ role: "user", content })
            break
          }
          case "tool":
            for (const [j, part] of message.content.entries()) {
              // An approval is for the program that runs the tools.
              if (part.type === "tool-result") yield* result(part, place(["prompt", i, "content", j]))
            }
            break
          case "assistant": {
            let current: Draft | undefined
            for (const [j, part] of message.content.entries()) {
              const path = place(["prompt", i, "content", j])
              switch (part.type) {
                case "text": {
                  const own = yield* answerOptions(part.options, key, path)
                  if (own.item !== undefined) ignored.push(`${path}: the item is one of the Responses API`)
                  current ??= draft()
                  const texts = own.audioTranscript === true ? current.transcripts : current.texts
                  texts.push(part.text)
                  break
                }
                case "reasoning": {
                  const { reasoningDetails } = yield* reasoningOptions(part.options, key, path)
                  if (dialect.reasoningField === undefined && reasoningDetails === undefined) {
                    ignored.push(`${path}: the API takes no reasoning back`)
                  } else {
                    current ??= draft()
                    current.reasoning.push(part.text)
                    for (const detail of reasoningDetails ?? []) current.reasoningDetails.push(detail)
                  }
                  break
                }
                case "file": {
                  const own = yield* answerOptions(part.options, key, path)
                  if (own.audioId === undefined) {
                    yield* Result.fail(`${path}: a file of the assistant can't be sent back`)
                  }
                  current ??= draft()
                  current.audio = own.audioId
                  break
                }
                case "tool-call": {
                  if (part.providerExecuted) yield* executed(path)
                  yield* plainOptions(part.options, key, path)
                  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(part.name)) {
                    yield* Result.fail(`${path}.name: a tool's name has 1 to 64 letters, digits, _ and -`)
                  }
                  current ??= draft()
                  const id = idOf(part.id)
                  current.calls.push(
                    ChatRequest.isFreeText(part)
                      ? { id, type: "custom", custom: { name: part.name, input: part.params } }
                      : {
                        id,
                        type: "function",
                        function: {
                          name: part.name,
                          arguments: JSON.stringify(yield* ToolResults.argumentsOf(part, path))
                        }
                      }
                  )
                  open.add(part.id)
                  break
                }
                case "tool-result":
                  yield* result(part, path)
                  current = undefined
                  break
                // An approval is for the program that runs the tools.
                case "tool-approval-request":
                  break
              }
            }
            break
          }
        }
      }
      const messages = out.flatMap((message) => {
        const written = isDraft(message) ? assistantMessage(message, dialect) : message
        return written === undefined ? [] : [written]
      })
      return messages.length === 0
        ? yield* Result.fail("prompt: there is no message with anything in it")
        : messages
    })
}

const executed = (path: string): Result.Result<never, string> =>
  Result.fail(`${path}.providerExecuted: a call that its provider executed can't be sent back to this API`)

const breakpoint = ({ promptCacheBreakpoint }: { readonly promptCacheBreakpoint?: CacheBreakpoint }): Fields =>
  defined({ prompt_cache_breakpoint: promptCacheBreakpoint ?? undefined })

const isDraft = (message: Message | undefined): message is Draft => message?.role === "assistant"

// Empty texts go where something stands beside them. One text is written as a string.
const compact = (parts: ReadonlyArray<Fields>): unknown => {
  const full = parts.filter((part) => part["type"] !== "text" || part["text"] !== "")
  const [first, ...others] = full.length === 0 ? parts.slice(0, 1) : full
  return first === undefined || others.length > 0 || Object.keys(first).length > 2 || first["type"] !== "text"
    ? first === undefined ? undefined : [first, ...others]
    : first["text"]
}

const assistantMessage = (
  { audio, calls, reasoning, reasoningDetails, texts, transcripts }: Draft,
  { reasoningField }: Dialect
): Fields | undefined => {
  const said = audio === undefined ? [...texts, ...transcripts] : texts
  const content = compact(said.map((text) => ({ type: "text", text })))
  const isEmpty = content === undefined || content === ""
  if (isEmpty && calls.length === 0 && audio === undefined) return undefined
  return {
    role: "assistant",
    ...(isEmpty ? {} : { content }),
    ...(reasoningField === undefined || reasoning.length === 0 ? {} : { [reasoningField]: reasoning.join("") }),
    ...(reasoningDetails.length === 0 ? {} : { reasoning_details: reasoningDetails }),
    ...(audio === undefined ? {} : { audio: { id: audio } }),
    ...(calls.length === 0 ? {} : { tool_calls: calls })
  }
}
