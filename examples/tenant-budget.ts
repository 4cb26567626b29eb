/**
 * Every tenant has a budget: what its answers have cost is added up, and when it is used up, the tenant is refused
 * before anything is sent.
 *
 *     OPENAI_API_KEY=… node examples/tenant-budget.ts
 */
import { BigDecimal, Config, Console, Data, Effect, Layer, LayerMap } from "effect"
import { ChunkStream, CostLedger, OpenAi, Provider } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

const budget = BigDecimal.fromStringUnsafe("0.001") // USD

export class BudgetUsedUp extends Data.TaggedError("BudgetUsedUp")<{ readonly tenant: string }> {}

/** One ledger a tenant, kept as long as the program runs. */
export class Ledgers extends LayerMap.Service<Ledgers>()("app/Ledgers", {
  // Fresh: a layer is built once otherwise, and the tenants would share a ledger.
  lookup: (_tenant: string) => Layer.fresh(CostLedger.layer),
  idleTimeToLive: "Infinity"
}) {}

export const ask = Effect.fn("ask")(
  function*(tenant: string, prompt: string) {
    const ledger = yield* CostLedger.CostLedger
    const spent = (yield* ledger.total).total
    if (BigDecimal.isGreaterThanOrEqualTo(spent, budget)) return yield* new BudgetUsedUp({ tenant })
    const provider = yield* Provider.Provider
    return yield* ChunkStream.response(CostLedger.track(provider.stream({ prompt })))
  },
  (effect, tenant) => Effect.provide(effect, Ledgers.get(tenant))
)

if (import.meta.main) {
  const program = Effect.gen(function*() {
    const { content } = yield* ask("acme", "Write a poem about a river.")
    yield* Console.log(content)
  }).pipe(
    Effect.forever,
    Effect.catchTag("BudgetUsedUp", ({ tenant }) => Console.error(`${tenant} has used up its budget`))
  )
  const OpenAiLive = OpenAi.layerConfig({ model: Config.succeed("gpt-4o-mini") }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
  await Effect.runPromise(program.pipe(Effect.provide([Ledgers.layer, OpenAiLive])))
}
