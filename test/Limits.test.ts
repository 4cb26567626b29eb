import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { sizeOf } from "../src/content/reader.ts"
import {
  Anthropic,
  AnthropicChunk,
  AzureOpenAi,
  ChatCompletions,
  ChatResponse,
  type Chunk,
  ChunkStream,
  Converse,
  EffectAi,
  Groq,
  OpenAi,
  OpenAiChunk,
  Protocol,
  ProviderError
} from "../src/index.ts"
import * as PricingRefresh from "../src/PricingRefresh.ts"
import * as EventStream from "../src/wire/EventStream.ts"
import * as Sse from "../src/wire/Sse.ts"
import * as Cpu from "./support/cpu.ts"
import { loadedReasonOf, reasonOf } from "./support/fault.ts"
import { delta, finish, sse } from "./support/host.ts"

const utf8 = new TextEncoder()

const first = delta({ content: "Hi" })

/** The chunks of a body in one read, and the failure after them. */
const decode = <C>(protocol: Protocol.Protocol<C>, body: string) => {
  const decoder = protocol.body({})
  const chunks = [...decoder.push(utf8.encode(body)), ...decoder.end()]
  return { chunks, failure: decoder.failure }
}

const binary: Readonly<Record<string, number>> = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20 }

/** The limits with a name, as docs/reliability.md states them. */
const documented = readFileSync(fileURLToPath(new URL("../docs/reliability.md", import.meta.url)), "utf8")
  .split("\n")
  .flatMap((line) => {
    const [, , value = "", place = ""] = line.split("|")
    const [, count, unit = ""] = /^ ([\d,]+) ?([KM]i)?(?:B| characters)/.exec(value) ?? []
    const [, name] = /`(\w+\.[mM]ax\w+)`/.exec(place) ?? []
    return count === undefined || name === undefined
      ? []
      : [[name, Number(count.replaceAll(",", "")) * (binary[unit] ?? NaN)]]
  })

