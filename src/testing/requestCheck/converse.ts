import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { nullish, open } from "../../internal/open.ts"
import * as JsonSchema from "./jsonSchema.ts"
import {
  Base64,
  between,
  type Finding,
  invalid,
  isBlank,
  JsonObject,
  Name,
  otherImage,
  pairFindings,
  repeated,
  shape
} from "./shape.ts"

// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

const only = (fields: number) =>
  Schema.makeFilter((block: object) => Object.keys(block).length === fields, {
    expected: "exactly one member of the union"
  })

// One of several members, each a field of its own.
const union = <const Fields extends Schema.Struct.Fields>(members: Fields) => open(members).check(only(1))

const S3 = Schema.Struct({
  uri: Schema.String.check(Schema.isPattern(/^s3:\/\/[a-z0-9]/, { expected: "an s3:// URI" })),
  bucketOwner: nullish(Schema.String)
})
const Media = union({ bytes: Schema.optionalKey(Base64), s3Location: Schema.optionalKey(S3) })

const CachePoint = Schema.Struct({ type: Schema.Literal("default"), ttl: nullish(Schema.Literals(["5m", "1h"])) })

const Image = Schema.Struct({ format: Schema.Literals(["png", "jpeg", "gif", "webp"]), source: Media })

const Document = Schema.Struct({
  format: nullish(Schema.Literals(["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"])),
  name: Schema.String.check(Schema.isPattern(/^(?!.*\s\s)[A-Za-z0-9\s\-()[\]]{1,200}$/, {
    expected: "1 to 200 letters, digits, single spaces, hyphens, parentheses and square brackets"
  })),
  source: union({
    bytes: Schema.optionalKey(Base64),
    s3Location: Schema.optionalKey(S3),
    text: Schema.optionalKey(Schema.String),
    content: Schema.optionalKey(Schema.Array(Schema.Struct({ text: Schema.String })))
  }),
  context: nullish(Schema.String),
  citations: nullish(Schema.Struct({ enabled: Schema.Boolean }))
})

const Audio = Schema.Struct({
  format: Schema.Literals([
    "mp3",
    "opus",
    "wav",
    "aac",
    "flac",
    "mp4",
    "ogg",
    "mkv",
    "mka",
    "x-aac",
    "m4a",
    "mpeg",
    "mpga",
    "pcm",
    "webm"
  ]),
  source: Media
})

const Video = Schema.Struct({
  format: Schema.Literals(["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"]),
  source: Media
})

const Id = Schema.String.check(
  Schema.isPattern(/^[a-zA-Z0-9_.:-]{1,64}$/, {
    expected: "1 to 64 letters, digits, underscores, dots, colons and hyphens"
  })
)

const ToolResult = Schema.Struct({
  toolUseId: Id,
  content: Schema.Array(union({
    text: Schema.optionalKey(Schema.String),
    json: Schema.optionalKey(Schema.Unknown),
    image: Schema.optionalKey(Image),
    document: Schema.optionalKey(Document),
    video: Schema.optionalKey(Video),
    searchResult: Schema.optionalKey(JsonObject)
  })),
  status: nullish(Schema.Literals(["success", "error"]))
})

const Block = union({
  text: Schema.optionalKey(Schema.String),
  image: Schema.optionalKey(Image),
  document: Schema.optionalKey(Document),
  audio: Schema.optionalKey(Audio),
  video: Schema.optionalKey(Video),
  toolUse: Schema.optionalKey(Schema.Struct({ toolUseId: Id, name: Name(64), input: Schema.Unknown })),
  toolResult: Schema.optionalKey(ToolResult),
  reasoningContent: Schema.optionalKey(union({
    reasoningText: Schema.optionalKey(Schema.Struct({ text: Schema.String, signature: nullish(Schema.String) })),
    redactedContent: Schema.optionalKey(Base64)
  })),
  cachePoint: Schema.optionalKey(CachePoint),
  guardContent: Schema.optionalKey(JsonObject),
  citationsContent: Schema.optionalKey(JsonObject),
  searchResult: Schema.optionalKey(JsonObject),
  toolAddition: Schema.optionalKey(JsonObject),
  toolRemoval: Schema.optionalKey(JsonObject)
})

