/**
 * The request body.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import { nullish } from "../../internal/open.ts"
import { own } from "../../internal/own.ts"
import { place } from "../../internal/place.ts"
import type { RequestFormat } from "../../RequestFormat.ts"
import * as Claude from "../request/claude.ts"
import { claudeSchema, claudeSchemasProblem } from "../request/claudeSchema.ts"
import { type Encoding, type Fields, unless, wordProblem } from "../request/encoding.ts"
import * as Files from "../request/files.ts"
import { type Context, type Draft, make, type Treatments } from "../request/format.ts"
import { type OwnOptions, ownOptions } from "../request/options.ts"
import type { Shape } from "../request/rawFields.ts"
import * as Reasoning from "../request/reasoning.ts"
import * as Tools from "../request/tools.ts"
import * as Walk from "../request/walk.ts"

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
 * The whole format.
 *
 * @internal
 */
export const format = ({ options, provider }: FormatOptions): RequestFormat => {
  const [key] = options.keys
  return make({
    name: "converse",
    provider,
    options,
    fields,
    shape,
    encode: (request, context) => encode(key, request, context)
  })
}

type Piece = Walk.Piece<Fields>
type Unit = Walk.Unit<Fields>

const fields: Treatments = {
  ...Claude.fields,
  temperature: { field: "inferenceConfig.temperature" },
  topP: { field: "inferenceConfig.topP" },
  topK: "encoded",
  stop: { field: "inferenceConfig.stopSequences" },
  serviceTier: { field: "serviceTier.type" },
  user: { ignored: "the API takes none; metadata is kept in AWS's invocation logs" },
  metadata: { field: "requestMetadata" }
}

const shape: Shape = {
  names: ["messages"],
  content: ["messages", "system"],
  objects: {
    additionalModelRequestFields: [],
    inferenceConfig: [],
    outputConfig: ["textFormat"],
    requestMetadata: [],
    toolConfig: ["tools"]
  }
}

const encode = (key: string, request: ChatRequest.Normalized, { model, raw }: Context): Encoding<Draft> =>
  Result.gen(function*() {
    const family = familyOf(model)
    const wire = wireOf(key)
    const tools = yield* Result.all(
      (request.tools ?? []).map((tool, index) => toolOf(tool, place(["tools", index]), family, wire))
    )
    const { ignored, system, turns: said } = yield* Walk.walk(request, wire)
    const { trimmed, turns } = family === "claude"
      ? Claude.withoutTrailingSpace(said)
      : { turns: said, trimmed: [] }
    yield* unless(
      Walk.markProblem([...tools, ...system, ...turns.flatMap(({ units }) => units)]) ?? mediaProblem(turns)
    )

    yield* unless(
      samplingProblem(request, family) ?? wordProblem("serviceTier", request.serviceTier, tiers) ??
        metadataProblem(request)
        ?? (family === "claude" ? claudeSchemasProblem(request) : undefined)
    )
    const asked = yield* reasoningOf(request, model, family, turns)
    const { additionalModelRequestFields: own } = raw
    const budget = Claude.budgetOf([asked.fields["thinking"], Predicate.hasProperty(own, "thinking") && own.thinking])
    const topK = topKOf(request, family)
    const hasRaw = Schema.is(RawTools)(raw["toolConfig"])
    const choice = yield* toolChoiceOf(request, family, { hasOwn: tools.length > 0, hasRaw, turns })

    return {
      body: {
        messages: turns.map(({ role, units }) => ({ role, content: units.flatMap(({ blocks }) => blocks) })),
        system: system.length === 0 ? undefined : system.flatMap(({ blocks }) => blocks),
        // The model's own default is below a large budget.
        inferenceConfig: filled({ maxTokens: request.maxTokens ?? (budget === 0 ? undefined : budget + 4096) }),
        toolConfig: tools.length === 0 || choice.withoutTools
          ? undefined
          : defined({ tools: tools.flatMap(({ blocks }) => blocks), toolChoice: choice.toolChoice }),
        additionalModelRequestFields: filled({ ...asked.fields, ...topK.fields, tool_choice: choice.field }),
        outputConfig: filled({ textFormat: yield* textFormatOf(request, family), effort: asked.effort })
      },
      ignored: [...asked.ignored, ...topK.ignored, ...choice.ignored, ...ignored, ...trimmed]
    }
  })

