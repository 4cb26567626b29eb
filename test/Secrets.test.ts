/**
 * A secret shows nowhere: wherever the caller put it, however the call fails, and in whatever form the host repeats it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Logger, Metric, References, Stream } from "effect"
import { HttpClient } from "effect/http"
import { inspect } from "node:util"
import { type Chunk, Provider, ProviderError, Telemetry } from "../src/index.ts"
import {
  type Answer,
  answering,
  contentTypeOf,
  failures,
  foundIn,
  placesOf,
  providers,
  secret
} from "./support/secrets.ts"
import * as Spans from "./support/tracer.ts"

/** Everything that a call leaves behind, as texts. */
const traces = Effect.fnUntraced(function*(definition: Provider.Definition<Chunk.Chunk>, answer: Answer) {
  const { spans, tracer } = Spans.recorder()
  const logs: Array<string> = []
  const logger = Logger.make((options) => {
    logs.push(Logger.formatJson.log(options), Logger.formatLogFmt.log(options), inspect(options.message, { depth: 9 }))
  })
  const shown: Array<unknown> = []
  yield* Effect.gen(function*() {
    const provider = Telemetry.traced(yield* Provider.make(definition))
    const exit = yield* provider.stream({ prompt: "hi" }).pipe(
      Stream.runForEach((chunk) =>
        Effect.sync(() => shown.push(Object.entries(chunk).filter(([name]) => name !== "chunk")))
      ),
      Effect.tapCause((cause) => Effect.logError("It failed", cause)),
      Effect.withSpan("outer"),
      Effect.exit
    )
    shown.push(exit)
    if (exit._tag === "Failure") {
      const error = Cause.squash(exit.cause)
      assert.isTrue(ProviderError.isProviderError(error), Cause.pretty(exit.cause))
      shown.push(error, String(error), JSON.stringify(error), Cause.pretty(exit.cause), JSON.stringify(exit))
      if (error instanceof Error) shown.push(error.stack, error.message, Object.entries(error))
    }
  }).pipe(
    answering(contentTypeOf(definition), answer),
    Effect.provideService(HttpClient.TracerHeaderFilter, () => true),
    Effect.provideService(References.MinimumLogLevel, "Trace"),
    Effect.provide(Logger.layer([logger])),
    Effect.withTracer(tracer)
  )
  return [
    ...logs,
    ...[...shown, spans].map((value) =>
      typeof value === "string"
        ? value
        : inspect(value, { depth: Infinity, showHidden: true, maxStringLength: Infinity })
    )
  ]
})

describe("A secret", () => {
  for (const [id, define] of Object.entries(providers)) {
    describe(`of ${id}`, () => {
      for (const [place, options] of Object.entries(placesOf[id] ?? {})) {
        it.live(`in ${place} shows nowhere`, () =>
          Effect.gen(function*() {
            for (const [failure, answer] of Object.entries(failures)) {
              // What a host streams is its answer, and is handed on as it came; all else is looked at.
              assert.deepStrictEqual(foundIn(yield* traces(define(options), answer)), [], failure)
            }
            assert.deepStrictEqual(foundIn([inspect(yield* Metric.snapshot, { depth: Infinity })]), [])
          }))
      }
    })
  }

  it.live("that a host gives as a name of its answer is in no span, metric or log", () =>
    Effect.gen(function*() {
      const text = { id: "i", model: "m", choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] }
      for (
        const named of [
          { id: secret },
          { model: `models/${encodeURIComponent(secret)}` },
          { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: secret }] },
          { system_fingerprint: secret, service_tier: secret }
        ]
      ) {
        const { spans, tracer } = Spans.recorder()
        const logs: Array<unknown> = []
        const [first] = yield* Effect.gen(function*() {
          const provider = Telemetry.traced(yield* Provider.make(providers["openai"]?.({}) ?? assert.fail()))
          return yield* Stream.runCollect(provider.stream({ prompt: "hi" }))
        }).pipe(
          answering("text/event-stream", (contentType) =>
            new Response(`data: ${JSON.stringify({ ...text, ...named })}\n\ndata: [DONE]\n\n`, {
              headers: { "content-type": contentType }
            })),
          Effect.provideService(References.MinimumLogLevel, "Trace"),
          Effect.provide(Logger.layer([Logger.make(({ message }) =>
            void logs.push(message)
          )])),
          Effect.withTracer(tracer)
        )
        assert.deepStrictEqual(first?.chunk, { ...text, ...named })
        assert.strictEqual(spans[0]?.attributes.get("llm_stream.outcome"), "completed")
        const seen = [spans, logs, yield* Metric.snapshot]
        assert.deepStrictEqual(foundIn(seen.map((value) => inspect(value, { depth: Infinity, showHidden: true }))), [])
      }
    }))

  it("in the user or the fragment of an address is never sent, and shown by no error", () => {
    for (const define of Object.values(providers)) {
      for (
        const base of [`https://user:${encodeURIComponent(secret)}@models.example`, `https://models.example/#${secret}`]
      ) {
        assert.deepStrictEqual(
          foundIn([inspect(Provider.prepare(define({ base }), { prompt: "hi" }), { depth: 9 })]),
          []
        )
      }
    }
  })
})
