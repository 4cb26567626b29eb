/**
 * The request body.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
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
import { type OwnOptions, type RawFields as Raw, rawFields } from "../request/options.ts"
import { ownOptions } from "../request/ownOptions.ts"
import * as RawFields from "../request/rawFields.ts"
import { each } from "../request/results.ts"
import * as JsonSchemas from "../request/schema.ts"
import * as ToolResults from "../request/toolResults.ts"
import * as Turns from "../request/turns.ts"

/**
 * How requests are encoded.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface FormatOptions {
  /** The provider's name, for messages. */
  readonly provider: string
  /** The provider's own fields in a request's `options`; the first key also holds those of messages, parts and tools. */
  readonly options: OwnOptions
}

/**
 * The request format of Bedrock's Converse: one form for all models, whose own parameters go into
 * `additionalModelRequestFields`. What a parameter is called there is known for Claude, Nova and gpt-oss.
 *
 * Raw fields are merged last, field by field within `additionalModelRequestFields`, `inferenceConfig`, `outputConfig`,
 * `requestMetadata` and `toolConfig`.
 *
 * @example
 * ```ts
 * import { Bedrock, ChatRequest, Converse } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const options = { keys: ["bedrock"], schema: Bedrock.BedrockOptions } as const
 * const format = Converse.format({ provider: "bedrock", options })
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", topK: 5 }))
 * const encoded = Result.getOrThrow(format.encode(request, "us.anthropic.claude-haiku-4-5-20251001-v1:0"))
 * encoded.body.additionalModelRequestFields // { top_k: 5 }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const format = ({ options, provider }: FormatOptions): RequestFormat => {
  const own = rawFields(options, ["messages"])
  return make({
    name: "converse",
    provider,
    encode: (request, model) => Result.flatMap(own(request), (raw) => encode(options.keys[0], raw, request, model))
  })
}

type Block = Readonly<Record<string, unknown>>
type Unit = Turns.Unit<Block>
type Encoding<A> = Result.Result<A, string>

/** What all parts of a request share. */
interface Context {
  readonly key: string
  readonly ids: ReadonlyMap<string, string>
  /** Gives a document a name that no other one has. */
  readonly documentName: (fileName: string | undefined) => string
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
  user: { ignored: "the API takes none; metadata is kept in AWS's invocation logs" },
  metadata: "encoded",
  logprobs: { refused: "the API gives no log probabilities" },
  audio: { refused: "the API gives no sound" },
  options: "encoded"
}

const shape: RawFields.Shape = {
  content: ["messages", "system"],
  objects: {
    additionalModelRequestFields: [],
    inferenceConfig: [],
    outputConfig: ["textFormat"],
    requestMetadata: [],
    toolConfig: ["tools"]
  }
}

