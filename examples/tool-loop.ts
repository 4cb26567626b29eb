/**
 * A loop that runs tools: the model calls them, and is asked again with their results, until it has its answer.
 *
 *     OPENAI_API_KEY=… node examples/tool-loop.ts
 */
import { Effect, Layer, Schema, Stream } from "effect"
import { ChatEvent, OpenAi, ToolLoop } from "effect-llm-stream"
import { Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"

class NoSuchCity extends Schema.TaggedError<NoSuchCity>()("NoSuchCity", { city: Schema.String }) {}

const toolkit = Toolkit.make(Tool.make("get_weather", {
  description: "Current weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ celsius: Schema.Finite }),
  failure: NoSuchCity
}))

const Handlers = toolkit.toLayer({
  get_weather: ({ city }) =>
    city === "Atlantis" ? Effect.fail(new NoSuchCity({ city })) : Effect.succeed({ celsius: city.length + 10 })
})

/** The text of the answer as it arrives. If a handler fails, the model is told, and may know what to do. */
export const answer = (prompt: string) =>
  ToolLoop.stream({ prompt, tools: toolkit }, { failures: "return", maxSteps: 5, budget: "0.05" }).pipe(
    ChatEvent.text,
    Stream.provide(Handlers)
  )

if (import.meta.main) {
  await Effect.runPromise(
    answer("How warm are Paris and Rome?").pipe(
      Stream.runForEach((piece) => Effect.sync(() => process.stdout.write(piece))),
      Effect.provide(Layer.provide(OpenAi.layerConfig({ model: "gpt-4o-mini" }), FetchHttpClient.layer))
    )
  )
}
