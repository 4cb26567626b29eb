/**
 * Data out of a text, checked by a schema, from whichever provider answers.
 *
 *     OPENAI_API_KEY=… GROQ_API_KEY=… node examples/extract.ts
 */
import { Effect, ExecutionPlan, Layer, Schema } from "effect"
import { AiLanguageModel, Groq, GroqLanguageModel, OpenAi, OpenAiLanguageModel } from "effect-llm-stream"
import { LanguageModel } from "effect/ai"
import { FetchHttpClient } from "effect/http"

class Invoice extends Schema.Class<Invoice>("Invoice")({
  number: Schema.String,
  total: Schema.Finite,
  /** Missing where the text does not say. */
  dueDate: Schema.optionalKey(Schema.String)
}) {}

const plan = ExecutionPlan.make(
  { provide: OpenAiLanguageModel.model("gpt-4.1-mini").pipe(Layer.provide(OpenAi.layerConfig())) },
  { provide: GroqLanguageModel.model("openai/gpt-oss-20b").pipe(Layer.provide(Groq.layerConfig())) }
)

export const extract = (text: string) =>
  Effect.gen(function*() {
    const { content, value } = yield* LanguageModel.generateObject({
      prompt: `The invoice in this text, as JSON:\n\n${text}`,
      schema: Invoice
    })
    const finish = content.find((part) => part.type === "finish")
    return { invoice: value, told: finish?.metadata[AiLanguageModel.metadataKey] }
  }).pipe(
    AiLanguageModel.withSettings({ temperature: 0 }),
    Effect.withExecutionPlan(plan)
  )

if (import.meta.main) {
  const program = extract("Invoice 2026-17 of 12 May: 119 euros, to be paid by 1 June 2026")
  console.log(await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer))))
}
