/**
 * Data from a text, checked against a schema, from whichever provider answers. An answer that does not fit the schema
 * goes back once, with what is wrong.
 *
 *     OPENAI_API_KEY=… GROQ_API_KEY=… node examples/extract.ts
 */
import { Effect, ExecutionPlan, Schema } from "effect"
import { Groq, OpenAi, StructuredOutput } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

class Invoice extends Schema.Class<Invoice>("Invoice")({
  number: Schema.String,
  total: Schema.Finite,
  /** Missing if the text does not say. */
  dueDate: Schema.optionalKey(Schema.String)
}) {}

const plan = ExecutionPlan.make(
  { provide: OpenAi.layerConfig({ model: "gpt-4.1-mini" }) },
  { provide: Groq.layerConfig({ model: "openai/gpt-oss-20b" }) }
)

export const extract = (text: string) =>
  StructuredOutput.generate({ prompt: `The invoice in this text:\n\n${text}`, schema: Invoice, repairs: 1 }).pipe(
    Effect.withExecutionPlan(plan)
  )

if (import.meta.main) {
  const { cost, value } = await Effect.runPromise(
    extract("Invoice 2026-17 of 12 May: 119 euros, to be paid by 1 June 2026").pipe(
      Effect.provide(FetchHttpClient.layer)
    )
  )
  console.log(value, cost?.total)
}