// An object without fields is not sent.
const filled = (fields: Fields): Fields | undefined => {
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

interface Asked {
  readonly fields: Fields
  readonly effort?: string | undefined
  readonly ignored: ReadonlyArray<string>
}

// They reason, and can't be told how much.
const untold = /deepseek[.-]r1|kimi-k2-thinking|minimax-m2/

const reasoningOf = (
  request: ChatRequest.Normalized,
  model: string,
  family: Family,
  turns: ReadonlyArray<Walk.Turn<Fields>>
): Encoding<Asked> => {
  if (family === "claude" || family === "unknown") {
    return Result.map(
      Claude.thinking(request, model, turns),
      ({ thinking, ...others }) => ({ fields: defined({ thinking }), ...others })
    )
  }
  const { maxTokens, reasoning = {}, temperature, topP } = request
  const { budgetTokens, effort, summary } = reasoning
  const taken = family === "gpt-oss"
    ? ["low", "medium", "high"]
    : family !== "nova-2"
    ? untold.test(model) ? [] : undefined
    // With the most effort "`maxTokens` must be unset", and so must the others.
    : (maxTokens ?? temperature ?? topP) === undefined
    ? ["none", "low", "medium", "high"]
    : ["none", "low", "medium"]
  if (taken === undefined && (effort ?? budgetTokens) !== undefined) {
    return Result.fail(
      `reasoning.${effort === undefined ? "budgetTokens" : "effort"}: not known for ${model}; ` +
        "state it in options.bedrock.additionalModelRequestFields, by the model's own name"
    )
  }
  const asked = Reasoning.asEffort(reasoning, model, taken)
  const reasoningConfig = asked.effort === "none"
    ? { type: "disabled" }
    : { type: "enabled", maxReasoningEffort: asked.effort }
  return Result.succeed({
    fields: asked.effort === undefined
      ? {}
      : family === "nova-2"
      ? { reasoningConfig }
      : { reasoning_effort: asked.effort },
    ignored: [...asked.ignored, ...summary === undefined ? [] : [`reasoning.summary: ${model} gives none`]]
  })
}

const RawTools = Schema.Struct({ tools: Schema.Array(Schema.Unknown) })

const topKOf = (
  { topK }: ChatRequest.Normalized,
  family: Family
): { readonly fields: Fields; readonly ignored: ReadonlyArray<string> } => {
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

const mark = nullish(
  Schema.Struct({ type: Schema.Literal("default"), ttl: Schema.optionalKey(Schema.Literals(["5m", "1h"])) })
)

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

interface Wire extends Walk.Wire<Fields> {
  readonly marks: Walk.Marks<Fields>
}

// Made for each request, as it gives documents their names.
const wireOf = (key: string): Wire => {
  const documentName = documentNames()
  const mark = (options: Prompt.ProviderOptions | undefined, path: string) =>
    Result.map(messageOptions(options, key, path), ({ cachePoint }) => ({ mark: cachePoint }))
  const wire: Wire = {
    key,
    ids: { foreign: /[^a-zA-Z0-9_.:-]/g, maxLength: 64 },
    // A marker is a block of its own, behind what is cached.
    marks: {
      option: `${key}.cachePoint`,
      put: (blocks, cachePoint) => [...blocks, { cachePoint }],
      isReasoning: (block) => "reasoningContent" in block
    },
    message: mark,
    instruction: (text) => ({ text }),
    text: ({ options, text }, path) =>
      Result.map(textOptions(options, key, path), ({ cachePoint, citations }) => ({
        // The API refuses blank texts.
        blocks: Walk.isBlank(text)
          ? []
          : citations
          ? [{ citationsContent: { content: [{ text }], citations } }]
          : [{ text }],
        mark: cachePoint
      })),
    file: (part, path) => filePiece(part, path, key, documentName),
    reasoning: ({ options, text }, path) =>
      Result.map(
        reasoningOptions(options, key, path),
        ({ cachePoint: mark, redactedContent, signature }): Piece =>
          signature
            ? { blocks: [{ reasoningContent: { reasoningText: { text, signature } } }], mark }
            : redactedContent
            ? { blocks: [{ reasoningContent: { redactedContent } }], mark }
            : { blocks: [], leftOut: "reasoning without a signature of this provider can't be sent back", mark }
      ),
    call: (part, path, toolUseId) =>
      Result.gen(function*() {
        const { cachePoint, type } = yield* serverOptions(part.options, key, path)
        yield* Tools.toolName(part.name, `${path}.name`)
        if (part.providerExecuted && !type) return yield* Result.fail(Walk.unknownTool(part, path))
        const input = yield* Tools.argumentsOf(part, path)
        const toolUse = defined({ toolUseId, name: part.name, input, type: part.providerExecuted ? type : undefined })
        return { blocks: [{ toolUse }], mark: cachePoint }
      }),
    ownCall: (part, path) => wire.call(part, path, part.id),
    result: (part, path, toolUseId) =>
      Result.gen(function*() {
        const content = yield* resultContent(part, path, wire)
        if (part.isFailure && content.length === 0) {
          return yield* Result.fail(`${path}.result: is empty; a tool that failed has to say something`)
        }
        const toolResult = defined({ toolUseId, content, status: part.isFailure ? "error" : undefined })
        return { blocks: [{ toolResult }], ...yield* mark(part.options, path) }
      }),
    // As Nova streams it.
    ownResult: (part, path) =>
      Result.gen(function*() {
        const { cachePoint, status, type } = yield* serverOptions(part.options, key, path)
        if (!type || !Array.isArray(part.result)) return yield* Result.fail(Walk.unknownTool(part, path))
        yield* Tools.resultText(part, path)
        const toolResult = defined({ toolUseId: part.id, content: part.result, status: status ?? undefined, type })
        return { blocks: [{ toolResult }], mark: cachePoint }
      })
  }
  return wire
}

const resultContent = (part: Prompt.ToolResultPart, path: string, wire: Wire): Encoding<ReadonlyArray<Fields>> =>
  Result.gen(function*() {
    if (part.modelOutput === undefined) {
      const text = yield* Tools.resultText(part, path)
      // Only objects are taken as JSON.
      return Schema.is(Schema.JsonObject)(part.result)
        ? [{ json: part.result }]
        : Walk.isBlank(text)
        ? []
        : [{ text }]
    }
    const units = yield* Walk.contents(part.modelOutput, `${path}.modelOutput`, wire)
    const foreign = units.find(({ blocks, mark }) => mark || blocks.some((block) => "audio" in block))
    return foreign === undefined
      ? units.flatMap(({ blocks }) => blocks)
      : yield* Result.fail(`${foreign.path}: a result can't hold ${foreign.mark ? "a cache point" : "sound"}`)
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
    const format = own(known, mediaType)
    if (format !== undefined) return { kind, format }
  }
  return undefined
}

const filePiece = (
  part: Prompt.FilePart,
  path: string,
  key: string,
  documentName: (fileName: string | undefined) => string
): Encoding<Piece> =>
  Result.gen(function*() {
    const own = yield* fileOptions(part.options, key, path)
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
      return yield* Result.fail(`${path}.options.${key}: only documents have citations and a context`)
    }
    const source = yield* sourceOf(file, own.bucketOwner ?? undefined, path)
    const block = kind === "document"
      ? {
        document: defined({
          format,
          name: documentName(part.fileName),
          source,
          context: own.context || undefined,
          citations: own.citations ?? undefined
        })
      }
      : { [kind]: { format, source } }
    return { blocks: [block], mark: own.cachePoint }
  })

const sourceOf = (file: Files.Media, bucketOwner: string | undefined, path: string): Encoding<Fields> =>
  "url" in file
    ? /^s3:\/\/[a-z0-9][.a-z0-9-]{1,61}[a-z0-9](\/.*)?$/.test(file.url) && file.url.length <= 1024
      ? Result.succeed({ s3Location: defined({ uri: file.url, bucketOwner }) })
      : Result.fail(`${path}.data: has to be the bytes of the file, or an s3:// URL; another URL is not taken`)
    : bucketOwner === undefined
    ? Result.succeed({ bytes: file.base64 })
    : Result.fail(`${path}: only a file in S3 has a bucketOwner`)

// Each document has a name of its own, of few characters. It depends on the documents before it alone, so that the
// beginning of a conversation stays as it was, and with it the cache.
const documentNames = () => {
  const taken = new Set<string>()
  return (fileName = ""): string => {
    const base = fileName.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9()[\]-]+/g, " ").trim().slice(0, 190).trim()
    let name = base || "document"
    for (let count = 2; taken.has(name); count++) name = `${base || "document"} ${count}`
    taken.add(name)
    return name
  }
}

