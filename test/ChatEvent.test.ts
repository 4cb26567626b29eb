import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Exit, Result, Schema, Stream } from "effect"
import { providers } from "../src/cli/providers.ts"
import { ChatEvent, type ChatEvent as Events, type Chunk, ChunkStream, OpenAiChunk, Protocol } from "../src/index.ts"
import { Answer, Arbitraries } from "../src/testing.ts"
import * as Corpus from "./support/corpus.ts"
import { describeShared } from "./support/shared.ts"

const wires: Readonly<Record<string, (answer: Answer.Answer) => ReadonlyArray<Chunk.Chunk>>> = {
  openai: Answer.openai,
  "openai-responses": Answer.openaiResponses,
  groq: Answer.groq,
  azure: Answer.azure,
  anthropic: Answer.anthropic,
  "bedrock-invoke": Answer.bedrockInvoke,
  bedrock: Answer.bedrock
}

/** The events until the end or the failure. */
const collect = <C extends Chunk.Chunk, E>(chunks: Stream.Stream<C, E>) =>
  Effect.gen(function*() {
    const events: Array<Events.ChatEvent> = []
    const exit = yield* chunks.pipe(
      ChunkStream.events,
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.exit
    )
    return { events, failed: Exit.isFailure(exit) }
  })

const deltas = (events: ReadonlyArray<Events.ChatEvent>, tag: "Text" | "Reasoning" | "Refusal") =>
  events.flatMap((event) => event._tag === tag ? [event.delta] : []).join("")

/** What is wrong with the order of events. */
const broken = (events: ReadonlyArray<Events.ChatEvent>, failed: boolean): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const open = new Map<string, { text: string; readonly providerExecuted: boolean }>()
  const seen = new Set<string>()
  for (const [index, event] of events.entries()) {
    switch (event._tag) {
      case "ToolCallStart":
        if (seen.has(event.id)) problems.push(`two calls ${event.id}`)
        seen.add(event.id)
        open.set(event.id, { text: "", providerExecuted: event.providerExecuted })
        break
      case "ToolCallDelta": {
        const call = open.get(event.id)
        if (call === undefined) problems.push(`a delta of ${event.id}, which is not open`)
        else call.text += event.delta
        break
      }
      case "ToolCall":
      case "InvalidToolCall": {
        const call = open.get(event.id)
        if (call === undefined) problems.push(`the end of ${event.id}, which is not open`)
        if (event._tag === "InvalidToolCall" && call?.text !== event.arguments) {
          problems.push(`arguments of ${event.id}`)
        }
        if (
          event._tag === "ToolCall" && call?.text.trim().startsWith("{") === true &&
          JSON.stringify(JSON.parse(call.text)) !== JSON.stringify(event.params)
        ) problems.push(`params of ${event.id}`)
        open.delete(event.id)
        break
      }
      case "Finish":
        if (index !== events.length - 1) problems.push("a finish that is not last")
        break
      default:
    }
  }
  if (open.size > 0) problems.push(`calls that are not over: ${Array.from(open.keys()).join()}`)
  if (!failed && events.at(-1)?._tag !== "Finish") problems.push("no finish")
  if (failed && events.some(({ _tag }) => _tag === "Finish")) problems.push("a finish of a stream that failed")
  return problems
}

