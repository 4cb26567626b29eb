/**
 * Processes that work at a batch, and whom they ask.
 */
import { Effect, Fiber, Layer, Redacted, Result, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as Batch from "../../src/Batch.ts"
import { OpenAi } from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Wire from "../../src/testing/Wire.ts"

const body = Wire.concat(Wire.encode(
  Wire.openai,
  Answer.openai(
    Answer.make({ model: "gpt-4o-mini", content: "yes", usage: { inputTokens: 10, cachedTokens: 0, outputTokens: 5 } })
  )
))

export const answered = (headers: Record<string, string> = {}) =>
  new Response(body.slice(), { headers: { "content-type": "text/event-stream", ...headers } })

export const refused = (status: number, message = `status ${status}`) =>
  new Response(JSON.stringify({ error: { message, type: "t", code: null } }), {
    status,
    headers: { "content-type": "application/json" }
  })

/** An upstream that says who was asked what. */
export const upstream = (reply: (call: string, nth: number) => Response | "hang" | Effect.Effect<Response>) => {
  const calls: Array<string> = []
  const client = HttpClient.make((request, url) =>
    Effect.suspend(() => {
      const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      const prompt = /"content":"([^"]*)"/.exec(text)?.[1] ?? text
      const call = `${url.host} ${prompt}`
      const nth = calls.filter((other) => other === call).length
      calls.push(call)
      const response = reply(call, nth)
      if (response === "hang") return Effect.never
      return Effect.map(
        Effect.isEffect(response) ? response : Effect.succeed(response),
        (response) => HttpClientResponse.fromWeb(request, response)
      )
    })
  )
  return { calls, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

export const host = (name: string) =>
  OpenAi.define({
    apiKey: Redacted.make("sk-key"),
    model: "gpt-4o-mini",
    baseUrl: `https://${name}.test/v1`
  })

export const options = { name: "b", targets: [{ provider: host("one") }], concurrency: 1 } as const

export const lines = (...prompts: ReadonlyArray<string>): ReadonlyArray<Batch.Line> =>
  prompts.map((prompt) => ({ id: prompt, request: { prompt, maxTokens: 10 } }))

/** A process that works at a batch, and the texts of the lines that it ended. */
export const process = Effect.fnUntraced(function*(
  all: ReadonlyArray<Batch.Line>,
  more: Partial<Batch.Options> = {},
  at: (index: number) => unknown = (index) => all[index],
  sizeOf: (index: number) => number = () => 0
) {
  const texts: Array<string> = []
  const { session } = yield* Batch.open<never>({ ...options, ...more }, {
    source: {
      all: Stream.fromIterable(all.map((value, index) => ({ number: index + 1, value: Result.succeed(value) }))),
      at: (index) => Effect.sync(() => at(index)),
      sizeOf
    },
    onEnded: (text) => Effect.sync(() => void texts.push(text))
  })
  const { register, report, rules, stop, work } = yield* session
  return {
    by: rules.by,
    texts,
    register,
    stop,
    work: Effect.andThen(Effect.scoped(work), report(() => {})),
    run: register(Stream.empty).pipe(Effect.andThen(Effect.scoped(work)), Effect.andThen(report(() => {})))
  }
})

/** Work that is ready is done; a format that is loaded with the first request takes real time. */
export const turns = (count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.promise(() => new Promise(setImmediate)), {
    discard: true
  })

export const until = (condition: () => boolean) => Effect.repeat(turns(1), { while: () => !condition() })

/** Lets the clock go on a second at a time. */
export const seconds = (count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.andThen(TestClock.adjust("1 second"), turns(5)), {
    discard: true
  })

export const join = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.andThen(
    Effect.repeat(seconds(1), { while: () => fiber.pollUnsafe() === undefined }),
    Fiber.join(fiber)
  )

/** A store that can be cut off from one process, and still be there for others. */
export const cuttable = Effect.map(Store.memory, (inner) => {
  const cut = { isAway: false }
  const store: Store.Service = {
    scan: inner.scan,
    transact: (keys, transition) =>
      cut.isAway
        ? Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "gone" }))
        : inner.transact(keys, transition)
  }
  return { cut, inner, store }
})