const Label = Schema.String.check(
  Schema.isPattern(/^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$/, { expected: "at most 256 characters of a limited set" })
)

const Body = Schema.Struct({
  messages: Schema.Array(Schema.Struct({
    role: Schema.Literals(["user", "assistant", "system"]),
    content: Schema.Array(Block)
  })),
  system: nullish(Schema.Array(union({
    text: Schema.optionalKey(Schema.String.check(Schema.isNonEmpty())),
    guardContent: Schema.optionalKey(JsonObject),
    cachePoint: Schema.optionalKey(CachePoint)
  }))),
  inferenceConfig: nullish(Schema.Struct({
    maxTokens: nullish(Schema.Int.check(Schema.isGreaterThan(0))),
    temperature: nullish(between(0, 1)),
    topP: nullish(between(0, 1)),
    stopSequences: nullish(Schema.Array(Schema.String.check(Schema.isNonEmpty())).check(Schema.isMaxLength(2500)))
  })),
  toolConfig: nullish(Schema.Struct({
    tools: Schema.NonEmptyArray(union({
      toolSpec: Schema.optionalKey(Schema.Struct({
        name: Name(64),
        description: nullish(Schema.String.check(Schema.isNonEmpty())),
        inputSchema: Schema.Struct({ json: JsonObject }),
        strict: nullish(Schema.Boolean)
      })),
      systemTool: Schema.optionalKey(Schema.Struct({ name: Name(64) })),
      cachePoint: Schema.optionalKey(CachePoint)
    })),
    toolChoice: nullish(union({
      auto: Schema.optionalKey(JsonObject),
      any: Schema.optionalKey(JsonObject),
      tool: Schema.optionalKey(Schema.Struct({ name: Name(64) }))
    }))
  })),
  additionalModelRequestFields: nullish(JsonObject),
  outputConfig: nullish(Schema.Struct({
    effort: nullish(Schema.String.check(Schema.isMaxLength(16))),
    textFormat: nullish(Schema.Struct({
      type: Schema.Literal("json_schema"),
      structure: Schema.Struct({
        jsonSchema: Schema.Struct({
          schema: Schema.String,
          name: nullish(Schema.String),
          description: nullish(Schema.String)
        })
      })
    }))
  })),
  performanceConfig: nullish(Schema.Struct({ latency: nullish(Schema.Literals(["standard", "optimized"])) })),
  requestMetadata: nullish(
    Schema.Record(Schema.String, Label).check(Schema.isBetweenProperties(1, 16))
  ),
  serviceTier: nullish(Schema.Struct({ type: Schema.Literals(["priority", "default", "flex", "reserved"]) }))
})

type Body = typeof Body.Type
type Block = typeof Block.Type

// Bedrock passes over fields that it does not know.
const read = shape(Body, "ignore")

/**
 * What Bedrock's Converse refuses in a body.
 *
 * @internal
 */
export const bedrock = (body: unknown, model: string): ReadonlyArray<Finding> =>
  Result.match(read(body), {
    onFailure: (findings) => findings,
    onSuccess: (body) => [
      ...turnFindings(body.messages),
      ...body.messages.flatMap(({ content, role }, i) =>
        content.flatMap((block, j) => blockFindings(block, `messages[${i}].content[${j}]`, role))
      ),
      ...(body.system ?? []).flatMap(({ text }, index) =>
        text !== undefined && isBlank(text) ? [blank(`system[${index}].text`)] : []
      ),
      ...documentFindings(body.messages),
      ...toolFindings(body),
      ...claudeFindings(body, model)
    ]
  })

const blank = (path: string): Finding => invalid(path, "a text has to hold more than white space")

