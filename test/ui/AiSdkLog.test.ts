import { assert, describe, it } from "@effect/vitest"
import type { UIMessage } from "ai"
import { Effect, Exit, Fiber, Layer, Schedule, Schema, Scope, Stream } from "effect"
import type { HttpServerResponse } from "effect/http"
import { type Chunk, ChunkStream, Provider, ProviderError, ToolLoop } from "../../src/index.ts"
import * as StreamLog from "../../src/log/StreamLog.ts"
import * as Store from "../../src/stores/Store.ts"
import { Answer, Arbitraries, TestProvider } from "../../src/testing.ts"
import * as AiSdk from "../../src/ui/AiSdk.ts"
import * as AiSdkLog from "../../src/ui/AiSdkLog.ts"
import * as Chunks from "../../src/ui/chunks.ts"
import * as Client from "./client.ts"
import { both, mail, said, serverOf, tools, weather, wires, withSecret } from "./support.ts"

const chat: AiSdkLog.Chat = { id: "chat-1", user: "ann" }

const bodyOf = ({ body }: HttpServerResponse.HttpServerResponse): Stream.Stream<Uint8Array> =>
  body._tag === "Stream" ? Stream.orDie(body.stream) : Stream.empty

const textOf = (response: HttpServerResponse.HttpServerResponse) => Stream.mkString(Stream.decodeText(bodyOf(response)))

/** Reads a body until it has a text, and leaves. */
const readUntil = (response: HttpServerResponse.HttpServerResponse, text: string) => {
  let all = ""
  return Stream.decodeText(bodyOf(response)).pipe(
    Stream.takeUntil((piece) => {
      all += piece
      return all.includes(text)
    }),
    Stream.runDrain,
    Effect.map(() => all)
  )
}

const posted = (messages: ReadonlyArray<UIMessage>) => AiSdk.decode(Client.post(messages), { scope: chat.user })

/** A server of a loop with tools, whose provider gives the answers in turn. */
const loopServer = Effect.fnUntraced(function*(...answers: ReadonlyArray<Answer.Answer>) {
  const { live, mails } = serverOf(answers)
  const services = yield* Layer.build(live)
  const log = yield* AiSdkLog.make()
  return {
    mails,
    log,
    post: (messages: ReadonlyArray<UIMessage>) =>
      Effect.flatMap(
        posted(messages),
        (turn) => log.answer(chat, turn, ToolLoop.stream({ prompt: turn.prompt, tools }))
      ).pipe(Effect.provideContext(services))
  }
})

/** A server of single responses, whose provider counts the streams that are open. */
const server = Effect.fnUntraced(function*(script: TestProvider.Script<Chunk.Chunk>, name = "openai") {
  const { requests, stream } = yield* TestProvider.make(script)
  const open = { now: 0 }
  const provider: Provider.Service = {
    name,
    stream: (request) =>
      Stream.suspend(() => {
        open.now += 1
        return Stream.ensuring(stream(request), Effect.sync(() => open.now -= 1))
      })
  }
  const log = yield* AiSdkLog.make()
  return {
    log,
    open,
    requests,
    post: (of = chat) =>
      Effect.flatMap(posted([Client.user("u1")]), (turn) =>
        log.answer(
          of,
          turn,
          Stream.unwrap(Provider.Provider.useSync(({ stream }) => ChunkStream.events(stream({ prompt: turn.prompt }))))
        )).pipe(Effect.provideService(Provider.Provider, provider))
  }
})

/** The message of a body, and nothing may be wrong with it. */
const shown = Effect.fnUntraced(function*(response: HttpServerResponse.HttpServerResponse, before?: UIMessage) {
  const { errors, message } = yield* Client.show(bodyOf(response), before)
  assert.deepStrictEqual(errors, [])
  return message
})

const ofServer = <A, E>(test: Effect.Effect<A, E, Store.Store | Scope.Scope>) =>
  test.pipe(withSecret("a"), Effect.provide(Store.layerMemory))

