import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema, Stream } from "effect"
import { Prompt, Response as AiResponse } from "effect/ai"
import {
  AnthropicChunk,
  AnyChunk,
  AzureChunk,
  BedrockChunk,
  BedrockInvokeChunk,
  ChatRequest,
  ChatResponse,
  type Chunk,
  ChunkStream,
  GroqChunk,
  OpenAiChunk
} from "../../src/index.ts"
import * as Parts from "../../src/Parts.ts"
import * as ResponseParts from "../../src/ResponseParts.ts"
import { Answer, Arbitraries } from "../../src/testing.ts"
import { broken, texts } from "./rules.ts"

const run = (chunks: ReadonlyArray<Chunk.Chunk>): ReadonlyArray<AiResponse.StreamPartEncoded> => {
  const decoder = Parts.chunkDecoder()
  return [...decoder.push(chunks), ...decoder.end()]
}

const openai = Schema.decodeUnknownSync(OpenAiChunk.FromPayload)
const groq = Schema.decodeUnknownSync(GroqChunk.FromPayload)
const azure = Schema.decodeUnknownSync(AzureChunk.FromPayload)
const anthropic = Schema.decodeUnknownSync(AnthropicChunk.FromPayload)
const invoke = Schema.decodeUnknownSync(BedrockInvokeChunk.FromPayload)
const bedrock = Schema.decodeUnknownSync(BedrockChunk.FromPayload)

const delta = (delta: object, more: object = {}) =>
  openai({ choices: [{ index: 0, delta, finish_reason: null, ...more }] })
const stopped = openai({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })

const only = <Type extends AiResponse.StreamPartEncoded["type"]>(
  parts: ReadonlyArray<AiResponse.StreamPartEncoded>,
  type: Type
) => parts.filter((part): part is Extract<AiResponse.StreamPartEncoded, { readonly type: Type }> => part.type === type)

/** A chunk class of another package, which knows nothing of parts. */
class PlainChunk implements Chunk.Chunk {
  readonly provider: string
  readonly chunk: unknown
  readonly content: string
  readonly reasoning: string
  readonly refusal: string
  readonly finishReasons: ReadonlyArray<string>
  readonly commonFinishReasons: Chunk.Chunk["commonFinishReasons"]
  readonly id: string | undefined
  readonly model: string | undefined
  readonly usage: Chunk.Chunk["usage"]
  readonly inputTokens: number | undefined
  readonly cachedTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly audio: Uint8Array | undefined
  readonly audioTranscript: string | undefined
  readonly audioDelta: Chunk.AudioDelta | undefined
  readonly toolCallDeltas: ReadonlyArray<Chunk.ToolCallDelta>
  readonly choiceDeltas: ReadonlyArray<Chunk.ChoiceDelta>
  readonly costMetadata: Chunk.Chunk["costMetadata"]

  constructor(chunk: Chunk.Chunk) {
    this.provider = chunk.provider
    this.chunk = chunk.chunk
    this.content = chunk.content
    this.reasoning = chunk.reasoning
    this.refusal = chunk.refusal
    this.finishReasons = chunk.finishReasons
    this.commonFinishReasons = chunk.commonFinishReasons
    this.id = chunk.id
    this.model = chunk.model
    this.usage = chunk.usage
    this.inputTokens = chunk.inputTokens
    this.cachedTokens = chunk.cachedTokens
    this.outputTokens = chunk.outputTokens
    this.audio = chunk.audio
    this.audioTranscript = chunk.audioTranscript
    this.audioDelta = chunk.audioDelta
    this.toolCallDeltas = chunk.toolCallDeltas
    this.choiceDeltas = chunk.choiceDeltas
    this.costMetadata = chunk.costMetadata
  }
}

const providers = {
  openai: Answer.openai,
  groq: Answer.groq,
  azure: Answer.azure,
  anthropic: Answer.anthropic,
  "bedrock-invoke": Answer.bedrockInvoke,
  bedrock: Answer.bedrock,
  "openai-responses": Answer.openaiResponses,
  "azure-responses": Answer.azureResponses,
  "a class of another package": (answer: Answer.Answer) => Answer.openai(answer).map((chunk) => new PlainChunk(chunk))
}

