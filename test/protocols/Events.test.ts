import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import {
  Anthropic,
  Bedrock,
  type Chunk,
  ChunkStream,
  Groq,
  OpenAi,
  OpenAiResponses,
  Protocol
} from "../../src/index.ts"
import { Answer, Wire } from "../../src/testing.ts"
import { decode, told } from "../support/host.ts"

// What all formats of server-sent events have in common.
const formats: Readonly<
  Record<
    string,
    readonly [Protocol.Protocol<Chunk.Chunk>, (answer: Answer.Answer) => ReadonlyArray<{ readonly chunk: object }>]
  >
> = {
  "chat completions": [OpenAi.protocol(), Answer.openai],
  "chat completions of another host": [Groq.protocol(), Answer.groq],
  Messages: [Anthropic.protocol(), Answer.anthropic],
  Responses: [OpenAiResponses.protocol(), Answer.openaiResponses]
}

for (const [name, [protocol, chunksOf]] of Object.entries(formats)) {
  describe(`events of ${name}`, () => {
    const events = chunksOf(Answer.make({ content: "Hello, world" })).map(({ chunk }) => chunk)

    it.effect("state an error as text, which is what is wrong", () =>
      Effect.gen(function*() {
        const { chunks, error } = yield* decode(protocol, ...events.slice(0, 2), "event: error\ndata: Bad gateway\n\n")
        assert.strictEqual(chunks.length, 2)
        assert.deepInclude(told(error), { reason: "Unknown", message: "Bad gateway" })
      }))

    it.effect("end in the signal of other formats only when nothing is missing", () =>
      Effect.gen(function*() {
        const { error } = yield* decode(protocol, "data:  [DONE] \n\n")
        assert.strictEqual(error?.reason.message, "The stream ended without a single chunk")
        const whole = yield* decode(protocol, ...events, "data: [DONE]\n\n", "data: {oops\n\n")
        assert.isUndefined(whole.error, String(whole.error))
      }))

    it.effect("are incomplete, not malformed, where the body breaks off in one", () =>
      Effect.gen(function*() {
        const { error } = yield* decode(protocol, ...events.slice(0, 1), `data: {"type":"x`)
        assert.strictEqual(error?.reason._tag, "IncompleteStream")
        assert.match(error?.reason.message ?? "", /^The stream ended after 1 chunks without /)
      }))
  })
}

const seen = <C extends Chunk.Chunk>(protocol: Protocol.Protocol<C>, ...events: ReadonlyArray<object | string>) =>
  Effect.map(decode(protocol, ...events), ({ chunks, error }) => [chunks.length, error?.reason.message])

describe("events of chat completions", () => {
  const choice = (more: object) => ({ choices: [{ index: 0, delta: {}, ...more }] })

  it.effect("keep what comes beside an error, if it says something", () =>
    Effect.gen(function*() {
      const error = { error: { message: "Busy" } }
      const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
      const busy = (event: object) => seen(OpenAi.protocol(), { ...event, ...error })
      assert.deepStrictEqual(yield* busy(choice({ delta: { content: "Hi" } })), [1, "Busy"])
      assert.deepStrictEqual(yield* busy({ ...choice({}), usage }), [1, "Busy"])
      assert.deepStrictEqual(yield* busy(choice({})), [0, "Busy"])
      assert.deepStrictEqual(
        yield* seen(OpenAi.protocol(), { object: "error", message: "Flat", type: "BadRequest" }),
        [0, "Flat"]
      )
    }))

  it.effect("are complete when each choice is, or when the audio is", () =>
    Effect.gen(function*() {
      const lacking = "The stream ended after 1 chunks without a finish reason"
      const of = (event: object) => seen(OpenAi.protocol(), event)
      assert.deepStrictEqual(yield* of({ choices: [] }), [1, lacking])
      assert.deepStrictEqual(yield* of(choice({})), [1, lacking])
      assert.deepStrictEqual(yield* of(choice({ finish_reason: "stop" })), [1, undefined])
      assert.deepStrictEqual(yield* of(choice({ delta: { audio: { id: "a", expires_at: 1 } } })), [1, undefined])
    }))
})

describe("events of Messages", () => {
  const start = (id: string) => ({ type: "message_start", message: { id, type: "message", role: "assistant" } })
  const stop = { type: "message_stop" }
  const of = (...events: ReadonlyArray<object>) => seen(Anthropic.protocol(), ...events)

  it.effect("are over at message_stop, if the message was started", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* of(start("a"), stop), [2, undefined])
      assert.deepStrictEqual(yield* of(stop), [0, "The stream ended without a single chunk"])
      assert.deepStrictEqual(yield* of({ type: "ping" }, stop), [
        1,
        "The stream ended after 1 chunks without a stop reason"
      ])
    }))

  it.effect("are of one message", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* of(start("a"), start(""), start("a"), stop), [4, undefined])
      assert.deepStrictEqual(yield* of(start("a"), start(""), start("b"), stop), [
        2,
        "Event 2 starts another message within this one"
      ])
    }))
})

describe("events of Responses", () => {
  const created = { type: "response.created", response: { id: "r", status: "in_progress", output: [] } }
  const failed = { type: "response.failed", response: { id: "r", status: "failed", error: { message: "Third" } } }
  const errorEvent = (message: string) => `event: error\ndata: ${JSON.stringify({ type: "error", message })}\n\n`
  const of = (...events: ReadonlyArray<object | string>) => seen(OpenAiResponses.protocol(), ...events)

  it.effect("fail with what was stated first, and errors are chunks as well", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* of(created, errorEvent("First"), errorEvent("Second"), failed), [4, "First"])
      assert.deepStrictEqual(yield* of(created, failed), [2, "Third"])
      assert.deepStrictEqual(yield* of(created, { error: { message: "Untyped" } }), [1, "Untyped"])
    }))
})

describe("events of Converse", () => {
  it.effect("are counted where the end is missing", () =>
    Effect.gen(function*() {
      const body = Wire.concat(Wire.encode(Wire.bedrock, Answer.bedrock(Answer.make({ content: "Hello" })).slice(0, 2)))
      const { error } = yield* Stream.make(body).pipe(Protocol.decode(Bedrock.protocol()), ChunkStream.outcome)
      assert.strictEqual(error?.reason.message, "The stream ended after 2 chunks without a stop reason")
    }))
})
