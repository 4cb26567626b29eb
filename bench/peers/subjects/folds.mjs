import { AnthropicLanguageModel } from "effect-llm-stream/ai/AnthropicLanguageModel"
import { BedrockLanguageModel } from "effect-llm-stream/ai/BedrockLanguageModel"
import { OpenAiLanguageModel } from "effect-llm-stream/ai/OpenAiLanguageModel"
import { OpenAiResponsesLanguageModel } from "effect-llm-stream/ai/OpenAiResponsesLanguageModel"
import * as Anthropic from "effect-llm-stream/anthropic/Anthropic"
import * as Bedrock from "effect-llm-stream/bedrock/Bedrock"
import * as ChunkStream from "effect-llm-stream/ChunkStream"
import * as OpenAi from "effect-llm-stream/openai/OpenAi"
import * as OpenAiResponses from "effect-llm-stream/openai/OpenAiResponses"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

const apiKey = Redacted.make("bench")
const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0"
const providers = {
  chat: [OpenAi.OpenAi, OpenAi.layer({ apiKey }), OpenAiLanguageModel, "gpt-4o"],
  responses: [
    OpenAiResponses.OpenAiResponses,
    OpenAiResponses.layer({ apiKey }),
    OpenAiResponsesLanguageModel,
    "gpt-4o"
  ],
  messages: [Anthropic.Anthropic, Anthropic.layer({ apiKey }), AnthropicLanguageModel, "claude-opus-4-8"],
  converse: [Bedrock.Bedrock, Bedrock.layer({ apiKey, region: "us-east-1" }), BedrockLanguageModel, claude]
}

/** What an operator makes of an answer, and the texts of that. */
const folds = {
  parts: [ChunkStream.parts, (part) => part.type === "text-delta" ? part.delta : ""],
  events: [ChunkStream.events, (event) => event._tag === "Text" ? event.delta : ""],
  response: [(chunks) => Stream.fromEffect(ChunkStream.response(chunks)), (response) => response.content],
  accumulate: [ChunkStream.accumulate, ([, soFar]) => soFar.content]
}

/** Reads answers of a wire by an operator, or by Effect's language model. */
export const open = (fetch, wire, fold) => {
  const [service, layer, models, model] = providers[wire]
  const runtime = ManagedRuntime.make(
    Layer.provide(Layer.provideMerge(models.model(model), layer), FetchHttpClient.layer)
  )
  const answer = service.pipe(Effect.map((provider) => provider.stream({ model, prompt: "Say hello" })), Stream.unwrap)
  const [read, textOf] = folds[fold] ?? [() => LanguageModel.streamText({ prompt: "Say hello" }), folds.parts[1]]
  return (onText) =>
    read(answer).pipe(
      Stream.runForEachArray((values) =>
        Effect.sync(() => {
          for (const value of values) onText(textOf(value))
        })
      ),
      Effect.provideService(FetchHttpClient.Fetch, fetch),
      runtime.runPromise
    )
}
