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
import * as Checks from "../../engine/checks.ts"
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
import * as Tools from "../request/tools.ts"
import * as Walk from "../request/walk.ts"
import { bedrockVersion } from "./plain.ts"

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
 * What Bedrock's requests state beside that.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface BedrockFormatOptions extends FormatOptions {
  /** Sent as `anthropic_version`. Default: `bedrock-2023-05-31`. */
  readonly version?: string | undefined
}

/**
 * The whole format.
 *
 * @internal
 */
export const format = (options: FormatOptions): RequestFormat => formatOf(options, anthropic)

/**
 * The whole format of Claude's own API on Bedrock.
 *
 * @internal
 */
export const bedrockFormat = (options: BedrockFormatOptions): RequestFormat =>
  formatOf(options, { ...bedrock, version: options.version ?? bedrockVersion })

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

const formatOf = (options: FormatOptions, dialect: Dialect): RequestFormat => {
  const wire = wireOf(options.options.keys[0], dialect)
  const limit = Checks.count("maxTokens", options.maxTokens ?? 4096, { least: 1 })
  return make({
    name: "messages",
    provider: options.provider,
    options: options.options,
    fields,
    shape,
    allowances: (raw) => ({
      otherTools: Tools.rawTools(raw).flatMap(({ name }) => typeof name === "string" ? [name] : [])
    }),
    encode: (request, context) => encode(options, limit, dialect, wire, request, context)
  })
}

type Piece = Walk.Piece<Fields>
type Unit = Walk.Unit<Fields>

const fields: Treatments = {
  ...Claude.fields,
  temperature: { field: "temperature" },
  topP: { field: "top_p" },
  topK: { field: "top_k" },
  stop: { field: "stop_sequences" },
  serviceTier: "encoded",
  user: "encoded",
  metadata: "encoded"
}

const shape: Shape = {
  names: ["messages", "model", "stream"],
  content: ["messages", "system", "tools"],
  objects: { metadata: [], output_config: ["format"] }
}

const encode = (
  options: FormatOptions,
  limit: Encoding<number>,
  dialect: Dialect,
  wire: Wire,
  request: ChatRequest.Normalized,
  { model, path, raw: own }: Context
): Encoding<Draft> =>
  Result.gen(function*() {
    const { betas, headers, raw } = yield* rawOf(own, path, options.betas, dialect)
    const tools = yield* Result.all(
      (request.tools ?? []).map((tool, index) => toolOf(tool, place(["tools", index]), wire, dialect))
    )
    const { ignored, system, turns: said } = yield* Walk.walk(request, wire)
    const { trimmed, turns } = Claude.withoutTrailingSpace(said)
    yield* unless(Walk.markProblem([...tools, ...system, ...turns.flatMap(({ units }) => units)]))

    yield* unless(Claude.stopProblem(request) ?? Claude.temperatureProblem(request))
    const asked = yield* Claude.thinking(request, model, turns)
    const otherwise = yield* limit
    const schema = yield* Claude.answerSchema(request)
    yield* unless(claudeSchemasProblem(request))
    const { serviceTier: tier } = request
    yield* unless(wordProblem("serviceTier", tier, dialect.serviceTiers.values))
    const hasTools = tools.length > 0 || raw["tools"] !== undefined

    return {
      body: {
        anthropic_version: dialect.version,
        anthropic_beta: dialect.betas === "body" && betas.length > 0 ? betas : undefined,
        model: dialect.hasModel ? model : undefined,
        max_tokens: request.maxTokens ?? Claude.budgetOf([asked.thinking, raw["thinking"]]) + otherwise,
        system: system.length === 0 ? undefined : contentOf(system),
        messages: turns.map(({ role, units }) => ({ role, content: contentOf(units) })),
        tools: tools.length === 0 ? undefined : tools.flatMap(({ blocks }) => blocks),
        tool_choice: hasTools ? Claude.toolChoice(request) : undefined,
        thinking: asked.thinking,
        output_config: schema === undefined && asked.effort === undefined
          ? undefined
          : defined({ effort: asked.effort, format: schema && { type: "json_schema", schema } }),
        metadata: yield* metadataOf(request),
        service_tier: dialect.serviceTiers.header === undefined ? tier : undefined,
        stream: dialect.hasModel ? true : undefined
      },
      raw,
      headers: {
        ...(dialect.betas === "header" && betas.length > 0 ? { "anthropic-beta": betas.join(",") } : undefined),
        ...(dialect.serviceTiers.header !== undefined && tier !== undefined
          ? { [dialect.serviceTiers.header]: tier }
          : undefined),
        ...headers
      },
      ignored: [...asked.ignored, ...vacuous(request, hasTools), ...ignored, ...trimmed]
    }
  })

