import * as Bedrock from "effect-llm-stream/bedrock/Bedrock"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

export const open = (fetch) => {
  const service = Bedrock.make({ apiKey: Redacted.make("bench"), region: "us-east-1" }).pipe(
    Effect.provide(FetchHttpClient.layer),
    Effect.runSync
  )
  return (onText) =>
    Stream.runForEachArray(
      service.stream({ model: "anthropic.claude-sonnet-4-5-20250929-v1:0", prompt: "Say hello" }),
      (chunks) =>
        Effect.sync(() => {
          for (const { content } of chunks) onText(content)
        })
    ).pipe(Effect.provideService(FetchHttpClient.Fetch, fetch), Effect.runPromise)
}
