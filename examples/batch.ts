/**
 * Ten thousand questions, fifty at a time, within a limit and a budget. Another vendor answers what the first one can't.
 * After a stop, or a kill, the next run continues where the last one was.
 *
 *     GROQ_API_KEY=… OPENAI_API_KEY=… node examples/batch.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Array, Console, Effect, Layer } from "effect"
import { Groq, OpenAi } from "effect-llm-stream"
import * as Batch from "effect-llm-stream/Batch"
import * as SqliteStore from "effect-llm-stream/stores/SqliteStore"
import { FetchHttpClient } from "effect/http"

const targets = Effect.gen(function*() {
  const groq = yield* Groq.config({ model: "openai/gpt-oss-20b" })
  const openai = yield* OpenAi.config()
  return [{ provider: Groq.define(groq) }, { provider: OpenAi.define(openai), model: "gpt-4.1-mini" }] as const
})

export const batch = Effect.fn("batch")(function*(questions: ReadonlyMap<string, string>) {
  let done = 0
  return yield* Batch.run(Array.fromIterable(questions).map(([id, prompt]) => ({ id, request: { prompt } })), {
    name: "primes",
    targets: yield* targets,
    defaults: { maxTokens: 200 },
    concurrency: 50,
    rate: { amount: 900, every: "1 minute" },
    maxCost: "5",
    onEnded: ({ content, error, id }) =>
      Console.log(`${++done}: ${id}: ${error === null ? content : `failed: ${error.message}`}`)
  })
})

if (import.meta.main) {
  const questions = new Map(
    Array.makeBy(10_000, (n) => [`${n}`, `Is ${n} a prime number? Answer yes or no.`] as const)
  )
  batch(questions).pipe(
    Effect.flatMap(({ answers, cost, left, status }) =>
      Console.log(`${status}: ${answers} answered for $${cost}, ${left} left`)
    ),
    Effect.provide(Layer.merge(SqliteStore.layer({ filename: "primes.store" }), FetchHttpClient.layer)),
    NodeRuntime.runMain
  )
}
