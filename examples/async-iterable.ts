/**
 * The library from a program that does not use Effect: an async iterable. Leaving the loop closes the connection.
 *
 *     OPENAI_API_KEY=… node examples/async-iterable.ts
 */
import { Layer, ManagedRuntime, Stream } from "effect"
import { ChunkStream, OpenAi, Provider } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

export const makeAsk = <E>(layer: Layer.Layer<Provider.Provider, E>) => {
  const runtime = ManagedRuntime.make(layer)
  return async function*(prompt: string): AsyncGenerator<string, void> {
    const { stream } = await runtime.runPromise(Provider.Provider)
    yield* Stream.toAsyncIterable(ChunkStream.text(stream({ prompt })))
  }
}

if (import.meta.main) {
  const ask = makeAsk(
    OpenAi.layerConfig({ model: "gpt-4o-mini" }).pipe(Layer.provide(FetchHttpClient.layer))
  )
  for await (const piece of ask("Tell me a story about a river")) process.stdout.write(piece)
}
