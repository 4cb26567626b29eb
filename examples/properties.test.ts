/**
 * Property tests of one's own code: whatever a model answers, and wherever the stream breaks.
 *
 *     npx vitest run examples/properties.test.ts
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { type Chunk, ChunkStream, ProviderError } from "effect-llm-stream"
import { Answer, Arbitraries, TestProvider } from "effect-llm-stream/testing"

// The code under test: whole lines, for a terminal that shows one line at a time.
export const lines = <C extends Chunk.Chunk, E, R>(chunks: Stream.Stream<C, E, R>): Stream.Stream<string, E, R> =>
  chunks.pipe(ChunkStream.text, Stream.splitLines)

describe("lines", () => {
  it.effect.prop(
    "hold what the model wrote, line by line",
    [Arbitraries.answer()],
    ([answer]) =>
      Effect.gen(function*() {
        const { stream } = yield* TestProvider.make([{ chunks: Answer.anthropic(answer) }])
        const shown = yield* Stream.runCollect(lines(stream({ prompt: "Say hello" })))
        const written = Answer.expected(answer)[0]?.content ?? ""
        assert.strictEqual(shown.join("\n"), written.split(/\r\n|\n|\r/).join("\n").replace(/\n$/, ""))
      })
  )

  it.effect.prop(
    "come before the failure that cuts the stream off",
    [Arbitraries.answer()],
    ([answer]) =>
      Effect.gen(function*() {
        const error = new ProviderError.Network({ message: "connection reset" })
        const { stream } = yield* TestProvider.make([{ chunks: Answer.openai(answer), error }])
        const failure = yield* Effect.flip(Stream.runDrain(lines(stream({ prompt: "Say hello" }))))
        assert.strictEqual(failure.reason, error)
      })
  )
})
