/**
 * The request body.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import { nullish } from "../../internal/open.ts"
import { place } from "../../internal/place.ts"
import type { Encoded, RequestFormat } from "../../RequestFormat.ts"
import * as Caching from "../request/caching.ts"
import * as Claude from "../request/claude.ts"
import { claudeSchema, claudeSchemasProblem } from "../request/claudeSchema.ts"
import * as Fields from "../request/fields.ts"
import * as Files from "../request/files.ts"
import * as Ids from "../request/ids.ts"
import { make } from "../request/make.ts"
import { type OwnOptions, rawFields, recordOf } from "../request/options.ts"
import { ownOptions } from "../request/ownOptions.ts"
import * as RawFields from "../request/rawFields.ts"
import * as RawTools from "../request/rawTools.ts"
import { each } from "../request/results.ts"
import * as JsonSchemas from "../request/schema.ts"
import * as ToolResults from "../request/toolResults.ts"
import * as Turns from "../request/turns.ts"

/**
 * How requests are encoded for a host of the format.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface FormatOptions {
  /** The provider's name, for messages. */
  readonly provider: string
  /** The provider's own fields in a request's `options`; the first key also holds those of messages, parts and tools. */
  readonly options: OwnOptions
  /**
   * Most tokens to generate where a request does not say, as the format requires a limit. A budget to reason with is
   * added to it. Default: 4096.
   */
  readonly maxTokens?: number | undefined
  /** Names of beta features that every request turns on; `betas` of a request's options adds to them. */
  readonly betas?: ReadonlyArray<string> | undefined
}

/**
 * The request format of a host that speaks Anthropic's Messages. Raw fields are merged last, field by field within
 * `metadata` and `output_config`; names of beta features become the header `anthropic-beta`.
 *
 * @example
 * ```ts
 * import { Anthropic, ChatRequest, Messages } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const options = { keys: ["anthropic"], schema: Anthropic.AnthropicOptions } as const
 * const format = Messages.format({ provider: "anthropic", options })
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", system: "Be brief", seed: 1 }))
 * const { body, ignored } = Result.getOrThrow(format.encode(request, "claude-sonnet-4-5"))
 * body.system // "Be brief"
 * body.max_tokens // 4096
 * ignored // ["seed: the API takes none"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const format = (options: FormatOptions): RequestFormat => formatOf(options, anthropic)

/**
 * The request format of Claude's own API on Bedrock: as {@link format}, but the model is in the address, files have to be
 * bytes, names of beta features are in the body, and what guards and serves the request is in headers.
 *
 * @example
 * ```ts
 * import { BedrockInvoke, ChatRequest, Messages } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const options = { keys: ["bedrockInvoke"], schema: BedrockInvoke.BedrockInvokeOptions } as const
 * const format = Messages.bedrockFormat({ provider: "bedrock", options })
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", serviceTier: "flex" }))
 * const { body, headers } = Result.getOrThrow(format.encode(request, "us.anthropic.claude-haiku-4-5-20251001-v1:0"))
 * Object.keys(body) // ["anthropic_version", "max_tokens", "messages"]
 * headers // { "x-amzn-bedrock-service-tier": "flex" }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const bedrockFormat = (
  options: FormatOptions & {
    /** Sent as `anthropic_version`. Default: `bedrock-2023-05-31`. */
    readonly version?: string | undefined
  }
): RequestFormat => formatOf(options, { ...bedrock, version: options.version ?? "bedrock-2023-05-31" })

/** Where hosts of the format differ. */
interface Dialect {
  /** `model` and `stream` are in the body, not in the address. */
  readonly hasModel: boolean
  /** The `anthropic_version` of the body, where it is not a header. */
  readonly version?: string | undefined
  /** Where the names of beta features go: the header `anthropic-beta` or the field `anthropic_beta`. */
  readonly betas: "header" | "body"
  /** Images and documents may be addresses; otherwise they have to be bytes. */
  readonly takesUrls: boolean
  /** Service tiers, and the header that takes them where it is not the field `service_tier`. */
  readonly serviceTiers: { readonly values: ReadonlyArray<string>; readonly header?: string | undefined }
  /** Tools may say `eager_input_streaming`. */
  readonly eagerInputStreaming: boolean
  /** The provider has tools of its own, such as web search. */
  readonly serverTools: boolean
  /** Raw fields that are sent as headers. */
  readonly headers: Readonly<Record<string, string>>
}

