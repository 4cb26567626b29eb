/** A host in memory, for tests of what a provider sends and of what it makes of the answer. */
import { Effect, Layer, Redacted, Stream } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { type Chunk, ChunkStream, Protocol, Provider, type ProviderError } from "../../src/index.ts"
import * as Client from "./client.ts"

export type Sent = Client.Sent

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** Server-sent events without names, as chat completions send them; a string is sent as it is. */
export const sse = (...events: ReadonlyArray<object | string>): string =>
  events.map((event) => typeof event === "string" ? event : `data: ${JSON.stringify(event)}\n\n`).join("")

export const done = "data: [DONE]\n\n"

export const errorEvent = (data: object | string): string => `event: error\ndata: ${JSON.stringify(data)}\n\n`

/** A chunk of choice 0. */
export const delta = (delta: object, rest: object = {}) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "test-model",
  choices: [{ index: 0, delta, finish_reason: null, ...rest }]
})

export const finish = (finish_reason: string, rest: object = {}) => ({ ...delta({}, { finish_reason }), ...rest })

/** A client whose first request gets the first answer and so on; the last one is repeated. */
export const layer = (
  sent: Array<Sent>,
  ...[first, ...others]: readonly [Answer, ...ReadonlyArray<Answer>]
): Layer.Layer<HttpClient.HttpClient> => Client.layer(sent, Client.inTurn(respond(first), ...others.map(respond)))

const respond = ({ body, headers, status = 200 }: Answer) => () =>
  new Response(body, {
    status,
    headers: { "content-type": status === 200 ? "text/event-stream" : "application/json", ...headers }
  })

const nothing: Sent = {
  request: HttpClientRequest.empty,
  url: "",
  headers: {},
  shown: {},
  bytes: new Uint8Array(),
  body: {}
}

const answer = sse(delta({ content: "Hi" }), finish("stop"), done)

/** What one request sends through a provider's layer, and the outcome. */
export const send = <E>(
  provider: Layer.Layer<Provider.Provider, E, HttpClient.HttpClient>,
  request: Parameters<Provider.Provider["Service"]["stream"]>[0],
  ...answers: ReadonlyArray<Answer>
) =>
  Effect.gen(function*() {
    const sent: Array<Sent> = []
    const [first = { body: answer }, ...rest] = answers
    const response = yield* Provider.Provider.use(({ stream }) => ChunkStream.outcome(stream(request))).pipe(
      Effect.provide(provider.pipe(Layer.provide(layer(sent, first, ...rest))))
    )
    return { response, sent, first: sent[0] ?? nothing }
  })

/** The chunks of a body and, if it fails, the error. */
export const decode = <C extends Chunk.Chunk>(
  protocol: Protocol.Protocol<C>,
  ...body: ReadonlyArray<object | string>
) =>
  Effect.gen(function*() {
    const chunks: Array<C> = []
    const response = yield* Stream.make(new TextEncoder().encode(sse(...body))).pipe(
      Protocol.decode(protocol),
      Stream.tap((chunk) => Effect.sync(() => chunks.push(chunk))),
      ChunkStream.outcome
    )
    return { chunks, response, error: response.error }
  })

/** What is told of an error in the tables of the tests. */
export const told = (error: ProviderError.ProviderError | undefined) =>
  error === undefined ? undefined : {
    reason: error.reason._tag,
    message: error.reason.message,
    status: error.status,
    code: error.code,
    retryable: error.isRetryable
  }

export const key = Redacted.make("key-0123456789")