const encode = (
  key: string,
  { fields: raw, path }: Raw,
  request: ChatRequest.Normalized,
  model: string
): Encoding<Encoded> =>
  Result.gen(function*() {
    const context: Context = { key, ids: idsOf(request.prompt), documentName: documentNames() }
    const family = familyOf(model)
    const ignored = yield* Fields.leftOut(request, treatments)

    const tools = yield* each(request.tools ?? [], (tool, index) =>
      toolOf(tool, place(["tools", index]), family, context))
    const system = yield* systemOf(request, context)
    const messages = yield* messagesOf(request.prompt, context)
    const inTurns = yield* Turns.turns(messages)
    const { trimmed, turns } = family === "claude"
      ? withoutTrailingSpace(inTurns)
      : { turns: inTurns, trimmed: [] }
    const units = [
      ...tools,
      ...system,
      ...turns.flatMap(({ units }) =>
        units
      )
    ]
    yield* unless(Caching.problem(units.flatMap(marksOf)) ?? mediaProblem(turns))

    const asked = yield* reasoningOf(request, model, family)
    yield* unless(
      samplingProblem(request, family)
        ?? (family === "claude" ? claudeSchemasProblem(request) : undefined)
        ?? (asked.claude === undefined ? undefined : Claude.conflict(request, asked.claude, request.maxTokens))
        ?? (asked.claude === undefined ? undefined : prefillProblem(asked.claude, turns))
    )
    const limit = request.maxTokens ?? limitOf([asked.fields["thinking"], raw["additionalModelRequestFields"]])
    const topK = topKOf(request, family)
    const hasRawTools = Schema.is(RawTools)(raw["toolConfig"])
    const choice = yield* toolChoiceOf(request, family, { hasOwn: tools.length > 0, hasRaw: hasRawTools, turns })

    const body = yield* RawFields.merge(
      defined({
        messages: turns.map(({ role, units }) => ({ role, content: units.flatMap(({ blocks }) => blocks) })),
        system: system.length === 0 ? undefined : system.flatMap(({ blocks }) => blocks),
        inferenceConfig: filled({
          maxTokens: limit,
          temperature: request.temperature,
          topP: request.topP,
          stopSequences: request.stop?.length === 0 ? undefined : request.stop
        }),
        toolConfig: tools.length === 0 || choice.withoutTools
          ? undefined
          : defined({ tools: tools.flatMap(({ blocks }) => blocks), toolChoice: choice.toolChoice }),
        additionalModelRequestFields: filled({ ...asked.fields, ...topK.fields, tool_choice: choice.field }),
        outputConfig: filled({ textFormat: yield* textFormatOf(request, family), effort: asked.effort }),
        requestMetadata: yield* metadataOf(request),
        serviceTier: yield* tierOf(request)
      }),
      raw,
      shape,
      path
    )
    return {
      body,
      headers: {},
      ignored: [
        ...ignored,
        ...(asked.claude?.ignored ?? []),
        ...topK.ignored,
        ...choice.ignored,
        ...messages.flatMap(({ units }) => units.flatMap(({ leftOut }) => leftOut ?? [])),
        ...trimmed
      ]
    }
  })

const unless = (problem: string | undefined): Encoding<void> =>
  problem === undefined ? Result.succeed(undefined) : Result.fail(problem)

// An object without fields is not sent.
const filled = (fields: Block): Block | undefined => {
  const set = defined(fields)
  return Object.keys(set).length === 0 ? undefined : set
}

// -- Models

/** Whose parameters a model takes, as far as its id tells: that of a profile of one's own tells nothing. */
type Family = "claude" | "nova" | "nova-2" | "gpt-oss" | "other" | "unknown"

const familyOf = (model: string): Family =>
  /anthropic|claude/.test(model)
    ? "claude"
    : /amazon\.nova-2/.test(model)
    ? "nova-2"
    : /amazon\.nova/.test(model)
    ? "nova"
    : /gpt-oss/.test(model)
    ? "gpt-oss"
    : model.startsWith("arn:") && !/foundation-model|:inference-profile/.test(model)
    ? "unknown"
    : "other"

interface Reasoning {
  readonly claude?: Claude.Thinking | undefined
  readonly fields: Block
  readonly effort?: string | undefined
}

const reasoningOf = (request: ChatRequest.Normalized, model: string, family: Family): Encoding<Reasoning> => {
  const { reasoning } = request
  if (reasoning === undefined) return Result.succeed({ fields: {} })
  if (family === "claude" || family === "unknown") {
    return Result.map(Claude.thinking(reasoning, model), (claude) => ({
      claude,
      fields: defined({ thinking: claude.thinking }),
      effort: claude.effort
    }))
  }
  const { budgetTokens, effort, summary } = reasoning
  if (budgetTokens !== undefined) return Result.fail(`reasoning.budgetTokens: ${model} takes no budget`)
  if (summary !== undefined) return Result.fail(`reasoning.summary: ${model} gives none`)
  if (effort === undefined) return Result.succeed({ fields: {} })
  switch (family) {
    case "gpt-oss":
      return isLevel(effort)
        ? Result.succeed({ fields: { reasoning_effort: effort } })
        : Result.fail(`reasoning.effort: ${model} takes low, medium and high, not ${effort}`)
    case "nova-2":
      return effort === "none"
        ? Result.succeed({ fields: { reasoningConfig: { type: "disabled" } } })
        : isLevel(effort)
        ? Result.succeed({ fields: { reasoningConfig: { type: "enabled", maxReasoningEffort: effort } } })
        : Result.fail(`reasoning.effort: ${model} takes none, low, medium and high, not ${effort}`)
    default:
      return Result.fail(
        `reasoning.effort: not known for ${model}; state it in options.bedrock.additionalModelRequestFields, by the model's own name`
      )
  }
}