const anthropic: Dialect = {
  hasModel: true,
  betas: "header",
  takesUrls: true,
  serviceTiers: { values: ["auto", "standard_only"] },
  eagerInputStreaming: true,
  serverTools: true,
  headers: {}
}

const tierHeader = "x-amzn-bedrock-service-tier"

const bedrock: Dialect = {
  hasModel: false,
  betas: "body",
  takesUrls: false,
  serviceTiers: { values: ["priority", "default", "flex", "reserved"], header: tierHeader },
  eagerInputStreaming: false,
  serverTools: false,
  headers: {
    guardrailIdentifier: "x-amzn-bedrock-guardrailidentifier",
    guardrailVersion: "x-amzn-bedrock-guardrailversion",
    performanceConfigLatency: "x-amzn-bedrock-performanceconfig-latency",
    serviceTier: tierHeader,
    trace: "x-amzn-bedrock-trace"
  }
}

// The fields that requests become.
const fieldNames = [
  "max_tokens",
  "messages",
  "metadata",
  "model",
  "output_config",
  "service_tier",
  "stop_sequences",
  "system",
  "temperature",
  "thinking",
  "tool_choice",
  "tools",
  "top_k",
  "top_p"
]

const formatOf = (options: FormatOptions, dialect: Dialect): RequestFormat => {
  const own = rawFields(options.options, fieldNames)
  return make({
    name: "messages",
    provider: options.provider,
    allowances: (request) => ({
      otherTools: RawTools.list(recordOf(options.options, request)).flatMap(({ name }) =>
        typeof name === "string" ? [name] : []
      )
    }),
    encode: (request, model) =>
      Result.flatMap(own(request), ({ fields, path }) =>
        Result.flatMap(
          rawOf(fields, path, options.betas, dialect),
          (raw) => encode(options, dialect, raw, request, model)
        ))
  })
}

type Block = Readonly<Record<string, unknown>>
type Unit = Turns.Unit<Block>
type Encoding<A> = Result.Result<A, string>

/** What all parts of a request share. */
interface Context {
  readonly key: string
  readonly dialect: Dialect
  readonly ids: ReadonlyMap<string, string>
}

const treatments: Fields.Treatments = {
  model: "encoded",
  prompt: "encoded",
  system: "encoded",
  maxTokens: "encoded",
  temperature: "encoded",
  topP: "encoded",
  topK: "encoded",
  frequencyPenalty: { ignored: "the API has no penalties" },
  presencePenalty: { ignored: "the API has no penalties" },
  stop: "encoded",
  seed: { ignored: "the API takes none" },
  tools: "encoded",
  toolChoice: "encoded",
  parallelToolCalls: "encoded",
  responseFormat: "encoded",
  reasoning: "encoded",
  serviceTier: "encoded",
  user: "encoded",
  metadata: "encoded",
  logprobs: { refused: "the API gives no log probabilities" },
  audio: { refused: "the API gives no sound" },
  options: "encoded"
}

// The fields that hold what a request says itself.
const shape: RawFields.Shape = {
  content: ["messages", "system", "tools"],
  objects: { metadata: [], output_config: ["format"] }
}

