/**
 * Every tenant has a budget. A request reserves what it may cost at most, so it is refused before anything is sent when
 * the rest of the budget is too small, however many run at once. With another store, such as SQLite or Redis, all processes
 * share the budgets, and a restart forgets none.
 *
 *     OPENAI_API_KEY=… node examples/tenant-budget.ts
 */
import { BigDecimal, Console, Effect, Layer } from "effect"
import { ChunkStream, OpenAi, Provider } from "effect-llm-stream"
import * as Budget from "effect-llm-stream/middleware/Budget"
import * as Store from "effect-llm-stream/stores/Store"
import { FetchHttpClient } from "effect/http"

/** The budget of a tenant, in USD. */
const limit = (tenant: string) => tenant === "trial" ? "0.001" : "5"

/** A provider that spends no more than the budget of the request's `user`. */
export const layer = Budget.layer({ limit })

export const ask = Effect.fn("ask")(function*(tenant: string, prompt: string) {
  const provider = yield* Provider.Provider
  return yield* ChunkStream.response(
    provider.stream({ model: "gpt-4o-mini", prompt, maxTokens: 1000, user: tenant })
  )
})

/** What a tenant has left, in USD. */
export const left = (tenant: string) =>
  Effect.map(
    Budget.balance({ limit: limit(tenant), key: tenant }),
    ({ remaining }) => BigDecimal.format(remaining)
  )

if (import.meta.main) {
  const program = Effect.gen(function*() {
    const { content } = yield* ask("trial", "Write a poem about a river.")
    yield* Console.log(content, "\n\nUSD left:", yield* left("trial"))
  }).pipe(
    Effect.forever,
    Effect.catchIf(Budget.isRefused, (refused) => Console.error(refused.message))
  )
  const live = layer.pipe(
    Layer.provide(OpenAi.layerConfig()),
    Layer.provide(FetchHttpClient.layer),
    Layer.provideMerge(Store.layerMemory)
  )
  await Effect.runPromise(program.pipe(Effect.provide(live)))
}
