/**
 * When one provider can't answer, another one does; but not once text has arrived, as the two answers would be mixed.
 *
 *     OPENAI_API_KEY=… ANTHROPIC_API_KEY=… node examples/fallback.ts
 */
import { Console, Effect, Layer, Stream } from "effect"
import { Anthropic, ChunkStream, OpenAi, Provider } from "effect-llm-stream"
import * as Fallback from "effect-llm-stream/middleware/Fallback"
import { FetchHttpClient } from "effect/http"

export const ProviderLive = Fallback.layer([
  OpenAi.layerConfig({ model: "gpt-4o-mini" }),
  Anthropic.layerConfig({ model: "claude-haiku-4-5" })
])

export const answer = (prompt: string) => Stream.unwrap(Provider.Provider.useSync(({ stream }) => stream({ prompt })))

if (import.meta.main) {
  await Effect.runPromise(
    answer("Why is the sky blue?").pipe(
      ChunkStream.text,
      Stream.runForEach((piece) => Effect.sync(() => process.stdout.write(piece))),
      Effect.catch((error) => Console.error(error.message)),
      Effect.provide(ProviderLive.pipe(Layer.provide(FetchHttpClient.layer)))
    )
  )
}
