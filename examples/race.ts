/**
 * Two providers get the same question. The first one to answer wins, and the other's connection is closed.
 *
 *     OPENAI_API_KEY=… GROQ_API_KEY=… node examples/race.ts
 */
import { Console, Effect, Layer, Stream } from "effect"
import { ChunkStream, Groq, OpenAi } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

export const fastest = (prompt: string) =>
  Stream.unwrap(Effect.gen(function*() {
    const openai = yield* OpenAi.OpenAi
    const groq = yield* Groq.Groq
    return Stream.race(
      ChunkStream.text(openai.stream({ model: "gpt-4o-mini", prompt })),
      ChunkStream.text(groq.stream({ model: "openai/gpt-oss-20b", prompt }))
    )
  }))

if (import.meta.main) {
  const Live = Layer.merge(OpenAi.layerConfig(), Groq.layerConfig()).pipe(Layer.provide(FetchHttpClient.layer))
  await Effect.runPromise(
    fastest("Why is the sky blue?").pipe(
      Stream.runForEach((piece) => Effect.sync(() => process.stdout.write(piece))),
      Effect.catch((error) => Console.error(error.message)),
      Effect.provide(Live)
    )
  )
}
