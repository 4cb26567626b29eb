/**
 * The request body.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import { place } from "../../internal/place.ts"
import type * as RequestFormat from "../../RequestFormat.ts"
import { type Encoding, type Fields, unless, wordProblem } from "../request/encoding.ts"
import * as Files from "../request/files.ts"
import { make } from "../request/format.ts"
import * as OpenAi from "../request/openai.ts"
import { type OwnOptions, ownOptions } from "../request/options.ts"
import type { Shape } from "../request/rawFields.ts"
import * as Tools from "../request/tools.ts"
import { compatible, type Dialect } from "./dialects.ts"

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

const shape: Shape = {
  // All that this file writes into a body, and what several hosts know beside it.
  names: `
    audio frequency_penalty logit_bias logprobs max_completion_tokens max_tokens messages metadata min_p
    modalities model n parallel_tool_calls presence_penalty reasoning reasoning_effort repetition_penalty
    response_format seed service_tier stop store stream stream_options temperature tool_choice tools top_k
    top_logprobs top_p user
  `.trim().split(/\s+/),
  content: ["messages", "tools", "functions"],
  objects: { stream_options: [], audio: [], metadata: [] }
}

/**
 * The whole format of one host.
 *
 * @internal
 */
export const format = (options: FormatOptions): RequestFormat.RequestFormat => {
  const { bodyModel = (model) => model, dialect = compatible, provider } = options
  const own = options.options ?? { keys: [provider], schema: Schema.Record(Schema.String, Schema.Unknown) }
  const [key] = own.keys
  const messages = messagesOf(dialect, key)
  return make({
    name: "chat-completions",
    provider,
    options: own,
    fields: dialect.fields,
    shape,
    allowances: (raw) => ({ freeText: dialect.customTools, otherTools: Tools.rawToolNames(raw) }),
    encode: (request, { model, path, raw }) =>
      Result.gen(function*() {
        const functions = yield* OpenAi.functionTools(request, { key, isPlain: dialect.plainParameters, maxName: 64 })
        const tools = functions.map((tool) => ({ type: "function", function: tool }))
        const hasTools = tools.length > 0 || Tools.rawTools(raw).length > 0
        const asked = yield* OpenAi.reasoning(request, model, dialect.efforts)
        const ignored = [
          ...asked.ignored,
          ...(request.reasoning?.summary === undefined ? [] : ["reasoning.summary: the API gives none"]),
          ...(hasTools ? [] : Tools.withoutTools(request))
        ]
        yield* unless(
          usageProblem(raw, path) ?? stopProblem(request, dialect)
            ?? wordProblem("reasoning.effort", request.reasoning?.effort, dialect.askable)
            ?? wordProblem("audio.format", request.audio?.format, dialect.audioFormats) ??
            OpenAi.metadataProblem(request, dialect.metadata)
            ?? wordProblem("serviceTier", request.serviceTier, dialect.serviceTiers)
        )
        const said = yield* messages(request, ignored)
        const format = yield* OpenAi.answerFormat(request, dialect.jsonWord)
        return {
          body: {
            model: bodyModel(model),
            messages: said,
            [dialect.maxTokensField]: request.maxTokens,
            tools: tools.length === 0 ? undefined : tools,
            tool_choice: hasTools ? yield* choiceOf(request, raw) : undefined,
            parallel_tool_calls: hasTools ? request.parallelToolCalls : undefined,
            response_format: format && defined({ type: format.type, json_schema: format.schema }),
            reasoning_effort: asked.effort,
            logprobs: request.logprobs === undefined ? undefined : true,
            modalities: request.audio && ["text", "audio"],
            stream: true,
            stream_options: dialect.includeUsage ? { include_usage: true } : undefined
          },
          ignored
        }
      })
  })
}

const usageProblem = ({ stream_options: options }: Fields, path: string): string | undefined =>
  Predicate.hasProperty(options, "include_usage") && options.include_usage !== true
    ? `${path}.stream_options.include_usage: usage is asked for, and that can't be turned off`
    : undefined

const stopProblem = ({ stop = [] }: ChatRequest.Normalized, { maxStops = Infinity }: Dialect): string | undefined =>
  stop.length > maxStops ? `stop: ${stop.length} texts, at most ${maxStops} are taken` : undefined

