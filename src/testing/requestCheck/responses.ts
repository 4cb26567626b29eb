import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { nullish } from "../../internal/open.ts"
import { own } from "../../internal/own.ts"
import * as JsonSchema from "./jsonSchema.ts"
import { between, type Finding, invalid, JsonObject, kinds, Labels, Name, repeated, shape } from "./shape.ts"

// https://platform.openai.com/docs/api-reference/responses/create

const breakpoint = { prompt_cache_breakpoint: nullish(Schema.Unknown) }

const dataUrl = /^data:[a-z]+\/[a-z0-9.+-]+;base64,[A-Za-z0-9+/]+={0,2}$/i

const InputText = Schema.Struct({ type: Schema.Literal("input_text"), text: Schema.String, ...breakpoint })
const InputImage = Schema.Struct({
  type: Schema.Literal("input_image"),
  image_url: nullish(Schema.String.check(Schema.makeFilter((url) => /^https?:\/\//.test(url) || dataUrl.test(url), {
    expected: "a URL, or a data URL in base64"
  }))),
  file_id: nullish(Schema.String),
  detail: nullish(Schema.Literals(["auto", "low", "high", "original"])),
  ...breakpoint
})
const InputFile = Schema.Struct({
  type: Schema.Literal("input_file"),
  file_id: nullish(Schema.String),
  filename: nullish(Schema.String),
  file_data: nullish(Schema.String.check(Schema.isPattern(dataUrl, { expected: "a data URL in base64" }))),
  file_url: nullish(Schema.String),
  detail: nullish(Schema.Literals(["auto", "low", "high"])),
  ...breakpoint
})
const Input = kinds("a part of type input_text, input_image or input_file", [InputText, InputImage, InputFile])

const Output = kinds("a part of type output_text or refusal", [
  Schema.Struct({
    type: Schema.Literal("output_text"),
    text: Schema.String,
    annotations: nullish(Schema.Array(JsonObject)),
    logprobs: nullish(Schema.Array(JsonObject))
  }),
  Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String })
])

const id = (prefix: string) =>
  Schema.optionalKey(
    Schema.String.check(Schema.isPattern(new RegExp(`^${prefix}_`), { expected: `an id that begins with ${prefix}_` }))
  )
const status = nullish(Schema.Literals(["in_progress", "completed", "incomplete"]))
const CallId = Schema.String.check(Schema.isBetweenLength(1, 64))

const message = { type: Schema.optionalKey(Schema.Literal("message")), status, id: id("msg") }

const input = <const Role extends string>(role: Role) =>
  Schema.Struct({
    ...message,
    role: Schema.Literal(role),
    content: Schema.Union([Schema.String, Schema.NonEmptyArray(Input)])
  })

const items = {
  message: kinds("a message of role user, system, developer or assistant", [
    input("user"),
    input("system"),
    input("developer"),
    Schema.Struct({
      ...message,
      role: Schema.Literal("assistant"),
      content: Schema.Union([Schema.String, Schema.NonEmptyArray(Output)]),
      phase: nullish(Schema.Literals(["commentary", "final_answer"]))
    })
  ]),
  function_call: Schema.Struct({
    type: Schema.Literal("function_call"),
    id: id("fc"),
    call_id: CallId,
    name: Schema.String,
    arguments: Schema.String,
    namespace: Schema.optionalKey(Schema.String),
    caller: nullish(JsonObject),
    status
  }),
  function_call_output: Schema.Struct({
    type: Schema.Literal("function_call_output"),
    id: nullish(Schema.String),
    call_id: CallId,
    output: Schema.Union([Schema.String, Schema.Array(Input)]),
    name: nullish(Schema.String),
    namespace: nullish(Schema.String),
    caller: nullish(JsonObject),
    status
  }),
  reasoning: Schema.Struct({
    type: Schema.Literal("reasoning"),
    id: id("rs"),
    summary: Schema.Array(Schema.Struct({ type: Schema.Literal("summary_text"), text: Schema.String })),
    content: nullish(Schema.Array(Schema.Struct({ type: Schema.Literal("reasoning_text"), text: Schema.String }))),
    encrypted_content: nullish(Schema.String),
    status
  })
}