const isLevel = (effort: ChatRequest.Effort): boolean => effort === "low" || effort === "medium" || effort === "high"

// The model's own default is below a large budget.
const limitOf = (candidates: ReadonlyArray<unknown>): number | undefined => {
  const budget = candidates.map((each) =>
    Schema.is(Budget)(each) ? each.budget_tokens : Schema.is(Thinking)(each) ? each.thinking.budget_tokens : 0
  )
  const most = Math.max(...budget)
  return most === 0 ? undefined : most + 4096
}

const Budget = Schema.Struct({ budget_tokens: Schema.Finite })
const Thinking = Schema.Struct({ thinking: Budget })
const RawTools = Schema.Struct({ tools: Schema.Array(Schema.Unknown) })

const topKOf = (
  { topK }: ChatRequest.Normalized,
  family: Family
): { readonly fields: Block; readonly ignored: ReadonlyArray<string> } => {
  if (topK === undefined) return { fields: {}, ignored: [] }
  switch (family) {
    case "claude":
      return { fields: { top_k: topK }, ignored: [] }
    case "nova":
    case "nova-2":
      return { fields: { inferenceConfig: { topK } }, ignored: [] }
    default:
      return {
        fields: {},
        ignored: [
          "topK: not known for this model; state it in options.bedrock.additionalModelRequestFields, by the model's own name"
        ]
      }
  }
}

// -- Parts

const mark = nullish(Caching.CachePoint)

const messageOptions = ownOptions(Schema.Struct({ cachePoint: mark }))
const textOptions = ownOptions(Schema.Struct({
  cachePoint: mark,
  /** What an answer cited, as the provider sent it. */
  citations: nullish(Schema.Array(Schema.JsonObject))
}))
const serverOptions = ownOptions(Schema.Struct({
  cachePoint: mark,
  /** The block's, where the provider ran the tool. */
  type: nullish(Schema.String),
  status: nullish(Schema.String)
}))
const fileOptions = ownOptions(Schema.Struct({
  bucketOwner: nullish(Schema.String),
  cachePoint: mark,
  citations: nullish(Schema.Struct({ enabled: Schema.Boolean })),
  context: nullish(Schema.String)
}))
const reasoningOptions = ownOptions(Schema.Struct({
  cachePoint: mark,
  redactedContent: nullish(Schema.String.check(Schema.isBase64())),
  signature: nullish(Schema.String)
}))

type CachePoint = typeof Caching.CachePoint.Type | null | undefined

const isBlank = (text: string): boolean => text.trim() === ""

// A marker is a block of its own, behind what is cached.
const marked = (block: Block, cachePoint: CachePoint): ReadonlyArray<Block> =>
  cachePoint ? [block, { cachePoint }] : [block]

const marksOf = ({ blocks, path }: Unit): ReadonlyArray<Caching.Mark> =>
  blocks.flatMap(({ cachePoint }) => Schema.is(Caching.CachePoint)(cachePoint) ? [{ path, ttl: cachePoint.ttl }] : [])

const systemOf = ({ prompt, system }: ChatRequest.Normalized, { key }: Context): Encoding<ReadonlyArray<Unit>> =>
  Result.gen(function*() {
    const units: Array<Unit> = system === undefined ? [] : [yield* textUnit(system, undefined, "system")]
    for (const [index, message] of prompt.content.entries()) {
      if (message.role !== "system") continue
      const path = place(["prompt", index])
      const { cachePoint } = yield* messageOptions(message.options, key, path)
      units.push(yield* textUnit(message.content, cachePoint, path))
    }
    return units.filter(({ blocks }) => blocks.length > 0)
  })

// The API refuses blank texts.
const textUnit = (text: string, cachePoint: CachePoint, path: string): Encoding<Unit> =>
  !isBlank(text)
    ? Result.succeed({ path, blocks: marked({ text }, cachePoint) })
    : cachePoint
    ? Result.fail(`${path}: a blank text is not sent, so it can't be followed by a cache point`)
    : Result.succeed({ path, blocks: [] })