const encode = (
  options: FormatOptions,
  dialect: Dialect,
  { betas, headers, path, raw }: Raw,
  request: ChatRequest.Normalized,
  model: string
): Encoding<Encoded> =>
  Result.gen(function*() {
    const context: Context = { key: options.options.keys[0], dialect, ids: idsOf(request.prompt) }
    const ignored = yield* Fields.leftOut(request, treatments)

    const tools = yield* each(request.tools ?? [], (tool, index) => toolOf(tool, place(["tools", index]), context))
    const system = yield* systemOf(request, context)
    const messages = yield* messagesOf(request.prompt, context)
    const { trimmed, turns } = withoutTrailingSpace(yield* Turns.turns(messages))
    const units = [...tools, ...system, ...turns.flatMap(({ units }) => units)]
    yield* unless(Caching.problem(units.flatMap(marksOf)))

    const asked = yield* Claude.thinking(request.reasoning ?? {}, model)
    const limit = request.maxTokens ?? defaultLimit(options.maxTokens, [asked.thinking, raw["thinking"]])
    yield* unless(
      samplingProblem(request) ?? Claude.conflict(request, asked, limit) ?? prefillProblem(asked, turns)
    )
    const format = yield* outputFormatOf(request)
    yield* unless(claudeSchemasProblem(request))
    const tier = yield* tierOf(request, dialect)
    const hasTools = tools.length > 0 || raw["tools"] !== undefined

    const body = yield* RawFields.merge(
      defined({
        anthropic_version: dialect.version,
        anthropic_beta: dialect.betas === "body" && betas.length > 0 ? betas : undefined,
        model: dialect.hasModel ? model : undefined,
        max_tokens: limit,
        system: system.length === 0 ? undefined : contentOf(system),
        messages: turns.map(({ role, units }) => ({ role, content: contentOf(units) })),
        temperature: request.temperature,
        top_p: request.topP,
        top_k: request.topK,
        stop_sequences: request.stop?.length === 0 ? undefined : request.stop,
        tools: tools.length === 0 ? undefined : tools.flatMap(({ blocks }) => blocks),
        tool_choice: hasTools ? toolChoiceOf(request) : undefined,
        thinking: asked.thinking,
        output_config: format === undefined && asked.effort === undefined
          ? undefined
          : defined({ effort: asked.effort, format }),
        metadata: yield* metadataOf(request),
        service_tier: dialect.serviceTiers.header === undefined ? tier : undefined
      }),
      raw,
      shape,
      path
    )
    return {
      body: dialect.hasModel ? { ...body, stream: true } : body,
      headers: {
        ...(dialect.betas === "header" && betas.length > 0 ? { "anthropic-beta": betas.join(",") } : undefined),
        ...(dialect.serviceTiers.header !== undefined && tier !== undefined
          ? { [dialect.serviceTiers.header]: tier }
          : undefined),
        ...headers
      },
      ignored: [
        ...ignored,
        ...(asked.ignored ?? []),
        ...vacuous(request, hasTools),
        ...messages.flatMap(({ units }) => units.flatMap(({ leftOut }) => leftOut ?? [])),
        ...trimmed
      ]
    }
  })

const unless = (problem: string | undefined): Encoding<void> =>
  problem === undefined ? Result.succeed(undefined) : Result.fail(problem)

// A text alone is written as a text.
const contentOf = (units: ReadonlyArray<Unit>): unknown => {
  const blocks = units.flatMap(({ blocks }) => blocks)
  const [first] = blocks
  return blocks.length === 1 && first !== undefined && Object.keys(first).join() === "type,text"
    ? first["text"]
    : blocks
}

// -- Parts

const mark = nullish(Caching.CacheControl)
const Citations = nullish(Schema.Struct({ enabled: Schema.Boolean }))

const messageOptions = ownOptions(Schema.Struct({ cacheControl: mark }))
const textOptions = ownOptions(Schema.Struct({
  /** A whole block of an answer that no part has a place for. */
  block: nullish(Schema.JsonObject),
  cacheControl: mark,
  /** What the provider cited in an answer, as it sent it. */
  citations: nullish(Schema.Array(Schema.JsonObject))
}))
const fileOptions = ownOptions(Schema.Struct({
  cacheControl: mark,
  citations: Citations,
  context: nullish(Schema.String),
  documentContext: nullish(Schema.String),
  documentTitle: nullish(Schema.String),
  title: nullish(Schema.String)
}))
const reasoningOptions = ownOptions(Schema.Struct({
  cacheControl: mark,
  info: nullish(Schema.Union([
    Schema.Struct({ type: Schema.Literal("thinking"), signature: Schema.String }),
    Schema.Struct({ type: Schema.Literal("redacted_thinking"), redactedData: Schema.String })
  ]))
}))
const callOptions = ownOptions(Schema.Struct({
  cacheControl: mark,
  caller: nullish(Schema.JsonObject),
  /** The block's, where the provider ran the tool. */
  serverName: nullish(Schema.String),
  type: nullish(Schema.String)
}))
const resultOptions = ownOptions(Schema.Struct({ cacheControl: mark }))
const serverResultOptions = ownOptions(Schema.Struct({
  cacheControl: mark,
  caller: nullish(Schema.JsonObject),
  /** The block's. */
  type: nullish(Schema.String)
}))
const toolOptions = ownOptions(Schema.Struct({
  allowedCallers: nullish(Schema.Array(Schema.String)),
  cacheControl: mark,
  deferLoading: nullish(Schema.Boolean),
  eagerInputStreaming: nullish(Schema.Boolean),
  inputExamples: nullish(Schema.Array(Schema.JsonObject))
}))