const turnFindings = (messages: Body["messages"]): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  const turns = messages.map((message, index) => ({ ...message, path: `messages[${index}]` })).filter(({ role }) =>
    role !== "system"
  )
  if (turns.length === 0) findings.push(invalid("messages", "a conversation has to hold a message"))
  if (turns[0]?.role === "assistant") {
    findings.push(invalid("messages[0].role", "a conversation has to start with a message of the user"))
  }
  for (const [index, { content, path, role }] of turns.entries()) {
    if (turns[index - 1]?.role === role) {
      findings.push(invalid(`${path}.role`, "the roles of messages have to alternate between user and assistant"))
    }
    if (content.length === 0) findings.push(invalid(`${path}.content`, "is empty"))
    else if (content.every(({ cachePoint }) => cachePoint)) {
      findings.push(invalid(`${path}.content`, "holds nothing but a cache point"))
    }
  }
  const said = turns.map(({ content, path }) =>
    content.flatMap(({ cachePoint, toolResult, toolUse }, j) =>
      cachePoint ? [] : [{ path: `${path}.content[${j}]`, call: toolUse?.toolUseId, result: toolResult?.toolUseId }]
    )
  )
  return [
    ...findings,
    ...pairFindings(said, { call: "toolUse", result: "toolResult" }, { call: "", result: "" })
  ]
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const blockFindings = (block: Block, path: string, role: string): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  if (block.text !== undefined && isBlank(block.text)) findings.push(blank(`${path}.text`))
  if (block.image) {
    if (role !== "user") findings.push(invalid(`${path}.image`, "an image may only stand in a message of the user"))
    findings.push(...imageFindings(block.image, `${path}.image`))
  }
  if (block.toolUse && !isObject(block.toolUse.input)) {
    findings.push(invalid(`${path}.toolUse.input`, "has to be a JSON object"))
  }
  for (const [index, each] of (block.toolResult?.content ?? []).entries()) {
    const at = `${path}.toolResult.content[${index}]`
    if (each.text !== undefined && isBlank(each.text)) findings.push(blank(`${at}.text`))
    if ("json" in each && !isObject(each.json)) findings.push(invalid(`${at}.json`, "has to be a JSON object"))
    if (each.image) findings.push(...imageFindings(each.image, `${at}.image`))
  }
  if (block.toolResult?.status === "error" && block.toolResult.content.length === 0) {
    findings.push(invalid(`${path}.toolResult.content`, "has to hold something when the status is error"))
  }
  return findings
}

const imageFindings = ({ format, source }: typeof Image.Type, path: string): ReadonlyArray<Finding> => {
  const other = source.bytes === undefined ? undefined : otherImage(source.bytes, `image/${format}`)
  return other === undefined ? [] : [invalid(`${path}.format`, `the image was said to be ${format}, but is ${other}`)]
}

const documentFindings = (messages: Body["messages"]): ReadonlyArray<Finding> => {
  const documents = messages.flatMap(({ content }, i) =>
    content.flatMap((block, j) => {
      const path = `messages[${i}].content[${j}]`
      return [
        ...(block.document ? [{ name: block.document.name, path: `${path}.document` }] : []),
        ...(block.toolResult?.content ?? []).flatMap(({ document }, k) =>
          document ? [{ name: document.name, path: `${path}.toolResult.content[${k}].document` }] : []
        )
      ]
    })
  )
  return [
    ...repeated(documents.map(({ name }) => name)).map(([name, index]) =>
      invalid(`${documents[index]?.path}.name`, `the names of documents have to be unique, ${name} is not`)
    ),
    ...documents.slice(5, 6).map(({ path }) => invalid(path, "at most 5 documents are taken")),
    ...messages.flatMap(({ content }, i) =>
      content.some(({ document }) => document) && !content.some(({ text }) => text !== undefined)
        ? [invalid(`messages[${i}].content`, "a text block has to stand beside a document")]
        : []
    )
  ]
}

