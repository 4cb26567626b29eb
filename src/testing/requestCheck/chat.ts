import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { nullish, open } from "../../internal/open.ts"
import * as JsonSchema from "./jsonSchema.ts"
import { Base64, between, type Finding, invalid, JsonObject, kinds, Labels, Name, repeated, shape } from "./shape.ts"

// OpenAI's chat completions and those who speak them: https://platform.openai.com/docs/api-reference/chat/create

const breakpoint = { prompt_cache_breakpoint: nullish(Schema.Unknown) }

const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String, ...breakpoint })
const Refusal = Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String })

const data = (types: string) => new RegExp(`^data:(${types});base64,[A-Za-z0-9+/]+={0,2}$`, "i")
const imageData = data("image/(png|jpeg|jpg|webp|gif)")

const Image = Schema.Struct({
  type: Schema.Literal("image_url"),
  image_url: Schema.Struct({
    url: Schema.String.check(Schema.makeFilter((url) => /^https?:\/\//.test(url) || imageData.test(url), {
      expected: "a URL, or a data URL of a png, jpeg, gif or webp image in base64"
    })),
    detail: nullish(Schema.Literals(["auto", "low", "high", "original"]))
  }),
  ...breakpoint
})

const Audio = Schema.Struct({
  type: Schema.Literal("input_audio"),
  input_audio: Schema.Struct({ data: Base64, format: Schema.Literals(["wav", "mp3"]) }),
  ...breakpoint
})

const File = Schema.Struct({
  type: Schema.Literal("file"),
  file: Schema.Struct({
    file_id: nullish(Schema.String),
    filename: nullish(Schema.String),
    file_data: nullish(Schema.String.check(
      Schema.isPattern(data("[a-z]+/[a-z0-9.+-]+"), { expected: "a data URL in base64" })
    ))
  }),
  ...breakpoint
})

const UserPart = kinds("a part of type text, image_url, input_audio or file", [Text, Image, Audio, File])

// OpenAI passes over further fields of a call and of a tool.
const Call = kinds("a call of type function or custom", [
  open({
    id: Schema.String.check(Schema.isNonEmpty()),
    type: Schema.Literal("function"),
    function: Schema.Struct({ name: Name(64), arguments: Schema.String })
  }),
  open({
    id: Schema.String.check(Schema.isNonEmpty()),
    type: Schema.Literal("custom"),
    custom: Schema.Struct({ name: Schema.String, input: Schema.String })
  })
])

const named = { name: nullish(Schema.String) }

const content = <S extends Schema.Constraint>(part: S) => Schema.Union([Schema.String, Schema.NonEmptyArray(part)])

const assistant = {
  role: Schema.Literal("assistant"),
  content: nullish(content(kinds("a part of type text or refusal", [Text, Refusal]))),
  tool_calls: nullish(Schema.NonEmptyArray(Call)),
  refusal: nullish(Schema.String),
  audio: nullish(Schema.Struct({ id: Schema.String })),
  ...named
}

const message = <User extends Schema.Constraint, Assistant extends Schema.Constraint>(
  userPart: User,
  assistant: Assistant
) =>
  kinds("a message of role system, developer, user, assistant or tool", [
    Schema.Struct({ role: Schema.Literal("system"), content: content(Text), ...named }),
    Schema.Struct({ role: Schema.Literal("developer"), content: content(Text), ...named }),
    Schema.Struct({ role: Schema.Literal("user"), content: content(userPart), ...named }),
    assistant,
    Schema.Struct({ role: Schema.Literal("tool"), content: content(Text), tool_call_id: Schema.String })
  ])

const JsonFormat = Schema.Struct({
  type: Schema.Literal("json_schema"),
  json_schema: Schema.Struct({
    name: Name(64),
    description: nullish(Schema.String),
    schema: nullish(JsonObject),
    strict: nullish(Schema.Boolean)
  })
})

const FunctionTool = open({
  type: Schema.Literal("function"),
  function: Schema.Struct({
    name: Name(64),
    description: nullish(Schema.String),
    parameters: nullish(JsonObject),
    strict: nullish(Schema.Boolean)
  })
})

const NamedTool = Schema.Struct({
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String })
})