type CacheControl = typeof Caching.CacheControl.Type | null | undefined

const isBlank = (text: string): boolean => text.trim() === ""

const marked = (block: Block, cacheControl: CacheControl): Block =>
  cacheControl ? { ...block, cache_control: cacheControl } : block

const marksOf = ({ blocks, path }: Unit): ReadonlyArray<Caching.Mark> =>
  blocks.flatMap((block) => {
    const { cache_control: mark } = block
    return Schema.is(Caching.CacheControl)(mark) ? [{ path, ttl: mark.ttl }] : []
  })

const systemOf = ({ prompt, system }: ChatRequest.Normalized, { key }: Context): Encoding<ReadonlyArray<Unit>> =>
  Result.gen(function*() {
    const units: Array<Unit> = system === undefined ? [] : [{ path: "system", blocks: texts(system) }]
    for (const [index, message] of prompt.content.entries()) {
      if (message.role !== "system") continue
      const path = place(["prompt", index])
      const { cacheControl } = yield* messageOptions(message.options, key, path)
      units.push(yield* textUnit(message.content, cacheControl, path))
    }
    return units.filter(({ blocks }) => blocks.length > 0)
  })

// The API refuses blank texts.
const texts = (text: string): ReadonlyArray<Block> => isBlank(text) ? [] : [{ type: "text", text }]

const textUnit = (text: string, cacheControl: CacheControl, path: string, more?: Block): Encoding<Unit> =>
  isBlank(text) && cacheControl
    ? Result.fail(`${path}: a blank text is not sent, so it can't hold a cache marker`)
    : Result.succeed({ path, blocks: texts(text).map((block) => marked({ ...block, ...more }, cacheControl)) })

const messagesOf = (prompt: Prompt.Prompt, context: Context): Encoding<ReadonlyArray<Turns.Turn<Block>>> =>
  Result.gen(function*() {
    const messages: Array<Turns.Turn<Block>> = []
    for (const [index, message] of prompt.content.entries()) {
      if (message.role === "system") continue
      const path = place(["prompt", index])
      const units = yield* unitsOf(message, path, context)
      const { cacheControl } = yield* messageOptions(message.options, context.key, path)
      messages.push({
        role: message.role === "assistant" ? "assistant" : "user",
        units: cacheControl ? yield* markLast(units, cacheControl, path) : units
      })
    }
    return messages
  })

// A marker on a message is one on its last block.
const markLast = (
  units: ReadonlyArray<Unit>,
  cacheControl: CacheControl,
  path: string
): Encoding<ReadonlyArray<Unit>> => {
  const index = units.findLastIndex(({ blocks }) => blocks.length > 0)
  const last = units[index]?.blocks.at(-1)
  if (last === undefined) {
    return Result.fail(`${path}: nothing of this message is sent, so it can't hold a cache marker`)
  }
  if (isThinking(last)) return Result.fail(`${path}: reasoning can't hold a cache marker`)
  return Result.succeed(
    units.map((unit, i) =>
      i === index ? { ...unit, blocks: [...unit.blocks.slice(0, -1), { cache_control: cacheControl, ...last }] } : unit
    )
  )
}

const isThinking = ({ type }: Block): boolean => type === "thinking" || type === "redacted_thinking"

const unitsOf = (
  message: Exclude<Prompt.Message, Prompt.SystemMessage>,
  path: string,
  context: Context
): Encoding<ReadonlyArray<Unit>> => {
  const at = (index: number) => `${path}.${place(["content", index])}`
  switch (message.role) {
    case "user":
      return each(message.content, (part, index) => userPart(part, at(index), context))
    case "assistant":
      return each(message.content, (part, index) => assistantPart(part, at(index), context))
    case "tool":
      return each(message.content, (part, index) => toolPart(part, at(index), context))
  }
}

