import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import { providers } from "../src/cli/providers.ts"
import {
  AnthropicOptions,
  ChatCompletions,
  ChatEvent,
  ChatRequest,
  ChatResponse,
  Chunk,
  ChunkStream,
  type ContentEvent,
  OpenAiChunk,
  Parts,
  Protocol,
  Telemetry
} from "../src/index.ts"
import * as ResponseParts from "../src/ResponseParts.ts"
import { events } from "./parts/events.ts"
import { broken } from "./parts/rules.ts"
import * as Corpus from "./support/corpus.ts"
import * as Whole from "./support/wholeFormats.ts"

describe("the accounts of an answer", () => {
  it.prop("agree on any content events, in any chunks", [events, Schema.Literals([1, 2, 100])], ([events, size]) => {
    const chunks: Array<Chunk.Chunk> = []
    for (let at = 0; at < events.length; at += size) chunks.push(stated(events.slice(at, at + size)))
    agree(chunks)
  }, { arbitrary: { runs: 500 } })

  const stop: ContentEvent.ContentEvent = { type: "finish", provider: "acme", reason: "stop", raw: "stop" }
  const call: ContentEvent.ContentEvent = { type: "tool-call", key: 0, id: "a", name: "t", input: "{" }
  const result = { type: "tool-result", id: "a", name: "t", result: 1, isFailure: false } as const
  const lists: Readonly<Record<string, ReadonlyArray<ContentEvent.ContentEvent>>> = {
    "a call without a name that waits for approval": [
      { ...call, name: "" },
      { type: "tool-approval-request", approvalId: "b", callId: "a" }
    ],
    "a call without a name that has a result": [{ ...call, name: "" }, result],
    "a call without a name that waits for approval after it has ended": [
      { ...call, name: "" },
      { ...call, id: "b", name: "" },
      { type: "tool-approval-request", approvalId: "c", callId: "a" }
    ],
    "a broken call that has a result after it has ended": [call, { ...call, id: "b", input: {} }, result],
    "a broken call whose result ends another one": [
      call,
      { type: "tool-call", key: 1, id: "b", name: "" },
      { ...result, key: 1 },
      { type: "tool-call-piece", index: 0, arguments: "[1]" }
    ]
  }
  for (const [name, events] of Object.entries(lists)) {
    it(`agree on ${name}`, () => assert.doesNotThrow(() => agree([stated([...events, stop])])))
  }

  it.prop("agree on the calls of any host", [Arbitrary.schema(Answer), Arbitrary.schema(Host)], ([answer, host]) => {
    const chunks = sent(answer, host)
    agree(chunks)
    const { toolCalls } = ChatResponse.fromChunks(chunks)
    if (answer.choice !== 0 || answer.broken !== undefined) return
    assert.deepStrictEqual(
      toolCalls.map(({ arguments: text, name }) => [name, text.trim()]),
      answer.calls.map(({ name, text }) => [name, text.trim()])
    )
  }, { arbitrary: { runs: 500 } })

  it.prop("are answered on every wire", [Arbitrary.schema(Answer), Arbitrary.schema(Host)], ([answer, host]) => {
    const response = ChatResponse.fromChunks(sent(answer, host))
    if (answer.reason === "length") return
    const calls = response.toolCalls.filter(({ name }) => name !== "")
    const prompt = Prompt.fromMessages([
      Prompt.userMessage({ content: [Prompt.textPart({ text: "Go" })] }),
      response.message,
      ...(calls.length === 0 ?
        [Prompt.userMessage({ content: [Prompt.textPart({ text: "And?" })] })] :
        [Prompt.toolMessage({
          content: calls.map(({ id, name }) =>
            Prompt.toolResultPart({ id, name, result: "done", isFailure: false, providerExecuted: false })
          )
        })])
    ])
    for (const format of formats) {
      const request = ChatRequest.normalize({ prompt, tools })
      const encoded = Result.flatMap(request, (request) => format.encode(request, "claude-sonnet-4-5"))
      assert.isUndefined(Result.isFailure(encoded) ? encoded.failure.message : undefined, format.name)
    }
  }, { arbitrary: { runs: 300 } })

  for (const row of providers) {
    const recordings = Corpus.recordings(row.id)
    it.effect.skipIf(recordings.length === 0)(
      `agree on the recorded streams of ${row.id}`,
      () =>
        Effect.gen(function*() {
          const { protocol } = yield* Effect.promise(row.load)
          for (const { bytes, framing, path } of recordings) {
            const chunks = yield* Stream.make(bytes).pipe(
              Protocol.decode(protocol, { framing }),
              Stream.catchTag("ProviderError", () => Stream.empty),
              Stream.runCollect
            )
            agree(chunks, path)
          }
        })
    )
  }

  it.effect("read the content of each chunk once, in every operator", () =>
    Effect.gen(function*() {
      const operators: ReadonlyArray<(chunks: Stream.Stream<StatedChunk>) => Effect.Effect<unknown, unknown>> = [
        (chunks) => Stream.runDrain(ChunkStream.events(chunks)),
        (chunks) => Stream.runDrain(ChunkStream.parts(chunks)),
        (chunks) => Stream.runDrain(ChunkStream.encodedParts(chunks)),
        (chunks) => Stream.runDrain(ChunkStream.accumulate(chunks)),
        (chunks) => Stream.runDrain(ChunkStream.withToolCalls(chunks)),
        (chunks) => Stream.runDrain(ChunkStream.text(chunks)),
        (chunks) => Stream.runDrain(ChunkStream.toolCalls(chunks)),
        (chunks) => Effect.ignore(Stream.runDrain(ChunkStream.object(chunks, Schema.Struct({})))),
        (chunks) => Effect.ignore(Stream.runDrain(ChunkStream.object(chunks, Schema.Struct({}), { tool: "t" }))),
        (chunks) => ChunkStream.response(chunks),
        (chunks) => ChunkStream.outcome(chunks),
        ...[{}, { content: true }].map((options) => (chunks: Stream.Stream<StatedChunk>) =>
          Stream.runDrain(
            Telemetry.traced({ name: "acme", stream: () => chunks }, options).stream({ prompt: "Hi" })
          )
        )
      ]
      for (const operator of operators) {
        const chunks = [
          stated([{ type: "text", key: 0, delta: "{}" }]),
          stated([{ type: "finish", provider: "acme", reason: "stop", raw: "end" }])
        ]
        yield* operator(Stream.fromIterable(chunks))
        assert.deepStrictEqual(chunks.map(({ asked }) => asked), [1, 1], String(operator))
      }
    }))
})

