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
  kinds,
  Name,
  otherImage,
  pairFindings,
  repeated,
  shape
} from "./shape.ts"

// Anthropic's Messages, and Claude's own format on Bedrock: https://docs.claude.com/en/api/messages

const cached = {
  cache_control: nullish(
    Schema.Struct({ type: Schema.Literal("ephemeral"), ttl: nullish(Schema.Literals(["5m", "1h"])) })
  )
}

const Text = Schema.Struct({
  type: Schema.Literal("text"),
  text: Schema.String,
  citations: nullish(Schema.Array(JsonObject)),
  ...cached
})

const Url = Schema.Struct({
  type: Schema.Literal("url"),
  url: Schema.String.check(Schema.isPattern(/^https?:\/\//, { expected: "a URL with http or https" }))
})
const FileId = Schema.Struct({ type: Schema.Literal("file"), file_id: Schema.String })

const Image = Schema.Struct({
  type: Schema.Literal("image"),
  source: kinds("a source of type base64, url or file", [
    Schema.Struct({
      type: Schema.Literal("base64"),
      media_type: Schema.Literals(["image/jpeg", "image/png", "image/gif", "image/webp"]),
      data: Base64
    }),
    Url,
    FileId
  ]),
  ...cached
})

const Document = Schema.Struct({
  type: Schema.Literal("document"),
  source: kinds("a source of type base64, text, content, url or file", [
    Schema.Struct({ type: Schema.Literal("base64"), media_type: Schema.Literal("application/pdf"), data: Base64 }),
    Schema.Struct({ type: Schema.Literal("text"), media_type: Schema.Literal("text/plain"), data: Schema.String }),
    Schema.Struct({
      type: Schema.Literal("content"),
      content: Schema.Union([Schema.String, Schema.Array(Schema.Union([Text, Image]))])
    }),
    Url,
    FileId
  ]),
  title: nullish(Schema.String.check(Schema.isBetweenLength(1, 500))),
  context: nullish(Schema.String.check(Schema.isNonEmpty())),
  citations: nullish(Schema.Struct({ enabled: nullish(Schema.Boolean) })),
  ...cached
})

const SearchResult = Schema.Struct({
  type: Schema.Literal("search_result"),
  source: Schema.String,
  title: Schema.String,
  content: Schema.Array(Text),
  citations: nullish(Schema.Struct({ enabled: nullish(Schema.Boolean) })),
  ...cached
})

const Id = Schema.String.check(
  Schema.isPattern(/^[a-zA-Z0-9_-]+$/, { expected: "letters, digits, underscores and hyphens" })
)

const ToolUse = Schema.Struct({
  type: Schema.Literal("tool_use"),
  id: Id,
  name: Name(128),
  input: JsonObject,
  caller: nullish(JsonObject),
  ...cached
})

const ToolResult = Schema.Struct({
  type: Schema.Literal("tool_result"),
  tool_use_id: Id,
  content: nullish(
    Schema.Union([
      Schema.String,
      Schema.Array(kinds("a block that a tool_result can hold", [Text, Image, Document, SearchResult]))
    ])
  ),
  is_error: nullish(Schema.Boolean),
  ...cached
})

const Thinking = Schema.Struct({
  type: Schema.Literal("thinking"),
  thinking: Schema.String,
  signature: Schema.String.check(Schema.isNonEmpty())
})
const RedactedThinking = Schema.Struct({
  type: Schema.Literal("redacted_thinking"),
  data: Schema.String.check(Schema.isNonEmpty())
})

// What the provider's own tools did.
const Server = open({
  type: Schema.Literals([
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "container_upload",
    "mcp_tool_use",
    "mcp_tool_result",
    "mcp_tool_listing",
    "tool_addition",
    "tool_removal",
    "compaction"
  ])
})

const content = <S extends Schema.Constraint>(block: S) =>
  Schema.Union([Schema.String.check(Schema.isNonEmpty()), Schema.NonEmptyArray(block)])

const Message = kinds("a message of role user, assistant or system", [
  Schema.Struct({
    role: Schema.Literal("user"),
    content: content(
      kinds("a block that a message of the user can hold", [Text, Image, Document, SearchResult, ToolResult, Server])
    )
  }),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: content(
      kinds("a block that a message of the assistant can hold", [Text, Thinking, RedactedThinking, ToolUse, Server])
    )
  }),
  Schema.Struct({ role: Schema.Literal("system"), content: content(Text) })
])