const mediaProblem = (turns: ReadonlyArray<Walk.Turn<Fields>>): string | undefined => {
  const units = turns.flatMap(({ units }) => units)
  const sixth = units.filter(has("document"))[5]
  if (sixth !== undefined) return `${sixth.path}: at most 5 documents are taken, this is the sixth`
  const more = units.filter(has("image"))[20]
  if (more !== undefined) return `${more.path}: at most 20 images are taken, this is one more`
  const alone = turns.find(({ units }) => units.some(has("document")) && !units.some(has("text")))
  return alone === undefined
    ? undefined
    : `${alone.units.find(has("document"))?.path}: a document needs a text beside it in the same turn`
}

const has = (kind: string) => ({ blocks }: Unit): boolean => blocks.some((block) => kind in block)

// -- Tools and the rest

const toolOf = (tool: ChatRequest.ToolDefinition, path: string, family: Family, wire: Wire): Encoding<Unit> =>
  Result.gen(function*() {
    yield* Tools.toolName(tool.name, `${path}.name`)
    const { cachePoint } = yield* messageOptions(tool.options, wire.key, path)
    const parameters = yield* Tools.toolParameters(tool, path, family === "claude")
    const toolSpec = defined({
      name: tool.name,
      description: tool.description || undefined,
      inputSchema: {
        json: tool.strict ? yield* claudeSchema(parameters, `${path}.parameters`) : parameters
      },
      strict: tool.strict ? true : undefined
    })
    return yield* Walk.marked({ path, blocks: [{ toolSpec }], mark: cachePoint }, wire.marks)
  })