const answers = Arbitraries.answer()

describe("ChunkStream.parts", () => {
  for (const [name, chunksOf] of Object.entries(providers)) {
    it.prop(`makes a valid part stream of any answer, with all that it says: ${name}`, [answers], ([answer]) => {
      const parts = run(chunksOf(answer))
      assert.deepStrictEqual(broken(parts), [])
      const [expected] = Answer.expected(answer)
      assert.strictEqual(texts(parts, "text").join(""), expected?.content ?? "")
      assert.strictEqual(texts(parts, "reasoning").join(""), expected?.reasoning ?? "")
      assert.deepStrictEqual(
        [...texts(parts, "tool-params")].sort(),
        (expected?.toolCalls ?? []).map((call) => call.arguments).sort()
      )
    })
  }

  it.prop("never throws and always ends, whatever chunks of whatever classes come", [
    Arbitrary.schema(Schema.Array(AnyChunk.AnyChunk))
  ], ([chunks]) => {
    assert.deepStrictEqual(broken(run(chunks)), [])
  }, { arbitrary: { runs: 200 } })

  it("gives the reason of choice 0 among several that end at once, of any chunk class", () => {
    const ended = openai({
      choices: [
        { index: 1, delta: {}, finish_reason: "length" },
        { index: 2, delta: { content: "c" } },
        { index: 0, delta: {}, finish_reason: "content_filter" }
      ]
    })
    for (const chunk of [ended, new PlainChunk(ended)]) {
      assert.deepStrictEqual(only(run([delta({ content: "a" }), chunk]), "finish").map(({ reason }) => reason), [
        "content-filter"
      ])
    }
  })

  it.prop("makes of each part what the schema of effect/ai makes of it", [answers], ([answer]) => {
    const decode = Schema.decodeSync(AiResponse.StreamPart())
    for (const part of run(Answer.anthropic(answer))) {
      assert.deepStrictEqual(Parts.fromEncoded(part), decode(part))
    }
  })

  it.effect("gives what came before a failure, then the failure", () =>
    Effect.gen(function*() {
      const parts: Array<string> = []
      const chunks = Stream.concat(Stream.make(delta({ content: "Hi" })), Stream.fail("cut off" as const))
      const result = yield* ChunkStream.parts(chunks).pipe(
        Stream.runForEach((part) => Effect.sync(() => parts.push(part.type))),
        Effect.result
      )
      assert.deepStrictEqual(parts, ["text-start", "text-delta"])
      assert.deepStrictEqual(result, Result.fail("cut off"))
    }))

  it.effect("can be run again", () =>
    Effect.gen(function*() {
      const parts = ChunkStream.parts(Stream.make(delta({ content: "Hi" }), stopped))
      assert.deepStrictEqual(yield* Stream.runCollect(parts), yield* Stream.runCollect(parts))
    }))

  describe("chat completions", () => {
    it("takes choice 0 by its index", () => {
      const parts = run([
        openai({ choices: [{ index: 1, delta: { content: "no" } }, { index: 0, delta: { content: "yes" } }] }),
        openai({ choices: [{ index: 1, delta: { content: "no" }, finish_reason: "length" }] }),
        openai({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
        openai({ choices: [{ index: 1, delta: { content: "no" }, finish_reason: "length" }] })
      ])
      assert.deepStrictEqual(texts(parts, "text"), ["yes"])
      assert.strictEqual(only(parts, "finish")[0]?.reason, "stop")
    })

    it("keeps text, a call and more text in order", () => {
      const parts = run([
        delta({ content: "One." }),
        delta({ tool_calls: [{ index: 0, id: "a", function: { name: "add", arguments: "{" } }] }),
        delta({ tool_calls: [{ index: 0, function: { arguments: "}" } }] }),
        delta({ content: "Two." }),
        stopped
      ])
      assert.deepStrictEqual(
        ChatResponse.fromChunks([
          delta({ content: "One." }),
          delta({ tool_calls: [{ index: 0, id: "a", function: { name: "add", arguments: "{}" } }] }),
          delta({ content: "Two." }),
          stopped
        ]).parts.map((part) => part.type),
        ["text", "tool-call", "text", "finish"]
      )
      assert.deepStrictEqual(texts(parts, "text"), ["One.", "Two."])
      assert.deepStrictEqual(only(parts, "tool-call").map(({ params }) => params), [{}])
    })

    it("knows the older calls without an id", () => {
      const parts = run([
        delta({ function_call: { name: "add", arguments: "{\"x\":" } }),
        delta({ function_call: { arguments: "1}" } }, { finish_reason: "function_call" })
      ])
      const [call] = only(parts, "tool-call")
      assert.deepStrictEqual([call?.id, call?.name, call?.params], ["call_0", "add", { x: 1 }])
      assert.strictEqual(only(parts, "finish")[0]?.reason, "tool-calls")
    })

    it("gives a custom tool its text", () => {
      const parts = run([
        delta({ tool_calls: [{ index: 0, id: "a", type: "custom", custom: { name: "sh", input: "ls " } }] }),
        delta({ tool_calls: [{ index: 0, custom: { input: "-l" } }] }, { finish_reason: "tool_calls" })
      ])
      const [call] = only(parts, "tool-call")
      assert.deepStrictEqual([call?.params, call?.metadata], ["ls -l", { openai: { type: "custom" } }])
    })

    it("makes a refusal a text that says so", () => {
      const parts = run([delta({ refusal: "I " }), delta({ refusal: "can't." }), stopped])
      assert.deepStrictEqual(texts(parts, "text"), ["I can't."])
      assert.deepStrictEqual(only(parts, "text-end")[0]?.metadata, { openai: { refusal: true } })
    })

    it("gives a source for each page that is cited, and keeps where", () => {
      const annotation = (url: string, start_index: number) => ({
        type: "url_citation",
        url_citation: { start_index, end_index: start_index + 2, title: "A page", url }
      })
      const parts = run([
        delta({ content: "So it is." }),
        delta({ annotations: [annotation("https://a.example/", 0)] }),
        delta({ annotations: [annotation("https://a.example/", 3), annotation("https://b.example/", 5)] }),
        stopped
      ])
      assert.deepStrictEqual(
        only(parts, "source").map((part) => part.sourceType === "url" ? [part.url, part.title] : []),
        [["https://a.example/", "A page"], ["https://b.example/", "A page"]]
      )
      assert.deepStrictEqual(only(parts, "text-end")[0]?.metadata, {
        openai: {
          annotations: [
            annotation("https://a.example/", 0),
            annotation("https://a.example/", 3),
            annotation("https://b.example/", 5)
          ]
        }
      })
    })

    it("keeps structured reasoning for the way back", () => {
      const parts = run([
        delta({ reasoning: "Hm.", reasoning_details: [{ type: "reasoning.text", text: "Hm." }] }),
        delta({ reasoning_details: [{ type: "reasoning.encrypted", data: "X" }] }),
        delta({ content: "Yes." }),
        stopped
      ])
      assert.deepStrictEqual(only(parts, "reasoning-end")[0]?.metadata, {
        openai: {
          reasoningDetails: [{ type: "reasoning.text", text: "Hm." }, { type: "reasoning.encrypted", data: "X" }]
        }
      })
    })

    it("gives speech as one file with its id, and its words as text", () => {
      const parts = run([
        delta({ audio: { id: "audio_1", transcript: "Hel" } }),
        delta({ audio: { data: "AAEC" } }),
        delta({ audio: { transcript: "lo" } }),
        delta({ audio: { data: "AwQF" } }),
        delta({ audio: { expires_at: 1754000000 } })
      ])
      assert.deepStrictEqual(texts(parts, "text"), ["Hello"])
      assert.deepStrictEqual(only(parts, "file"), [{
        type: "file",
        mediaType: "audio/pcm",
        data: "AAECAwQF",
        metadata: { openai: { audioId: "audio_1", expiresAt: 1754000000 } }
      }])
      assert.strictEqual(only(parts, "finish")[0]?.reason, "stop")
    })

    it("keeps what no part has a place for in the metadata of the finish", () => {
      const parts = run([
        azure({ id: "", model: "", choices: [], prompt_filter_results: [{ prompt_index: 0 }] }),
        azure({
          id: "c1",
          model: "m",
          service_tier: "default",
          system_fingerprint: "fp",
          choices: [{
            index: 0,
            delta: { content: "a" },
            finish_reason: "content_filter",
            content_filter_results: { hate: { filtered: true } },
            logprobs: { content: [{ token: "a", logprob: -0.1 }], refusal: null }
          }],
          usage: { prompt_tokens: 3, prompt_tokens_details: { audio_tokens: 2 } }
        })
      ])
      assert.deepStrictEqual(only(parts, "response-metadata"), [{ type: "response-metadata", id: "c1", modelId: "m" }])
      assert.deepStrictEqual(only(parts, "finish")[0], {
        type: "finish",
        reason: "content-filter",
        usage: { inputTokens: { total: 3, uncached: 3 }, outputTokens: {} },
        metadata: {
          azure: {
            promptFilterResults: [{ prompt_index: 0 }],
            usage: { inputTokens: 3, inputAudioTokens: 2 },
            finishReason: "content_filter",
            logprobs: [{ token: "a", logprob: -0.1 }],
            contentFilterResults: { hate: { filtered: true } },
            serviceTier: "default",
            systemFingerprint: "fp"
          }
        }
      })
    })

    it("keeps what Groq's own tools did, which Groq does not take back", () => {
      const tool = { index: 0, type: "search", arguments: "{}", output: "found" }
      const parts = run([groq({ choices: [{ index: 0, delta: { executed_tools: [tool] }, finish_reason: "stop" }] })])
      assert.deepStrictEqual(only(parts, "finish")[0]?.metadata?.["groq"], {
        finishReason: "stop",
        executedTools: [tool]
      })
      assert.lengthOf(only(parts, "tool-call"), 0)
    })
  })

  describe("Messages", () => {
    const start = (index: number, content_block: object) =>
      anthropic({ type: "content_block_start", index, content_block })
    const more = (index: number, delta: object) => anthropic({ type: "content_block_delta", index, delta })
    const end = (index: number) => anthropic({ type: "content_block_stop", index })
    const finish = anthropic({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } })

    it("joins a split signature", () => {
      const chunks = [
        start(0, { type: "thinking", thinking: "", signature: "" }),
        more(0, { type: "thinking_delta", thinking: "Hm." }),
        more(0, { type: "signature_delta", signature: "AB" }),
        more(0, { type: "signature_delta", signature: "CD" }),
        end(0),
        finish
      ]
      assert.deepStrictEqual(only(run(chunks), "reasoning-end")[0]?.metadata, {
        anthropic: { info: { type: "thinking", signature: "ABCD" } }
      })
      assert.deepStrictEqual(
        ChatResponse.fromChunks(chunks).message,
        Prompt.assistantMessage({
          content: [
            Prompt.makePart("reasoning", {
              text: "Hm.",
              options: { anthropic: { info: { type: "thinking", signature: "ABCD" } } }
            })
          ]
        })
      )
    })

    it("keeps redacted thinking under the key of the API that sent it", () => {
      const payload = { type: "content_block_start", index: 0, content_block: { type: "redacted_thinking", data: "X" } }
      const info = { info: { type: "redacted_thinking", redactedData: "X" } }
      const [reasoning] = ChatResponse.fromChunks([anthropic(payload), end(0), finish]).message.content
      assert.deepStrictEqual(reasoning?.options, { anthropic: info })
      const [other] =
        ChatResponse.fromChunks([invoke(payload), invoke({ type: "content_block_stop", index: 0 })]).message.content
      assert.deepStrictEqual(other?.options, { bedrockInvoke: info })
    })

    it("gives calls and results of the provider's tools, failed ones included", () => {
      const parts = run([
        start(0, { type: "mcp_tool_use", id: "m1", name: "ask", input: {}, server_name: "wiki" }),
        more(0, { type: "input_json_delta", partial_json: "{\"q\":1}" }),
        end(0),
        start(1, {
          type: "mcp_tool_result",
          tool_use_id: "m1",
          is_error: false,
          content: [{ type: "text", text: "A" }]
        }),
        end(1),
        start(2, {
          type: "text_editor_code_execution_tool_result",
          tool_use_id: "s1",
          content: { type: "text_editor_code_execution_tool_result_error", error_message: "no such file" }
        }),
        end(2),
        finish
      ])
      assert.deepStrictEqual(only(parts, "tool-call"), [{
        type: "tool-call",
        id: "m1",
        name: "ask",
        params: { q: 1 },
        providerExecuted: true,
        metadata: { anthropic: { type: "mcp_tool_use", serverName: "wiki" } }
      }])
      assert.deepStrictEqual(
        only(parts, "tool-result").map(({ id, isFailure, metadata, name, providerExecuted }) => ({
          id,
          name,
          isFailure,
          providerExecuted,
          metadata
        })),
        [
          {
            id: "m1",
            name: "ask",
            isFailure: false,
            providerExecuted: true,
            metadata: { anthropic: { type: "mcp_tool_result" } }
          },
          {
            id: "s1",
            name: "text_editor_code_execution",
            isFailure: true,
            providerExecuted: true,
            metadata: { anthropic: { type: "text_editor_code_execution_tool_result" } }
          }
        ]
      )
    })

    it("keeps a block that no part has a place for whole", () => {
      const block = { type: "hologram", light: [1, 2] }
      const [part] = ChatResponse.fromChunks([start(0, block), end(0), finish]).message.content
      assert.deepStrictEqual([part?.type, part?.options], ["text", { anthropic: { block } }])
    })

    it("does not take compaction for an answer", () => {
      const chunks = [
        start(0, { type: "compaction", content: null }),
        more(0, { type: "compaction_delta", content: "So far: nothing." }),
        end(0),
        finish
      ]
      assert.deepStrictEqual(texts(run(chunks), "text"), [""])
      assert.deepStrictEqual(ChatResponse.fromChunks(chunks).message.content[0]?.options, {
        anthropic: { block: { type: "compaction", content: "So far: nothing." } }
      })
    })

    it("pauses where the turn goes on when it is sent back", () => {
      const parts = run([anthropic({ type: "message_delta", delta: { stop_reason: "pause_turn" } })])
      assert.strictEqual(only(parts, "finish")[0]?.reason, "pause")
    })
  })

  describe("Converse", () => {
    const more = (contentBlockIndex: number, delta: object) =>
      bedrock({ contentBlockDelta: { contentBlockIndex, delta } })
    const end = (contentBlockIndex: number) => bedrock({ contentBlockStop: { contentBlockIndex } })
    const stop = bedrock({ messageStop: { stopReason: "end_turn" } })

    it("gives images as files", () => {
      const parts = run([
        bedrock({ contentBlockStart: { contentBlockIndex: 0, start: { image: { format: "jpeg" } } } }),
        more(0, { image: { source: { bytes: "AAEC" } } }),
        more(0, { image: { source: { bytes: "Aw==" } } }),
        end(0),
        more(1, { image: { source: { s3Location: { uri: "s3://a/b" } } } }),
        stop
      ])
      assert.deepStrictEqual(only(parts, "file"), [{ type: "file", mediaType: "image/jpeg", data: "AAECAw==" }])
      assert.deepStrictEqual(only(parts, "text-end").map(({ metadata }) => metadata), [
        { bedrock: { block: { image: { source: { s3Location: { uri: "s3://a/b" } } } } } }
      ])
    })

    it("keeps signatures and redacted reasoning as Converse takes them back", () => {
      const { message } = ChatResponse.fromChunks([
        more(0, { reasoningContent: { text: "Hm." } }),
        more(0, { reasoningContent: { signature: "S" } }),
        end(0),
        more(1, { reasoningContent: { redactedContent: "UlM=" } }),
        end(1),
        stop
      ])
      assert.deepStrictEqual(
        message.content.map(({ options }) => options),
        [{ bedrock: { signature: "S" } }, { bedrock: { redactedContent: "UlM=" } }]
      )
    })

    it("tells the caller's tools from the provider's", () => {
      const use = (contentBlockIndex: number, type: string | undefined) =>
        bedrock({
          contentBlockStart: {
            contentBlockIndex,
            start: { toolUse: { toolUseId: `t${contentBlockIndex}`, name: "calc", ...(type && { type }) } }
          }
        })
      const parts = run([use(0, undefined), use(1, "tool_use"), use(2, "server_tool_use"), stop])
      assert.deepStrictEqual(only(parts, "tool-call").map(({ providerExecuted }) => providerExecuted === true), [
        false,
        false,
        true
      ])
    })
  })
})

describe("ChatResponse.parts", () => {
  for (const [name, chunksOf] of Object.entries(providers)) {
    it.prop(`is what the stream parts add up to: ${name}`, [answers], ([answer]) => {
      const chunks = chunksOf(answer)
      const { parts } = ChatResponse.fromChunks(chunks)
      const decode = Schema.decodeSync(AiResponse.Part())
      assert.deepStrictEqual(parts, ResponseParts.collect(run(chunks)).map((part) => decode(part)))
    })
  }

  it("is that of its moment in a response so far", () => {
    const accumulator = ChatResponse.accumulator()
    accumulator.add(delta({ content: "He" }))
    const soFar = accumulator.response()
    accumulator.add(delta({ content: "llo" }))
    accumulator.add(stopped)
    assert.deepStrictEqual(soFar.parts.map((part) => part.type === "text" ? part.text : part.type), ["He"])
    assert.deepStrictEqual(
      accumulator.response().parts.map((part) => part.type === "text" ? part.text : part.type),
      ["Hello", "finish"]
    )
  })

  it("leaves out calls that were cut off, and the finish", () => {
    const chunks = [
      delta({ content: "Hi" }),
      delta({ tool_calls: [{ index: 0, id: "a", function: { name: "add", arguments: "{}" } }] })
    ]
    assert.deepStrictEqual(ChatResponse.fromChunks(chunks).parts.map((part) => part.type), ["text"])
  })

  it("is read from the fields of a response that was stored", () => {
    const response = ChatResponse.fromChunks([
      delta({ reasoning: "Hm." }),
      delta({ content: "Hi" }),
      delta({ tool_calls: [{ index: 0, id: "a", function: { name: "add", arguments: "{}" } }] }),
      openai({ choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] })
    ])
    const codec = Schema.toCodecJson(ChatResponse.ChatResponse)
    const stored = Schema.decodeUnknownSync(codec)(Schema.encodeSync(codec)(response))
    assert.deepStrictEqual(stored, response)
    assert.deepStrictEqual(stored.message, response.message)
  })
})