const messagesOf = (prompt: Prompt.Prompt, context: Context): Encoding<ReadonlyArray<Turns.Turn<Block>>> =>
  Result.gen(function*() {
    const messages: Array<Turns.Turn<Block>> = []
    for (const [index, message] of prompt.content.entries()) {
      if (message.role === "system") continue
      const path = place(["prompt", index])
      const units = yield* unitsOf(message, path, context)
      const { cachePoint } = yield* messageOptions(message.options, context.key, path)
      messages.push({
        role: message.role === "assistant" ? "assistant" : "user",
        units: cachePoint ? yield* markLast(units, cachePoint, path) : units
      })
    }
    return messages
  })

// A cache point of a message stands behind its last block.
const markLast = (units: ReadonlyArray<Unit>, cachePoint: CachePoint, path: string): Encoding<ReadonlyArray<Unit>> => {
  const index = units.findLastIndex(({ blocks }) => blocks.length > 0)
  const last = units[index]?.blocks.at(-1)
  if (last === undefined) {
    return Result.fail(`${path}: nothing of this message is sent, so it can't be followed by a cache point`)
  }
  if ("reasoningContent" in last) return Result.fail(`${path}: reasoning can't be followed by a cache point`)
  return Result.succeed(
    "cachePoint" in last
      ? units
      : units.map((unit, i) => i === index ? { ...unit, blocks: [...unit.blocks, { cachePoint }] } : unit)
  )
}

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
      return filePart(part, path, context)
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
      return part.providerExecuted ? Result.fail(serverTool(part, path)) : resultPart(part, path, context)
    case "tool-approval-response":
      return Result.succeed({ path, blocks: [] })
  }
}

const serverTool = ({ name }: Prompt.ToolCallPart | Prompt.ToolResultPart, path: string): string =>
  `${path}: the tool ${name} was run by a provider, and this one does not know it, so it can't be sent back`

const textPart = (part: Prompt.TextPart, path: string, { key }: Context): Encoding<Unit> =>
  Result.flatMap(textOptions(part.options, key, path), ({ cachePoint, citations }) =>
    citations && !isBlank(part.text)
      ? Result.succeed({
        path,
        blocks: marked({ citationsContent: { content: [{ text: part.text }], citations } }, cachePoint)
      })
      : textUnit(part.text, cachePoint, path))

const reasoningPart = (part: Prompt.ReasoningPart, path: string, { key }: Context): Encoding<Unit> =>
  Result.flatMap(
    reasoningOptions(part.options, key, path),
    ({ cachePoint, redactedContent, signature }): Encoding<Unit> =>
      cachePoint
        ? Result.fail(`${path}.options.${key}.cachePoint: reasoning can't be followed by a cache point`)
        : signature
        ? Result.succeed({
          path,
          blocks: [{ reasoningContent: { reasoningText: { text: part.text, signature } } }]
        })
        : redactedContent
        ? Result.succeed({ path, blocks: [{ reasoningContent: { redactedContent } }] })
        : Result.succeed({
          path,
          blocks: [],
          leftOut: `${path}: reasoning without a signature of this provider can't be sent back`
        })
  )

const idsOf = (prompt: Prompt.Prompt): ReadonlyMap<string, string> =>
  Ids.accepted(ToolResults.callIds(prompt), { foreign: /[^a-zA-Z0-9_.:-]/g, maxLength: 64 })

const callPart = (part: Prompt.ToolCallPart, path: string, context: Context): Encoding<Unit> =>
  Result.gen(function*() {
    const { cachePoint, type } = yield* serverOptions(part.options, context.key, path)
    yield* unless(nameProblem(part.name, `${path}.name`))
    if (part.providerExecuted) {
      if (!type) return yield* Result.fail(serverTool(part, path))
      const input = yield* ToolResults.argumentsOf(part, path)
      return { path, blocks: marked({ toolUse: { toolUseId: part.id, name: part.name, input, type } }, cachePoint) }
    }
    const toolUse = {
      toolUseId: context.ids.get(part.id),
      name: part.name,
      input: yield* ToolResults.argumentsOf(part, path)
    }
    return { path, call: part.id, blocks: marked({ toolUse }, cachePoint) }
  })