const toolFindings = ({ messages, toolConfig }: Body): ReadonlyArray<Finding> => {
  const tools = toolConfig?.tools ?? []
  const names = tools.map(({ systemTool, toolSpec }) => toolSpec?.name ?? systemTool?.name ?? "")
  const hasCalls = messages.some(({ content }) => content.some(({ toolResult, toolUse }) => toolResult || toolUse))
  const chosen = toolConfig?.toolChoice?.tool?.name
  return [
    ...hasCalls && tools.length === 0
      ? [{
        kind: "missing" as const,
        path: "toolConfig",
        message: "is required when messages hold toolUse and toolResult blocks"
      }]
      : [],
    ...repeated(names).flatMap(([name, index]) =>
      name === "" ? [] : [invalid(`toolConfig.tools[${index}]`, `the names of tools have to be unique, ${name} is not`)]
    ),
    ...tools.flatMap(({ toolSpec }, index) => {
      if (!toolSpec) return []
      const { json } = toolSpec.inputSchema
      const path = `toolConfig.tools[${index}].toolSpec.inputSchema.json`
      return [...JsonSchema.parameters(json, path), ...toolSpec.strict ? JsonSchema.claude(json, path) : []]
    }),
    ...chosen !== undefined && !names.includes(chosen)
      ? [invalid("toolConfig.toolChoice.tool.name", `there is no tool ${chosen}`)]
      : []
  ]
}

const Own = Schema.Struct({
  thinking: Schema.optionalKey(Schema.Struct({
    type: Schema.String,
    budget_tokens: Schema.optionalKey(Schema.Finite)
  }))
})

const claudeFindings = (body: Body, model: string): ReadonlyArray<Finding> => {
  if (!/anthropic|claude/.test(model)) return []
  const { additionalModelRequestFields: own, inferenceConfig, messages, outputConfig, toolConfig } = body
  const thinking = Schema.is(Own)(own) ? own.thinking : undefined
  const limit = inferenceConfig?.maxTokens
  const temperature = inferenceConfig?.temperature
  const at = "additionalModelRequestFields.thinking"
  const findings: Array<Finding> = []
  if (thinking?.type === "enabled" || thinking?.type === "adaptive") {
    if (typeof temperature === "number" && temperature !== 1) {
      findings.push(invalid("inferenceConfig.temperature", "may only be 1 when thinking is enabled"))
    }
  }
  if (thinking?.type === "enabled") {
    const budget = thinking.budget_tokens ?? 0
    if (budget < 1024) findings.push(invalid(`${at}.budget_tokens`, "has to be 1024 at least"))
    if (typeof limit === "number" && budget >= limit) {
      findings.push(invalid("inferenceConfig.maxTokens", "has to be greater than thinking.budget_tokens"))
    }
    if (toolConfig?.toolChoice?.any || toolConfig?.toolChoice?.tool) {
      findings.push(invalid("toolConfig.toolChoice", "may not force tool use when thinking is enabled"))
    }
    if (/claude-(opus-4-[78]|(opus|sonnet|fable|haiku)-5)/.test(model)) {
      findings.push(invalid(`${at}.type`, `${model} takes adaptive thinking, not a budget`))
    }
  }
  const format = outputConfig?.textFormat?.structure.jsonSchema.schema
  if (format !== undefined) {
    const path = "outputConfig.textFormat.structure.jsonSchema.schema"
    const schema = Result.getOrUndefined(Result.try((): unknown => JSON.parse(format)))
    findings.push(
      ...isObject(schema) ? JsonSchema.claude(schema, path) : [invalid(path, "has to be the text of a JSON Schema")]
    )
  }
  const text = messages.at(-1)?.role === "assistant" ? messages.at(-1)?.content.at(-1)?.text : undefined
  if (text !== undefined && /\s$/.test(text)) {
    findings.push(invalid("messages", "the last message of the assistant can't end with white space"))
  }
  for (const [index, stop] of (inferenceConfig?.stopSequences ?? []).entries()) {
    if (isBlank(stop)) findings.push(invalid(`inferenceConfig.stopSequences[${index}]`, "is white space alone"))
  }
  return findings
}
