import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Stream } from "effect"
import { ChunkStream, OpenAi, OpenAiChunk, Protocol, Provider, type ProviderError } from "../src/index.ts"
import * as Client from "./support/client.ts"

const text = (content: string) => ({ choices: [{ index: 0, delta: { content } }] })

const body = [text("Hel"), text("lo"), { error: { message: "Slow down", code: "busy", status: 429 } }]
  .map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")

/** What comes of a body that ends with an error, by this table. */
const outcome = (errors: Protocol.Errors) =>
  Stream.make(new TextEncoder().encode(body)).pipe(
    Protocol.decode(Protocol.json({
      provider: "acme",
      payload: OpenAiChunk.fields.chunk,
      make: (chunk) => new OpenAiChunk({ provider: "acme", chunk }),
      errors
    })),
    ChunkStream.outcome,
    Effect.map(({ content, error }) => ({ content, tag: error?.reason._tag, message: error?.reason.message }))
  )

const table: ProviderError.Table = { codes: { busy: "Overloaded" } }

class Broken extends RegExp {
  override test(): boolean {
    throw new TypeError("not mine")
  }
}

describe("the reason of a fault", () => {
  it.effect("is that of the host's table, which may be loaded with the first failure", () =>
    Effect.gen(function*() {
      const expected = { content: "Hello", tag: "Overloaded", message: "Slow down" } as const
      assert.deepStrictEqual(yield* outcome(table), expected)
      let loads = 0
      assert.deepStrictEqual(
        yield* outcome(Effect.promise(async () => {
          loads++
          return table
        })),
        expected
      )
      assert.strictEqual(loads, 1)
    }))

  it.effect("is that of the status where the table can't be loaded", () =>
    Effect.gen(function*() {
      const lost = Effect.promise(() => Promise.reject(new Error("no such file")))
      assert.deepStrictEqual<unknown>(yield* outcome(lost), {
        content: "Hello",
        tag: "RateLimited",
        message: "Slow down"
      })
    }))

  it.effect("is unknown where the host's own table throws", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual<unknown>(yield* outcome({ codes: {}, messages: [[new Broken("a"), "Overloaded"]] }), {
        content: "Hello",
        tag: "Unknown",
        message: "Why the response fails cannot be told: TypeError"
      })
    }))

  it.effect("is that of the status where a response is refused, and the host's own table throws", () =>
    Effect.gen(function*() {
      const client = Client.make(() =>
        new Response("{\"error\":{\"message\":\"Slow down\"}}", {
          status: 429,
          headers: { "content-type": "application/json", "retry-after-ms": "20", "x-request-id": "req_1" }
        })
      )
      const openai = OpenAi.define({ apiKey: Redacted.make("sk-test"), maxRetries: 0 })
      const throwing: ProviderError.Table = { codes: {}, messages: [[new Broken("a"), "Overloaded"]] }
      const acme = Provider.make({ ...openai, protocol: { ...openai.protocol, errors: throwing } })
      const provider = yield* Effect.provide(acme, client.layer)
      const { emitted, message, reason } = yield* Effect.flip(
        Stream.runDrain(provider.stream({ model: "m", prompt: "hi" }))
      )
      assert.deepInclude(reason, { _tag: "RateLimited", status: 429, requestId: "req_1" })
      assert.deepStrictEqual(reason.retryAfter, Duration.millis(20))
      assert.strictEqual(message, "openai: RateLimited: HTTP 429. Why it fails cannot be told: TypeError")
      assert.isFalse(emitted)
    }))

  it.effect("is the fault itself where it is one already", () =>
    Effect.gen(function*() {
      const decoder = Protocol.json({
        provider: "acme",
        payload: OpenAiChunk.fields.chunk,
        make: (chunk) => new OpenAiChunk({ provider: "acme", chunk }),
        errors: table
      }).body({})
      decoder.end()
      const { failure } = decoder
      if (failure === undefined) return assert.fail("an empty body is no answer")
      assert.strictEqual(yield* Protocol.reason(failure), failure)
    }))
})