const userPart = (part: Prompt.UserMessagePart, path: string, context: Context): Encoding<Unit> => {
  switch (part.type) {
    case "text":
      return textPart(part, path, context)
    case "file":
      return Result.map(fileBlock(part, path, context), (block) => ({ path, blocks: [block] }))
  }
}

const assistantPart = (part: Prompt.AssistantMessagePart, path: string, context: Context): Encoding<Unit> => {
  switch (part.type) {
    case "text":
      return textPart(part, path, context)
    case "file":
      return Result.fail(`${path}: a file of the assistant can't be sent back; ${part.mediaType} is for the user`)
    case "reasoning":
      return reasoningPart(part, path, context)
    case "tool-call":
      return callPart(part, path, context)
    case "tool-result":
      return part.providerExecuted
        ? serverResult(part, path, context)
        : Result.fail(`${path}: the result of a tool belongs in a message of the role tool`)
    // It is between the program and its user.
    case "tool-approval-request":
      return Result.succeed({ path, blocks: [] })
  }
}

const toolPart = (part: Prompt.ToolMessagePart, path: string, context: Context): Encoding<Unit> => {
  switch (part.type) {
    case "tool-result":
      return resultPart(part, path, context)
    case "tool-approval-response":
      return Result.succeed({ path, blocks: [] })
  }
}

const textPart = (part: Prompt.TextPart, path: string, { key }: Context): Encoding<Unit> =>
  Result.flatMap(
    textOptions(part.options, key, path),
    ({ block, cacheControl, citations }) =>
      block
        ? Result.succeed({ path, blocks: [marked(block, cacheControl)] })
        : textUnit(part.text, cacheControl, path, citations ? { citations } : undefined)
  )

const reasoningPart = (part: Prompt.ReasoningPart, path: string, { key }: Context): Encoding<Unit> =>
  Result.flatMap(reasoningOptions(part.options, key, path), ({ cacheControl, info }): Encoding<Unit> => {
    if (cacheControl) return Result.fail(`${path}.options.${key}.cacheControl: reasoning can't hold a cache marker`)
    if (info?.type === "thinking" && info.signature !== "") {
      return Result.succeed({
        path,
        blocks: [{ type: "thinking", thinking: part.text, signature: info.signature }]
      })
    }
    if (info?.type === "redacted_thinking" && info.redactedData !== "") {
      return Result.succeed({ path, blocks: [{ type: "redacted_thinking", data: info.redactedData }] })
    }
    return Result.succeed({
      path,
      blocks: [],
      leftOut: `${path}: reasoning without a signature of this provider can't be sent back`
    })
  })

const idsOf = (prompt: Prompt.Prompt): ReadonlyMap<string, string> =>
  Ids.accepted(ToolResults.callIds(prompt), { foreign: /[^a-zA-Z0-9_-]/g })

const callPart = (part: Prompt.ToolCallPart, path: string, context: Context): Encoding<Unit> =>
  Result.gen(function*() {
    const { cacheControl, caller, serverName, type } = yield* callOptions(part.options, context.key, path)
    const input = yield* ToolResults.argumentsOf(part, path)
    yield* unless(nameProblem(part.name, `${path}.name`))
    if (part.providerExecuted) {
      if (!type) yield* unless(serverToolProblem(part, path, context))
      const block = defined({
        type: type || "server_tool_use",
        id: part.id,
        name: part.name,
        input,
        caller: caller ?? undefined,
        server_name: serverName ?? undefined
      })
      return { path, blocks: [marked(block, cacheControl)] }
    }
    const block = defined({
      type: "tool_use",
      id: context.ids.get(part.id),
      name: part.name,
      input,
      caller: caller ?? undefined
    })
    return { path, call: part.id, blocks: [marked(block, cacheControl)] }
  })

const nameProblem = (name: string, path: string): string | undefined =>
  /^[a-zA-Z0-9_-]{1,128}$/.test(name)
    ? undefined
    : `${path}: the name of a tool has 1 to 128 letters, digits, underscores and hyphens, not ${JSON.stringify(name)}`