describe("ChunkStream.events", () => {
  for (const [name, chunksOf] of Object.entries(wires)) {
    it.effect.prop(`says all of any answer, in order, wherever the stream fails: ${name}`, [
      Arbitraries.answer(),
      Schema.Natural
    ], ([answer, at]) =>
      Effect.gen(function*() {
        const chunks = chunksOf(answer)
        const whole = yield* collect(Stream.fromIterable(chunks))
        assert.deepStrictEqual(broken(whole.events, whole.failed), [])
        const [expected] = Answer.expected(answer)
        assert.strictEqual(deltas(whole.events, "Text"), expected?.content ?? "")
        assert.strictEqual(deltas(whole.events, "Reasoning"), expected?.reasoning ?? "")
        const calls = whole.events.filter(({ _tag }) => _tag === "ToolCall" || _tag === "InvalidToolCall")
        assert.lengthOf(calls, expected?.toolCalls.length ?? 0)

        const cut = yield* collect(
          Stream.fromIterable(chunks.slice(0, at % (chunks.length + 1))).pipe(Stream.concat(Stream.fail("broken")))
        )
        assert.isTrue(cut.failed)
        assert.deepStrictEqual(broken(cut.events, true), [])
        const whatCame = cut.events.filter(({ _tag }) => _tag !== "InvalidToolCall" && _tag !== "ToolCall")
        assert.isTrue(whole.events.length >= whatCame.length)
      }))
  }

  for (const row of providers) {
    const recordings = Corpus.recordings(row.id)
    describeShared(recordings.length > 0, `${row.id}: ${recordings.length} recorded streams`, () => {
      it.effect("give their text, reasoning, refusal, calls and usage", () =>
        Effect.gen(function*() {
          const { protocol } = yield* Effect.promise(row.load)
          const problems: Array<string> = []
          for (const { bytes, expected, framing, path } of recordings) {
            const { events, failed } = yield* collect(
              Stream.make(bytes).pipe(Protocol.decode(protocol, { framing }))
            )
            const say = (problem: string) => problems.push(`${path}: ${problem}`)
            broken(events, failed).forEach(say)
            if (deltas(events, "Text") !== expected.content) say("text")
            if (deltas(events, "Reasoning") !== expected.reasoning) say("reasoning")
            if (deltas(events, "Refusal") !== expected.refusal) say("refusal")
            const finish = events.at(-1)
            if (finish?._tag === "Finish") {
              if (finish.usage?.outputTokens !== (expected.usage?.["outputTokens"] ?? undefined)) say("usage")
              if ((finish.finishReason ?? null) !== (expected.finishReasons[0] ?? null)) say("finish reason")
            }
          }
          assert.deepStrictEqual(problems, [])
        }))
    })
  }

  it.effect("shows the arguments of a call as they grow", () =>
    Effect.gen(function*() {
      // In pieces of eight characters.
      const answer = Answer.make({ toolCalls: [{ name: "weather", arguments: `{"city":"Paris","days":[1,2]}` }] })
      const { events } = yield* collect(Stream.fromIterable(Answer.openai(answer)))
      const partials = events.flatMap((event) => event._tag === "ToolCallDelta" ? [event.partial] : [])
      assert.deepStrictEqual(partials, [
        {},
        { city: "Paris" },
        { city: "Paris", days: [] },
        { city: "Paris", days: [1, 2] }
      ])
    }))

  it.effect("ends with what the response used and cost", () =>
    Effect.gen(function*() {
      const usage = { inputTokens: 1000, cachedTokens: 200, outputTokens: 100 }
      const { events } = yield* collect(
        Stream.fromIterable(Answer.openai(Answer.make({ id: "r1", model: "gpt-4o", content: "Hi", usage })))
      )
      const finish = events.at(-1)
      assert.deepInclude(finish, { _tag: "Finish", reason: "stop", finishReason: "stop", id: "r1", model: "gpt-4o" })
      // 800 × 2.50 + 200 × 1.25 + 100 × 10 USD per million
      assert.strictEqual(finish?._tag === "Finish" && finish.cost && BigDecimal.format(finish.cost.total), "0.00325")
    }))

  it.effect("gives audio as bytes and words come, and nothing for what states neither", () =>
    Effect.gen(function*() {
      const spoken = [
        { id: "audio_1" },
        { data: "AAEC" },
        { transcript: "Hi" },
        { data: "Aw==", transcript: "!" },
        { expires_at: 1_700_000_000 }
      ].map((audio) => new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { audio } }] } }))
      const { events } = yield* collect(Stream.fromIterable(spoken))
      assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "Audio"), [
        { _tag: "Audio", data: Uint8Array.of(0, 1, 2) },
        { _tag: "Audio", transcript: "Hi" },
        { _tag: "Audio", data: Uint8Array.of(3), transcript: "!" }
      ])
    }))

  it("has a JSON Schema in which each event goes by its own name", () => {
    const { definitions } = Schema.toJsonSchemaDocument(ChatEvent.ChatEvent)
    const names = ChatEvent.ChatEvent.members.map(({ fields }) => `ChatEvent${fields._tag.schema.literal}`)
    assert.deepStrictEqual(Object.keys(definitions).filter((name) => name.startsWith("ChatEvent")).sort(), names.sort())
  })

  it("is read and written as JSON", () => {
    const codec = Schema.toCodecJson(ChatEvent.ChatEvent)
    const events: ReadonlyArray<Events.ChatEvent> = [
      { _tag: "Text", delta: "Hi" },
      { _tag: "ToolCallDelta", id: "1", name: "f", delta: "{", partial: {} },
      {
        _tag: "ToolResult",
        id: "1",
        name: "f",
        result: { n: [1] },
        isFailure: false,
        preliminary: false,
        providerExecuted: true
      },
      { _tag: "File", mediaType: "image/png", data: Uint8Array.of(1, 2) },
      { _tag: "Finish", reason: "stop" }
    ]
    for (const event of events) {
      const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(event)))
      assert.deepStrictEqual(Schema.decodeUnknownSync(codec)(json), event)
    }
  })
})

