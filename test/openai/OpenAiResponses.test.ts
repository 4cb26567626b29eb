import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ChunkStream, OpenAiResponses, OpenAiResponsesChunk } from "../../src/index.ts"
import { Arbitraries } from "../../src/testing.ts"
import * as Client from "../support/client.ts"
import * as Host from "../support/host.ts"
import { prepared } from "../support/prepared.ts"

const apiKey = Redacted.make("sk-test")

describe("OpenAiResponsesChunk", () => {
  it.prop("encodes back to the payload it came from", [Arbitraries.chunk(OpenAiResponsesChunk.FromPayload)], (
    [chunk]
  ) => {
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(OpenAiResponsesChunk.FromPayload)(chunk)))
    assert.deepStrictEqual(json, chunk.chunk)
    assert.strictEqual(chunk.provider, "openai")
  })
})

const bytes = (...events: ReadonlyArray<object | string>) => new TextEncoder().encode(Host.sse(...events))

const created = { type: "response.created", sequence_number: 0, response: { id: "resp_1", status: "in_progress" } }

describe("OpenAiResponses", () => {
  describe("after an error event", () => {
    const error = { type: "error", sequence_number: 1, code: "rate_limit_exceeded", message: "Too fast" }
    const failed = {
      type: "response.failed",
      sequence_number: 2,
      response: { id: "resp_1", status: "failed", error: { code: "server_error", message: "Failed" } }
    }

    const start = Effect.fnUntraced(function*(...events: ReadonlyArray<object>) {
      const source = Client.manual()
      const client = Client.make(() => new Response(source.body, { headers: { "content-type": "text/event-stream" } }))
      const fiber = yield* OpenAiResponses.OpenAiResponses.use((openai) =>
        ChunkStream.outcome(openai.stream({ model: "gpt-5", prompt: "Hello" }))
      ).pipe(
        Effect.provide(OpenAiResponses.layer({ apiKey, maxRetries: 0 }).pipe(Layer.provide(client.layer))),
        Effect.forkChild
      )
      yield* Client.settle
      yield* source.push(bytes(...events))
      return { source, fiber }
    })

    it.effect("takes the end of the response, when it comes in another read", () =>
      Effect.gen(function*() {
        const { fiber, source } = yield* start(created, error)
        yield* TestClock.adjust("900 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* source.push(bytes(failed))
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.error?.reason._tag, "RateLimited")
        assert.deepStrictEqual(response.finishReasons, ["failed"])
        assert.isTrue(source.cancelled())
      }))

    it.effect("fails a second later, and before its first chunk, when there was no other event", () =>
      Effect.gen(function*() {
        const { fiber, source } = yield* start(error)
        yield* TestClock.adjust("500 millis")
        yield* source.push(bytes(": still here\n\n"))
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("500 millis")
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.error?.reason._tag, "RateLimited")
        assert.isFalse(response.error?.emitted)
        assert.isTrue(source.cancelled())
      }))

    for (const [what, event] of [["nothing", undefined], ["comments", ": still here\n\n"]] as const) {
      it.effect(`fails with the error a second later, when ${what} came`, () =>
        Effect.gen(function*() {
          const { fiber, source } = yield* start(created, error)
          for (let tenth = 0; tenth < 9; tenth++) {
            yield* TestClock.adjust("100 millis")
            if (event !== undefined) yield* source.push(bytes(event))
          }
          assert.isUndefined(fiber.pollUnsafe())
          yield* TestClock.adjust("100 millis")
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(response.error?.reason._tag, "RateLimited")
          assert.isTrue(response.error?.emitted)
          assert.strictEqual(response.id, "resp_1")
          assert.isTrue(source.cancelled())
        }))
    }
  })

  it("asks for a stream at /responses, with the raw fields of either key", async () => {
    for (const options of [{ openaiResponses: { store: false } }, { openai: { store: false } }]) {
      const { body, url } = Result.getOrThrow(
        await prepared(OpenAiResponses.define({ apiKey }), { model: "gpt-5", prompt: "Hello", options })
      )
      assert.strictEqual(url, "https://api.openai.com/v1/responses")
      assert.deepStrictEqual(body, {
        model: "gpt-5",
        input: [{ role: "user", content: [{ type: "input_text", text: "Hello" }] }],
        stream: true,
        store: false,
        include: ["reasoning.encrypted_content"]
      })
    }
  })

  it.effect("states the region of the host, which the price depends on", () =>
    Effect.sync(() => {
      const chunk = new OpenAiResponsesChunk({
        region: "eu",
        chunk: { type: "response.completed", response: { model: "gpt-5", service_tier: "flex" } }
      })
      assert.strictEqual(chunk.costMetadata.region, "eu")
      assert.strictEqual(chunk.costMetadata.serviceTier, "flex")
    }))
})
