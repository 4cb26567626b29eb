import { assert, describe, it } from "@effect/vitest"
import { Effect, Predicate, Result, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import { providers } from "../../src/cli/providers.ts"
import {
  Anthropic,
  BedrockInvoke,
  ChatCompletions,
  ChatRequest,
  type ChatResponse,
  ChunkStream,
  Converse,
  Messages,
  Protocol,
  type RequestFormat,
  Responses
} from "../../src/index.ts"
import * as Corpus from "../support/corpus.ts"
import * as Requests from "../support/requests.ts"

const anything = Schema.Record(Schema.String, Schema.Unknown)

const formats: Readonly<
  Record<string, readonly [api: Requests.Api, format: RequestFormat.RequestFormat, model: string]>
> = {
  openai: ["openai", ChatCompletions.format({ provider: "openai", dialect: ChatCompletions.openai }), "gpt-4.1"],
  groq: ["groq", ChatCompletions.format({ provider: "groq", dialect: ChatCompletions.groq }), "openai/gpt-oss-20b"],
  azure: ["azure", ChatCompletions.format({ provider: "azure", dialect: ChatCompletions.azure }), "gpt-4.1"],
  "azure-inference": [
    "azure-inference",
    ChatCompletions.format({
      provider: "azure",
      dialect: ChatCompletions.azureInference,
      options: { keys: ["azureInference"], schema: anything }
    }),
    "grok-4"
  ],
  anthropic: [
    "anthropic",
    Messages.format({ provider: "anthropic", options: { keys: ["anthropic"], schema: Anthropic.AnthropicOptions } }),
    "claude-sonnet-4-5"
  ],
  "bedrock-invoke": [
    "bedrock-invoke",
    Messages.bedrockFormat({
      provider: "bedrock",
      options: { keys: ["bedrockInvoke"], schema: BedrockInvoke.BedrockInvokeOptions }
    }),
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
  ],
  "openai-responses": [
    "openai-responses",
    Responses.format({
      provider: "openai",
      options: { keys: ["openaiResponses", "openai"], schema: anything },
      partKey: "openai"
    }),
    "gpt-5"
  ],
  "azure-responses": [
    "azure-responses",
    Responses.format({ provider: "azure", options: { keys: ["azure"], schema: anything }, partKey: "azure" }),
    "gpt-5"
  ],
  bedrock: [
    "bedrock",
    Converse.format({ provider: "bedrock", options: { keys: ["bedrock"], schema: anything } }),
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
  ]
}

/** The request in which a conversation goes on after a response: its calls are answered, or the user speaks again. */
const next = (response: ChatResponse.ChatResponse): ChatRequest.ChatRequest => {
  const { message } = response
  const calls = message.content.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part] : [])
  const names = new Set(calls.map(({ name }) => name))
  return {
    prompt: Prompt.fromMessages([
      Prompt.userMessage({ content: [Prompt.textPart({ text: "What is the weather?" })] }),
      message,
      calls.length > 0
        ? Prompt.toolMessage({
          content: calls.map(({ id, name }) =>
            Prompt.toolResultPart({ id, name, isFailure: false, result: "18 degrees", providerExecuted: false })
          )
        })
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
        const { anthropic, bedrock, bedrockInvoke } = part.metadata
        return strings([anthropic, bedrock, bedrockInvoke]).filter((text) => !/^(redacted_)?thinking$/.test(text))
      }
      case "tool-call":
        return [part.id, part.name]
      case "tool-result":
        return [part.id, ...strings(part.result)]
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

for (const row of providers) {
  const recordings = Corpus.recordings(row.id)
  const format = formats[row.id]

  describe.skipIf(recordings.length === 0 || !Requests.available)(
    `${row.id}: the message of a recorded response`,
    () => {
      it.effect("is accepted in the next request, with all that the provider wants back", () =>
        Effect.gen(function*() {
          if (format === undefined) return assert.fail(`no format of ${row.id}`)
          const [api, encoder, model] = format
          const violations = Requests.violations(api)
          const { protocol } = yield* Effect.promise(row.load)
          const problems: Array<string> = []
          for (const { bytes, framing, path } of recordings) {
            // Made-up ids that the API refuses, and calls of tools that are no functions, which can't be answered yet.
            if (/responses\/.*(stream-refusal|custom-tool|apply-patch)/.test(path)) continue
            const response = yield* Stream.make(bytes).pipe(Protocol.decode(protocol, { framing }), ChunkStream.outcome)
            const say = (problem: string) => problems.push(`${path}: ${problem}`)
            const encoded = Result.flatMap(
              ChatRequest.normalize(next(response)),
              (request) => encoder.encode(request, model)
            )
            if (Result.isFailure(encoded)) {
              say(encoded.failure.message)
              continue
            }
            const body: unknown = JSON.parse(JSON.stringify(encoded.success.body))
            if (!isUnpublished(response)) violations(body, model).forEach(say)
            const sent = strings(body)
            const lost = wanted(response).filter((text) => !sent.some((one) => one.includes(text)))
            // An item that the provider stored goes by its id.
            if (lost.length > 0 && !sent.includes("item_reference")) say(`lost ${lost[0]}`)
          }
          assert.deepStrictEqual(problems, [])
        }))
    }
  )
}