// What all hosts have.
const common = {
  model: Schema.String.check(Schema.isNonEmpty()),
  stream: nullish(Schema.Boolean),
  temperature: nullish(between(0, 2)),
  top_p: nullish(between(0, 1)),
  frequency_penalty: nullish(between(-2, 2)),
  presence_penalty: nullish(between(-2, 2)),
  max_tokens: nullish(Schema.Int),
  seed: nullish(Schema.Int),
  response_format: nullish(kinds("a format of type text, json_object or json_schema", [
    Schema.Struct({ type: Schema.Literal("text") }),
    Schema.Struct({ type: Schema.Literal("json_object") }),
    JsonFormat
  ]))
}

const functions = {
  tools: nullish(Schema.NonEmptyArray(FunctionTool)),
  tool_choice: nullish(Schema.Union([Schema.Literals(["none", "auto", "required"]), NamedTool]))
}

const custom = {
  tools: nullish(Schema.NonEmptyArray(Schema.Union([
    FunctionTool,
    open({ type: Schema.Literal("custom"), custom: JsonObject })
  ]))),
  tool_choice: nullish(Schema.Union([
    Schema.Literals(["none", "auto", "required"]),
    NamedTool,
    Schema.Struct({ type: Schema.Literal("custom"), custom: JsonObject }),
    Schema.Struct({ type: Schema.Literal("allowed_tools"), allowed_tools: JsonObject })
  ]))
}

const stop = nullish(Schema.Union([Schema.String, Schema.Array(Schema.String).check(Schema.isMaxLength(4))]))

const openAiFields = {
  ...common,
  ...custom,
  stop,
  messages: Schema.NonEmptyArray(message(UserPart, Schema.Struct(assistant))),
  audio: nullish(Schema.Struct({
    voice: Schema.Union([Schema.String, Schema.Struct({ id: Schema.String })]),
    format: Schema.Literals(["wav", "aac", "mp3", "flac", "opus", "pcm16"])
  })),
  function_call: nullish(Schema.Unknown),
  functions: nullish(Schema.Unknown),
  logit_bias: nullish(Schema.Record(Schema.String, Schema.Finite)),
  logprobs: nullish(Schema.Boolean),
  max_completion_tokens: nullish(Schema.Int),
  metadata: nullish(Labels),
  modalities: nullish(Schema.Array(Schema.Literals(["text", "audio"]))),
  moderation: nullish(Schema.Unknown),
  n: nullish(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 128 }))),
  parallel_tool_calls: nullish(Schema.Boolean),
  prediction: nullish(Schema.Unknown),
  prompt_cache_key: nullish(Schema.String),
  prompt_cache_options: nullish(Schema.Unknown),
  prompt_cache_retention: nullish(Schema.String),
  reasoning_effort: nullish(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
  safety_identifier: nullish(Schema.String.check(Schema.isMaxLength(64))),
  service_tier: nullish(Schema.Literals(["auto", "default", "flex", "scale", "priority", "fast"])),
  store: nullish(Schema.Boolean),
  stream_options: nullish(Schema.Struct({
    include_usage: nullish(Schema.Boolean),
    include_obfuscation: nullish(Schema.Boolean)
  })),
  top_logprobs: nullish(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))),
  user: nullish(Schema.String),
  verbosity: nullish(Schema.Literals(["low", "medium", "high"])),
  web_search_options: nullish(Schema.Unknown)
}

const openAiBody = shape(Schema.Struct(openAiFields), "error")

const azureBody = shape(
  Schema.Struct({
    ...openAiFields,
    model: Schema.optionalKey(common.model),
    data_sources: nullish(Schema.Array(Schema.Unknown)),
    user_security_context: nullish(Schema.Unknown)
  }),
  "error"
)

const groqBody = shape(
  Schema.Struct({
    ...common,
    ...functions,
    stop,
    messages: Schema.NonEmptyArray(message(
      kinds("a part of type text, image_url or document", [
        Text,
        Image,
        Schema.Struct({ type: Schema.Literal("document"), document: JsonObject })
      ]),
      Schema.Struct({ ...assistant, reasoning: nullish(Schema.String) })
    )),
    citation_options: nullish(Schema.Unknown),
    compound_custom: nullish(Schema.Unknown),
    disable_tool_validation: nullish(Schema.Boolean),
    documents: nullish(Schema.Unknown),
    exclude_domains: nullish(Schema.Unknown),
    include_domains: nullish(Schema.Unknown),
    include_reasoning: nullish(Schema.Boolean),
    logit_bias: nullish(Schema.Unknown),
    logprobs: nullish(Schema.Boolean),
    max_completion_tokens: nullish(Schema.Int),
    metadata: nullish(Schema.Unknown),
    n: nullish(Schema.Literal(1)),
    parallel_tool_calls: nullish(Schema.Boolean),
    reasoning_effort: nullish(Schema.Literals(["none", "default", "low", "medium", "high"])),
    reasoning_format: nullish(Schema.Literals(["hidden", "raw", "parsed"])),
    search_settings: nullish(Schema.Unknown),
    service_tier: nullish(Schema.Literals(["auto", "on_demand", "flex", "performance"])),
    store: nullish(Schema.Boolean),
    stream_options: nullish(Schema.Unknown),
    top_logprobs: nullish(Schema.Int),
    user: nullish(Schema.String)
  }),
  "error"
)