const CustomTool = Schema.Struct({
  name: Name(128),
  description: nullish(Schema.String),
  input_schema: JsonObject,
  type: nullish(Schema.Literal("custom")),
  strict: nullish(Schema.Boolean),
  allowed_callers: nullish(Schema.Array(Schema.String)),
  defer_loading: nullish(Schema.Boolean),
  eager_input_streaming: nullish(Schema.Boolean),
  input_examples: nullish(Schema.Array(JsonObject)),
  ...cached
})

const isServerTool = Schema.is(open({ type: Schema.String.check(Schema.isPattern(/_20\d{6}$|^mcp_toolset$/)) }))

const single = { disable_parallel_tool_use: nullish(Schema.Boolean) }

const fields = {
  max_tokens: Schema.Natural,
  messages: Schema.NonEmptyArray(Message),
  system: nullish(Schema.Union([Schema.String, Schema.Array(Text)])),
  temperature: nullish(between(0, 1)),
  top_p: nullish(between(0, 1)),
  top_k: nullish(Schema.Natural),
  stop_sequences: nullish(Schema.Array(
    Schema.String.check(Schema.isPattern(/\S/, { expected: "a text that is not white space alone" }))
  )),
  tools: nullish(Schema.Array(JsonObject)),
  tool_choice: nullish(kinds("a choice of type auto, any, tool or none", [
    Schema.Struct({ type: Schema.Literal("auto"), ...single }),
    Schema.Struct({ type: Schema.Literal("any"), ...single }),
    Schema.Struct({ type: Schema.Literal("tool"), name: Schema.String, ...single }),
    Schema.Struct({ type: Schema.Literal("none") })
  ])),
  thinking: nullish(kinds("thinking of type enabled, adaptive, disabled or between_tools", [
    Schema.Struct({
      type: Schema.Literal("enabled"),
      budget_tokens: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1024)),
      display: nullish(Schema.Literals(["summarized", "omitted"])),
      block_binding: nullish(Schema.Unknown)
    }),
    Schema.Struct({
      type: Schema.Literal("adaptive"),
      display: nullish(Schema.Literals(["summarized", "omitted", "updates"])),
      block_binding: nullish(Schema.Unknown)
    }),
    Schema.Struct({ type: Schema.Literal("disabled") }),
    Schema.Struct({ type: Schema.Literal("between_tools") })
  ])),
  output_config: nullish(Schema.Struct({
    effort: nullish(Schema.Literals(["low", "medium", "high", "xhigh", "max"])),
    format: nullish(Schema.Struct({ type: Schema.Literal("json_schema"), schema: JsonObject })),
    task_budget: nullish(Schema.Unknown)
  })),
  metadata: nullish(Schema.Struct({ user_id: nullish(Schema.String.check(Schema.isMaxLength(512))) })),
  context_management: nullish(Schema.Unknown),
  diagnostics: nullish(Schema.Unknown),
  fallback_credit_token: nullish(Schema.Unknown),
  fallbacks: nullish(Schema.Unknown),
  output_format: nullish(Schema.Unknown),
  safeguards: nullish(Schema.Unknown),
  user_profile_id: nullish(Schema.String),
  workspace_id: nullish(Schema.String),
  ...cached
}

const anthropicBody = shape(
  Schema.Struct({
    ...fields,
    model: Schema.String.check(Schema.isNonEmpty()),
    stream: nullish(Schema.Boolean),
    service_tier: nullish(Schema.Literals(["auto", "standard_only"])),
    billing_policy: nullish(Schema.Unknown),
    container: nullish(Schema.Unknown),
    inference_geo: nullish(Schema.String),
    mcp_servers: nullish(Schema.Array(JsonObject)),
    speed: nullish(Schema.Literals(["standard", "fast"])),
    thread: nullish(Schema.Unknown)
  }),
  "error"
)

const invokeBody = shape(
  Schema.Struct({
    ...fields,
    anthropic_version: Schema.Literal("bedrock-2023-05-31"),
    anthropic_beta: nullish(Schema.Array(Schema.String))
  }),
  "error"
)

const toolShape = shape(CustomTool, "error")

type Body = { readonly [K in keyof typeof fields]?: typeof fields[K]["Type"] } & {
  readonly messages: typeof fields.messages.Type
  readonly max_tokens: number
}
type Block = Exclude<typeof Message.Type["content"], string>[number]