/** A chunk that says what it is told to say, and counts how often it is asked. */
class StatedChunk extends Chunk.Base.extend<StatedChunk>("test/StatedChunk")({ chunk: Schema.Null }) {
  asked = 0
  says: ReadonlyArray<ContentEvent.ContentEvent> = []
  override contentEvents(out: Array<ContentEvent.ContentEvent>) {
    this.asked++
    for (const event of this.says) out.push(event)
  }
}

function stated(says: ReadonlyArray<ContentEvent.ContentEvent>): StatedChunk {
  const chunk = new StatedChunk({ provider: "acme", chunk: null })
  chunk.says = says
  return chunk
}

/**
 * A chat-completions answer: its calls, as the model wrote them. Cut into pieces at any place.
 */
const Answer = Schema.Struct({
  calls: Schema.Array(Schema.Struct({
    name: Schema.Literals(["add", "sub"]),
    text: Schema.Literals(["{}", "{\"x\":1}", " {\"s\":\"}{\\\"\"} ", "{\"l\":[{},[]]}"]),
    cuts: Schema.Array(Schema.Literals([1, 2, 3, 5]))
  })),
  broken: Schema.optionalKey(Schema.Literals(["{\"x\":", "[1]", "{}}", "null", "nonsense"])),
  choice: Schema.Literals([0, 0, 1]),
  reason: Schema.Literals(["tool_calls", "tool_calls", "tool_calls", "stop", "length"])
})

/** How a host numbers and names the pieces of calls. */
const Host = Schema.Struct({
  index: Schema.Literals(["own", "zero", "none"]),
  id: Schema.Literals(["own", "same", "first", "none", "empty", "late"]),
  names: Schema.Literals(["once", "each"]),
  blankFirst: Schema.Boolean,
  blankLast: Schema.Boolean
})

function sent(answer: typeof Answer.Type, host: typeof Host.Type): ReadonlyArray<OpenAiChunk> {
  const texts = answer.calls.map((call, at) => at === 0 && answer.broken !== undefined ? answer.broken : call.text)
  const chunk = (delta: ChatCompletions.Delta, reason?: string) =>
    new OpenAiChunk({
      chunk: { choices: [{ index: answer.choice, delta, ...(reason === undefined ? {} : { finish_reason: reason }) }] }
    })
  const chunks = answer.calls.flatMap(({ cuts, name }, at) => {
    const pieces = cut(texts[at] ?? "", cuts)
    const all = [...(host.blankFirst ? [""] : []), ...pieces, ...(host.blankLast ? [""] : [])]
    return all.map((text, n) => {
      const isNamed = n === 0 || host.names === "each"
      const id = { own: `id_${at}`, same: "id", first: at === 0 ? "id_0" : undefined, none: undefined, empty: "" }
      const stated = host.id === "late"
        ? n === all.length - 1 ? `id_${at}` : undefined
        : isNamed
        ? id[host.id]
        : undefined
      return chunk({
        tool_calls: [{
          ...(host.index === "none" ? {} : { index: host.index === "own" ? at : 0 }),
          ...(stated === undefined ? {} : { id: stated }),
          function: { ...(isNamed ? { name } : {}), arguments: text }
        }]
      })
    })
  })
  return [...chunks, chunk({}, answer.reason)]
}