const resultPart = (part: Prompt.ToolResultPart, path: string, context: Context): Encoding<Unit> =>
  Result.gen(function*() {
    if (part.providerExecuted) {
      return yield* Result.fail(`${path}: what a provider's own tool returned belongs in the assistant's message`)
    }
    const { cacheControl } = yield* resultOptions(part.options, context.key, path)
    const block = defined({
      type: "tool_result",
      tool_use_id: context.ids.get(part.id),
      content: yield* resultContent(part, path, context),
      is_error: part.isFailure ? true : undefined
    })
    return { path, result: part.id, blocks: [marked(block, cacheControl)] }
  })

const resultContent = (part: Prompt.ToolResultPart, path: string, context: Context): Encoding<unknown> =>
  Result.gen(function*() {
    if (part.modelOutput === undefined) {
      const text = yield* ToolResults.text(part, path)
      return isBlank(text) ? undefined : text
    }
    const units = yield* each(
      part.modelOutput,
      (output, index) => userPart(output, `${path}.${place(["modelOutput", index])}`, context)
    )
    const blocks = units.flatMap(({ blocks }) => blocks)
    return blocks.length === 0 ? undefined : blocks
  })

// -- What Anthropic's own tools did

const serverResults: Readonly<Record<string, string>> = {
  bash_code_execution: "bash_code_execution_tool_result",
  code_execution: "code_execution_tool_result",
  text_editor_code_execution: "text_editor_code_execution_tool_result",
  tool_search_tool_bm25: "tool_search_tool_result",
  tool_search_tool_regex: "tool_search_tool_result",
  web_fetch: "web_fetch_tool_result",
  web_search: "web_search_tool_result"
}

const serverToolProblem = (
  { id, name }: Prompt.ToolCallPart | Prompt.ToolResultPart,
  path: string,
  { dialect }: Context
): string | undefined =>
  dialect.serverTools && id.startsWith("srvtoolu_") && Object.hasOwn(serverResults, name)
    ? undefined
    : `${path}: the tool ${name} was run by a provider, and this one does not know it, so it can't be sent back`

const serverResult = (part: Prompt.ToolResultPart, path: string, context: Context): Encoding<Unit> =>
  Result.gen(function*() {
    const { cacheControl, caller, type } = yield* serverResultOptions(part.options, context.key, path)
    if (!type) yield* unless(serverToolProblem(part, path, context))
    yield* ToolResults.text(part, path)
    const block = defined({
      type: type || serverResults[part.name],
      tool_use_id: part.id,
      content: part.result,
      // The others state a failure in their content.
      is_error: type === "mcp_tool_result" ? part.isFailure : undefined,
      caller: caller ?? undefined
    })
    return { path, blocks: [marked(block, cacheControl)] }
  })

// -- Files

const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"]

const fileBlock = (part: Prompt.FilePart, path: string, context: Context): Encoding<Block> =>
  Result.gen(function*() {
    const own = yield* fileOptions(part.options, context.key, path)
    const file = yield* Files.media(part, path)
    if ("url" in file && !context.dialect.takesUrls) {
      return yield* Result.fail(`${path}.data: has to be the bytes of the file, a URL is not taken`)
    }
    if ("url" in file && !/^https?:\/\//i.test(file.url)) {
      return yield* Result.fail(`${path}.data: only URLs with http or https are taken`)
    }
    const title = own.title ?? own.documentTitle
    const about = own.context ?? own.documentContext
    if (file.mediaType.startsWith("image/")) {
      if (own.citations || title || about) {
        return yield* Result.fail(`${path}.options.${context.key}: an image has no citations, title or context`)
      }
      return marked({ type: "image", source: yield* imageSource(file, path) }, own.cacheControl)
    }
    return marked(
      defined({
        type: "document",
        source: yield* documentSource(file, path),
        title: yield* titleOf(title ?? part.fileName, path),
        context: about || undefined,
        citations: own.citations ?? undefined
      }),
      own.cacheControl
    )
  })

const imageSource = (file: Files.Media, path: string): Encoding<Block> =>
  !imageTypes.includes(file.mediaType) && !("url" in file && file.mediaType === "image/*")
    ? Result.fail(`${path}.mediaType: images are taken as ${imageTypes.join(", ")}, not as ${file.mediaType}`)
    : Result.succeed(
      "url" in file
        ? { type: "url", url: file.url }
        : { type: "base64", media_type: file.mediaType, data: file.base64 }
    )