/**
 * What Anthropic refuses in a body.
 *
 * @internal
 */
export const anthropic = (body: unknown): ReadonlyArray<Finding> =>
  Result.match(anthropicBody(body), {
    onFailure: (findings) => findings,
    onSuccess: (body) => rules(body, body.model)
  })

/**
 * What Bedrock refuses in a body in Claude's own format.
 *
 * @internal
 */
export const bedrockInvoke = (body: unknown, model: string): ReadonlyArray<Finding> =>
  Result.match(invokeBody(body), {
    onFailure: (findings) => findings,
    onSuccess: (body) => [
      ...rules(body, model),
      ...body.messages.flatMap(({ content }, i) =>
        typeof content === "string" ? [] : content.flatMap((block, j) => {
          const at = `messages[${i}].content[${j}].source`
          return (block.type === "image" || block.type === "document") && isReference(block.source.type)
            ? [invalid(at, "only base64 sources are taken here")]
            : []
        })
      ),
      ...(body.tools ?? []).flatMap((tool, index) =>
        Object.hasOwn(tool, "eager_input_streaming")
          ? [{ kind: "unknown" as const, path: `tools[${index}].eager_input_streaming`, message: "is not taken here" }]
          : []
      )
    ]
  })

const isReference = (type: string): boolean => type === "url" || type === "file"

const rules = (body: Body, model: string): ReadonlyArray<Finding> => [
  ...turnFindings(body.messages),
  ...blockFindings(body),
  ...toolFindings(body),
  ...thinkingFindings(body, model),
  ...body.output_config?.format
    ? JsonSchema.claude(body.output_config.format.schema, "output_config.format.schema")
    : [],
  ...(marks(body) > 4 ? [invalid("", `at most 4 blocks may have cache_control, there are ${marks(body)}`)] : [])
]

const blocksOf = (content: typeof Message.Type["content"]): ReadonlyArray<Block> =>
  typeof content === "string" ? [{ type: "text", text: content }] : content

interface Turn {
  readonly role: string
  readonly blocks: Array<{ readonly block: Block; readonly path: string }>
}

// The API joins neighbours of one role before it looks at them.
const joined = (messages: Body["messages"]): ReadonlyArray<Turn> => {
  const turns: Array<Turn> = []
  messages.forEach(({ content, role }, i) => {
    const blocks = blocksOf(content).map((block, j) => ({ block, path: `messages[${i}].content[${j}]` }))
    const last = turns.at(-1)
    if (last?.role === role) { for (const block of blocks) last.blocks.push(block) }
    else turns.push({ role, blocks })
  })
  return turns
}

const turnFindings = (messages: Body["messages"]): ReadonlyArray<Finding> => {
  const turns = joined(messages).filter(({ role }) => role !== "system")
  const findings: Array<Finding> = []
  if (turns[0]?.role === "assistant") {
    findings.push(invalid("messages[0].role", "the first message has to be the user's"))
  }
  findings.push(...pairFindings(
    turns.map(({ blocks }) =>
      blocks.map(({ block, path }) => ({
        path,
        call: block.type === "tool_use" ? block.id : undefined,
        result: block.type === "tool_result" ? block.tool_use_id : undefined
      }))
    ),
    { call: "tool_use", result: "tool_result" },
    { call: ".id", result: ".tool_use_id" }
  ))
  const last = turns.at(-1)
  const end = last?.blocks.at(-1)
  if (last?.role === "assistant" && end?.block.type === "text" && /\s$/.test(end.block.text)) {
    findings.push(invalid(end.path, "the last message of the assistant can't end with white space"))
  }
  return findings
}

const blockFindings = ({ messages, system }: Body): ReadonlyArray<Finding> => [
  ...(typeof system === "string" ? [{ type: "text" as const, text: system }] : system ?? []).flatMap((block, index) =>
    oneBlock(block, typeof system === "string" ? "system" : `system[${index}]`)
  ),
  ...messages.flatMap(({ content }, i) =>
    blocksOf(content).flatMap((block, j) => oneBlock(block, `messages[${i}].content[${j}]`))
  )
]

