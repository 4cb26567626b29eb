import { assert, describe, it } from "@effect/vitest"
import { AzureOpenAi, Bedrock, Groq, OpenAi, OpenAiChunk, Protocol, ProviderError } from "../src/index.ts"
import { delta, sse } from "./support/host.ts"

const utf8 = new TextEncoder()

const first = delta({ content: "Hi" })

/** The chunks of a body in one read, and the failure after them. */
const decode = <C>(protocol: Protocol.Protocol<C>, body: string) => {
  const decoder = protocol.body({})
  const chunks = [...decoder.push(utf8.encode(body)), ...decoder.end()]
  return { chunks, failure: decoder.failure }
}

describe("limits", () => {
  it("a status that is no status is not one, and the chunks before the error count", () => {
    for (const code of [450.5, 1e300, 99, 600, -429]) {
      const { chunks, failure } = decode(OpenAi.protocol(), sse(first, { error: { message: "m", code } }))
      assert.lengthOf(chunks, 1)
      assert.strictEqual(failure?.message, "m")
      assert.isUndefined(failure?.status)
      assert.strictEqual(failure?.code, String(code))
    }
  })

  it("what an error says is cut", () => {
    const long = "x".repeat(100_000)
    const { failure } = decode(
      Groq.protocol(),
      sse(first, {
        error: { message: long, code: "tool_use_failed", failed_generation: long },
        request_id: long
      })
    )
    assert.strictEqual(failure?._tag, "ToolUseFailed")
    assert.strictEqual(failure?.message, `${"x".repeat(ProviderError.maxMessageLength)}…`)
    assert.isAtMost(JSON.stringify(failure).length, 3 * ProviderError.maxMessageLength)
    assert.strictEqual(
      ProviderError.classify({ message: "m", code: long }, { codes: {} }).code,
      `${"x".repeat(ProviderError.maxCodeLength)}…`
    )
  })

  it("no pattern looks at more than that", { timeout: 2_000 }, () => {
    for (const { errors } of [OpenAi.protocol(), AzureOpenAi.protocol(), Bedrock.protocol()]) {
      for (const word of ["triggering ", "input is too long ", "exceeds the model's ", "prompt is "]) {
        assert.isDefined(ProviderError.classify({ message: word.repeat(100_000) }, errors))
      }
    }
  })

  it("whatever a decoder throws is a malformed event after the chunks before it", () => {
    const chunk = new OpenAiChunk({ chunk: {} })
    const throwing = Protocol.make({
      provider: "throws",
      framing: Protocol.serverSentEvents,
      events: () => ({
        event: ({ data }, out: Array<OpenAiChunk>) => {
          if (data === "throw") throw new RangeError("secret")
          out.push(chunk)
          return undefined
        },
        done: false,
        end: () => {
          throw new TypeError("secret")
        }
      }),
      errors: { codes: {} }
    })
    assert.deepStrictEqual(decode(throwing, "data: a\n\ndata: throw\n\ndata: b\n\n"), {
      chunks: [chunk],
      failure: new ProviderError.MalformedEvent({
        message: "Event 1 cannot be decoded: RangeError",
        event: 1,
        path: [],
        excerpt: ""
      })
    })
    assert.strictEqual(decode(throwing, "data: a\n\n").failure?.message, "Event 1 cannot be decoded: TypeError")
  })

  it("a line of a recording may be as long as an event", () => {
    const read = new Uint8Array(1024 * 1024).fill(0x20)
    for (const isEnded of [true, false]) {
      const decoder = Groq.protocol().lines({})
      const chunks = [...decoder.push(utf8.encode(`${JSON.stringify(first)}\n`))]
      for (let size = 0; size <= Protocol.maxLineSize; size += read.length) chunks.push(...decoder.push(read))
      if (isEnded) chunks.push(...decoder.push(utf8.encode("\n")))
      assert.lengthOf(chunks, 1)
      assert.strictEqual(decoder.failure?._tag, "MalformedEvent")
      assert.match(decoder.failure?.message ?? "", /line is longer than the limit of 67108864/)
    }
  })
})
