import * as OpenAiResponses from "effect-llm-stream/openai/OpenAiResponses"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

export const open = (fetch) => {
  const service = OpenAiResponses.make({ apiKey: Redacted.make("sk-bench") }).pipe(
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