const oneBlock = (block: Block, path: string): ReadonlyArray<Finding> => {
  if (block.type === "text") {
    return isBlank(block.text)
      ? [invalid(path, "a text has to hold more than white space")]
      : []
  }
  if (block.type === "image" && block.source.type === "base64") {
    const { data, media_type } = block.source
    const other = otherImage(data, media_type)
    return other === undefined
      ? []
      : [invalid(`${path}.source.media_type`, `the image was said to be ${media_type}, but is ${other}`)]
  }
  return block.type === "tool_result" && typeof block.content === "object"
    ? (block.content ?? []).flatMap((each, index) => oneBlock(each, `${path}.content[${index}]`))
    : []
}

const toolFindings = ({ tool_choice, tools }: Body): ReadonlyArray<Finding> => {
  const all = tools ?? []
  const names = all.map((tool) => String(tool["name"] ?? ""))
  return [
    ...all.flatMap((tool, index): ReadonlyArray<Finding> => {
      if (isServerTool(tool)) return []
      const at = `tools[${index}]`
      return Result.match(toolShape(tool), {
        onFailure: (findings) => findings.map((finding) => ({ ...finding, path: `${at}.${finding.path}` })),
        onSuccess: ({ input_schema, strict }) => [
          ...JsonSchema.parameters(input_schema, `${at}.input_schema`),
          ...["anyOf", "oneOf", "allOf"].filter((keyword) => Object.hasOwn(input_schema, keyword)).map((keyword) =>
            invalid(`${at}.input_schema`, `${keyword} is not taken at the root`)
          ),
          ...strict ? JsonSchema.claude(input_schema, `${at}.input_schema`) : []
        ]
      })
    }),
    ...repeated(names).map(([name, index]) =>
      invalid(`tools[${index}].name`, `the names of tools have to be unique, ${name} is not`)
    ),
    ...tool_choice && all.length === 0 ? [invalid("tool_choice", "may only be stated together with tools")] : [],
    ...tool_choice?.type === "tool" && all.length > 0 && !names.includes(tool_choice.name)
      ? [invalid("tool_choice.name", `there is no tool ${tool_choice.name}`)]
      : []
  ]
}

// Models from 4.7 on take adaptive thinking only, and those before 4.6 a budget only.
const adaptiveOnly = /claude-(opus-4-[78]|(opus|sonnet|fable|haiku)-5)/
const budgetOnly = /claude-(3|(opus|sonnet|haiku)-4-[015](?!\d)|(opus|sonnet)-4-2025)/

const thinkingFindings = (body: Body, model: string): ReadonlyArray<Finding> => {
  const { max_tokens, output_config, temperature, thinking, tool_choice, top_k, top_p } = body
  if (!thinking) return []
  const findings: Array<Finding> = []
  const add = (path: string, message: string) => findings.push(invalid(path, message))
  if (thinking.type === "disabled" && (output_config?.effort === "xhigh" || output_config?.effort === "max")) {
    add("output_config.effort", "may be high at most when thinking is disabled")
  }
  if (thinking.type !== "enabled" && thinking.type !== "adaptive") return findings
  if (typeof temperature === "number" && temperature !== 1) add("temperature", "may only be 1 when thinking is enabled")
  if (typeof top_k === "number") add("top_k", "has to be left out when thinking is enabled")
  if (typeof top_p === "number" && top_p < 0.95) add("top_p", "has to be 0.95 at least when thinking is enabled")
  if (thinking.type === "adaptive") {
    if (budgetOnly.test(model)) add("thinking.type", `adaptive thinking is not supported by ${model}`)
    return findings
  }
  if (adaptiveOnly.test(model)) add("thinking.type", `${model} takes adaptive thinking, not a budget`)
  if (thinking.budget_tokens >= max_tokens) add("max_tokens", "has to be greater than thinking.budget_tokens")
  if (tool_choice?.type === "any" || tool_choice?.type === "tool") {
    add("tool_choice", "may not force tool use when thinking is enabled")
  }
  return findings
}

const marks = ({ cache_control, messages, system, tools }: Body): number =>
  [
    ...tools ?? [],
    ...(typeof system === "string" ? [] : system ?? []),
    ...messages.flatMap(({ content }) =>
      blocksOf(content).flatMap((block) =>
        block.type === "tool_result" && typeof block.content === "object" ? [block, ...block.content ?? []] : [block]
      )
    ),
    { cache_control }
  ].filter((each) => "cache_control" in each && each.cache_control).length