/** With the text of arguments that are no object in place of what they are. */
const withObject = ({ pieces }: Answer.Answer) => (part: Prompt.AssistantMessagePart): Prompt.AssistantMessagePart => {
  if (part.type !== "tool-call" || ChatRequest.isArguments(part.params)) return part
  const text = pieces.map((piece) =>
    piece.type === "toolCall" && part.id === `call_${piece.choice}_${piece.call}` ? piece.arguments : ""
  ).join("")
  const json = Result.try((): string => JSON.stringify(JSON.parse(text)))
  return { ...part, params: { INVALID_JSON: Result.getOrElse(json, () => text) } }
}

// Calls of a stream end last.
const inAnyOrder = (parts: ReadonlyArray<Prompt.AssistantMessagePart>) =>
  parts.toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

describe("ChatResponse.message", () => {
  it("is empty when nothing was said", () => {
    assert.deepStrictEqual(ChatResponse.fromChunks([stopped]).message, Prompt.assistantMessage({ content: [] }))
  })

  it.prop(
    "is the message that effect/ai makes of the stream parts, but for broken arguments",
    [answers],
    ([answer]) => {
      const chunks = Answer.anthropic(answer)
      const [message] = Prompt.fromResponseParts(run(chunks).map(Parts.fromEncoded)).content
      assert.deepStrictEqual(
        inAnyOrder(ChatResponse.fromChunks(chunks).message.content),
        inAnyOrder(message?.role === "assistant" ? message.content.map(withObject(answer)) : [])
      )
    }
  )
})
