import { assert, it } from "@effect/vitest"
import { Result } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  AnthropicOptions,
  BedrockInvokeOptions,
  BedrockOptions,
  ChatRequest,
  type RequestFormat
} from "../../src/index.ts"
import * as Requests from "../support/requests.ts"
import { describeShared } from "../support/shared.ts"
import * as Whole from "../support/wholeFormats.ts"

// Bodies that providers took, read back into requests: whoever sent them could have sent them by this library.

const directory = process.env["LLM_STREAM_CORPUS"] ?? fileURLToPath(new URL("../../../shared/corpus", import.meta.url))

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)
const record = (value: unknown): Json => isRecord(value) ? value : {}
const list = (value: unknown): ReadonlyArray<Json> => Array.isArray(value) ? value.map(record) : []
const set = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
const options = (key: string, fields: Json): Json =>
  Object.keys(set(fields)).length === 0 ? {} : { options: { [key]: set(fields) } }

class NotSaid extends Error {}

const notSaid = (what: unknown): never => {
  throw new NotSaid(String(what))
}

/** Results are in messages of their own. */
const userMessages = (parts: ReadonlyArray<Json>): ReadonlyArray<Json> =>
  [
    { role: "tool", content: parts.filter(({ type }) => type === "tool-result") },
    { role: "user", content: parts.filter(({ type }) => type !== "tool-result") }
  ].filter(({ content }) => content.length > 0)

const messagesBlocks = (content: unknown): ReadonlyArray<Json> =>
  typeof content === "string" ? [{ type: "text", text: content }] : list(content)

const messagesPart = (key: string) => (block: Json): Json => {
  const { cache_control: cacheControl } = block
  const source = record(block["source"])
  if (source["type"] === "file") return notSaid("file_id")
  switch (block["type"]) {
    case "text":
      return { type: "text", text: block["text"], ...options(key, { cacheControl }) }
    case "image":
      return {
        type: "file",
        mediaType: source["media_type"] ?? "image/*",
        data: source["data"] ?? source["url"],
        ...options(key, { cacheControl })
      }
    case "document":
      return {
        type: "file",
        mediaType: source["media_type"] ?? "application/pdf",
        data: source["type"] === "text" ? btoa(String(source["data"])) : source["data"] ?? source["url"],
        ...options(key, {
          cacheControl,
          title: block["title"],
          context: block["context"],
          citations: block["citations"]
        })
      }
    case "thinking":
      return {
        type: "reasoning",
        text: block["thinking"],
        ...options(key, { info: { type: "thinking", signature: block["signature"] } })
      }
    case "tool_use":
      return {
        type: "tool-call",
        id: block["id"],
        name: block["name"],
        params: block["input"],
        ...options(key, { cacheControl, caller: block["caller"] })
      }
    case "tool_result":
      return {
        type: "tool-result",
        id: block["tool_use_id"],
        name: "tool",
        isFailure: block["is_error"] === true,
        result: block["content"] ?? "",
        ...(Array.isArray(block["content"]) ? { modelOutput: list(block["content"]).map(messagesPart(key)) } : {}),
        ...options(key, { cacheControl })
      }
    default:
      return notSaid(block["type"])
  }
}

const choiceOf = (type: unknown, name: unknown) => type === "any" ? "required" : type === "tool" ? { tool: name } : type

const fromMessages = (key: string) => (body: Json): Json => {
  const {
    max_tokens: maxTokens,
    messages,
    metadata,
    model,
    stop_sequences: stop,
    stream: _stream,
    system,
    temperature,
    thinking,
    tool_choice,
    tools,
    top_k: topK,
    top_p: topP,
    ...raw
  } = body
  const choice = record(tool_choice)
  const budgetTokens = record(thinking)["budget_tokens"]
  const single = choice["disable_parallel_tool_use"]
  return set({
    model,
    prompt: [
      ...messagesBlocks(system).map(({ cache_control: cacheControl, text }) => ({
        role: "system",
        content: text,
        ...options(key, { cacheControl })
      })),
      ...list(messages).flatMap(({ content, role }) => {
        const parts = messagesBlocks(content).map(messagesPart(key))
        return role === "assistant" ? [{ role, content: parts }] : userMessages(parts)
      })
    ],
    maxTokens,
    temperature,
    topP,
    topK,
    stop,
    tools: tools === undefined ?
      undefined :
      list(tools).map((tool) =>
        typeof tool["type"] === "string" && tool["type"] !== "custom" ? notSaid(tool["type"]) : set({
          name: tool["name"],
          description: tool["description"],
          parameters: tool["input_schema"],
          strict: tool["strict"],
          ...options(key, {
            cacheControl: tool["cache_control"],
            eagerInputStreaming: tool["eager_input_streaming"],
            deferLoading: tool["defer_loading"],
            allowedCallers: tool["allowed_callers"]
          })
        })
      ),
    toolChoice: choiceOf(choice["type"], choice["name"]),
    parallelToolCalls: typeof single === "boolean" ? !single : undefined,
    reasoning: budgetTokens === undefined ? undefined : { budgetTokens },
    metadata,
    options: { [key]: set({ ...raw, thinking: budgetTokens === undefined ? thinking : undefined }) }
  })
}