// A text alone is written as a text.
const contentOf = (units: ReadonlyArray<Unit>): unknown => {
  const blocks = units.flatMap(({ blocks }) => blocks)
  const [first] = blocks
  return blocks.length === 1 && first !== undefined && Object.keys(first).join() === "type,text"
    ? first["text"]
    : blocks
}

// -- Parts

const mark = nullish(
  Schema.Struct({ type: Schema.Literal("ephemeral"), ttl: Schema.optionalKey(Schema.Literals(["5m", "1h"])) })
)
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

interface Wire extends Walk.Wire<Fields> {
  readonly marks: Walk.Marks<Fields>
}

const wireOf = (key: string, dialect: Dialect): Wire => {
  const wire: Wire = {
    key,
    ids: { foreign: /[^a-zA-Z0-9_-]/g },
    marks: {
      option: `${key}.cacheControl`,
      put: (blocks, mark) => [...blocks.slice(0, -1), { ...blocks.at(-1), cache_control: mark }],
      isReasoning: ({ type }) => type === "thinking" || type === "redacted_thinking"
    },
    message: (options, path) =>
      Result.map(messageOptions(options, key, path), ({ cacheControl }) => ({ mark: cacheControl })),
    instruction: (text) => ({ type: "text", text }),
    text: ({ options, text }, path) =>
      Result.map(textOptions(options, key, path), ({ block, cacheControl, citations }) => ({
        // The API refuses blank texts.
        blocks: block
          ? [block]
          : Walk.isBlank(text)
          ? []
          : [defined({ type: "text", text, citations: citations ?? undefined })],
        mark: cacheControl
      })),
    file: (part, path) => filePiece(part, path, key, dialect),
    reasoning: ({ options, text }, path) =>
      Result.map(
        reasoningOptions(options, key, path),
        ({ cacheControl: mark, info }): Piece =>
          info?.type === "thinking" && info.signature !== ""
            ? { blocks: [{ type: "thinking", thinking: text, signature: info.signature }], mark }
            : info?.type === "redacted_thinking" && info.redactedData !== ""
            ? { blocks: [{ type: "redacted_thinking", data: info.redactedData }], mark }
            : { blocks: [], leftOut: "reasoning without a signature of this provider can't be sent back", mark }
      ),
    call: (part, path, id) =>
      Result.gen(function*() {
        const { cacheControl, caller, serverName, type } = yield* callOptions(part.options, key, path)
        const input = yield* Tools.argumentsOf(part, path)
        yield* Tools.toolName(part.name, `${path}.name`, 128)
        if (part.providerExecuted && !type) yield* unless(serverToolProblem(part, path, dialect))
        const block = defined({
          type: part.providerExecuted ? type || "server_tool_use" : "tool_use",
          id,
          name: part.name,
          input,
          caller: caller ?? undefined,
          server_name: part.providerExecuted ? serverName ?? undefined : undefined
        })
        return { blocks: [block], mark: cacheControl }
      }),
    ownCall: (part, path) => wire.call(part, path, part.id),
    result: (part, path, id) =>
      Result.gen(function*() {
        const { cacheControl } = yield* messageOptions(part.options, key, path)
        const within = yield* Walk.contents(part.modelOutput ?? [], `${path}.modelOutput`, wire)
        const content = part.modelOutput === undefined
          ? yield* Tools.resultText(part, path)
          : within.flatMap(({ blocks }) => blocks)
        const block = defined({
          type: "tool_result",
          tool_use_id: id,
          content: content.length === 0 || typeof content === "string" && Walk.isBlank(content) ? undefined : content,
          is_error: part.isFailure ? true : undefined
        })
        return { blocks: [block], mark: cacheControl, within }
      }),
    ownResult: (part, path) =>
      Result.gen(function*() {
        const { cacheControl, caller, type } = yield* serverResultOptions(part.options, key, path)
        if (!type) yield* unless(serverToolProblem(part, path, dialect))
        yield* Tools.resultText(part, path)
        const block = defined({
          type: type || serverResults[part.name],
          tool_use_id: part.id,
          content: part.result,
          // The others state a failure in their content.
          is_error: type === "mcp_tool_result" ? part.isFailure : undefined,
          caller: caller ?? undefined
        })
        return { blocks: [block], mark: cacheControl }
      })
  }
  return wire
}

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
  dialect: Dialect
): string | undefined =>
  dialect.serverTools && id.startsWith("srvtoolu_") && Object.hasOwn(serverResults, name)
    ? undefined
    : Walk.unknownTool({ name }, path)

