/**
 * Every tenant has a budget. A request reserves what it may cost at most, so it is refused before anything is sent when
 * the rest of the budget is too small, however many run at once.
 *
 *     OPENAI_API_KEY=… node examples/tenant-budget.ts
 */
import { Console, Context, Effect, Layer } from "effect"
import { ChunkStream, CostBudget, CostEstimate, OpenAi, Pricing, Provider, type ProviderError } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

/** The budget of a tenant, in USD. */
export class Budgets extends Context.Service<
  Budgets,
  (tenant: string) => Effect.Effect<CostBudget.CostBudget, ProviderError.ProviderError>
>()("app/Budgets") {
  static readonly layer = Layer.effect(Budgets, CostBudget.keyed((tenant) => tenant === "trial" ? "0.001" : "5"))
}

export const ask = Effect.fn("ask")(function*(tenant: string, prompt: string) {
  const budgetOf = yield* Budgets
  const pricing = yield* Pricing.Pricing
  const provider = yield* Provider.Provider
  const request = { model: "gpt-4o-mini", prompt, maxTokens: 1000 }
  const { cost } = yield* Effect.fromResult(CostEstimate.atMost(request, { provider: provider.name }, pricing))
  return yield* provider.stream(request).pipe(
    CostBudget.guard(yield* budgetOf(tenant), cost.total),
    ChunkStream.response
  )
})

if (import.meta.main) {
  const program = Effect.gen(function*() {
    const { content } = yield* ask("trial", "Write a poem about a river.")
    yield* Console.log(content)
  }).pipe(
    Effect.forever,
    Effect.catchTag("BudgetRefused", (refused) => Console.error(refused.message))
  )
  const OpenAiLive = OpenAi.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
  await Effect.runPromise(program.pipe(Effect.provide([Budgets.layer, OpenAiLive])))
}
