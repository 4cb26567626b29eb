import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Result, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import {
  ChatRequest,
  ChatResponse,
  Chunk,
  ChunkStream,
  type ContentEvent,
  OpenAiResponses,
  OpenAiResponsesChunk,
  Pricing,
  Protocol
} from "../../src/index.ts"
import { Answer, Arbitraries, Wire } from "../../src/testing.ts"
import * as Host from "../support/host.ts"
import * as Whole from "../support/wholeFormats.ts"

const decode = (...body: ReadonlyArray<object | string>) => Host.decode(OpenAiResponses.protocol(), ...body)

const response = { id: "resp_1", model: "gpt-test", status: "in_progress", output: [] }

const created = { type: "response.created", sequence_number: 0, response }

const delta = (text: string, sequence_number: number, more: object = {}) => ({
  type: "response.output_text.delta",
  sequence_number,
  item_id: "msg_1",
  output_index: 0,
  content_index: 0,
  delta: text,
  ...more
})

const completed = (sequence_number: number, more: object = {}) => ({
  type: "response.completed",
  sequence_number,
  response: { ...response, status: "completed", ...more }
})

const message = {
  type: "message",
  id: "msg_1",
  role: "assistant",
  content: [{ type: "output_text", text: "Hi" }]
} as const

describe("the end of a response", () => {
  it("comes after all that the event states of it", () => {
    const chunk = new OpenAiResponsesChunk({
      chunk: {
        type: "response.completed",
        response: { ...response, output: [message], usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 } }
      },
      whole: "response"
    })
    const out: Array<ContentEvent.ContentEvent> = []
    Chunk.contentEvents(chunk, out)
    const types = out.map(({ type }) => type)
    assert.includeMembers(types, ["response", "text", "usage", "finish"])
    for (const type of ["response", "text", "usage"] as const) {
      assert.isBelow(types.lastIndexOf(type), types.indexOf("finish"), type)
    }
  })

  const ends = [
    ["response.completed", {}, "message", "completed", "stop"],
    ["response.completed", {}, "web_search_call", "completed", "stop"],
    ["response.completed", {}, "function_call", "completed", "tool_calls"],
    ["response.completed", {}, "custom_tool_call", "completed", "tool_calls"],
    ["response.incomplete", { reason: "max_output_tokens" }, "function_call", "max_output_tokens", "length"],
    ["response.incomplete", { reason: "content_filter" }, "message", "content_filter", "content_filter"],
    ["response.failed", null, "function_call", "failed", "error"]
  ] as const
  for (const [type, incomplete_details, item, raw, reason] of ends) {
    it(`is ${reason} when it is ${raw} with a ${item}`, () => {
      const chunk = new OpenAiResponsesChunk({
        chunk: { type, response: { id: "resp_1", incomplete_details, output: [{ type: item, id: "item_1" }] } }
      })
      assert.deepStrictEqual([chunk.finishReasons, chunk.commonFinishReasons], [[raw], [reason]])
    })
  }
})

describe("the usage of a response", () => {
  it("has every count that the API states", () => {
    const usage = {
      input_tokens: 100,
      input_tokens_details: {
        cached_tokens: 1,
        cache_write_tokens: 2,
        text_tokens: 3,
        audio_tokens: 4,
        image_tokens: 5
      },
      output_tokens: 50,
      output_tokens_details: { reasoning_tokens: 6, text_tokens: 7, audio_tokens: 8 }
    }
    const chunk = new OpenAiResponsesChunk({ chunk: { type: "response.completed", response: { id: "resp_1", usage } } })
    assert.deepInclude(chunk.usage, {
      inputTokens: 100,
      cachedTokens: 1,
      cacheWriteTokens: 2,
      inputTextTokens: 3,
      inputAudioTokens: 4,
      inputImageTokens: 5,
      outputTokens: 50,
      reasoningTokens: 6,
      outputTextTokens: 7,
      outputAudioTokens: 8
    })
  })
})