describe("limits", () => {
  it.effect("are what docs/reliability.md says they are", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(Object.fromEntries(documented), {
        "Sse.maxEventSize": Sse.maxEventSize,
        "EventStream.maxFrameSize": EventStream.maxFrameSize,
        "EventStream.maxHeadersSize": EventStream.maxHeadersSize,
        "Protocol.maxLineSize": Protocol.maxLineSize,
        "ProviderError.maxMessageLength": ProviderError.maxMessageLength,
        "ProviderError.maxCodeLength": ProviderError.maxCodeLength,
        "ChatResponse.MaxSize": yield* ChatResponse.MaxSize,
        "PricingRefresh.maxSize": PricingRefresh.maxSize
      })
    }))

  it("a status that is no status is not one, and the chunks before the error count", async () => {
    for (const code of [450.5, 1e300, 99, 600, -429]) {
      const { chunks, failure } = decode(OpenAi.protocol(), sse(first, { error: { message: "m", code } }))
      assert.lengthOf(chunks, 1)
      const reason = await loadedReasonOf(failure)
      assert.strictEqual(reason?.message, "m")
      assert.isUndefined(reason?.status)
      assert.strictEqual(reason?.code, String(code))
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
    const reason = reasonOf(failure)
    assert.strictEqual(reason?._tag, "ToolUseFailed")
    assert.strictEqual(reason?.message, `${"x".repeat(ProviderError.maxMessageLength)}…`)
    assert.isAtMost(JSON.stringify(reason).length, 3 * ProviderError.maxMessageLength)
    assert.strictEqual(
      ProviderError.classify({ message: "m", code: long }, { codes: {} }).code,
      `${"x".repeat(ProviderError.maxCodeLength)}…`
    )
  })

  it(
    "no pattern looks at more than that",
    Cpu.within(2, () => {
      for (const errors of [ChatCompletions.errors, AzureOpenAi.errors, Converse.errors]) {
        for (const word of ["triggering ", "input is too long ", "exceeds the model's ", "prompt is "]) {
          assert.isDefined(ProviderError.classify({ message: word.repeat(100_000) }, errors))
        }
      }
    })
  )

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
    assert.strictEqual(
      reasonOf(decode(throwing, "data: a\n\n").failure)?.message,
      "Event 1 cannot be decoded: TypeError"
    )
  })

  describe("the size of what is put together", () => {
    const openAi: (payload: object) => Chunk.Chunk = Schema.decodeUnknownSync(OpenAiChunk.FromPayload)
    const hello = openAi(delta({ content: "Hello" }))
    const args = (text: string) =>
      openAi(delta({ tool_calls: [{ index: 0, id: "call", function: { name: "f", arguments: text } }] }))
    const signature = (signature: string) =>
      new AnthropicChunk({
        chunk: { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature } }
      })
    const large = "x".repeat(100)
    const beyond: Readonly<Record<string, Chunk.Chunk>> = {
      "text": openAi(delta({ content: large })),
      "text of another choice": openAi({ choices: [{ index: 7, delta: { content: large } }] }),
      "reasoning": openAi(delta({ reasoning_content: large, reasoning: large })),
      "a refusal": openAi(delta({ refusal: large })),
      "the arguments of a call": args(large),
      "audio": openAi(delta({ audio: { data: Buffer.from(large).toString("base64") } })),
      "a transcript": openAi(delta({ audio: { transcript: large } })),
      "signatures": signature(large)
    }
    const isTooLarge = (error: ProviderError.ProviderError | undefined) => {
      assert.strictEqual(error?.reason._tag, "MalformedEvent")
      assert.strictEqual(error?.reason.message, "The response is larger than the limit of 100 characters")
      assert.isTrue(error?.emitted)
      assert.isFalse(error?.isRetryable)
    }
    const run = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.runPromise(Effect.provideService(Effect.result(effect), ChatResponse.MaxSize, 100))

    for (const [what, chunk] of Object.entries(beyond)) {
      it(`is limited: ${what}, after what came before`, async () => {
        const accumulator = ChatResponse.accumulator({ maxSize: 100 })
        for (const each of [hello, chunk, hello]) accumulator.add(each)
        const response = accumulator.response()
        isTooLarge(response.error)
        assert.strictEqual(response.error, accumulator.failure)
        assert.deepInclude(response, { content: "Hello", chunks: 1 })
        assert.deepStrictEqual(response.parts.map(({ type }) => type), ["response-metadata", "text"])

        const chunks = Stream.fromIterable([hello, chunk, hello])
        const outcome = await run(ChunkStream.outcome(chunks))
        assert.strictEqual(outcome._tag === "Success" ? outcome.success.content : undefined, "Hello")
        isTooLarge(outcome._tag === "Success" ? outcome.success.error : undefined)
        for (const failed of [ChunkStream.response(chunks), Stream.runCollect(ChunkStream.toolCalls(chunks))]) {
          const result = await run<unknown, ProviderError.ProviderError>(failed)
          isTooLarge(result._tag === "Failure" ? result.failure : undefined)
        }
        const seen: Array<string> = []
        const accumulated = await run(
          Stream.runForEach(ChunkStream.accumulate(chunks), ([, { content }]) => Effect.sync(() => seen.push(content)))
        )
        isTooLarge(accumulated._tag === "Failure" ? accumulated.failure : undefined)
        assert.deepStrictEqual(seen, ["Hello"])
      })
    }

    it("counts the characters and the bytes of an event, and nothing for what is not stated", () => {
      const audio = { type: "audio", provider: "acme", id: undefined, expiresAt: undefined } as const
      const three = new Uint8Array(3)
      assert.deepStrictEqual(
        [
          sizeOf({ ...audio, data: three, transcript: "ab" }),
          sizeOf({ ...audio, data: three, transcript: undefined }),
          sizeOf({ ...audio, data: undefined, transcript: "ab" }),
          sizeOf({ ...audio, data: undefined, transcript: undefined }),
          sizeOf({ type: "tool-call-piece", index: 0, id: "a", name: "f", arguments: "{}" }),
          sizeOf({ type: "tool-call-piece", index: 0, arguments: "{}" })
        ],
        [5, 3, 2, 0, 3, 2]
      )
    })

    it("is one of a whole response, not of its pieces", () => {
      const accumulator = ChatResponse.accumulator({ maxSize: 100 })
      for (let i = 0; i < 20; i++) accumulator.add(hello)
      assert.isUndefined(accumulator.failure)
      accumulator.add(hello)
      isTooLarge(accumulator.failure)
      assert.lengthOf(accumulator.response().content, 100)
    })

    const payload: (payload: object) => Chunk.Chunk = Schema.decodeUnknownSync(AnthropicChunk.FromPayload)
    const endless: Readonly<Record<string, (i: number) => Chunk.Chunk>> = {
      "chunks without content": () => openAi(delta({ content: "" })),
      "choices": (index) => openAi({ choices: [{ index, delta: {} }] }),
      "calls": (index) => openAi(delta({ tool_calls: [{ index, id: `call_${index}`, function: { name: "f" } }] })),
      "calls without ids": (index) => openAi(delta({ tool_calls: [{ index, function: {} }] })),
      "usage": () => openAi({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }),
      "responses": (i) => payload({ type: "message_start", message: { id: `msg_${i}`, model: "m", usage: {} } }),
      "blocks": (index) => payload({ type: "content_block_start", index, content_block: { type: "text", text: "" } }),
      "unknown blocks": (index) => payload({ type: "content_block_start", index, content_block: { type: "odd" } }),
      "ends of blocks": (index) => payload({ type: "content_block_stop", index }),
      "citations": () =>
        openAi(
          delta({ annotations: [{ type: "url_citation", url_citation: { url: "https://a.example", title: "A" } }] })
        )
    }
    for (const [what, chunk] of Object.entries(endless)) {
      it(`ends what has no text, and no end: ${what}`, () => {
        const accumulator = ChatResponse.accumulator({ maxSize: 100 })
        let chunks = 0
        while (accumulator.failure === undefined && chunks < 100_000) accumulator.add(chunk(chunks++))
        assert.isBelow(chunks, 100_000)
        isTooLarge(accumulator.failure)
      })
    }

    it("is none for text that streams through as parts, but one for what is kept until its block ends", async () => {
      const parts = (...chunks: ReadonlyArray<Chunk.Chunk>) => {
        const seen: Array<string> = []
        return run(
          Stream.runForEach(
            ChunkStream.parts(Stream.fromIterable(chunks)),
            ({ type }) => Effect.sync(() => seen.push(type))
          )
        ).then((result) => ({ seen, result }))
      }
      const stop = openAi(finish("stop"))
      const streamed = await parts(hello, ...Array.from({ length: 100 }, () => hello), stop)
      assert.strictEqual(streamed.result._tag, "Success")
      assert.strictEqual(streamed.seen.at(-1), "finish")
      for (const chunk of [args(large + large), signature(large + large), beyond["audio"] ?? hello]) {
        const { result, seen } = await parts(hello, chunk, chunk, stop)
        isTooLarge(result._tag === "Failure" ? result.failure : undefined)
        assert.deepStrictEqual(seen.slice(1, 3), ["text-start", "text-delta"])
        assert.notInclude(seen, "finish")
      }
    })

    it("is one for events, and for what waits for the end of a call", async () => {
      const chunks = Stream.fromIterable([hello, args(large + large), args(large), openAi(finish("tool_calls"))])
      const seen: Array<string> = []
      const events = await run(
        Stream.runForEach(ChunkStream.events(chunks), ({ _tag }) => Effect.sync(() => seen.push(_tag)))
      )
      isTooLarge(events._tag === "Failure" ? events.failure : undefined)
      assert.propertyVal(events._tag === "Failure" && events.failure.reason, "event", 1)
      assert.deepStrictEqual(seen, ["Text"])
      const paired: Array<unknown> = []
      const calls = await run(
        Stream.runForEach(ChunkStream.withToolCalls(chunks), ([chunk]) => Effect.sync(() => paired.push(chunk)))
      )
      isTooLarge(calls._tag === "Failure" ? calls.failure : undefined)
      assert.strictEqual(paired[0], hello)
    })

    it("is one for a language model, whose callers join the pieces", async () => {
      const provider = { name: "openai", stream: () => Stream.fromIterable(Array.from({ length: 21 }, () => hello)) }
      const program = LanguageModel.generateText({ prompt: "hi" }).pipe(
        Effect.provideServiceEffect(LanguageModel.LanguageModel, EffectAi.make(provider))
      )
      const result = await run(program)
      assert.strictEqual(result._tag, "Failure")
      if (result._tag === "Failure") isTooLarge(EffectAi.providerError(result.failure))
    })
  })

  it("an event may have as many calls as fit into it", () => {
    const tool_calls = Array.from({ length: 150_000 }, (_, index) => ({ index, function: { arguments: "" } }))
    const { chunks, failure } = decode(OpenAi.protocol(), sse(first, delta({ tool_calls }), finish("tool_calls")))
    assert.isUndefined(failure)
    assert.lengthOf(ChatResponse.fromChunks(chunks).toolCalls, tool_calls.length)
  })

  it("an event may have as many blocks as fit into it", () => {
    const content = Array.from({ length: 150_000 }, () => ({ type: "text", text: "a" }))
    const { chunks, failure } = decode(
      Anthropic.protocol(),
      sse({ type: "message_start", message: { id: "m", content } }, { type: "message_stop" })
    )
    assert.isUndefined(failure)
    assert.lengthOf(ChatResponse.fromChunks(chunks).content, content.length)
  })

  it("a line of a recording may be as long as an event", () => {
    const read = new Uint8Array(1024 * 1024).fill(0x20)
    for (const isEnded of [true, false]) {
      const decoder = Groq.protocol().body({}, Protocol.lines)
      const chunks = [...decoder.push(utf8.encode(`${JSON.stringify(first)}\n`))]
      for (let size = 0; size <= Protocol.maxLineSize; size += read.length) chunks.push(...decoder.push(read))
      if (isEnded) chunks.push(...decoder.push(utf8.encode("\n")))
      assert.lengthOf(chunks, 1)
      const reason = reasonOf(decoder.failure)
      assert.strictEqual(reason?._tag, "MalformedEvent")
      assert.match(reason?.message ?? "", /line is longer than the limit of 67108864/)
    }
  })
})