describe("ChunkStream.withToolCalls", () => {
  for (const [name, chunksOf] of Object.entries(wires)) {
    it.effect.prop(
      `gives every chunk once, in order, and every call once: ${name}`,
      [Arbitraries.answer()],
      ([answer]) =>
        Effect.gen(function*() {
          const chunks = chunksOf(answer)
          const pairs = yield* Stream.runCollect(ChunkStream.withToolCalls(Stream.fromIterable(chunks)))
          assert.deepStrictEqual(pairs.map(([chunk]) => chunk), chunks)
          const { events } = yield* collect(Stream.fromIterable(chunks))
          assert.deepStrictEqual(
            pairs.flatMap(([, calls]) => calls),
            events.filter((event) => event._tag === "ToolCall" || event._tag === "InvalidToolCall")
          )
        })
    )
  }

  it.effect("does not hold back text", () =>
    Effect.gen(function*() {
      const first = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" } }] } })
      const pairs = yield* Stream.make(first).pipe(
        Stream.concat(Stream.never),
        ChunkStream.withToolCalls,
        Stream.take(1),
        Stream.runCollect
      )
      assert.deepStrictEqual(pairs, [[first, []]])
    }))

  it.effect("gives the chunk that it held back before a failure, with the call that was cut off", () =>
    Effect.gen(function*() {
      const chunks = Answer.openai(Answer.make({ toolCalls: [{ name: "f", arguments: `{"a":1}` }] })).slice(0, 2)
      const seen: Array<unknown> = []
      const exit = yield* Stream.fromIterable(chunks).pipe(
        Stream.concat(Stream.fail("broken")),
        ChunkStream.withToolCalls,
        Stream.runForEach(([chunk, calls]) => Effect.sync(() => seen.push([chunk, calls.map(({ _tag }) => _tag)]))),
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(seen, [[chunks[0], []], [chunks[1], ["InvalidToolCall"]]])
    }))
})

describe("ChunkStream.broadcast", () => {
  const chunks = Answer.openai(Answer.make({ content: Array.from({ length: 100 }, (_, i) => ` ${i}`).join("") }))
  const counted = () => {
    let runs = 0
    return { runs: () => runs, stream: Stream.suspend(() => (runs++, Stream.rechunk(Stream.fromIterable(chunks), 1))) }
  }

  it.effect("runs the stream once for all consumers, and gives their results by name", () =>
    Effect.gen(function*() {
      const { runs, stream } = counted()
      const { first, response, text } = yield* ChunkStream.broadcast(stream, {
        text: (chunks) => Stream.mkString(ChunkStream.text(chunks)),
        response: ChunkStream.response,
        first: (chunks) => Stream.runHead(chunks)
      })
      assert.strictEqual(text, response.content)
      assert.strictEqual(response.chunks, chunks.length)
      assert.strictEqual(first._tag === "Some" && first.value, chunks[0])
      assert.strictEqual(runs(), 1)
    }))

  it.effect("is not held up by a consumer that reads nothing, or only the begin", () =>
    Effect.gen(function*() {
      const { stream } = counted()
      const { all } = yield* stream.pipe(ChunkStream.broadcast({
        none: () => Effect.void,
        some: (chunks) => Stream.runDrain(Stream.take(chunks, 2)),
        all: ChunkStream.response
      }))
      assert.strictEqual(all.chunks, chunks.length)
    }))

  it.effect("ends with its consumers, when none of them reads a stream that has nothing yet", () =>
    Effect.gen(function*() {
      let open = 0
      const silent = Stream.suspend(() => {
        open++
        return Stream.ensuring(Stream.never, Effect.sync(() => open--))
      })
      const { none } = yield* ChunkStream.broadcast(silent, { none: () => Effect.succeed("done") })
      assert.strictEqual(none, "done")
      assert.strictEqual(open, 0)
    }))

  it.effect("stops everything when one consumer fails, and fails with its error", () =>
    Effect.gen(function*() {
      let closed = false
      const endless = Stream.concat(Stream.fromIterable(chunks), Stream.never).pipe(
        Stream.ensuring(Effect.sync(() => void (closed = true)))
      )
      const result = yield* Effect.result(ChunkStream.broadcast(endless, {
        waits: ChunkStream.response,
        fails: (chunks) => Stream.runForEach(chunks, () => Effect.fail("enough"))
      }))
      assert.deepStrictEqual(Result.isFailure(result) && result.failure, "enough")
      assert.isTrue(closed)
    }))

  it.effect("fails where the stream fails", () =>
    Effect.gen(function*() {
      const broken = Stream.concat(Stream.fromIterable(chunks), Stream.fail("broken"))
      assert.strictEqual(
        yield* Effect.flip(ChunkStream.broadcast(broken, { response: ChunkStream.response })),
        "broken"
      )
    }))

  it("gives growing arguments in events whose total size is linear in the arguments", () => {
    const size = (n: number) => {
      const decoder = ChatEvent.decoder()
      const events: Array<Events.ChatEvent> = []
      const piece = (text: string, name?: string) =>
        new OpenAiChunk({
          chunk: {
            choices: [{
              index: 0,
              delta: {
                tool_calls: [{
                  index: 0,
                  id: "a",
                  function: { ...(name === undefined ? undefined : { name }), arguments: text }
                }]
              }
            }]
          }
        })
      decoder.push(piece("{\"text\":\"", "write"), events)
      for (let i = 0; i < n; i++) decoder.push(piece("0123456789"), events)
      return JSON.stringify(events).length
    }
    assert.isBelow(size(20_000) / size(200), 120)
  })
})