describe("the stream of a response", () => {
  it.effect.prop("says what was answered, wherever the body is split", {
    answer: Arbitraries.answer(),
    seed: Arbitraries.answer()
  }, ({ answer, seed }) =>
    Effect.gen(function*() {
      const body = Wire.encode(Wire.openaiResponses, Answer.openaiResponses(answer))
      const result = yield* Stream.fromIterable(Wire.split(body, { seed: seed.id })).pipe(
        Protocol.decode(OpenAiResponses.protocol()),
        ChunkStream.response
      )
      const { content, reasoning, refusal, toolCalls } = result
      assert.deepStrictEqual({ content, reasoning, refusal, toolCalls }, { ...Answer.expected(answer)[0] })
    }))

  it.effect.prop("is the same when it was cut off anywhere, and the rest decoded apart", {
    answer: Arbitraries.answer(),
    at: Arbitraries.answer()
  }, ({ answer, at }) =>
    Effect.gen(function*() {
      const protocol = OpenAiResponses.protocol()
      const body = Wire.encode(Wire.openaiResponses, Answer.openaiResponses(answer))
      const chunks = (protocol: Protocol.Protocol<OpenAiResponsesChunk>, body: ReadonlyArray<Uint8Array>) =>
        Effect.gen(function*() {
          const chunks: Array<OpenAiResponsesChunk> = []
          yield* Stream.fromIterable(body).pipe(
            Protocol.decode(protocol),
            Stream.runForEach((chunk) => Effect.sync(() => chunks.push(chunk))),
            Effect.ignore
          )
          return chunks
        })
      const whole = yield* chunks(protocol, body)
      const cut = 1 + JSON.stringify(at).length % (body.length - 1)
      const first = yield* chunks(protocol, body.slice(0, cut))
      const position = { id: first[0]?.id ?? "", startingAfter: first.at(-1)?.sequenceNumber }
      const rest = yield* chunks(protocol.resumed(position), body.slice(cut))
      assert.lengthOf(rest, body.length - cut)
      assert.deepStrictEqual(ChatResponse.fromChunks([...first, ...rest]), ChatResponse.fromChunks(whole))
    }))

  it.effect("takes up a stream at the event after a number, of the same response only", () =>
    Effect.gen(function*() {
      const rest = OpenAiResponses.protocol().resumed({ id: "resp_1", startingAfter: 4 })
      const fine = yield* Host.decode(rest, delta("Hi", 5), completed(6))
      assert.deepStrictEqual([fine.error, fine.response.content], [undefined, "Hi"])
      const faulty = [[delta("Hi", 4)], [delta("Hi", 6)], [completed(5, { id: "resp_2" })], [created]]
      for (const events of faulty) {
        const { chunks, error } = yield* Host.decode(rest, ...events)
        assert.strictEqual(error?.reason._tag, "MalformedEvent")
        assert.lengthOf(chunks, 0)
      }
    }))

  it.effect("is incomplete wherever it is cut before its end", () =>
    Effect.gen(function*() {
      const body = Wire.encode(Wire.openaiResponses, Answer.openaiResponses(Answer.make({ content: "Hello, world!" })))
      for (let events = 0; events < body.length; events++) {
        const { error } = yield* Stream.fromIterable(body.slice(0, events)).pipe(
          Protocol.decode(OpenAiResponses.protocol()),
          ChunkStream.outcome
        )
        assert.strictEqual(error?.reason._tag, "IncompleteStream")
      }
    }))

  it.effect("takes no numbers, but neither a gap nor a repetition", () =>
    Effect.gen(function*() {
      const { response: unnumbered } = yield* decode(
        { type: "response.created", response },
        { ...delta("Hi", 0), sequence_number: undefined },
        { type: "response.completed", response }
      )
      assert.deepStrictEqual([unnumbered.error, unnumbered.content], [undefined, "Hi"])
      for (const number of [1, 3]) {
        const { response: faulty } = yield* decode(created, delta("Hi", 1), delta("!", number), completed(3))
        const reason = faulty.error?.reason
        assert.strictEqual(reason?._tag, "MalformedEvent")
        assert.strictEqual(faulty.content, "Hi")
      }
    }))

  it.effect("counts a text that comes as a whole only, once", () =>
    Effect.gen(function*() {
      const done = { type: "response.output_item.done", output_index: 0, item: message }
      const bodies = [
        [created, { type: "response.output_text.done", output_index: 0, content_index: 0, text: "Hi" }, done],
        [created, done],
        [created, { type: "response.output_item.added", output_index: 0, item: { ...message, content: [] } }, done],
        [created, delta("Hi", 1), done],
        []
      ]
      for (const body of bodies) {
        const { response } = yield* decode(...body, {
          ...completed(2, { output: [message] }),
          sequence_number: undefined
        })
        assert.deepStrictEqual([response.error, response.content], [undefined, "Hi"])
      }
    }))

  it.effect("leaves out items of a whole output that are null", () =>
    Effect.gen(function*() {
      const { response } = yield* decode({ ...completed(2, { output: [null, message] }), sequence_number: undefined })
      assert.deepStrictEqual([response.error, response.content], [undefined, "Hi"])
    }))

  it.effect("fails with what an error event says, and has the end that follows it", () =>
    Effect.gen(function*() {
      const error = { type: "error", sequence_number: 2, error: { code: "rate_limit_exceeded", message: "Too fast" } }
      const failed = {
        type: "response.failed",
        sequence_number: 3,
        response: { ...response, status: "failed", error: { code: "server_error", message: "Failed" } }
      }
      for (const body of [[error, failed], [error]]) {
        const { response } = yield* decode(created, delta("Hi", 1), ...body)
        assert.strictEqual(response.error?.reason._tag, "RateLimited")
        assert.strictEqual(response.content, "Hi")
        assert.deepStrictEqual(response.finishReasons, body.length === 2 ? ["failed"] : [])
      }
      const { response: alone } = yield* decode(created, { ...failed, sequence_number: 1 })
      assert.strictEqual(alone.error?.reason._tag, "ServerError")
      assert.strictEqual(alone.error?.reason.message, "Failed")
    }))

  it.effect("fails with what an error event says, whatever follows or ends the body", () =>
    Effect.gen(function*() {
      const error = { type: "error", sequence_number: 2, code: "rate_limit_exceeded", message: "Too fast" }
      const endings: ReadonlyArray<ReadonlyArray<object | string>> = [
        [],
        ["data: [DONE]\n\n"],
        [{ type: "keepalive", sequence_number: 3 }],
        [{ type: "keepalive", sequence_number: 3 }, completed(4)],
        [completed(9)],
        ["data: {\n\n"],
        [{ error: { message: "Out of order" } }]
      ]
      for (const ending of endings) {
        const { chunks, response } = yield* decode(created, delta("Hi", 1), error, ...ending)
        assert.strictEqual(response.error?.reason._tag, "RateLimited")
        assert.strictEqual(response.content, "Hi")
        assert.strictEqual(chunks[2]?.chunk.type, "error")
      }
    }))

  it.effect("fails before its first chunk where an error is the only event, so that it can be asked for again", () =>
    Effect.gen(function*() {
      const error = { type: "error", code: "server_error", message: "Sorry" }
      const { chunks, response: alone } = yield* decode(error)
      assert.lengthOf(chunks, 0)
      assert.strictEqual(alone.error?.reason._tag, "ServerError")
      assert.isFalse(alone.error?.emitted)
      const failed = { type: "response.failed", response: { ...response, status: "failed", error } }
      const { chunks: both, response: followed } = yield* decode(error, failed)
      assert.deepStrictEqual(both.map(({ chunk }) => chunk.type), ["error", "response.failed"])
      assert.strictEqual(followed.error?.reason._tag, "ServerError")
      assert.isTrue(followed.error?.emitted)
      assert.deepStrictEqual(followed.finishReasons, ["failed"])
    }))

  it.effect("keeps events and items of types that it does not know", () =>
    Effect.gen(function*() {
      const item = { type: "dream", id: "dr_1", about: "sheep" }
      const { chunks, response } = yield* decode(
        created,
        { type: "response.dreaming", sequence_number: 1, depth: 3 },
        { type: "response.output_item.added", sequence_number: 2, output_index: 0, item },
        completed(3)
      )
      assert.isUndefined(response.error)
      assert.lengthOf(chunks, 4)
    }))

  it.effect("gives reasoning back as what it was, texts and summaries apart", () =>
    Effect.gen(function*() {
      const reasoning = {
        type: "reasoning",
        id: "rs_1",
        content: [{ type: "reasoning_text", text: "Hm." }, { type: "reasoning_text", text: "Ah." }],
        summary: [{ type: "summary_text", text: "Thought." }],
        encrypted_content: "gAAA"
      }
      const format = Whole.responses({
        provider: "openai",
        options: { keys: ["openai"], schema: Schema.Record(Schema.String, Schema.Unknown) },
        partKey: "openai"
      })
      for (const item of [reasoning, { ...reasoning, summary: [] }, { ...reasoning, content: [] }]) {
        const { response } = yield* decode(
          created,
          { type: "response.output_item.done", sequence_number: 1, output_index: 0, item },
          completed(2)
        )
        const { body } = yield* Effect.fromResult(Result.flatMap(
          ChatRequest.normalize({ prompt: Prompt.fromMessages([response.message]) }),
          (request) => format.encode(request, "gpt-5")
        ))
        const { content, ...rest } = item
        assert.deepStrictEqual(body["input"], [content.length === 0 ? rest : item])
      }
    }))

  it.effect("counts what the provider's tools did, from the items or from what the response says", () =>
    Effect.gen(function*() {
      const search = (type: string) => ({ type: "web_search_call", id: `ws_${type}`, action: { type, query: "x" } })
      const usage = { input_tokens: 1, output_tokens: 1 }
      const output = [search("search"), search("open_page"), search("search")]
      const { response: listed } = yield* decode(created, completed(1, { output, usage }))
      assert.deepStrictEqual(listed.costMetadata.serverToolRequests, { web_search: 2 })
      const { response: streamed } = yield* decode(
        created,
        ...output.map((item, output_index) => ({ type: "response.output_item.done", output_index, item })),
        completed(1, { usage })
      )
      assert.deepStrictEqual(streamed.costMetadata.serverToolRequests, { web_search: 2 })
    }))

  it.effect("counts containers, not the calls within them, and no commands that the caller runs", () =>
    Effect.gen(function*() {
      const usage = { input_tokens: 1, output_tokens: 1 }
      const python = (container_id: string | null) => ({ type: "code_interpreter_call", container_id, code: "1" })
      const shell = (environment: object | null) => ({ type: "shell_call", action: {}, environment })
      const reference = { type: "container_reference", container_id: "cntr_3" }
      const output = [
        python("cntr_1"),
        python("cntr_1"),
        python("cntr_2"),
        shell(reference),
        shell(reference),
        shell({ type: "local" }),
        shell(null)
      ]
      const { response: listed } = yield* decode(created, completed(1, { output, usage }))
      assert.deepStrictEqual(listed.costMetadata.serverToolRequests, { code_interpreter: 2, shell: 1 })
      const { response: streamed } = yield* decode(
        created,
        ...output.map((item, output_index) => ({ type: "response.output_item.done", output_index, item })),
        completed(1, { usage })
      )
      assert.deepStrictEqual(streamed.costMetadata.serverToolRequests, { code_interpreter: 2, shell: 1 })
    }))

  it.effect("tells the preview of the web search from the web search", () =>
    Effect.gen(function*() {
      const output = [{ type: "web_search_call", id: "ws_1", action: { type: "search", query: "x" } }]
      const usage = { input_tokens: 1, output_tokens: 1 }
      for (
        const [kind, tools] of [
          ["web_search_preview", [{ type: "web_search_preview_2025_03_11" }, { type: "function" }]],
          ["web_search", [{ type: "web_search_preview" }, { type: "web_search" }]],
          ["web_search", undefined]
        ] as const
      ) {
        const { response } = yield* decode(created, completed(1, { output, usage, tools }))
        assert.deepStrictEqual(response.costMetadata.serverToolRequests, { [kind]: 1 })
      }
    }))

  it.effect("states the tokens of images beside those of the response, with the model that made them", () =>
    Effect.gen(function*() {
      const image_gen = {
        input_tokens: 50,
        input_tokens_details: { text_tokens: 10, image_tokens: 40 },
        output_tokens: 1000,
        output_tokens_details: { text_tokens: 0, image_tokens: 1000 },
        total_tokens: 1050
      }
      const answer = {
        model: "gpt-5",
        service_tier: "flex",
        output: [{ type: "image_generation_call", id: "ig_1", result: "" }],
        usage: { input_tokens: 100, output_tokens: 10 },
        tool_usage: { image_gen }
      }
      const cost = Effect.fnUntraced(function*(more: object) {
        const { response } = yield* decode(created, completed(1, { ...answer, ...more }))
        assert.strictEqual(response.usage?.inputTokens, 100)
        return yield* Pricing.cost(response.costMetadata)
      })
      const priced = yield* cost({ tools: [{ type: "image_generation", model: "gpt-image-1.5" }] })
      // (100 × 1.25 + 10 × 10) / 2, and 10 × 5 + 40 × 8 + 1000 × 32
      assert.strictEqual(BigDecimal.format(priced.total), "0.0324825")
      assert.deepStrictEqual(priced.flags, [])
      const unnamed = yield* cost({})
      assert.deepStrictEqual(unnamed.flags, [{ kind: "unpriced", subject: "image_generation", quantity: 1050 }])
      const unstated = yield* cost({ tool_usage: undefined })
      assert.deepStrictEqual(unstated.flags, [{ kind: "unpriced", subject: "image_generation", quantity: 1 }])
    }))
})
