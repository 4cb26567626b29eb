/**
 * The smallest program: a question, and the answer as it arrives.
 *
 *     OPENAI_API_KEY=… node examples/hello.ts
 */
import { Console, Effect, Layer, Stream } from "effect"
import { ChunkStream, OpenAi, Provider } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

export const hello = Effect.gen(function*() {
  const provider = yield* Provider.Provider
  yield* provider.stream({ model: "gpt-4o-mini", prompt: "Tell me a story about a river" }).pipe(
    ChunkStream.text,
    Stream.runForEach((piece) => Effect.sync(() => process.stdout.write(piece)))
  )
}).pipe(
  Effect.catchTag("ProviderError", (error) => Console.error(error.message))
)

if (import.meta.main) {
  const OpenAiLive = OpenAi.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
  await Effect.runPromise(hello.pipe(Effect.provide(OpenAiLive)))
}