// -- Files

const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"]

const filePiece = (part: Prompt.FilePart, path: string, key: string, dialect: Dialect): Encoding<Piece> =>
  Result.gen(function*() {
    const own = yield* fileOptions(part.options, key, path)
    const file = yield* Files.media(part, path)
    if ("url" in file && !dialect.takesUrls) {
      return yield* Result.fail(`${path}.data: has to be the bytes of the file, a URL is not taken`)
    }
    if ("url" in file && !/^https?:\/\//i.test(file.url)) {
      return yield* Result.fail(`${path}.data: only URLs with http or https are taken`)
    }
    const title = own.title ?? own.documentTitle
    const about = own.context ?? own.documentContext
    if (file.mediaType.startsWith("image/")) {
      if (own.citations || title || about) {
        return yield* Result.fail(`${path}.options.${key}: an image has no citations, title or context`)
      }
      return { blocks: [{ type: "image", source: yield* imageSource(file, path) }], mark: own.cacheControl }
    }
    const block = defined({
      type: "document",
      source: yield* documentSource(file, path),
      title: yield* titleOf(title ?? part.fileName, path),
      context: about || undefined,
      citations: own.citations ?? undefined
    })
    return { blocks: [block], mark: own.cacheControl }
  })

const imageSource = (file: Files.Media, path: string): Encoding<Fields> =>
  !imageTypes.includes(file.mediaType) && !("url" in file && file.mediaType === "image/*")
    ? Result.fail(`${path}.mediaType: images are taken as ${imageTypes.join(", ")}, not as ${file.mediaType}`)
    : Result.succeed(sourceOf(file))

const sourceOf = (file: Files.Media): Fields =>
  "url" in file
    ? { type: "url", url: file.url }
    : { type: "base64", media_type: file.mediaType, data: file.base64 }

const documentSource = (file: Files.Media, path: string): Encoding<Fields> => {
  if (file.mediaType === "application/pdf") return Result.succeed(sourceOf(file))
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

const toolOf = (tool: ChatRequest.ToolDefinition, path: string, wire: Wire, dialect: Dialect): Encoding<Unit> =>
  Result.gen(function*() {
    yield* Tools.toolName(tool.name, `${path}.name`, 128)
    const own = yield* toolOptions(tool.options, wire.key, path)
    if (own.eagerInputStreaming && !dialect.eagerInputStreaming) {
      return yield* Result.fail(`${path}.options.${wire.key}.eagerInputStreaming: is not taken`)
    }
    const parameters = yield* Tools.toolParameters(tool, path, true)
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
    return yield* Walk.marked({ path, blocks: [block], mark: own.cacheControl }, wire.marks)
  })

// What says nothing where it stands.
const vacuous = (request: ChatRequest.Normalized, hasTools: boolean): ReadonlyArray<string> => [
  ...(hasTools ? [] : Tools.withoutTools(request)),
  ...(typeof request.responseFormat === "object" && request.responseFormat.description !== undefined
    ? ["responseFormat.description: the API takes the schema alone"]
    : [])
]

const metadataOf = ({ metadata, user }: ChatRequest.Normalized): Encoding<Fields | undefined> => {
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

// -- Raw fields

interface Raw {
  readonly betas: ReadonlyArray<string>
  readonly headers: Readonly<Record<string, string>>
  readonly raw: Fields
}

// Raw fields are for the body, but for names of beta features and what is sent as a header.
const rawOf = (
  fields: Fields,
  path: string,
  always: ReadonlyArray<string> = [],
  dialect: Dialect
): Encoding<Raw> => {
  const lists = dialect.betas === "body" ? ["betas", "anthropic_beta"] : ["betas"]
  const betas = new Set(always)
  const headers: Record<string, string> = {}
  // A field may be called as the prototype.
  const raw = new Map<string, unknown>()
  for (const [name, value] of Object.entries(fields)) {
    const header = own(dialect.headers, name)
    if (!lists.includes(name) && header === undefined) raw.set(name, value)
    else if (value === null) continue
    else if (header === undefined) {
      if (!Schema.is(Names)(value)) return Result.fail(`${path}.${name}: has to be a list of names`)
      for (const beta of value) betas.add(beta)
    } else {
      if (typeof value !== "string") return Result.fail(`${path}.${name}: has to be a text, it is sent as a header`)
      headers[header] = value
    }
  }
  return Result.succeed({ betas: Array.from(betas), headers, raw: Object.fromEntries(raw) })
}

const Names = Schema.Array(Schema.String)