const conversePart = (block: Json): Json => {
  if ("text" in block) return { type: "text", text: block["text"] }
  if ("toolUse" in block) {
    const { input, name, toolUseId } = record(block["toolUse"])
    return { type: "tool-call", id: toolUseId, name, params: input }
  }
  if ("toolResult" in block) {
    const { content, status, toolUseId } = record(block["toolResult"])
    const [only, ...more] = list(content)
    return {
      type: "tool-result",
      id: toolUseId,
      name: "tool",
      isFailure: status === "error",
      result: only?.["json"] ?? only?.["text"] ?? "",
      ...(only !== undefined && ("json" in only || more.length === 0 && "text" in only)
        ? {}
        : { modelOutput: list(content).map(conversePart) })
    }
  }
  if ("image" in block) {
    const { format, source } = record(block["image"])
    return { type: "file", mediaType: `image/${format}`, data: record(source)["bytes"] }
  }
  return notSaid(Object.keys(block))
}

/** A cache point is an option of what it stands behind. */
const converseParts = (content: unknown): ReadonlyArray<Json> =>
  list(content).reduce<ReadonlyArray<Json>>((parts, block) =>
    "cachePoint" in block
      ? [...parts.slice(0, -1), { ...parts.at(-1), ...options("bedrock", block) }]
      : [...parts, conversePart(block)], [])

const fromConverse = (body: Json): Json => {
  const { inferenceConfig, messages, modelId: _modelId, system, toolConfig, ...raw } = body
  const { maxTokens, stopSequences: stop, temperature, topP } = record(inferenceConfig)
  const { toolChoice, tools } = record(toolConfig)
  const [choice] = Object.keys(record(toolChoice))
  return set({
    prompt: [
      ...converseParts(system).map(({ options, text }) => set({ role: "system", content: text, options })),
      ...list(messages).flatMap(({ content, role }) =>
        role === "assistant" ? [{ role, content: converseParts(content) }] : userMessages(converseParts(content))
      )
    ],
    maxTokens,
    stop,
    temperature,
    topP,
    tools: tools === undefined ? undefined : list(tools).map(({ toolSpec }) => {
      if (toolSpec === undefined) return notSaid("systemTool")
      const { description, inputSchema, name, strict } = record(toolSpec)
      return set({ name, description, strict, parameters: record(inputSchema)["json"] })
    }),
    toolChoice: choiceOf(choice, record(record(toolChoice)["tool"])["name"]),
    options: { bedrock: raw }
  })
}

const apis: ReadonlyArray<
  readonly [api: Requests.Api, format: RequestFormat.RequestFormat, read: (body: Json) => Json, model: string]
> = [
  [
    "anthropic",
    Whole.messages({ provider: "anthropic", options: { keys: ["anthropic"], schema: AnthropicOptions } }),
    fromMessages("anthropic"),
    "another"
  ],
  [
    "bedrock-invoke",
    Whole.bedrockMessages({
      provider: "bedrock",
      options: { keys: ["bedrockInvoke"], schema: BedrockInvokeOptions }
    }),
    fromMessages("bedrockInvoke"),
    "another"
  ],
  [
    "bedrock",
    Whole.converse({ provider: "bedrock", options: { keys: ["bedrock"], schema: BedrockOptions } }),
    fromConverse,
    "anthropic.claude-3-haiku-20240307-v1:0"
  ]
]

describeShared(Requests.available && existsSync(directory), "bodies that providers took", () => {
  for (const [api, format, read, model] of apis) {
    it(`can be asked for on ${api}`, () => {
      const wrong: Record<string, unknown> = {}
      let same = 0
      let others = 0
      for (const file of readdirSync(join(directory, api), { recursive: true, encoding: "utf8" })) {
        if (!file.endsWith(".request.json")) continue
        const body = record(JSON.parse(readFileSync(join(directory, api, file), "utf8")))
        try {
          const result = Result.flatMap(
            ChatRequest.fromJson(read(body)),
            (request) => format.encode(request, request.model ?? model)
          )
          const { modelId: _modelId, ...expected } = body
          const differences = Result.match(result, {
            onFailure: ({ message }) => [message],
            onSuccess: ({ body }) =>
              Requests.differences(
                Requests.canonical(api, expected),
                Requests.canonical(api, JSON.parse(JSON.stringify(body)))
              )
          })
          if (differences.length === 0) same++
          else wrong[file] = differences
        } catch (error) {
          if (!(error instanceof NotSaid)) throw error
          others++
        }
      }
      assert.deepStrictEqual(wrong, {})
      assert.isAbove(same, 6 * others)
    })
  }
})
