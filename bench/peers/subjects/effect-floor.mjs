// Effect alone: its HTTP client and its streams over the same bytes, split at blank lines, and `JSON.parse`.
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"

const utf8 = new TextEncoder()

export const open = (fetch) => {
  const client = Effect.runSync(Effect.provide(HttpClient.HttpClient, FetchHttpClient.layer))
  return (onText) => {
    const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Say hello" }], stream: true })
    const decoder = new TextDecoder()
    let buffer = ""
    return HttpClientRequest.post("https://api.openai.com/v1/chat/completions").pipe(
      HttpClientRequest.setHeader("authorization", "Bearer sk-bench"),
      HttpClientRequest.bodyUint8Array(utf8.encode(body), "application/json"),
      client.execute,
      Effect.map((response) => response.stream),
      Stream.unwrap,
      Stream.runForEachArray((reads) =>
        Effect.sync(() => {
          for (const bytes of reads) {
            buffer += decoder.decode(bytes, { stream: true })
            let start = 0
            for (let end = buffer.indexOf("\n\n"); end !== -1; end = buffer.indexOf("\n\n", start)) {
              const data = buffer.slice(start + 6, end)
              start = end + 2
              if (data !== "[DONE]") onText(JSON.parse(data).choices[0].delta.content ?? "")
            }
            buffer = buffer.slice(start)
          }
        })
      ),
      Effect.provideService(FetchHttpClient.Fetch, fetch),
      Effect.runPromise
    )
  }
}