interface Choice {
  /** No tool may be called and none was: then there is no need to name them. */
  readonly withoutTools?: boolean
  readonly toolChoice?: Fields
  /** Claude's own field. */
  readonly field?: Fields | undefined
  readonly ignored: ReadonlyArray<string>
}

const toolChoiceOf = (
  request: ChatRequest.Normalized,
  family: Family,
  { hasOwn, hasRaw, turns }: {
    readonly hasOwn: boolean
    readonly hasRaw: boolean
    readonly turns: ReadonlyArray<Walk.Turn<Fields>>
  }
): Encoding<Choice> => {
  const { parallelToolCalls, toolChoice } = request
  const hasCalls = turns.some(({ units }) => units.some(({ call }) => call !== undefined))
  if (!hasOwn && !hasRaw) {
    return hasCalls
      ? Result.fail("tools: the API wants the tools of the calls in the prompt, and there are none")
      : Result.succeed({ ignored: Tools.withoutTools(request) })
  }
  const isClaude = family === "claude"
  if (toolChoice === "none") {
    return !hasCalls && !hasRaw
      ? Result.succeed({ withoutTools: true, ignored: [] })
      : isClaude
      ? Result.succeed({ field: Claude.toolChoice(request), ignored: [] })
      : Result.fail("toolChoice: the API has no way to forbid calls when there are calls in the prompt")
  }
  if (parallelToolCalls === false) {
    return isClaude
      ? Result.succeed({ field: Claude.toolChoice(request), ignored: [] })
      : Result.fail("parallelToolCalls: the API has no way to ask for one call at a time")
  }
  return Result.succeed(toolChoice === undefined ? { ignored: [] } : { toolChoice: choiceOf(toolChoice), ignored: [] })
}

const choiceOf = (toolChoice: Exclude<ChatRequest.ToolChoice, "none">): Fields => {
  switch (toolChoice) {
    case "auto":
      return { auto: {} }
    case "required":
      return { any: {} }
    default:
      return { tool: { name: toolChoice.tool } }
  }
}

const textFormatOf = (request: ChatRequest.Normalized, family: Family): Encoding<Fields | undefined> =>
  Result.map(Claude.answerSchema(request, family === "claude"), (schema) => {
    const { description, name } = typeof request.responseFormat === "object" ? request.responseFormat : {}
    const jsonSchema = defined({ schema: JSON.stringify(schema), name, description })
    return schema && { type: "json_schema", structure: { jsonSchema } }
  })

const tiers = ["priority", "default", "flex", "reserved"]

const metadataProblem = ({ metadata = {} }: ChatRequest.Normalized): string | undefined => {
  const labels = Object.entries(metadata)
  if (labels.length > 16) return `metadata: at most 16 labels are taken, not ${labels.length}`
  const wrong = labels.find(([label, value]) => !isLabel(label) || label === "" || !isLabel(value))
  return wrong &&
    `${
      place(["metadata", wrong[0]])
    }: label and value have at most 256 letters, digits, spaces and characters of _:.@$#=/+,-`
}

const isLabel = (text: string): boolean => /^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$/.test(text)

const samplingProblem = (request: ChatRequest.Normalized, family: Family): string | undefined => {
  const { stop = [] } = request
  if (stop.length > 2500) return `stop: at most 2500 texts are taken, not ${stop.length}`
  return Claude.temperatureProblem(request) ?? (family === "claude" ? Claude.stopProblem(request) : undefined)
}