const FunctionTool = Schema.Struct({
  type: Schema.Literal("function"),
  name: Name(128),
  description: nullish(Schema.String),
  parameters: nullish(JsonObject),
  output_schema: nullish(JsonObject),
  strict: nullish(Schema.Boolean),
  defer_loading: nullish(Schema.Boolean),
  allowed_callers: nullish(Schema.Array(Schema.String))
})

const Body = Schema.Struct({
  model: nullish(Schema.String.check(Schema.isNonEmpty())),
  input: nullish(Schema.Union([Schema.String, Schema.Array(JsonObject)])),
  instructions: nullish(Schema.String),
  access_programs: nullish(Schema.Unknown),
  background: nullish(Schema.Boolean),
  client_metadata: nullish(Schema.Unknown),
  context_management: nullish(Schema.Array(Schema.Unknown)),
  conversation: nullish(Schema.Unknown),
  include: nullish(Schema.Array(Schema.Literals([
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs"
  ]))),
  max_output_tokens: nullish(Schema.Int.check(Schema.isGreaterThanOrEqualTo(16))),
  max_tool_calls: nullish(Schema.Int),
  metadata: nullish(Labels),
  moderation: nullish(Schema.Unknown),
  parallel_tool_calls: nullish(Schema.Boolean),
  previous_response_id: nullish(Schema.String),
  prompt: nullish(Schema.Unknown),
  prompt_cache_key: nullish(Schema.String),
  prompt_cache_options: nullish(Schema.Unknown),
  prompt_cache_retention: nullish(Schema.String),
  reasoning: nullish(Schema.Struct({
    mode: nullish(Schema.String),
    effort: nullish(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
    summary: nullish(Schema.Literals(["auto", "concise", "detailed"])),
    context: nullish(Schema.Literals(["auto", "current_turn", "all_turns"])),
    generate_summary: nullish(Schema.Literals(["auto", "concise", "detailed"]))
  })),
  safety_identifier: nullish(Schema.String.check(Schema.isMaxLength(64))),
  service_tier: nullish(Schema.Literals(["auto", "default", "flex", "scale", "priority", "fast"])),
  store: nullish(Schema.Boolean),
  stream: nullish(Schema.Boolean),
  stream_options: nullish(Schema.Struct({ include_obfuscation: nullish(Schema.Boolean) })),
  temperature: nullish(between(0, 2)),
  text: nullish(Schema.Struct({
    format: nullish(kinds("a format of type text, json_object or json_schema", [
      Schema.Struct({ type: Schema.Literal("text") }),
      Schema.Struct({ type: Schema.Literal("json_object") }),
      Schema.Struct({
        type: Schema.Literal("json_schema"),
        name: Name(64),
        description: nullish(Schema.String),
        schema: JsonObject,
        strict: nullish(Schema.Boolean)
      })
    ])),
    verbosity: nullish(Schema.Literals(["low", "medium", "high"]))
  })),
  tool_choice: nullish(Schema.Union([Schema.Literals(["none", "auto", "required"]), JsonObject])),
  tools: nullish(Schema.Array(JsonObject)),
  top_logprobs: nullish(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))),
  top_p: nullish(between(0, 1)),
  truncation: nullish(Schema.Literals(["auto", "disabled"])),
  user: nullish(Schema.String)
})

type Body = typeof Body.Type

const read = shape(Body, "error")
const readTool = shape(FunctionTool, "error")
const readItem: Readonly<Record<string, (item: unknown) => Result.Result<unknown, ReadonlyArray<Finding>>>> = {
  message: shape(items.message, "error"),
  function_call: shape(items.function_call, "error"),
  function_call_output: shape(items.function_call_output, "error"),
  reasoning: shape(items.reasoning, "error")
}

/**
 * What the Responses API refuses in a body. Items and tools of the provider's own kinds are not looked into.
 *
 * @internal
 */
export const responses = (body: unknown): ReadonlyArray<Finding> =>
  Result.match(read(body), {
    onFailure: (findings) => findings,
    onSuccess: (
      body
    ) => [...inputFindings(body), ...toolFindings(body), ...formatFindings(body), ...optionFindings(body)]
  })

const within = (path: string, findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> =>
  findings.map((finding) => ({ ...finding, path: finding.path === "" ? path : `${path}.${finding.path}` }))

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)

