import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Base64 from "effect/encoding/Base64"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  Bedrock,
  BedrockInvoke,
  type Chunk,
  ChunkStream,
  Groq,
  OpenAi,
  OpenAiChunk,
  Protocol,
  ServerSentEvents
} from "../src/index.ts"
import * as AgUi from "../src/ui/AgUi.ts"
import * as AiSdk from "../src/ui/AiSdk.ts"
import * as Trust from "../src/ui/Trust.ts"
import * as BedrockWire from "./bedrock/wire.ts"

const utf8 = new TextEncoder()

// Written by hand: what writes JSON runs out of stack long before this.
const nested = (levels: number) => `${"[{\"a\":".repeat(levels / 2)}1${"}]".repeat(levels / 2)}`

const sse = (text: string) => utf8.encode(`data: ${text}\n\n`)

const frame = (type: string) => (text: string) =>
  BedrockWire.odd({ ":message-type": "event", ":event-type": type, ":content-type": "application/json" }, text)

const invoke = (text: string) => frame("chunk")(`{"bytes":"${Base64.encode(text)}"}`)

interface Wire {
  readonly protocol: Protocol.Protocol<Chunk.Chunk>
  readonly before: ReadonlyArray<Uint8Array>
  /** Events that hold the nested value in each place where it has no known type. */
  readonly events: Readonly<Record<string, (nested: string) => Uint8Array>>
}

const chat: Pick<Wire, "before" | "events"> = {
  before: [sse("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}")],
  events: {
    "an unknown field": (nested) => sse(`{"choices":[],"x":${nested}}`),
    "the arguments of a tool call": (nested) =>
      sse(`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":{"x":${nested}}}}]}}]}`),
    "the arguments of a function call": (nested) =>
      sse(`{"choices":[{"delta":{"function_call":{"name":"f","arguments":{"x":${nested}}}}}]}`),
    "the details of an error": (nested) =>
      sse(`{"error":{"code":"content_filter","message":"m","innererror":{"x":${nested}}}}`),
    "an error": (nested) => sse(`{"error":${nested}}`)
  }
}

const messages = (event: (text: string) => Uint8Array): Pick<Wire, "before" | "events"> => ({
  before: [event("{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[]}}")],
  events: {
    "an event of an unknown type": (nested) => event(`{"type":"x","x":${nested}}`),
    "the input of a tool use": (nested) =>
      event(
        `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":${nested}}}`
      ),
    "a content block of an unknown type": (nested) =>
      event(`{"type":"content_block_start","index":0,"content_block":{"type":"x","x":${nested}}}`),
    "the details of an error": (nested) => event(`{"type":"error","error":{"type":"x","message":"m","x":${nested}}}`)
  }
})

const wires: Readonly<Record<string, Wire>> = {
  OpenAi: { protocol: OpenAi.protocol(), ...chat },
  Groq: { protocol: Groq.protocol(), ...chat },
  AzureOpenAi: { protocol: AzureOpenAi.protocol(), ...chat },
  AzureInference: { protocol: AzureInference.protocol(), ...chat },
  Anthropic: { protocol: Anthropic.protocol(), ...messages(sse) },
  BedrockInvoke: { protocol: BedrockInvoke.protocol(), ...messages(invoke) },
  Bedrock: {
    protocol: Bedrock.protocol(),
    before: [BedrockWire.frame(BedrockWire.start)],
    events: {
      "an event of an unknown type": (nested) => frame("x")(`{"x":${nested}}`),
      "the result of a tool": (nested) =>
        frame("contentBlockDelta")(`{"contentBlockIndex":0,"delta":{"toolResult":[{"json":${nested}}]}}`),
      "the trace": (nested) => frame("metadata")(`{"trace":{"guardrail":{"x":${nested}}}}`),
      "the model's own fields": (nested) =>
        frame("messageStop")(`{"stopReason":"end_turn","additionalModelResponseFields":{"x":${nested}}}`)
    }
  }
}

/** Everything that a chunk can be asked for, also by JSON. */
const use = (chunk: Chunk.Chunk): void => {
  for (let proto: object | null = chunk; proto !== null; proto = Object.getPrototypeOf(proto)) {
    for (const [key, { get }] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (get !== undefined && key !== "__proto__") get.call(chunk)
    }
  }
  assert.isString(JSON.stringify(chunk))
  assert.deepStrictEqual(chunk, structuredCloneOf(chunk))
}

const structuredCloneOf = <A extends object>(value: A): A =>
  Object.assign(Object.create(Object.getPrototypeOf(value)), structuredClone({ ...value }))