const choiceOf = (
  { toolChoice, tools = [] }: ChatRequest.Normalized,
  raw: Fields
): Encoding<unknown> => {
  if (typeof toolChoice !== "object") return Result.succeed(toolChoice)
  const name = toolChoice.tool
  const own = tools.some((tool) => tool.name === name) ? undefined : Tools.rawTool(raw, name)
  const type = own?.["type"] ?? "function"
  return type === "function" || type === "custom"
    ? Result.succeed({ type, [type]: { name } })
    : Result.fail(`toolChoice: ${name} is a tool of the provider's own, and the API can't be asked for one of them`)
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

const anything = Schema.optionalKey(Schema.Unknown)

// What is the Responses API's, which shares the key with this one, and means nothing here.
const ofItem = { caller: anything, itemId: anything, namespace: anything, phase: anything, status: anything }
const responsesOptions = { ...ofItem, encryptedContent: anything, type: anything }

// What an answer says beside its parts. The host knows it, or has no field for it.
const answerDetails = { annotations: anything, citations: anything, expiresAt: anything, refusal: anything }

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
    item: anything
  }))
  const reasoningOptions = ownOptions(Schema.Struct({
    ...responsesOptions,
    reasoningDetails: Schema.optionalKey(Schema.Array(Schema.Json))
  }))

  const textPart = (part: Prompt.TextPart, path: string): Encoding<Fields> =>
    Result.map(textOptions(part.options, key, path), (own) => ({ type: "text", text: part.text, ...breakpoint(own) }))

  const filePart = (part: Prompt.FilePart, path: string): Encoding<Fields> =>
    Result.flatMap(Files.media(part, path), (media) => {
      const [kind] = media.mediaType.split("/")
      const problem = OpenAi.addressProblem(media, path)
      if (problem !== undefined) return Result.fail(problem)
      return kind === "image"
        ? image(part, media, path)
        : kind === "audio" && dialect.sounds
        ? sound(part, media, path)
        : media.mediaType === "application/pdf" && dialect.documents
        ? document(part, media, path)
        : Result.fail(`${path}.mediaType: files of type ${media.mediaType} are not taken`)
    })

  const image = (part: Prompt.FilePart, media: Files.Media, path: string): Encoding<Fields> =>
    Result.gen(function*() {
      const url = yield* OpenAi.imageUrl(media, dialect.images, path)
      const own = yield* imageOptions(part.options, key, path)
      return {
        type: "image_url",
        image_url: defined({ url, detail: own.imageDetail ?? undefined }),
        ...breakpoint(own)
      }
    })

  const sound = (part: Prompt.FilePart, media: Files.Media, path: string): Encoding<Fields> => {
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

  const document = (part: Prompt.FilePart, media: Files.Media, path: string): Encoding<Fields> =>
    "url" in media
      ? Result.fail(`${path}.data: documents are taken as data only, not by their URL`)
      : Result.map(textOptions(part.options, key, path), (own) => ({
        type: "file",
        file: { filename: OpenAi.documentName(media), file_data: OpenAi.dataUrl(media) },
        ...breakpoint(own)
      }))

  const userContent = (
    parts: ReadonlyArray<Prompt.UserMessagePart>,
    path: ReadonlyArray<string | number>
  ): Encoding<ReadonlyArray<Fields>> =>
    Result.all(parts.map((part, index) => {
      const here = place([...path, index])
      return part.type === "text" ? textPart(part, here) : filePart(part, here)
    }))

  const resultContent = (part: Prompt.ToolResultPart, path: string): Encoding<unknown> =>
    part.modelOutput === undefined
      ? Tools.resultText(part, path)
      : Result.map(
        Result.all(part.modelOutput.map((output, index) => {
          const here = `${path}.modelOutput[${index}]`
          return output.type === "text"
            ? textPart(output, here)
            : Result.fail(`${here}: results of tools are text only here, not ${output.mediaType}`)
        })),
        (contents) => compact(contents) ?? ""
      )

  return (
    request: ChatRequest.Normalized,
    ignored: Array<string>
  ): Encoding<ReadonlyArray<Fields>> =>
    Result.gen(function*() {
      const out: Array<Message> = []
      const idOf = Tools.callIds(request.prompt, { maxLength: dialect.maxIdLength })
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
                  yield* Tools.toolName(part.name, `${path}.name`)
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
                          arguments: JSON.stringify(yield* Tools.argumentsOf(part, path))
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

const executed = (path: string): Encoding<never> =>
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