const documentSource = (file: Files.Media, path: string): Encoding<Block> => {
  if (file.mediaType === "application/pdf") {
    return Result.succeed(
      "url" in file
        ? { type: "url", url: file.url }
        : { type: "base64", media_type: file.mediaType, data: file.base64 }
    )
  }
  if (file.mediaType !== "text/plain") {
    return Result.fail(`${path}.mediaType: images, application/pdf and text/plain are taken, not ${file.mediaType}`)
  }
  return "url" in file
    ? Result.fail(`${path}.data: a text has to be given itself, only images and PDFs are taken by URL`)
    : Result.map(
      textOf(file.base64, path),
      (data) => ({ type: "text", media_type: "text/plain", data })
    )
}

const textOf = (base64: string, path: string): Encoding<string> =>
  Result.mapError(
    Result.flatMap(Base64.decode(base64), (bytes) => Result.try(() => utf8.decode(bytes))),
    () => `${path}.data: is not UTF-8, as a text has to be`
  )

const utf8 = new TextDecoder("utf-8", { fatal: true })

const titleOf = (title: string | undefined, path: string): Encoding<string | undefined> =>
  title !== undefined && title.length > 500
    ? Result.fail(`${path}.fileName: the title of a document has at most 500 characters`)
    : Result.succeed(title === "" ? undefined : title)

// -- Tools and the rest

const toolOf = (tool: ChatRequest.ToolDefinition, path: string, context: Context): Encoding<Unit> =>
  Result.gen(function*() {
    yield* unless(nameProblem(tool.name, `${path}.name`))
    const own = yield* toolOptions(tool.options, context.key, path)
    if (own.eagerInputStreaming && !context.dialect.eagerInputStreaming) {
      return yield* Result.fail(`${path}.options.${context.key}.eagerInputStreaming: is not taken`)
    }
    const parameters = yield* JsonSchemas.parameters(tool.parameters, `${path}.parameters`)
    yield* unless(JsonSchemas.rootCombination(parameters, `${path}.parameters`))
    const block = defined({
      name: tool.name,
      description: tool.description || undefined,
      input_schema: tool.strict ? yield* claudeSchema(parameters, `${path}.parameters`) : parameters,
      strict: tool.strict ? true : undefined,
      allowed_callers: own.allowedCallers ?? undefined,
      defer_loading: own.deferLoading ?? undefined,
      eager_input_streaming: own.eagerInputStreaming ?? undefined,
      input_examples: own.inputExamples ?? undefined
    })
    return { path, blocks: [marked(block, own.cacheControl)] }
  })

const toolChoiceOf = ({ parallelToolCalls, toolChoice }: ChatRequest.Normalized): Block | undefined => {
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : undefined
  switch (toolChoice) {
    case undefined:
      return single && { type: "auto", ...single }
    case "auto":
      return { type: "auto", ...single }
    case "required":
      return { type: "any", ...single }
    case "none":
      return { type: "none" }
    default:
      return { type: "tool", name: toolChoice.tool, ...single }
  }
}

// What says nothing where it stands.
const vacuous = (
  { parallelToolCalls, responseFormat, toolChoice }: ChatRequest.Normalized,
  hasTools: boolean
): ReadonlyArray<string> => [
  ...(!hasTools && parallelToolCalls !== undefined ? ["parallelToolCalls: there are no tools"] : []),
  ...(!hasTools && toolChoice !== undefined ? ["toolChoice: there are no tools"] : []),
  ...(typeof responseFormat === "object" && responseFormat.description !== undefined
    ? ["responseFormat.description: the API takes the schema alone"]
    : [])
]

const outputFormatOf = ({ responseFormat }: ChatRequest.Normalized): Encoding<Block | undefined> => {
  switch (responseFormat) {
    case undefined:
    case "text":
      return Result.succeed(undefined)
    case "json":
      return Result.fail("responseFormat: there is no JSON mode, give a schema")
    default:
      return Result.map(
        claudeSchema(responseFormat.schema, "responseFormat.schema"),
        (schema) => ({ type: "json_schema", schema })
      )
  }
}

const tierOf = ({ serviceTier }: ChatRequest.Normalized, { serviceTiers }: Dialect): Encoding<string | undefined> =>
  serviceTier === undefined || serviceTiers.values.includes(serviceTier)
    ? Result.succeed(serviceTier)
    : Result.fail(`serviceTier: one of ${serviceTiers.values.join(", ")} is taken, not ${serviceTier}`)

