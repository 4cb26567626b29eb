import { assert, it } from "@effect/vitest"
import { Effect, Predicate, Result, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import { providers } from "../../src/cli/providers.ts"
import {
  AnthropicOptions,
  BedrockInvokeOptions,
  ChatCompletions,
  ChatRequest,
  type ChatResponse,
  ChunkStream,
  Protocol,
  type RequestFormat
} from "../../src/index.ts"
import * as Corpus from "../support/corpus.ts"
import * as Requests from "../support/requests.ts"
import { describeShared } from "../support/shared.ts"
import * as Whole from "../support/wholeFormats.ts"

const anything = Schema.Record(Schema.String, Schema.Unknown)

const formats: Readonly<
  Record<string, readonly [api: Requests.Api, format: RequestFormat.RequestFormat, model: string]>
> = {
  openai: ["openai", Whole.chatCompletions({ provider: "openai", dialect: ChatCompletions.openai }), "gpt-4.1"],
  groq: ["groq", Whole.chatCompletions({ provider: "groq", dialect: ChatCompletions.groq }), "openai/gpt-oss-20b"],
  azure: ["azure", Whole.chatCompletions({ provider: "azure", dialect: ChatCompletions.azure }), "gpt-4.1"],
  "azure-inference": [
    "azure-inference",
    Whole.chatCompletions({
      provider: "azure",
      dialect: ChatCompletions.azureInference,
      options: { keys: ["azureInference"], schema: anything }
    }),
    "grok-4"
  ],
  anthropic: [
    "anthropic",
    Whole.messages({ provider: "anthropic", options: { keys: ["anthropic"], schema: AnthropicOptions } }),
    "claude-sonnet-4-5"
  ],
  "bedrock-invoke": [
    "bedrock-invoke",
    Whole.bedrockMessages({
      provider: "bedrock",
      options: { keys: ["bedrockInvoke"], schema: BedrockInvokeOptions }
    }),
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
  ],
  "openai-responses": [
    "openai-responses",
    Whole.responses({
      provider: "openai",
      options: { keys: ["openaiResponses", "openai"], schema: anything },
      partKey: "openai"
    }),
    "gpt-5"
  ],
  "azure-responses": [
    "azure-responses",
    Whole.responses({ provider: "azure", options: { keys: ["azure"], schema: anything }, partKey: "azure" }),
    "gpt-5"
  ],
  bedrock: [
    "bedrock",
    Whole.converse({ provider: "bedrock", options: { keys: ["bedrock"], schema: anything } }),
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
  ]
}

const screenshot = { image_url: "https://example.com/screen.png" }

/** The request in which a conversation goes on after a response: its calls are answered, or the user speaks again. */
const next = (response: ChatResponse.ChatResponse, options: object): ChatRequest.ChatRequest => {
  const { message } = response
  const calls = message.content.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part] : [])
  const approvals = message.content.flatMap((part) => part.type === "tool-approval-request" ? [part.approvalId] : [])
  const names = new Set(calls.flatMap((call) => typeof call.params === "string" ? [] : [call.name]))
  const answers = [
    ...calls.map(({ id, name }) =>
      Prompt.toolResultPart({
        id,
        name,
        isFailure: false,
        result: name === "computer" ? screenshot : name === "tool_search" ? [] : "18 degrees",
        providerExecuted: false
      })
    ),
    ...approvals.map((approvalId) => Prompt.toolApprovalResponsePart({ approvalId, approved: true }))
  ]
  return {
    options,
    prompt: Prompt.fromMessages([
      Prompt.userMessage({ content: [Prompt.textPart({ text: "What is the weather?" })] }),
      message,
      answers.length > 0
        ? Prompt.toolMessage({ content: answers })
        : Prompt.userMessage({ content: [Prompt.textPart({ text: "And tomorrow?" })] })
    ]),
    tools: [...names].map((name) => ({ name, parameters: { type: "object", properties: {} } }))
  }
}

