/**
 * When one provider can't answer, another one does; but not once text has arrived, as the two answers would be mixed.
 *
 *     OPENAI_API_KEY=… ANTHROPIC_API_KEY=… node examples/fallback.ts
 */
import { Config, Console, Effect, ExecutionPlan, Stream } from "effect"
import { Anthropic, ChunkStream, OpenAi, Provider } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

const plan = ExecutionPlan.make(
  { provide: OpenAi.layerConfig({ model: Config.succeed("gpt-4o-mini") }) },
  { provide: Anthropic.layerConfig({ model: Config.succeed("claude-haiku-4-5") }) }
)

export const answer = (prompt: string) =>
  Stream.unwrap(Provider.Provider.useSync(({ stream }) => stream({ prompt }))).pipe(
    Stream.withExecutionPlan(plan, { preventFallbackOnPartialStream: true })
  )

if (import.meta.main) {
  await Effect.runPromise(
    answer("Why is the sky blue?").pipe(
      ChunkStream.text,
      Stream.runForEach((piece) => Effect.sync(() => process.stdout.write(piece))),
      Effect.catch((error) => Console.error(error.message)),
      Effect.provide(FetchHttpClient.layer)
    )
  )
}