const inferenceFields = Schema.Struct({
  ...common,
  ...functions,
  model: Schema.optionalKey(common.model),
  messages: Schema.NonEmptyArray(message(
    kinds("a part of type text, image_url, input_audio or audio_url", [
      Text,
      Image,
      Audio,
      Schema.Struct({ type: Schema.Literal("audio_url"), audio_url: JsonObject })
    ]),
    Schema.Struct(assistant)
  )),
  stop: nullish(Schema.Array(Schema.String)),
  modalities: nullish(Schema.Array(Schema.String))
})

const inferenceBody = { error: shape(inferenceFields, "error"), ignore: shape(inferenceFields, "ignore") }

const compatibleBody = shape(
  Schema.Struct({
    ...common,
    ...custom,
    stop,
    messages: Schema.NonEmptyArray(message(UserPart, Schema.Struct(assistant)))
  }),
  "ignore"
)

type Message = typeof openAiFields.messages.Type[number]

/** The fields that the rules check, for all hosts. */
interface Body {
  readonly messages: ReadonlyArray<
    & Pick<Message, "role">
    & {
      readonly content?: string | ReadonlyArray<{ readonly type: string; readonly text?: string }> | null
      readonly tool_calls?: Extract<Message, { readonly role: "assistant" }>["tool_calls"]
      readonly tool_call_id?: string
      readonly refusal?: string | null
      readonly audio?: unknown
    }
  >
  readonly response_format?: typeof common.response_format["Type"]
  readonly tools?: typeof custom.tools["Type"]
  readonly tool_choice?: typeof custom.tool_choice["Type"]
  readonly parallel_tool_calls?: boolean | null
}

const check = <B extends Body>(
  read: (body: unknown) => Result.Result<B, ReadonlyArray<Finding>>,
  own: (body: B) => ReadonlyArray<Finding>
) =>
(body: unknown): ReadonlyArray<Finding> =>
  Result.match(read(body), {
    onFailure: (findings) => findings,
    onSuccess: (
      body
    ) => [...messageFindings(body.messages), ...toolFindings(body), ...formatFindings(body), ...own(body)]
  })

const openAiOnly = (
  body: { readonly [K in keyof typeof openAiFields]?: typeof openAiFields[K]["Type"] }
): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  if (body.stream_options && body.stream !== true) {
    findings.push(invalid("stream_options", "is only allowed when stream is true"))
  }
  if (typeof body.top_logprobs === "number" && body.logprobs !== true) {
    findings.push(invalid("top_logprobs", "is only allowed when logprobs is true"))
  }
  if (typeof body.max_tokens === "number" && typeof body.max_completion_tokens === "number") {
    findings.push(invalid("max_tokens", "can't be set together with max_completion_tokens"))
  }
  if (typeof body.max_tokens === "number" && /^(o\d|gpt-[5-9])/.test(body.model ?? "")) {
    findings.push(invalid("max_tokens", "is not supported with this model, use max_completion_tokens"))
  }
  if (body.audio && body.stream === true && body.audio.format !== "pcm16") {
    findings.push(invalid("audio.format", `has to be pcm16 when stream is true, not ${body.audio.format}`))
  }
  if (body.audio && !body.modalities?.includes("audio")) {
    findings.push(invalid("audio", "is only allowed when modalities holds audio"))
  }
  for (const [i, { content }] of (body.messages ?? []).entries()) {
    for (const [j, part] of (typeof content === "object" ? content ?? [] : []).entries()) {
      if (part.type === "file" && part.file.file_data && !part.file.filename) {
        findings.push({ kind: "missing", path: `messages[${i}].content[${j}].file.filename`, message: "is required" })
      }
    }
  }
  return findings
}

/**
 * What OpenAI refuses in a body.
 *
 * @internal
 */
export const openai = check(openAiBody, openAiOnly)

/**
 * What Azure OpenAI refuses in a body.
 *
 * @internal
 */
export const azure = check(azureBody, openAiOnly)

