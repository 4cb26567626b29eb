/** HTTP clients in memory, in the way of `fetch`. */
import { Effect, Layer } from "effect"
import { Headers, HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"

export interface Sent {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The headers as logs and spans show them. */
  readonly shown: Readonly<Record<string, unknown>>
  readonly bytes: Uint8Array
  readonly body: Readonly<Record<string, unknown>>
}

/** The answer to a request, by how many came before. */
export type Answer = (attempt: number) => Response | Promise<Response>

/** A client that keeps what was sent. */
export const layer = (sent: Array<Sent>, answer: Answer): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make(Effect.fnUntraced(function*(request) {
      const names = yield* Headers.CurrentRedactedNames
      const bytes = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
      sent.push({
        request,
        url: request.url,
        headers: request.headers,
        shown: Headers.redact(request.headers, names),
        bytes,
        body: bytes.length === 0 ? {} : JSON.parse(new TextDecoder().decode(bytes))
      })
      const attempt = sent.length - 1
      const response = yield* Effect.promise(async () => answer(attempt))
      return HttpClientResponse.fromWeb(request, response)
    }))
  )

/** A client, and what was sent so far. */
export const make = (answer: Answer) => {
  const sent: Array<Sent> = []
  return { sent, layer: layer(sent, answer) }
}

/** The first request gets the first answer and so on; the last one is repeated. */
export const inTurn = (...answers: readonly [() => Response, ...ReadonlyArray<() => Response>]): Answer => (attempt) =>
  (answers[Math.min(attempt, answers.length - 1)] ?? answers[0])()

/** A body whose reads the test hands out. */
export const manual = () => {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    start: (c) => {
      controller = c
    },
    cancel: () => {
      cancelled = true
    }
  })
  return {
    body,
    push: (bytes: Uint8Array) => Effect.sync(() => controller?.enqueue(bytes)).pipe(Effect.andThen(settle)),
    cancelled: () => cancelled
  }
}

/** Lets promises and fibers go on until nothing is left to do at this moment of the test clock. */
export const settle = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve))).pipe(
  Effect.repeat({ times: 5 })
)