describe("AiSdkLog", () => {
  it.live("gives an answer again as it was sent, and asks nobody for it", () =>
    ofServer(Effect.gen(function*() {
      const { log, mails, post } = yield* loopServer(weather, mail, said)
      const sent = yield* textOf(yield* post([Client.user("u1")]))
      assert.match(sent, /"type":"tool-output-available"[^]*"type":"tool-approval-request"[^]*\[DONE\]\n\n$/)
      assert.strictEqual(yield* textOf(yield* log.resume(chat, { ended: true })), sent)
      assert.strictEqual(yield* textOf(yield* log.resume(chat, { ended: true })), sent)
      assert.deepStrictEqual(mails, [])
    })))

  it.effect.prop(
    "loses nothing, and tells nothing twice, whenever the reader has left",
    { answer: Arbitraries.answer({ maxPieces: 6 }), left: Schema.Natural },
    ({ answer, left }) =>
      Effect.gen(function*() {
        for (const [, write] of wires) {
          const chunks = write(answer)
          const whole = yield* server([{ chunks }])
          const expected = yield* shown(yield* whole.post())
          const { log, post, requests } = yield* server([{ chunks }])
          yield* Stream.runDrain(Stream.take(bodyOf(yield* post()), left % 3))
          const again = yield* shown(yield* log.resume(chat, { ended: true }))
          // Each answer has an id of its own.
          assert.deepStrictEqual({ ...again, id: "" }, { ...expected, id: "" })
          assert.lengthOf(yield* requests, 1)
        }
      }).pipe(ofServer, Effect.scoped),
    { arbitrary: { runs: 10 } }
  )

  it.effect.prop(
    "makes a message again of what a client says of it",
    { answer: Arbitraries.answer({ maxPieces: 8 }) },
    ({ answer }) =>
      Effect.gen(function*() {
        for (const [, write] of wires) {
          const events = ChunkStream.events(Stream.fromIterable(write(answer)))
          const { message } = yield* Client.show(AiSdk.encode(events))
          if (message === undefined) continue
          for (const before of [Client.answered(message, { ok: [1] }), Client.consented(message, true)]) {
            const chunks = [
              ...Chunks.rebuilt({ ...before, parts: before.parts.map((part) => ({ ...part })) }),
              // The reader shows what it has.
              { type: "finish", messageMetadata: {} }
            ]
            const frames = Stream.make(chunks.map(Chunks.frame).join(""))
            const { errors, message: again } = yield* Client.show(Stream.encodeText(frames))
            assert.deepStrictEqual(errors, [])
            assert.deepStrictEqual(withoutRaw(again), withoutRaw(before))
          }
        }
      }).pipe(withSecret("a")),
    { arbitrary: { runs: 10 } }
  )

  it.live("makes the message of an answer that goes on whole again, with what came before", () =>
    ofServer(Effect.gen(function*() {
      for (const approved of [true, false]) {
        const { log, mails, post } = yield* loopServer(both, said)
        const asked = yield* shown(yield* post([Client.user("u1")]))
        assert.isDefined(asked)
        const consent = Client.consented(asked, approved)
        const done = yield* shown(yield* post([Client.user("u1"), consent]), consent)
        assert.strictEqual(done?.id, asked.id)
        assert.lengthOf(mails, approved ? 1 : 0)
        const again = yield* shown(yield* log.resume(chat, { ended: true }))
        assert.deepStrictEqual(withoutRaw(again), withoutRaw(done))
        assert.lengthOf(mails, approved ? 1 : 0)
        // And the history is one to go on with.
        const { prompt } = yield* posted([Client.user("u1"), again ?? asked, Client.user("u2")])
        assert.deepStrictEqual(prompt.content.map(({ role }) => role), [
          "user",
          "assistant",
          "tool",
          "assistant",
          "user"
        ])
      }
    })))

  it.live("stops an answer: nothing is left open, what it has used is told, and the provider hears of it", () =>
    ofServer(Effect.gen(function*() {
      const chunks = Answer.anthropic(
        Answer.make({
          content: "It is warm",
          toolCalls: [{ name: "weather", arguments: `{"city":"Rome"}` }],
          usage: { inputTokens: 7, outputTokens: 3 },
          model: "claude-haiku-4-5"
        })
      )
      const log = yield* StreamLog.make({ name: "none", stream: () => Stream.empty })
      for (let at = 1; at < chunks.length; at++) {
        const { log: chats, open, post } = yield* server([{ chunks: chunks.slice(0, at), hang: true }], "anthropic")
        const response = yield* post()
        yield* Effect.repeat(Effect.sync(() => open.now), { until: (open) => open === 1 })
        // What has come is what is stopped.
        yield* Effect.sleep("15 millis")
        yield* chats.stop(chat)
        const text = yield* textOf(response)
        assert.isTrue(text.endsWith(`data: {"type":"abort"}\n\ndata: [DONE]\n\n`), text)
        const { errors, message } = yield* Client.show(Stream.encodeText(Stream.make(text)))
        assert.deepStrictEqual([errors, Client.open(message)], [[], []])
        assert.deepStrictEqual(Client.tools(message).filter(({ state }) => state !== "output-error"), [])
        assert.deepNestedInclude(message, { "metadata.usage.inputTokens": 7, "metadata.model": "claude-haiku-4-5" })
        // 7 tokens at 1 USD for a million, and at most 3 at 5 USD.
        const { cost } = Object(message?.metadata)
        assert.isTrue(cost >= 7e-6 && cost <= 22e-6, cost)
        yield* Effect.repeat(Effect.sync(() => open.now), { until: (open) => open === 0, schedule: Schedule.spaced(1) })
        // All of it over again, and nothing runs.
        yield* chats.stop(chat)
        assert.strictEqual((yield* chats.resume(chat)).status, 204)
        assert.strictEqual(yield* textOf(yield* chats.resume(chat, { ended: true })), text)
        // And the user goes on.
        if (message !== undefined && message.parts.length > 0) {
          const { prompt } = yield* posted([Client.user("u1"), message, Client.user("u2")])
          assert.strictEqual(prompt.content.at(-1)?.role, "user")
        }
        yield* post()
        yield* chats.stop(chat)
      }
      const bills = yield* log.ledger({ user: "ann" })
      assert.lengthOf(bills, 2 * (chunks.length - 1))
      assert.isTrue(bills.every(({ end, unstated }) => end === "Cancelled" && unstated))
    })))

  it.live("has one answer of a chat at a time, and none for anybody else", () =>
    ofServer(Effect.gen(function*() {
      const { log, open, post, requests } = yield* server([{
        chunks: Answer.openai(Answer.make({ content: "Hello" })).slice(0, 2),
        hang: true
      }])
      const first = yield* post()
      yield* readUntil(first, "text-delta")
      const second = yield* post()
      yield* readUntil(second, "text-delta")
      assert.match(yield* textOf(first), /"type":"abort"/)
      assert.strictEqual(open.now, 1)
      for (const other of [{ id: "chat-2", user: "ann" }, { id: "chat-1", user: "bob" }]) {
        yield* log.stop(other)
        assert.strictEqual((yield* log.resume(other)).status, 204)
      }
      const again = yield* log.resume(chat)
      assert.strictEqual(again.status, 200)
      yield* log.stop(chat)
      assert.strictEqual(yield* textOf(again), yield* textOf(second))
      assert.lengthOf(yield* requests, 2)
    })))

  it.live("is read and stopped on any server of its store, and ends with the one that makes it", () =>
    ofServer(Effect.gen(function*() {
      const chunks = Answer.openai(Answer.make({ content: "Hello" })).slice(0, 2)
      const scope = yield* Scope.fork(yield* Effect.scope)
      const { open, post } = yield* server([{ chunks, hang: true }]).pipe(Scope.provide(scope))
      const other = yield* AiSdkLog.make()
      yield* readUntil(yield* post(), "Hello")
      const stopped = yield* other.resume(chat)
      yield* other.stop(chat)
      assert.match(yield* textOf(stopped), /Hello[^]*"type":"abort"/)
      yield* Effect.repeat(Effect.sync(() => open.now), { until: (open) => open === 0, schedule: Schedule.spaced(1) })
      const sent = yield* post()
      const read = yield* Effect.forkChild(textOf(sent))
      const resumed = yield* other.resume(chat)
      yield* readUntil(yield* other.resume(chat), "text-delta")
      yield* Scope.close(scope, Exit.void)
      const text = yield* textOf(resumed)
      assert.match(text, /"type":"text-end"[^]*\{"type":"error","errorText":"Interrupted"\}\n\ndata: \[DONE\]\n\n$/)
      assert.strictEqual(yield* Fiber.join(read), text)
    })))

  it.live("tells a failure as a server without a log does, and bills it", () =>
    ofServer(Effect.gen(function*() {
      const chunks = Answer.anthropic(Answer.make({ content: "Half", usage: { inputTokens: 7, outputTokens: 1 } }))
        .slice(0, -2)
      const { log, post } = yield* server([{ chunks, error: new ProviderError.RateLimited({ message: "sk-secret" }) }])
      const text = yield* textOf(yield* post())
      assert.match(text, /"type":"text-end"[^]*\{"type":"error","errorText":"RateLimited"\}\n\ndata: \[DONE\]\n\n$/)
      assert.notInclude(text, "secret")
      assert.strictEqual(yield* textOf(yield* log.resume(chat, { ended: true })), text)
      const bills = yield* StreamLog.make({
        name: "none",
        stream: () => Stream.empty
      })
      const [bill] = yield* bills.ledger({ user: "ann" })
      assert.deepInclude(bill, { end: "Failed", unstated: true })
      assert.strictEqual(bill?.usage?.inputTokens, 7)
    })))

  it.live("bills all responses of a loop together", () =>
    ofServer(Effect.gen(function*() {
      const usage = { inputTokens: 10, cachedTokens: 0, outputTokens: 2 }
      const { post } = yield* loopServer({ ...weather, usage }, { ...said, usage })
      const message = yield* shown(yield* post([Client.user("u1")]))
      assert.deepNestedInclude(message, { "metadata.usage.inputTokens": 20, "metadata.usage.outputTokens": 4 })
      const bills = yield* StreamLog.make({ name: "none", stream: () => Stream.empty })
      const [bill] = yield* bills.ledger({ user: "ann" })
      assert.deepInclude(bill, { end: "Done", unstated: false })
      assert.deepNestedInclude(bill, { "usage.inputTokens": 20, "usage.outputTokens": 4 })
    })))
})

/** The text of arguments is of no account once they are there. */
const withoutRaw = (message: UIMessage | undefined): unknown => ({
  ...message,
  parts: message?.parts.map((part) => ({ ...part, rawInput: undefined }))
})