// In the assistant's own message, as Nova streams it.
const serverResult = (part: Prompt.ToolResultPart, path: string, context: Context): Encoding<Unit> =>
  Result.gen(function*() {
    const { cachePoint, status, type } = yield* serverOptions(part.options, context.key, path)
    const { result } = part
    if (!type || !Array.isArray(result)) return yield* Result.fail(serverTool(part, path))
    yield* ToolResults.text(part, path)
    const toolResult = defined({ toolUseId: part.id, content: result, status: status ?? undefined, type })
    return { path, blocks: marked({ toolResult }, cachePoint) }
  })

const nameProblem = (name: string, path: string): string | undefined =>
  /^[a-zA-Z0-9_-]{1,64}$/.test(name)
    ? undefined
    : `${path}: the name of a tool has 1 to 64 letters, digits, underscores and hyphens, not ${JSON.stringify(name)}`

const resultPart = (part: Prompt.ToolResultPart, path: string, context: Context): Encoding<Unit> =>
  Result.gen(function*() {
    const { cachePoint } = yield* messageOptions(part.options, context.key, path)
    const content = yield* resultContent(part, path, context)
    if (part.isFailure && content.length === 0) {
      return yield* Result.fail(`${path}.result: is empty; a tool that failed has to say something`)
    }
    const toolResult = defined({
      toolUseId: context.ids.get(part.id),
      content,
      status: part.isFailure ? "error" : undefined
    })
    return { path, result: part.id, blocks: marked({ toolResult }, cachePoint) }
  })

const resultContent = (part: Prompt.ToolResultPart, path: string, context: Context): Encoding<ReadonlyArray<Block>> =>
  Result.gen(function*() {
    if (part.modelOutput === undefined) {
      const text = yield* ToolResults.text(part, path)
      // Only objects are taken as JSON.
      return Schema.is(Schema.JsonObject)(part.result) ? [{ json: part.result }] : isBlank(text) ? [] : [{ text }]
    }
    const blocks: Array<Block> = []
    for (const [index, output] of part.modelOutput.entries()) {
      const here = `${path}.${place(["modelOutput", index])}`
      const unit = yield* userPart(output, here, context)
      const foreign = unit.blocks.find((block) => "cachePoint" in block || "audio" in block)
      if (foreign !== undefined) {
        return yield* Result.fail(`${here}: a result can't hold ${"audio" in foreign ? "sound" : "a cache point"}`)
      }
      blocks.push(...unit.blocks)
    }
    return blocks
  })

// -- Files

const formats = {
  image: { "image/gif": "gif", "image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp" },
  document: {
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt"
  },
  audio: {
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp3": "mp3",
    "audio/mp4": "mp4",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/webm": "webm",
    "audio/x-m4a": "m4a",
    "audio/x-wav": "wav"
  },
  video: {
    "video/3gpp": "three_gp",
    "video/mp4": "mp4",
    "video/mpeg": "mpeg",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/x-matroska": "mkv",
    "video/x-ms-wmv": "wmv"
  }
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

type Kind = keyof typeof formats

const kinds: ReadonlyArray<Kind> = ["image", "document", "audio", "video"]

const formatOf = (mediaType: string): { readonly kind: Kind; readonly format: string } | undefined => {
  for (const kind of kinds) {
    const known: Readonly<Record<string, string>> = formats[kind]
    const format = Object.hasOwn(known, mediaType) ? known[mediaType] : undefined
    if (format !== undefined) return { kind, format }
  }
  return undefined
}

const filePart = (part: Prompt.FilePart, path: string, context: Context): Encoding<Unit> =>
  Result.gen(function*() {
    const own = yield* fileOptions(part.options, context.key, path)
    const file = yield* Files.media(part, path)
    const known = formatOf(file.mediaType)
    if (known === undefined) {
      const kind = kinds.find((kind) => file.mediaType.startsWith(`${kind}/`)) ?? "document"
      return yield* Result.fail(
        `${path}.mediaType: ${file.mediaType} is not taken; what is, of its kind: ${
          Object.keys(formats[kind]).join(", ")
        }`
      )
    }
    const { format, kind } = known
    if (kind !== "document" && (own.citations || own.context)) {
      return yield* Result.fail(`${path}.options.${context.key}: only documents have citations and a context`)
    }
    const source = yield* sourceOf(file, own.bucketOwner ?? undefined, path)
    const block = kind === "document"
      ? {
        document: defined({
          format,
          name: context.documentName(part.fileName),
          source,
          context: own.context || undefined,
          citations: own.citations ?? undefined
        })
      }
      : { [kind]: { format, source } }
    return { path, blocks: marked(block, own.cachePoint) }
  })

const sourceOf = (file: Files.Media, bucketOwner: string | undefined, path: string): Encoding<Block> =>
  "url" in file
    ? /^s3:\/\/[a-z0-9][.a-z0-9-]{1,61}[a-z0-9](\/.*)?$/.test(file.url) && file.url.length <= 1024
      ? Result.succeed({ s3Location: defined({ uri: file.url, bucketOwner }) })
      : Result.fail(`${path}.data: has to be the bytes of the file, or an s3:// URL; another URL is not taken`)
    : bucketOwner === undefined
    ? Result.succeed({ bytes: file.base64 })
    : Result.fail(`${path}: only a file in S3 has a bucketOwner`)

// Each document has a name of its own, of few characters. It depends on the documents before it alone, so that the
// beginning of a conversation stays as it was, and with it the cache.
const documentNames = (): Context["documentName"] => {
  const taken = new Set<string>()
  return (fileName = "") => {
    const base = fileName.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9()[\]-]+/g, " ").trim().slice(0, 190).trim()
    let name = base || "document"
    for (let count = 2; taken.has(name); count++) name = `${base || "document"} ${count}`
    taken.add(name)
    return name
  }
}

