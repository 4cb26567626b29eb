/**
 * A recipe that is shown while the model writes it: typed partial values, and an error that says why there is no
 * recipe.
 *
 *     ANTHROPIC_API_KEY=… node examples/growing-object.ts
 */
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { Anthropic, StructuredOutput } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

const Recipe = Schema.Struct({
  title: Schema.String,
  difficulty: Schema.Literals(["easy", "hard"]),
  steps: Schema.Array(Schema.String)
})

export const recipe = (prompt: string) =>
  StructuredOutput.stream({ prompt, schema: Recipe }).pipe(
    Stream.runForEach((event) =>
      event._tag === "Complete"
        ? Console.log(`Done: ${event.value.title} (${event.value.difficulty}), ${event.value.steps.length} steps`)
        : event._tag === "Partial"
        ? Console.log(event.value.title ?? "…", event.value.steps?.at(-1) ?? "")
        : Console.log("Again:", event.error.message)
    ),
    Effect.catchTag("ObjectError", ({ reason, text }) =>
      Console.log(`No recipe (${reason._tag}): ${reason.message}, after ${text.length} characters`))
  )

if (import.meta.main) {
  const Claude = Anthropic.layerConfig({ model: "claude-haiku-4-5" })
  await Effect.runPromise(recipe("Bread").pipe(Effect.provide(Layer.provide(Claude, FetchHttpClient.layer))))
}