// What the caller answers, and by what. Shells and searches for tools may be the provider's.
const outputs: Readonly<Record<string, string>> = {
  function_call: "function_call_output",
  custom_tool_call: "custom_tool_call_output",
  apply_patch_call: "apply_patch_call_output",
  local_shell_call: "local_shell_call_output",
  computer_call: "computer_call_output"
}
const answers = new Set(Object.values(outputs))

const inputFindings = ({ conversation, input, previous_response_id, prompt, store }: Body): ReadonlyArray<Finding> => {
  if (input === undefined || input === null || input.length === 0) {
    return previous_response_id || conversation || prompt
      ? []
      : [{ kind: "missing", path: "input", message: "is required" }]
  }
  if (typeof input === "string") return []
  const findings: Array<Finding> = []
  const calls = new Map<string, { readonly path: string; readonly callId: string; readonly type: string }>()
  const answered = new Set<string>()
  for (const [index, item] of input.entries()) {
    const path = `input[${index}]`
    const type = typeof item["type"] === "string" ? item["type"] : "message"
    const known = own(readItem, type)
    const result = known?.(item)
    if (result !== undefined && Result.isFailure(result)) {
      for (const finding of within(path, result.failure)) findings.push(finding)
    }
    const callId = String(item["call_id"])
    if (type === "item_reference" && store === false) {
      findings.push(invalid(path, "an item can't be referred to when store is false"))
    }
    const answer = own(outputs, type)
    if (answer !== undefined) calls.set(`${answer} ${callId}`, { path, callId, type })
    if (type === "function_call") {
      const text = item["arguments"]
      if (typeof text === "string" && !isObject(Result.getOrUndefined(Result.try((): unknown => JSON.parse(text))))) {
        findings.push(invalid(`${path}.arguments`, "has to be the text of a JSON object"))
      }
    }
    if (answers.has(type)) {
      answered.add(`${type} ${callId}`)
      if (!calls.has(`${type} ${callId}`) && !previous_response_id && !conversation) {
        findings.push(invalid(`${path}.call_id`, `there is no call with call_id ${callId} before, which this answers`))
      }
    }
    if (type === "reasoning" && !item["encrypted_content"] && !item["id"]) {
      findings.push({ kind: "missing", path: `${path}.id`, message: "is required when there is no encrypted_content" })
    }
  }
  for (const [key, { callId, path, type }] of calls) {
    if (!answered.has(key)) findings.push(invalid(path, `there is no output of the ${type} ${callId}`))
  }
  return findings
}

const toolFindings = ({ tool_choice, tools }: Body): ReadonlyArray<Finding> => {
  const all = tools ?? []
  const names = all.map((tool) => tool["type"] === "function" ? String(tool["name"]) : "")
  const chosen = typeof tool_choice === "object" && tool_choice?.["type"] === "function"
    ? tool_choice["name"]
    : undefined
  return [
    ...all.flatMap((tool, index) => {
      if (tool["type"] !== "function") return []
      const path = `tools[${index}]`
      return Result.match(readTool(tool), {
        onFailure: (findings) => within(path, findings),
        // The API makes tools strict that do not say, and changes the schema so that it fits.
        onSuccess: ({ parameters, strict }) =>
          parameters
            ? strict
              ? JsonSchema.strict(parameters, `${path}.parameters`)
              : JsonSchema.parameters(parameters, `${path}.parameters`)
            : []
      })
    }),
    ...repeated(names).flatMap(([name, index]) =>
      name === "" ? [] : [invalid(`tools[${index}].name`, `${name} is already the name of another tool`)]
    ),
    ...chosen !== undefined && !names.includes(String(chosen))
      ? [invalid("tool_choice", `there is no function ${String(chosen)} among the tools`)]
      : [],
    ...tool_choice === "required" && all.length === 0
      ? [invalid("tool_choice", "is only allowed when tools are specified")]
      : []
  ]
}

const formatFindings = ({ text }: Body): ReadonlyArray<Finding> =>
  text?.format?.type === "json_schema" && text.format.strict
    ? JsonSchema.strict(text.format.schema, "text.format.schema")
    : []

const optionFindings = ({ include, model, prompt, top_logprobs }: Body): ReadonlyArray<Finding> => [
  ...model || prompt ? [] : [{ kind: "missing" as const, path: "model", message: "is required" }],
  ...top_logprobs && !include?.includes("message.output_text.logprobs")
    ? [invalid("top_logprobs", "needs message.output_text.logprobs in include")]
    : []
]
