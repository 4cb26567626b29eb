import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Anthropic, type Chunk, Groq, OpenAi, OpenAiResponses, type Protocol } from "../../src/index.ts"
import { Answer } from "../../src/testing.ts"
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