const metadataOf = ({ metadata, user }: ChatRequest.Normalized): Encoding<Block | undefined> => {
  const other = Object.keys(metadata ?? {}).find((label) => label !== "user_id")
  if (other !== undefined) return Result.fail(`${place(["metadata", other])}: only the label user_id is taken`)
  const stated = metadata?.["user_id"]
  if (user !== undefined && stated !== undefined && user !== stated) {
    return Result.fail("metadata.user_id: is the user, and there is another one in user")
  }
  const id = user ?? stated
  if (id === undefined) return Result.succeed(undefined)
  return id.length > 512
    ? Result.fail(`${user === undefined ? "metadata.user_id" : "user"}: has at most 512 characters`)
    : Result.succeed({ user_id: id })
}

const samplingProblem = ({ stop = [], temperature }: ChatRequest.Normalized): string | undefined => {
  const blank = stop.findIndex(isBlank)
  if (blank !== -1) return `${place(["stop", blank])}: a text of white space alone is not taken`
  return temperature !== undefined && temperature > 1
    ? `temperature: 0 to 1 is taken, not ${temperature}`
    : undefined
}

// Claude writes on where the assistant's last text ends, and refuses to after white space.
const withoutTrailingSpace = (
  turns: ReadonlyArray<Turns.Turn<Block>>
): { readonly turns: ReadonlyArray<Turns.Turn<Block>>; readonly trimmed: ReadonlyArray<string> } => {
  const turn = turns.at(-1)
  const unit = turn?.units.at(-1)
  const text = unit?.blocks[0]?.["text"]
  if (turn?.role !== "assistant" || unit === undefined || typeof text !== "string" || text === text.trimEnd()) {
    return { turns, trimmed: [] }
  }
  const [first, ...rest] = unit.blocks
  const last = { ...unit, blocks: [{ ...first, text: text.trimEnd() }, ...rest] }
  return {
    turns: [...turns.slice(0, -1), { role: turn.role, units: [...turn.units.slice(0, -1), last] }],
    trimmed: [`${unit.path}.text: the white space at its end, after which Claude can't go on`]
  }
}

const prefillProblem = (asked: Claude.Thinking, turns: ReadonlyArray<Turns.Turn<Block>>): string | undefined => {
  const last = turns.at(-1)?.units.at(-1)
  return Claude.thinks(asked) && turns.at(-1)?.role === "assistant" && last?.blocks.at(-1)?.["type"] === "text"
    ? `${last.path}: Claude can't go on with a text of the assistant while it reasons`
    : undefined
}

const defaultLimit = (maxTokens = 4096, thinking: ReadonlyArray<unknown>): number =>
  maxTokens + Math.max(0, ...thinking.map((each) => Schema.is(Budget)(each) ? each.budget_tokens : 0))

const Budget = Schema.Struct({ budget_tokens: Schema.Finite })

// -- Raw fields

interface Raw {
  readonly betas: ReadonlyArray<string>
  readonly headers: Readonly<Record<string, string>>
  readonly raw: Readonly<Record<string, unknown>>
  readonly path: string
}

// Raw fields are for the body, but for names of beta features and what is sent as a header.
const rawOf = (
  fields: Readonly<Record<string, unknown>>,
  path: string,
  always: ReadonlyArray<string> = [],
  dialect: Dialect
): Encoding<Raw> => {
  const lists = dialect.betas === "body" ? ["betas", "anthropic_beta"] : ["betas"]
  const betas = new Set(always)
  const headers: Record<string, string> = {}
  const raw: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    const header = Object.hasOwn(dialect.headers, name) ? dialect.headers[name] : undefined
    if (!lists.includes(name) && header === undefined) raw[name] = value
    else if (value === null) continue
    else if (header === undefined) {
      if (!Schema.is(Names)(value)) return Result.fail(`${path}.${name}: has to be a list of names`)
      for (const beta of value) betas.add(beta)
    } else {
      if (typeof value !== "string") return Result.fail(`${path}.${name}: has to be a text, it is sent as a header`)
      headers[header] = value
    }
  }
  return Result.succeed({ betas: Array.from(betas), headers, raw, path })
}

const Names = Schema.Array(Schema.String)