function cut(text: string, sizes: ReadonlyArray<number>): ReadonlyArray<string> {
  const pieces: Array<string> = []
  let at = 0
  for (const size of sizes) {
    if (at + size >= text.length) break
    pieces.push(text.slice(at, at + size))
    at += size
  }
  return [...pieces, text.slice(at)]
}

interface Told {
  readonly id: string
  readonly name: string
  readonly params: unknown
}

/** Holds the accounts of an answer against one another. */
function agree(chunks: ReadonlyArray<Chunk.Chunk>, path?: string): void {
  const response = ChatResponse.fromChunks(chunks)
  const decoder = Parts.chunkDecoder()
  const parts = [...decoder.push(chunks), ...decoder.end()]
  assert.deepStrictEqual(broken(parts), [], path)
  const told: Array<ChatEvent.ChatEvent> = []
  const events = ChatEvent.decoder()
  for (const chunk of chunks) events.push(chunk, told)
  events.end(told)

  // Pieces of text come in the order of the parts.
  const joined = (name: "text" | "reasoning") =>
    parts.flatMap((part) => part.type === `${name}-delta` && "delta" in part ? [part.delta] : []).join("")
  const texts = told.flatMap((event) =>
    event._tag === "Text" || event._tag === "Refusal"
      ? [event.delta]
      : event._tag === "Audio"
      ? [event.transcript ?? ""]
      : []
  )
  assert.strictEqual(texts.join(""), joined("text"), path)
  assert.strictEqual(
    told.flatMap((event) => event._tag === "Reasoning" ? [event.delta] : []).join(""),
    joined("reasoning"),
    path
  )

  const finish = parts.at(-1)
  if (finish?.type === "finish") assert.lengthOf(response.parts, ResponseParts.collect(parts).length, path)
  // Calls that wait for their results.
  if (finish?.type !== "finish" || !["stop", "tool-calls", "pause"].includes(finish.reason)) return
  const defined = new Set(
    told.flatMap((event) => event._tag === "ToolCallStart" && event.providerDefined === true ? [event.id] : [])
  )
  const order = told.flatMap((event) =>
    event._tag === "ToolCallStart" && !event.providerExecuted && !defined.has(event.id) ? [event.id] : []
  )
  const ordered = (calls: ReadonlyArray<Told>): ReadonlyArray<Told> =>
    calls.filter(({ id, name }) => name !== "" && !defined.has(id)).toSorted((a, b) =>
      order.indexOf(a.id) - order.indexOf(b.id)
    )
  const inParts = ordered(
    parts.flatMap((part): ReadonlyArray<Told> =>
      part.type === "tool-call" && part.providerExecuted !== true ? [part] : []
    )
  )
    .map(({ id, name, params }) => ({ id, name, params }))
  const inEvents = ordered(
    told.flatMap((event): ReadonlyArray<Told> =>
      event._tag === "ToolCall" && !event.providerExecuted
        ? [event]
        : event._tag === "InvalidToolCall" && !event.providerExecuted
        ? [{ ...event, params: event.arguments }]
        : []
    )
  ).map(({ id, name, params }) => ({ id, name, params }))
  assert.deepStrictEqual(inEvents, inParts, path)
  const inResponse = response.toolCalls.filter(({ name }) => name !== "")
  assert.deepStrictEqual(
    inResponse.map(({ id, name }) => ({ id, name })),
    inParts.map(({ id, name }) => ({ id, name })),
    path
  )
  inResponse.forEach(({ arguments: text }, at) => {
    const params = inParts[at]?.params
    if (typeof params === "string") assert.strictEqual(params, text, path)
    else assert.deepStrictEqual(params, text.trim() === "" ? {} : JSON.parse(text) ?? {}, path)
  })
  // Calls whose name never came are in no message, but the response and the events have them.
  assert.deepStrictEqual(
    response.toolCalls.flatMap(({ id, name }) => name === "" && !defined.has(id) ? [id] : []).toSorted(),
    told.flatMap((event) =>
      (event._tag === "ToolCall" || event._tag === "InvalidToolCall") && event.name === "" &&
        !event.providerExecuted && !defined.has(event.id)
        ? [event.id]
        : []
    ).toSorted(),
    path
  )
  const inMessage = response.message.content.flatMap((part) =>
    part.type === "tool-call" && !part.providerExecuted && !defined.has(part.id) ? [part] : []
  )
  assert.deepStrictEqual(
    inMessage.map(({ id, name }) => ({ id, name })),
    inParts.map(({ id, name }) => ({ id, name })),
    path
  )
}

const tools = ["add", "sub"].map((name) => ({ name, parameters: { type: "object", properties: {} } }))

const anything = Schema.Record(Schema.String, Schema.Unknown)

const formats = [
  Whole.chatCompletions({ provider: "openai", dialect: ChatCompletions.openai }),
  Whole.messages({ provider: "anthropic", options: { keys: ["anthropic"], schema: AnthropicOptions } }),
  Whole.converse({ provider: "bedrock", options: { keys: ["bedrock"], schema: anything } }),
  Whole.responses({ provider: "openai", options: { keys: ["openai"], schema: anything }, partKey: "openai" })
]