const decode = ({ before, protocol }: Wire, event: Uint8Array) => {
  const chunks: Array<Chunk.Chunk> = []
  return Stream.fromIterable([...before, event]).pipe(
    Protocol.decode(protocol),
    Stream.tap((chunk) => Effect.sync(() => chunks.push(chunk))),
    ChunkStream.outcome,
    Effect.map((response) => ({ chunks, response }))
  )
}

describe("deep nesting", () => {
  for (const [provider, wire] of Object.entries(wires)) {
    for (const [where, event] of Object.entries(wire.events)) {
      it.effect(`in ${where} of ${provider} is a malformed event after the chunks before it, never a defect`, () =>
        Effect.gen(function*() {
          const { chunks, response } = yield* decode(wire, event(nested(20_000)))
          assert.lengthOf(chunks, 1)
          assert.strictEqual(response.error?.reason._tag, "MalformedEvent")
          assert.match(response.error?.message ?? "", /nested deeper than the limit of 512 levels/)
          assert.isString(JSON.stringify(response.error))
        }))

      it.effect(`in ${where} of ${provider} is taken up to the limit, and then can be used`, () =>
        Effect.gen(function*() {
          const { chunks, response } = yield* decode(wire, event(nested(500)))
          assert.notStrictEqual(response.error?.reason._tag, "MalformedEvent")
          chunks.forEach(use)
          assert.isString(JSON.stringify(response))
        }))
    }
  }
})

/** What an app can make of a stream, as the types of what it gives. */
const views: Readonly<Record<string, (chunks: Stream.Stream<OpenAiChunk>) => Effect.Effect<unknown, unknown>>> = {
  events: (chunks) =>
    Effect.map(
      Stream.runCollect(ChunkStream.events(chunks)),
      (events) => events.map((event) => [event._tag, event._tag === "InvalidToolCall" ? event.problem : undefined])
    ),
  parts: (chunks) => typesOf(ChunkStream.parts(chunks)),
  encodedParts: (chunks) => typesOf(ChunkStream.encodedParts(chunks)),
  message: (chunks) =>
    Effect.map(
      ChunkStream.response(chunks),
      ({ message }) =>
        message.content.map((part) => [part.type, part.type === "tool-call" ? Object.keys(Object(part.params)) : []])
    ),
  ServerSentEvents: (chunks) => namesOf(ServerSentEvents.encode(ChunkStream.events(chunks))),
  AiSdk: (chunks) => namesOf(AiSdk.encode(ChunkStream.events(chunks))),
  AgUi: (chunks) => namesOf(AgUi.encode(ChunkStream.events(chunks), { threadId: "thread", runId: "run" }))
}

const typesOf = <E>(parts: Stream.Stream<{ readonly type: string; readonly params?: unknown }, E>) =>
  Effect.map(
    Stream.runCollect(parts),
    (parts) => parts.map(({ params, type }) => [type, typeof params])
  )

const namesOf = <E>(body: Stream.Stream<Uint8Array, E>) =>
  Effect.map(
    Stream.mkString(Stream.decodeText(body)),
    (text) => text.match(/^event: .*|"type":"[^"]*"|"error[^:]*":"[^"]*"/gm)
  )

const calling = (text: string) =>
  Stream.make(
    new OpenAiChunk({
      chunk: {
        choices: [{
          index: 0,
          delta: { tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: text } }] }
        }]
      }
    }),
    new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] } })
  )

describe("arguments of a call", () => {
  const lists = (levels: number) => `{"a":${"[".repeat(levels - 1)}1${"]".repeat(levels - 1)}}`
  for (const [name, view] of Object.entries(views)) {
    it.effect(`of more than 512 levels are as broken as what is no JSON: ${name}`, () =>
      Effect.gen(function*() {
        const whole = yield* view(calling(lists(1)))
        const broken = yield* view(calling(`{"a":no}`))
        assert.notDeepEqual(whole, broken)
        assert.deepStrictEqual(yield* view(calling(lists(512))), whole)
        for (const levels of [513, 1_000, 100_000]) {
          assert.deepStrictEqual(yield* view(calling(lists(levels))), broken, `${levels}`)
        }
      }).pipe(Effect.provideService(Trust.Trust, Trust.trusted)))
  }

  it.effect("that have no JSON at all are shown as unreadable, and end no chat", () =>
    Effect.gen(function*() {
      const params: Record<string, unknown> = {}
      params["params"] = params
      const events = Stream.make(
        { _tag: "ToolCall" as const, id: "c", name: "f", params, providerExecuted: false },
        { _tag: "Finish" as const, reason: "tool_calls" as const }
      )
      assert.include((yield* namesOf(AiSdk.encode(events)))?.join(), `"errorText":"UnreadableToolCall"`)
    }).pipe(Effect.provideService(Trust.Trust, Trust.trusted)))
})