/**
 * What Groq refuses in a body.
 *
 * @internal
 */
export const groq = check(groqBody, (body) => [
  ...(body.reasoning_format === "raw" && (body.tools || body.response_format?.type === "json_object")
    ? [invalid("reasoning_format", "can't be raw together with tools or JSON mode")]
    : []),
  ...(typeof body.reasoning_format === "string" && typeof body.include_reasoning === "boolean"
    ? [invalid("reasoning_format", "can't be set together with include_reasoning")]
    : [])
])

/**
 * What Azure AI Inference refuses in a body. The header `extra-parameters` says what happens to further fields.
 *
 * @internal
 */
export const azureInference = (body: unknown, extraParameters: string | undefined): ReadonlyArray<Finding> =>
  check(
    extraParameters === "error" ? inferenceBody.error : inferenceBody.ignore,
    () => []
  )(body)

/**
 * What every host refuses in a body. Each has fields of its own.
 *
 * @internal
 */
export const compatible = check(compatibleBody, () => [])

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)

const messageFindings = (messages: Body["messages"]): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  const used = new Set<string>()
  let open: ReadonlyArray<string> = []
  let caller = ""
  const unanswered = () => {
    if (open.length > 0) {
      findings.push(
        invalid(caller, `has to be followed by a tool message for each call; there is none for ${open.join(", ")}`)
      )
    }
  }
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`
    if (message.role === "tool") {
      const id = message.tool_call_id ?? ""
      if (!open.includes(id)) {
        findings.push(invalid(`${path}.tool_call_id`, `there is no call ${id} in the message of the assistant before`))
      }
      open = open.filter((each) => each !== id)
      continue
    }
    unanswered()
    open = []
    caller = path
    if (message.role !== "assistant") continue
    const calls = message.tool_calls ?? []
    const isEmpty = message.content === null || message.content === undefined
    if (isEmpty && calls.length === 0 && !message.refusal && !message.audio) {
      findings.push({ kind: "missing", path: `${path}.content`, message: "is required when there are no tool_calls" })
    }
    for (const [j, call] of calls.entries()) {
      const at = `${path}.tool_calls[${j}]`
      if (used.has(call.id)) findings.push(invalid(`${at}.id`, `${call.id} is already the id of another call`))
      used.add(call.id)
      if (call.type !== "function") continue
      const text = call.function.arguments
      if (!isObject(Result.getOrUndefined(Result.try((): unknown => JSON.parse(text))))) {
        findings.push(invalid(`${at}.function.arguments`, "has to be the text of a JSON object"))
      }
    }
    open = calls.map(({ id }) => id)
  }
  unanswered()
  return findings
}

const toolFindings = ({ parallel_tool_calls, tool_choice, tools }: Body): ReadonlyArray<Finding> => {
  const functions = (tools ?? []).map((tool) => tool.type === "function" ? tool.function : undefined)
  const names = functions.map((each) => each?.name ?? "")
  const alone = tools ? [] : [
    ...(tool_choice && tool_choice !== "none" ? ["tool_choice"] : []),
    ...(typeof parallel_tool_calls === "boolean" ? ["parallel_tool_calls"] : [])
  ]
  return [
    ...alone.map((name) => invalid(name, "is only allowed when tools are specified")),
    ...functions.flatMap((each, index) => {
      if (!each?.parameters) return []
      const path = `tools[${index}].function.parameters`
      return each.strict ? JsonSchema.strict(each.parameters, path) : JsonSchema.parameters(each.parameters, path)
    }),
    ...repeated(names).flatMap(([name, index]) =>
      name === "" ? [] : [invalid(`tools[${index}].function.name`, `${name} is already the name of another tool`)]
    ),
    ...typeof tool_choice === "object" && tool_choice?.type === "function" && tools
        && !names.includes(tool_choice.function.name)
      ? [invalid("tool_choice", `there is no function ${tool_choice.function.name} among the tools`)]
      : []
  ]
}

const formatFindings = ({ messages, response_format: format }: Body): ReadonlyArray<Finding> => {
  if (format?.type === "json_object") {
    const says = messages.some(({ content }) =>
      typeof content === "string" ? /json/i.test(content) : content?.some(({ text = "" }) => /json/i.test(text))
    )
    return says ? [] : [invalid("messages", "have to hold the word JSON when response_format is json_object")]
  }
  return format?.type === "json_schema" && format.json_schema.strict && format.json_schema.schema
    ? JsonSchema.strict(format.json_schema.schema, "response_format.json_schema.schema")
    : []
}