const mediaProblem = (turns: ReadonlyArray<Turns.Turn<Block>>): string | undefined => {
  const units = turns.flatMap(({ units }) => units)
  const fifth = units.filter(has("document"))[5]
  if (fifth !== undefined) return `${fifth.path}: at most 5 documents are taken, this is the sixth`
  const twentieth = units.filter(has("image"))[20]
  if (twentieth !== undefined) return `${twentieth.path}: at most 20 images are taken, this is one more`
  const alone = turns.find(({ units }) => units.some(has("document")) && !units.some(has("text")))
  return alone === undefined
    ? undefined
    : `${alone.units.find(has("document"))?.path}: a document needs a text beside it in the same turn`
}

const has = (kind: string) => ({ blocks }: Unit): boolean => blocks.some((block) => kind in block)

// -- Tools and the rest

const toolOf = (
  tool: ChatRequest.ToolDefinition,
  path: string,
  family: Family,
  context: Context
): Encoding<Unit> =>
  Result.gen(function*() {
    yield* unless(nameProblem(tool.name, `${path}.name`))
    const { cachePoint } = yield* messageOptions(tool.options, context.key, path)
    const parameters = yield* JsonSchemas.parameters(tool.parameters, `${path}.parameters`)
    if (family === "claude") yield* unless(JsonSchemas.rootCombination(parameters, `${path}.parameters`))
    const toolSpec = defined({
      name: tool.name,
      description: tool.description || undefined,
      inputSchema: {
        json: tool.strict ? yield* claudeSchema(parameters, `${path}.parameters`) : parameters
      },
      strict: tool.strict ? true : undefined
    })
    return { path, blocks: marked({ toolSpec }, cachePoint) }
  })

interface Choice {
  /** No tool may be called and none was: then there is no need to name them. */
  readonly withoutTools?: boolean
  readonly toolChoice?: Block
  /** Claude's own field. */
  readonly field?: Block
  readonly ignored: ReadonlyArray<string>
}

