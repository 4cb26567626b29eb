/**
 * A chat server with history: a question is posted, and the answer comes as server-sent events and is kept. When the stop
 * button is pressed, or the page is closed, the connection to the provider is closed, and what had come is kept.
 *
 *     OPENAI_API_KEY=… node examples/chat-server.ts
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"
import { ChunkStream, OpenAi, Provider, ServerSentEvents } from "effect-llm-stream"
import { Prompt } from "effect/ai"
import { FetchHttpClient, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

/** Conversations by id; a database in a real app. */
export const chats = new Map<string, ReadonlyArray<Prompt.Message>>()

const chat = Effect.gen(function*() {
  const { id, text } = yield* HttpServerRequest.schemaBodyJson(
    Schema.Struct({ id: Schema.String, text: Schema.String })
  )
  const provider = yield* Provider.Provider
  // A function, as another turn may end while this one is answered.
  const asked = () => [...chats.get(id) ?? [], ...Prompt.make(text).content]
  const events = provider.stream({ prompt: Prompt.fromMessages(asked()) }).pipe(
    ChunkStream.onResponse(({ response: { message } }) =>
      Effect.sync(() => message.content.length > 0 && chats.set(id, [...asked(), message]))
    ),
    ChunkStream.events
  )
  return HttpServerResponse.stream(ServerSentEvents.encode(events), ServerSentEvents.responseOptions)
})

const page = HttpServerResponse.html(`<!doctype html>
<pre id="answer" style="white-space: pre-wrap"></pre>
<form id="form"><input name="text" size="60" autofocus> <button>Send</button></form>
<button id="stop">Stop</button>
<script type="module">
  const id = crypto.randomUUID()
  let running
  const stop = () => running?.abort()
  const show = {
    Text: ({ delta }) => answer.append(delta),
    Failure: ({ reason }) => answer.append(" [" + reason + "]")
  }
  form.onsubmit = async (event) => {
    event.preventDefault()
    stop()
    running = new AbortController()
    const text = form.text.value
    form.reset()
    answer.append("\\n> " + text + "\\n")
    const body = JSON.stringify({ id, text })
    const headers = { "content-type": "application/json" }
    try {
      const response = await fetch("/chat", { method: "POST", body, headers, signal: running.signal })
      let rest = ""
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        const events = (rest + piece).split("\\n\\n")
        rest = events.pop()
        for (const event of events) {
          const data = event.split("data: ")[1]
          if (data) show[JSON.parse(data)._tag]?.(JSON.parse(data))
        }
      }
    } catch (error) {
      if (error.name !== "AbortError") throw error
    }
  }
  document.getElementById("stop").onclick = stop
</script>`)

export const routes = Layer.mergeAll(HttpRouter.add("GET", "/", page), HttpRouter.add("POST", "/chat", chat))

if (import.meta.main) {
  HttpRouter.serve(routes).pipe(
    Layer.provide(OpenAi.layerConfig({ model: "gpt-4o-mini" })),
    Layer.provide([FetchHttpClient.layer, NodeHttpServer.layer(createServer, { port: 3000 })]),
    Layer.launch,
    NodeRuntime.runMain
  )
}