/** The strings of a value at any depth. */
const strings = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
    ? Object.values(value).flatMap(strings)
    : []

/** What a provider takes back of what it states of its own tools: not where a search looked, nor how an image was made. */
const taken = (tool: string, result: unknown): unknown => {
  if (tool === "image_generation" && Predicate.hasProperty(result, "result")) return result.result
  if (tool !== "web_search" || !Predicate.hasProperty(result, "action")) return result
  return Predicate.isObject(result.action) ? { ...result.action, sources: undefined } : result.action
}

/** What a provider wants back of a response as it sent it. */
const wanted = (response: ChatResponse.ChatResponse): ReadonlyArray<string> =>
  response.parts.flatMap((part) => {
    switch (part.type) {
      case "text": {
        // Speech goes back by its id.
        const { openai } = part.metadata
        return part.text.trim() === "" || Predicate.hasProperty(openai, "audioTranscript") ? [] : [part.text]
      }
      case "reasoning": {
        const { anthropic, bedrock, bedrockInvoke, openai } = part.metadata
        const encrypted = Predicate.hasProperty(openai, "encryptedContent") ? openai.encryptedContent : undefined
        return strings([anthropic, bedrock, bedrockInvoke, encrypted]).filter((text) =>
          !/^(redacted_)?thinking$/.test(text)
        )
      }
      case "tool-call":
        return [part.id, part.name]
      case "tool-result":
        return [part.id, ...strings(taken(part.name, part.result))]
      default:
        return []
    }
  })

/** Whether the provider ran a tool that neither the published schemas nor the rules know: a beta, or one of Nova's. */
const isUnpublished = (response: ChatResponse.ChatResponse): boolean =>
  response.parts.some((part) =>
    part.type === "tool-call" && part.providerExecuted &&
    (part.name === "advisor" || part.metadata["bedrock"] !== undefined)
  )

/** Where the published schema of an input item leaves out what the API itself states and takes. */
const isUnsaid = (body: unknown): boolean =>
  strings(body).some((text) => /^(mcp_approval_response|tool_search_call|local_shell_call_output)$/.test(text))

const cases = providers.flatMap((row) => [
  { row, title: row.id, options: {} },
  ...(/responses/.test(row.id)
    ? [{ row, title: `${row.id}, nothing stored`, options: { openai: { store: false }, azure: { store: false } } }]
    : [])
])

for (const { options, row, title } of cases) {
  const recordings = Corpus.recordings(row.id)
  const format = formats[row.id]

  describeShared(
    recordings.length > 0 && Requests.available,
    `${title}: the message of a recorded response`,
    () => {
      it.effect("is accepted in the next request, with all that the provider wants back", () =>
        Effect.gen(function*() {
          if (format === undefined) return assert.fail(`no format of ${row.id}`)
          const [api, encoder, model] = format
          const violations = Requests.violations(api)
          const { protocol } = yield* Effect.promise(row.load)
          const problems: Array<string> = []
          for (const { bytes, framing, path } of recordings) {
            const response = yield* Stream.make(bytes).pipe(Protocol.decode(protocol, { framing }), ChunkStream.outcome)
            const say = (problem: string) => problems.push(`${path}: ${problem}`)
            const encoded = Result.flatMap(
              ChatRequest.normalize(next(response, options)),
              (request) => encoder.encode(request, model)
            )
            if (Result.isFailure(encoded)) {
              say(encoded.failure.message)
              continue
            }
            const body: unknown = JSON.parse(JSON.stringify(encoded.success.body))
            if (!isUnpublished(response) && !isUnsaid(body)) violations(body, model).forEach(say)
            const sent = strings(body)
            // An item that the provider stored goes by its id.
            if (sent.includes("item_reference")) continue
            const lost = wanted(response).filter((text) => !sent.some((one) => one.includes(text)))
            if (lost.length > 0) say(`lost ${lost[0]}`)
          }
          assert.deepStrictEqual(problems, [])
        }))
    }
  )
}