const toolChoiceOf = (
  { parallelToolCalls, toolChoice }: ChatRequest.Normalized,
  family: Family,
  { hasOwn, hasRaw, turns }: {
    readonly hasOwn: boolean
    readonly hasRaw: boolean
    readonly turns: ReadonlyArray<Turns.Turn<Block>>
  }
): Encoding<Choice> => {
  const hasCalls = turns.some(({ units }) => units.some(({ call }) => call !== undefined))
  if (!hasOwn && !hasRaw) {
    return hasCalls
      ? Result.fail("tools: the API wants the tools of the calls in the prompt, and there are none")
      : Result.succeed({
        ignored: [
          ...(parallelToolCalls === undefined ? [] : ["parallelToolCalls: there are no tools"]),
          ...(toolChoice === undefined ? [] : ["toolChoice: there are no tools"])
        ]
      })
  }
  const isClaude = family === "claude"
  if (toolChoice === "none") {
    return !hasCalls && !hasRaw
      ? Result.succeed({ withoutTools: true, ignored: [] })
      : isClaude
      ? Result.succeed({ field: { type: "none" }, ignored: [] })
      : Result.fail("toolChoice: the API has no way to forbid calls when there are calls in the prompt")
  }
  if (parallelToolCalls === false) {
    return isClaude
      ? Result.succeed({ field: { ...claudeChoice(toolChoice), disable_parallel_tool_use: true }, ignored: [] })
      : Result.fail("parallelToolCalls: the API has no way to ask for one call at a time")
  }
  return Result.succeed(toolChoice === undefined ? { ignored: [] } : { toolChoice: choiceOf(toolChoice), ignored: [] })
}

type Calling = Exclude<ChatRequest.ToolChoice, "none">

const choiceOf = (toolChoice: Calling): Block => {
  switch (toolChoice) {
    case "auto":
      return { auto: {} }
    case "required":
      return { any: {} }
    default:
      return { tool: { name: toolChoice.tool } }
  }
}

const claudeChoice = (toolChoice: Calling = "auto"): Block => {
  switch (toolChoice) {
    case "auto":
      return { type: "auto" }
    case "required":
      return { type: "any" }
    default:
      return { type: "tool", name: toolChoice.tool }
  }
}

const textFormatOf = ({ responseFormat }: ChatRequest.Normalized, family: Family): Encoding<Block | undefined> => {
  switch (responseFormat) {
    case undefined:
    case "text":
      return Result.succeed(undefined)
    case "json":
      return Result.fail("responseFormat: there is no JSON mode, give a schema")
    default: {
      const { description, name, schema } = responseFormat
      return Result.map(
        family === "claude" ? claudeSchema(schema, "responseFormat.schema") : Result.succeed(schema),
        (schema) => ({
          type: "json_schema",
          structure: { jsonSchema: defined({ schema: JSON.stringify(schema), name, description }) }
        })
      )
    }
  }
}

const tiers = ["priority", "default", "flex", "reserved"]

const tierOf = ({ serviceTier }: ChatRequest.Normalized): Encoding<Block | undefined> =>
  serviceTier === undefined
    ? Result.succeed(undefined)
    : tiers.includes(serviceTier)
    ? Result.succeed({ type: serviceTier })
    : Result.fail(`serviceTier: one of ${tiers.join(", ")} is taken, not ${serviceTier}`)

const metadataOf = ({ metadata = {} }: ChatRequest.Normalized): Encoding<Block | undefined> => {
  const labels = Object.entries(metadata)
  if (labels.length > 16) return Result.fail(`metadata: at most 16 labels are taken, not ${labels.length}`)
  const wrong = labels.find(([label, value]) => !isLabel(label) || label === "" || !isLabel(value))
  return wrong !== undefined
    ? Result.fail(
      `${
        place(["metadata", wrong[0]])
      }: label and value have at most 256 letters, digits, spaces and characters of _:.@$#=/+,-`
    )
    : Result.succeed(labels.length === 0 ? undefined : metadata)
}

const isLabel = (text: string): boolean => /^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$/.test(text)

const samplingProblem = ({ stop = [], temperature }: ChatRequest.Normalized, family: Family): string | undefined => {
  const blank = stop.findIndex(isBlank)
  if (blank !== -1 && family === "claude") {
    return `${place(["stop", blank])}: a text of white space alone is not taken`
  }
  if (stop.length > 2500) return `stop: at most 2500 texts are taken, not ${stop.length}`
  return temperature !== undefined && temperature > 1 ? `temperature: 0 to 1 is taken, not ${temperature}` : undefined
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
  return Claude.thinks(asked) && turns.at(-1)?.role === "assistant" && last !== undefined && has("text")(last)
    ? `${last.path}: Claude can't go on with a text of the assistant while it reasons`
    : undefined
}
