import { Effect, Redacted, Stream } from "effect"
import { OpenAi } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

export const open = (fetch) => {
  const service = OpenAi.make({ apiKey: Redacted.make("sk-bench") }).pipe(
    Effect.provide(FetchHttpClient.layer),
    Effect.runSync
  )
  return (onText) =>
    Stream.runForEachArray(
      service.stream({ model: "gpt-4o", prompt: "Say hello" }),
      (chunks) =>
        Effect.sync(() => {
          for (const { content } of chunks) onText(content)
        })
    ).pipe(Effect.provideService(FetchHttpClient.Fetch, fetch), Effect.runPromise)
}
