/**
 * A chat server: the answer goes to the browser as server-sent events, and the page has a stop button. When the button is
 * pressed, or the page is closed, the connection to the provider is closed, too.
 *
 *     OPENAI_API_KEY=… node examples/chat-server.ts
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer, Schema } from "effect"
import { ChatEvent, ChunkStream, OpenAi, Provider } from "effect-llm-stream"
import { FetchHttpClient, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

const chat = Effect.gen(function*() {
  const { prompt } = yield* HttpServerRequest.schemaSearchParams(Schema.Struct({ prompt: Schema.String }))
  const provider = yield* Provider.Provider
  const events = ChunkStream.events(provider.stream({ prompt }))
  return HttpServerResponse.stream(ChatEvent.toServerSentEvents(events), { contentType: "text/event-stream" })
})

const page = HttpServerResponse.html(`<!doctype html>
<form id="form"><input name="prompt" size="60" autofocus> <button>Ask</button></form>
<button id="stop">Stop</button>
<pre id="answer" style="white-space: pre-wrap"></pre>
<script>
  let source
  const stop = () => source?.close()
  form.onsubmit = (event) => {
    event.preventDefault()
    stop()
    answer.textContent = ""
    source = new EventSource("/chat?prompt=" + encodeURIComponent(form.prompt.value))
    source.addEventListener("Text", ({ data }) => answer.append(JSON.parse(data).delta))
    source.addEventListener("Failure", ({ data }) => answer.append(" [" + JSON.parse(data).reason + "]"))
    source.addEventListener("End", stop)
    source.onerror = stop // or it would ask again
  }
  document.getElementById("stop").onclick = stop
</script>`)

export const routes = Layer.mergeAll(HttpRouter.add("GET", "/", page), HttpRouter.add("GET", "/chat", chat))

if (import.meta.main) {
  HttpRouter.serve(routes).pipe(
    Layer.provide(OpenAi.layerConfig({ model: Config.succeed("gpt-4o-mini") })),
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(NodeHttpServer.layer(createServer, { port: 3000 })),
    Layer.launch,
    NodeRuntime.runMain
  )
}
