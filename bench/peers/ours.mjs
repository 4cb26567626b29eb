import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Stream from "effect/Stream"

/** Asks a provider for an answer, and tells its texts. */
export const ours = (make, model) => (fetch) => {
  const service = make.pipe(Effect.provide(FetchHttpClient.layer), Effect.runSync)
  return (onText) =>
    Stream.runForEachArray(
      service.stream({ model, prompt: "Say hello" }),
      (chunks) =>
        Effect.sync(() => {
          for (const { content } of chunks) onText(content)
        })
    ).pipe(Effect.provideService(FetchHttpClient.Fetch, fetch), Effect.runPromise)
}
