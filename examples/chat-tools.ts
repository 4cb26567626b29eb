/**
 * A conversation with tools: the model calls them, the handlers run, and it is asked again until it has an answer.
 *
 *     ANTHROPIC_API_KEY=… node examples/chat-tools.ts
 */
import { Effect, Layer, Schema } from "effect"
import { Anthropic, AnthropicLanguageModel, EffectAi } from "effect-llm-stream"
import { Chat, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"

const GetWeather = Tool.make("get_weather", {
  description: "Current weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ celsius: Schema.Finite })
})

const toolkit = Toolkit.make(GetWeather)

const Handlers = toolkit.toLayer({
  get_weather: ({ city }) => Effect.succeed({ celsius: city.length + 10 })
})

export const converse = (question: string) =>
  Effect.gen(function*() {
    const chat = yield* Chat.fromPrompt([{ role: "system", content: "Be brief." }])
    let answer = yield* chat.generateText({ prompt: question, toolkit })
    // The results of the tools are in the history; the model goes on from there.
    for (let rounds = 0; answer.finishReason === "tool-calls" && rounds < 5; rounds++) {
      answer = yield* chat.generateText({ prompt: [], toolkit })
    }
    return answer.text
  }).pipe(
    Effect.provide(Handlers),
    Effect.tapError((error) =>
      Effect.logError("the provider said:", "reason" in error ? EffectAi.providerError(error)?.reason : error)
    )
  )

/** Another provider is another model and another client. */
export const Claude = AnthropicLanguageModel.model("claude-sonnet-4-5", { maxTokens: 2000 }).pipe(
  Layer.provide(Anthropic.layerConfig())
)

if (import.meta.main) {
  const program = converse("How warm are Paris and Rome?").pipe(Effect.provide(Claude))
  console.log(await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer))))
}
