import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Deferred, Effect, Fiber, Layer, Option, Schema, Stream } from "effect"
import { type AiError, McpClient, McpProtocol, McpServer, Prompt, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { expectTypeOf } from "vitest"
import {
  AnthropicChunk,
  type ChatEvent,
  type ChatRequest,
  ChatResponse,
  type ChunkStream,
  FinishReason,
  type OpenAiChunk,
  type Pricing,
  type Provider,
  ProviderError,
  ServerSentEvents,
  ToolLoop
} from "../src/index.ts"
import { Answer, TestProvider } from "../src/testing.ts"
import * as NodeReplayServer from "../src/testing/NodeReplayServer.ts"
import { hosts } from "./support/providers.ts"
import * as Spans from "./support/tracer.ts"

class NoSuchCity extends Schema.TaggedError<NoSuchCity>()("NoSuchCity", { city: Schema.String }) {
  override get message() {
    return `There is no city ${this.city}`
  }
}

const toolkit = Toolkit.make(
  Tool.make("weather", {
    description: "Current weather of a city",
    parameters: Schema.Struct({ city: Schema.String }),
    success: Schema.Struct({ celsius: Schema.Finite }),
    failure: NoSuchCity
  })
)
const degrees: Readonly<Record<string, number>> = { Paris: 18, Rome: 21 }
const handlers = toolkit.toLayer({
  weather: ({ city }) => {
    const celsius = degrees[city]
    return celsius === undefined ? Effect.fail(new NoSuchCity({ city })) : Effect.succeed({ celsius })
  }
})

const usage = { inputTokens: 1000, cachedTokens: 0, outputTokens: 100 }
const call = (city: string) => ({ name: "weather", arguments: JSON.stringify({ city }) })
const model = "gpt-4o"
const both = Answer.make({ model, toolCalls: [call("Paris"), call("Rome")], usage })
const one = Answer.make({ model, toolCalls: [call("Paris")], usage })
const said = Answer.make({ model, content: "Rome is warmer.", usage })

const cut = { error: new ProviderError.IncompleteStream({ message: "The connection ended" }) }

/** A provider that gives the answers in turn. */
const answers = (...replies: ReadonlyArray<Answer.Answer | TestProvider.Reply<OpenAiChunk>>) =>
  TestProvider.layer((_, index) => {
    const reply = replies[Math.min(index, replies.length - 1)] ?? said
    return "pieces" in reply ? { chunks: Answer.openai(reply) } : reply
  })

const sent = Effect.flatMap(TestProvider.TestProvider, ({ requests }) => requests)

const messages = ({ prompt }: ChatRequest.ChatRequest): ReadonlyArray<Prompt.Message> => Prompt.make(prompt).content

/** The results that a request tells the model. */
const results = (request: ChatRequest.ChatRequest | undefined) =>
  (request === undefined ? [] : messages(request)).flatMap((message) =>
    message.role === "tool"
      ? message.content.flatMap((part) => part.type === "tool-result" ? [[part.result, part.isFailure]] : [])
      : []
  )

const tags = (events: ReadonlyArray<ToolLoop.Event>) => events.map(({ _tag }) => _tag)

/** The events until the end or the failure, and the failure. */
const collect = <E, R>(loop: Stream.Stream<ToolLoop.Event, E, R>) =>
  Effect.gen(function*() {
    const events: Array<ToolLoop.Event> = []
    const error = yield* loop.pipe(
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.match({ onFailure: (error) => error, onSuccess: () => undefined })
    )
    const last = events.at(-1)
    return { events, error, done: last?._tag === "Done" ? last : undefined }
  })

const request = { prompt: "How warm are Paris and Rome?", tools: toolkit }

for (const [id, { at, reply }] of Object.entries(hosts)) {
  describe(`ToolLoop over ${id}`, () => {
    it.live("runs parallel calls and tells the model their results", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([reply(both), reply(said)])
        const { text, ...done } = yield* ToolLoop.answer(ToolLoop.stream(request)).pipe(
          Effect.provide([handlers, at(server.url)])
        )
        assert.strictEqual(text, "Rome is warmer.")
        assert.deepStrictEqual([done.reason, done.steps, done.usage?.inputTokens], ["stop", 2, 2000])
        assert.deepStrictEqual(done.prompt.content.map(({ role }) => role), ["user", "assistant", "tool", "assistant"])
        // The server refuses what the provider would refuse.
        const [, second] = yield* server.requests
        assert.match(JSON.stringify(second?.body), /18.*21/)
      }))

    it.live("tells the model of a handler that fails, of a tool that is unknown, and of arguments that don't fit", () =>
      Effect.gen(function*() {
        const wrong = Answer.make({
          toolCalls: [call("Atlantis"), { name: "clock", arguments: "{}" }, {
            name: "weather",
            arguments: `{"town":1}`
          }]
        })
        const server = yield* NodeReplayServer.make([reply(wrong), reply(said)])
        const { done, events } = yield* collect(ToolLoop.stream(request, { failures: "return" })).pipe(
          Effect.provide([handlers, at(server.url)])
        )
        assert.strictEqual(done?.reason, "stop")
        const told = events.flatMap((event) => event._tag === "ToolResult" ? [event] : [])
        assert.isTrue(told.every(({ isFailure }) => isFailure))
        const texts = told.map(({ result }) => String(result)).toSorted()
        assert.match(texts.join("\n"), /There is no city Atlantis\nThere is no tool clock.*city: Missing key/s)
      }))

    it.live("tells the model of arguments that are JSON, but no object", () =>
      Effect.gen(function*() {
        const listed = Answer.make({
          toolCalls: [{ name: "weather", arguments: `["Paris"]` }, { name: "weather", arguments: `"Paris"` }]
        })
        const server = yield* NodeReplayServer.make([reply(listed), reply(said)])
        const { done, error, events } = yield* collect(ToolLoop.stream(request)).pipe(
          Effect.provide([handlers, at(server.url)])
        )
        assert.isUndefined(error)
        assert.strictEqual(done?.reason, "stop")
        const told = events.flatMap((event) => event._tag === "ToolResult" ? [event.isFailure] : [])
        assert.deepStrictEqual(told, [true, true])
        const [, second] = yield* server.requests
        assert.match(
          JSON.stringify(second?.body).replaceAll("\\", ""),
          /"INVALID_JSON":"\["Paris"\]".*"INVALID_JSON":""Paris""/
        )
      }))

    it.live("runs a tool that gives nothing, and what the loop came to can be stored and sent", () =>
      Effect.gen(function*() {
        const quiet = Toolkit.make(Tool.make("notify"))
        const server = yield* NodeReplayServer.make([
          reply(Answer.make({ toolCalls: [{ name: "notify", arguments: "{}" }] })),
          reply(said)
        ])
        const { done, events } = yield* collect(ToolLoop.stream({ prompt: "Tell them", tools: quiet })).pipe(
          Effect.provide([quiet.toLayer({ notify: () => Effect.void }), at(server.url)])
        )
        assert.strictEqual(done?.reason, "stop")
        const codec = Schema.toCodecJson(Schema.Array(ToolLoop.Event))
        const stored = yield* Schema.encodeEffect(codec)(events)
        const decoded = yield* Schema.decodeUnknownEffect(codec)(JSON.parse(JSON.stringify(stored)))
        assert.deepStrictEqual(tags(decoded), tags(events))
        const sent = yield* Stream.mkString(
          Stream.decodeText(ServerSentEvents.encode(Stream.fromIterable(events), { toolResults: true }))
        )
        assert.include(sent, `"result":null`)
      }))

    it.live("runs no tool of a response that was cut off, and says which call was", () =>
      Effect.gen(function*() {
        const cut = Answer.make({
          toolCalls: [call("Paris"), { name: "weather", arguments: `{"city":"Ro` }],
          finishReason: "length"
        })
        const server = yield* NodeReplayServer.make([reply(cut)])
        const { done, events } = yield* collect(ToolLoop.stream(request)).pipe(
          Effect.provide([handlers, at(server.url)])
        )
        assert.strictEqual(done?.reason, "length")
        const invalid = events.find((event) => event._tag === "InvalidToolCall")
        assert.deepInclude(invalid, { name: "weather", arguments: `{"city":"Ro`, problem: "incomplete", offset: 11 })
        assert.notInclude(JSON.stringify(events), "celsius")
      }))

    it.live("keeps what it has when a later response dies, and goes on from there", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          reply(one),
          reply(both),
          reply(said, { fault: { kind: "end", after: { events: 2 } } }),
          reply(said)
        ])
        const { error, events } = yield* collect(ToolLoop.stream(request)).pipe(
          Effect.provide([handlers, at(server.url)])
        )
        assert.strictEqual(ProviderError.isProviderError(error) && error.reason._tag, "IncompleteStream")
        const last = events.findLast((event) => event._tag === "Step")
        assert.isDefined(last)
        assert.strictEqual(last.steps, 2)
        const stored = yield* Schema.encodeEffect(Schema.toCodecJson(Prompt.Prompt))(last.prompt)
        const prompt = yield* Schema.decodeUnknownEffect(Schema.toCodecJson(Prompt.Prompt))(
          JSON.parse(JSON.stringify(stored))
        )
        const { text } = yield* ToolLoop.answer(ToolLoop.stream({ ...request, prompt })).pipe(
          Effect.provide([handlers, at(server.url)])
        )
        assert.strictEqual(text, "Rome is warmer.")
      }))

    it.live("waits for approval, and goes on in another process", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([reply(both), reply(said)])
        const { done, events } = yield* collect(
          ToolLoop.stream(request, { needsApproval: ({ params }) => JSON.stringify(params).includes("Rome") })
        ).pipe(Effect.provide([handlers, at(server.url)]))
        assert.isDefined(done)
        assert.strictEqual(done.reason, "approval")
        const asked = events.flatMap((event) => event._tag === "ToolApprovalRequest" ? [event] : [])
        assert.deepStrictEqual(asked.map(({ name, params }) => [name, params]), [["weather", { city: "Rome" }]])
        assert.lengthOf(events.filter(({ _tag }) => _tag === "ToolResult"), 1)

        const codec = Schema.toCodecJson(ToolLoop.Done)
        const json = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(done)))
        const stored = yield* Schema.decodeUnknownEffect(codec)(json)
        assert.deepStrictEqual(ToolLoop.pending(stored), asked)
        const from = ToolLoop.respond(
          stored,
          asked.map(({ approvalId }) => ({ approvalId, approved: true }))
        )
        assert.isEmpty(ToolLoop.pending(from))
        const { text } = yield* ToolLoop.answer(ToolLoop.stream({ ...request, from })).pipe(
          Effect.provide([handlers, at(server.url)])
        )
        assert.strictEqual(text, "Rome is warmer.")
        assert.match(JSON.stringify((yield* server.requests)[1]?.body), /18.*21/)
      }))

    it.live("goes on from what was stored, with its instructions, its steps and what it cost", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([reply(one), reply(one), reply(said)])
        const asking = { ...request, system: "Be brief." }
        const options = { needsApproval: () => true, maxSteps: 2 }
        const codec = Schema.toCodecJson(ToolLoop.Done)
        const loop = (from: ToolLoop.Done | undefined) =>
          Effect.gen(function*() {
            const json = from && JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(from)))
            const stored = json && (yield* Schema.decodeUnknownEffect(codec)(json))
            const waiting = stored === undefined ? [] : ToolLoop.pending(stored)
            return yield* collect(
              stored === undefined ? ToolLoop.stream(asking, options) : ToolLoop.stream({
                from: ToolLoop.respond(stored, waiting.map(({ approvalId }) => ({ approvalId, approved: true }))),
                tools: toolkit
              }, options)
            ).pipe(Effect.provide([handlers, at(server.url)]))
          })
        const { done: first } = yield* loop(undefined)
        const { done: second } = yield* loop(first)
        assert.deepStrictEqual([second?.reason, second?.steps, second?.usage?.inputTokens], ["approval", 2, 2000])
        const { done: third, events } = yield* loop(second)
        assert.deepStrictEqual([third?.reason, third?.steps, third?.usage], ["max_steps", 2, second?.usage])
        assert.deepStrictEqual(tags(events), ["ToolResult", "Step", "Done"])
        const requests = yield* server.requests
        assert.lengthOf(requests, 2)
        for (const { body } of requests) assert.include(JSON.stringify(body), "Be brief.")
      }))

    for (const mode of ["format", "tool", "instructions"] as const) {
      it.live(`ends in an object that grows: ${mode}`, () =>
        Effect.gen(function*() {
          const Forecast = Schema.Struct({ city: Schema.String, at: Schema.optionalKey(Schema.Date) })
          const stated = `{"city":"Rome","at":"2026-11-22T00:00:00.000Z"}`
          const last = mode === "tool"
            ? Answer.make({ model, toolCalls: [{ name: "response", arguments: stated }], usage })
            : Answer.make({ model, content: stated, usage })
          const server = yield* NodeReplayServer.make([reply(one), reply(last), reply(one), reply(last)])
          const prompt = "Which is warmer? Answer in JSON."
          const loop = ToolLoop.stream({ prompt, tools: toolkit, output: { schema: Forecast, mode } })
          const events = yield* Stream.runCollect(loop).pipe(Effect.provide([handlers, at(server.url)]))
          const partials = events.flatMap((event) => event._tag === "Partial" ? [event.value] : [])
          assert.deepStrictEqual(partials.at(-1), { city: "Rome" })
          assert.deepStrictEqual(events.slice(-3).map(({ _tag }) => _tag), ["Step", "Complete", "Done"])
          assert.lengthOf(events.filter(({ _tag }) => _tag === "ToolCall"), 1)
          const { reason, steps, value } = yield* Effect.provide(ToolLoop.answer(loop), [handlers, at(server.url)])
          assert.deepStrictEqual(value, { city: "Rome", at: new Date("2026-11-22") })
          assert.deepStrictEqual([reason, steps], ["stop", 2])
          expectTypeOf(value).toEqualTypeOf<typeof Forecast.Type | undefined>()
        }))

      it.live(`has its object repaired: ${mode}`, () =>
        Effect.gen(function*() {
          const schema = Schema.Struct({ city: Schema.String })
          const stating = (stated: string) =>
            reply(
              mode === "tool"
                ? Answer.make({ model, toolCalls: [{ name: "response", arguments: stated }], usage })
                : Answer.make({ model, content: stated, usage })
            )
          const server = yield* NodeReplayServer.make([
            reply(one),
            stating(`{"city":1}`),
            stating(`{"city":2}`),
            stating(`{"city":"Rome"}`)
          ])
          const prompt = "Which is warmer? Answer in JSON."
          const loop = ToolLoop.stream({ prompt, tools: toolkit, output: { schema, mode, repairs: 2 } })
          const events = yield* Stream.runCollect(loop).pipe(Effect.provide([handlers, at(server.url)]))
          assert.deepStrictEqual(
            events.flatMap((event) => event._tag === "Repair" ? [[event.attempt, event.error.reason._tag]] : []),
            [[1, "SchemaMismatch"], [2, "SchemaMismatch"]]
          )
          const [step, complete, done] = events.slice(-3)
          assert.deepStrictEqual(complete?._tag === "Complete" && complete.value, { city: "Rome" })
          assert.deepInclude(done, { _tag: "Done", reason: "stop", steps: 4 })
          assert.strictEqual(step?._tag === "Step" && step.usage?.inputTokens, 4 * usage.inputTokens)
          // The answer is sent back, with what is wrong with it.
          const { body } = yield* server.request(2)
          assert.include(JSON.stringify(body), "This is not the JSON that was asked for:")
          assert.include(JSON.stringify(body), "city: Expected string")
        }))
    }

    it.live("gives a handler its dates, also where the provider guarantees the arguments", () =>
      Effect.gen(function*() {
        for (const strict of [false, true]) {
          const booking = Toolkit.make(
            Tool.make("book", {
              parameters: Schema.Struct({ at: Schema.Date, until: Schema.optionalKey(Schema.Date) }),
              success: Schema.String
            }).annotate(Tool.Strict, strict)
          )
          const rewrites = strict && !["anthropic", "bedrock", "bedrock-invoke"].includes(id)
          const args = `{"at":"2026-11-22T00:00:00.000Z"${rewrites ? `,"until":null` : ""}}`
          const server = yield* NodeReplayServer.make([
            reply(Answer.make({ toolCalls: [{ name: "book", arguments: args }] })),
            reply(said)
          ])
          const { events } = yield* collect(ToolLoop.stream({ prompt: "Book it", tools: booking })).pipe(
            Effect.provide([
              booking.toLayer({ book: ({ at, until }) => Effect.succeed(`${at.getTime()} ${until}`) }),
              at(server.url)
            ])
          )
          const told = events.flatMap((event) => event._tag === "ToolResult" ? [event.result] : [])
          assert.deepStrictEqual(told, [`${Date.UTC(2026, 10, 22)} undefined`])
          const { body } = yield* server.request(0)
          assert.strictEqual(JSON.stringify(body).includes(`"strict":true`), strict)
        }
      }))

    it.live("keeps to a budget over all responses", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([reply(both)])
        const { error, events } = yield* collect(ToolLoop.stream(request, { budget: "0.000001" })).pipe(
          Effect.provide([handlers, at(server.url)])
        )
        assert.include(["BudgetExceeded", "UnknownModel"], error?._tag)
        assert.notInclude(tags(events), "ToolResult")
        assert.lengthOf(yield* server.requests, 1)
      }))
  })
}

describe("ToolLoop", () => {
  it.effect("streams everything, in order: each response, its results, the step, and the end", () =>
    Effect.gen(function*() {
      const { events } = yield* collect(ToolLoop.stream(request))
      const [first] = events
      assert.deepInclude(first, { _tag: "ToolCallStart", name: "weather", providerExecuted: false })
      assert.deepStrictEqual(
        tags(events).filter((tag, index, all) => tag !== all[index - 1] && tag !== "ToolCallDelta"),
        ["ToolCallStart", "ToolCall", "Finish", "ToolResult", "Step", "Text", "Finish", "Step", "Done"]
      )
      const partials = events.flatMap((event) => event._tag === "ToolCallDelta" ? [event.partial] : [])
      assert.deepStrictEqual(partials, [{}, { city: "Paris" }])
    }).pipe(Effect.provide([handlers, answers(one, said)])))

  it.effect("sends the model what a tool makes of its result for it, and tells the program the result", () =>
    Effect.gen(function*() {
      const tools = Toolkit.make(Tool.make("weather", {
        parameters: Schema.Struct({ city: Schema.String }),
        success: Schema.Finite,
        toModelOutput: (celsius) => [Prompt.textPart({ text: `${celsius} °C` })]
      }))
      const { events } = yield* collect(ToolLoop.stream({ prompt: "Look", tools })).pipe(
        Effect.provide(tools.toLayer({ weather: () => Effect.succeed(18) }))
      )
      assert.deepStrictEqual(events.flatMap((event) => event._tag === "ToolResult" ? [event.result] : []), [18])
      const [, second] = yield* sent
      const parts = second === undefined ? [] : messages(second).flatMap(({ content }) => [...content])
      assert.deepStrictEqual(
        parts.flatMap((part) => typeof part === "object" && part.type === "tool-result" ? [part.modelOutput] : []),
        [[Prompt.textPart({ text: "18 °C" })]]
      )
    }).pipe(Effect.provide(answers(one, said))))

  it.effect("sums usage and cost over the steps, exactly", () =>
    Effect.gen(function*() {
      const { done, events } = yield* collect(ToolLoop.stream(request))
      // 1000 × 2.50 + 100 × 10 USD per million, twice
      assert.strictEqual(done?.cost && BigDecimal.format(done.cost.total), "0.007")
      assert.deepInclude(done?.usage, { inputTokens: 2000, outputTokens: 200 })
      const steps = events.flatMap((event) => event._tag === "Step" ? [event.usage?.outputTokens] : [])
      assert.deepStrictEqual(steps, [100, 200])
    }).pipe(Effect.provide([handlers, answers(one, said)])))

  it.effect("fails with what a handler fails with, unless the tool or the loop says otherwise", () =>
    Effect.gen(function*() {
      const { error } = yield* collect(ToolLoop.stream(request))
      assert.deepStrictEqual(error, new NoSuchCity({ city: "Atlantis" }))
    }).pipe(Effect.provide([handlers, answers(Answer.make({ toolCalls: [call("Atlantis")] }), said)])))

  it.effect("tells the model what a handler fails with in the failure's own words, or by its tag", () =>
    Effect.gen(function*() {
      const failures: ReadonlyArray<readonly [failure: unknown, told: string]> = [
        [new Error("the disk is full"), "the disk is full"],
        [{ message: "no such file", _tag: "NotFound" }, "no such file"],
        [{ message: "", _tag: "NotFound" }, "NotFound"],
        [{ message: 1, _tag: "NotFound" }, "NotFound"],
        [{ _tag: "NotFound" }, "NotFound"],
        [{ _tag: 1 }, "The tool failed"],
        ["too late", "too late"],
        [null, "The tool failed"],
        [404, "The tool failed"]
      ]
      const tools = Toolkit.make(Tool.make("run", {
        parameters: Schema.Struct({ at: Schema.Natural }),
        success: Schema.Null,
        failure: Schema.Unknown
      }))
      const { events } = yield* collect(ToolLoop.stream({ prompt: "Run", tools }, { failures: "return" })).pipe(
        Effect.provide([
          tools.toLayer({ run: ({ at }) => Effect.fail(failures[at]?.[0]) }),
          answers(
            Answer.make({ toolCalls: failures.map((_, at) => ({ name: "run", arguments: JSON.stringify({ at }) })) }),
            said
          )
        ])
      )
      const told = new Map(events.flatMap((event) => event._tag === "ToolResult" ? [[event.id, event] as const] : []))
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "ToolCall" ? [told.get(event.id)?.result] : []),
        failures.map(([, told]) => told)
      )
      assert.isTrue([...told.values()].every(({ isFailure, preliminary }) => isFailure && !preliminary))
    }))

  it.effect("fails with BudgetExceeded as soon as the steps together cost too much", () =>
    Effect.gen(function*() {
      const { error, events } = yield* collect(ToolLoop.stream(request, { budget: "0.0069" }))
      assert.strictEqual(error?._tag, "BudgetExceeded")
      assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "Step").length, 1)
      assert.include(error?.message, "0.007 USD, more than the budget of 0.0069 USD")
    }).pipe(Effect.provide([handlers, answers(one, said)])))

  it.effect("tells the model where arguments stop being JSON, and sends them back as they came", () =>
    Effect.gen(function*() {
      const { done } = yield* collect(ToolLoop.stream(request))
      assert.strictEqual(done?.reason, "stop")
      const [, second] = yield* sent
      assert.deepStrictEqual(results(second), [["This is not JSON, at character 9 of the arguments", true]])
      assert.include(JSON.stringify(second?.prompt), JSON.stringify({ INVALID_JSON: `{"city": Paris}` }))
    }).pipe(
      Effect.provide([
        handlers,
        answers(Answer.make({ toolCalls: [{ name: "weather", arguments: `{"city": Paris}` }] }), said)
      ])
    ))

  it("ends for a reason that can be stored", () => {
    const reasons = ["approval", "max_steps", "stop_when", ...FinishReason.FinishReason.literals]
    assert.sameMembers([...ToolLoop.DoneReason.literals], reasons)
    assert.deepStrictEqual(["", "another"].map(Schema.is(ToolLoop.DoneReason)), [false, false])
  })

  it.effect("ends after maxSteps responses, with the results of the last one in the conversation", () =>
    Effect.gen(function*() {
      const { done } = yield* collect(ToolLoop.stream(request, { maxSteps: 3 }))
      assert.deepStrictEqual([done?.reason, done?.steps], ["max_steps", 3])
      assert.strictEqual(done?.prompt.content.at(-1)?.role, "tool")
      assert.lengthOf(yield* sent, 3)
    }).pipe(Effect.provide([handlers, answers(one)])))

  it.effect("ends when stopWhen says so", () =>
    Effect.gen(function*() {
      const { done } = yield* collect(
        ToolLoop.stream(request, { stopWhen: (_, response) => response.toolCalls.length === 2 })
      )
      assert.deepStrictEqual([done?.reason, done?.steps], ["stop_when", 2])
    }).pipe(Effect.provide([handlers, answers(one, both, said)])))

  const broken = () => {
    throw new Error("not to be shown")
  }

  for (
    const [name, options] of Object.entries<ToolLoop.Options<typeof toolkit.tools>>({
      stopWhen: { stopWhen: broken },
      prepareStep: { prepareStep: ({ steps }) => steps === 0 ? {} : broken() }
    })
  ) {
    it.effect(`fails by a ${name} that throws after the step that can be gone on from, and tells what was spent`, () =>
      Effect.gen(function*() {
        const { error, events } = yield* collect(ToolLoop.stream(request, options))
        assert.strictEqual(events.at(-1)?._tag, "Step")
        assert(ProviderError.isProviderError(error))
        assert.strictEqual(
          error.reason.message,
          `\`${name}\` has to be a ${name === "stopWhen" ? "predicate" : "function"}, but it threw`
        )
        assert.strictEqual(error.spent?.usage.inputTokens, 1000)
      }).pipe(Effect.provide([handlers, answers(one, said)])))
  }

  it.effect("has a call wait for approval where its tool can't say whether it has to", () =>
    Effect.gen(function*() {
      const tool = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), needsApproval: broken })
      const careful = Toolkit.make(tool)
      const { done } = yield* collect(ToolLoop.stream({ ...request, tools: careful })).pipe(
        Effect.provide(careful.toLayer({ weather: () => Effect.die("not approved") }))
      )
      assert.strictEqual(done?.reason, "approval")
    }).pipe(Effect.provide(answers(one))))

  it.effect("changes the request of a step, and forces a call in the first only", () =>
    Effect.gen(function*() {
      yield* collect(
        ToolLoop.stream({ ...request, toolChoice: "required", temperature: 0 }, {
          prepareStep: ({ steps }) =>
            Effect.succeed(steps === 0 ? {} : { model: "small", tools: [], sent: Prompt.make("Short") })
        })
      )
      const [first, second] = yield* sent
      assert.deepInclude(first, { toolChoice: "required", temperature: 0 })
      assert.notProperty(second, "toolChoice")
      assert.deepInclude(second, { model: "small", temperature: 0, tools: [] })
      assert.lengthOf(second === undefined ? [] : messages(second), 1)
    }).pipe(Effect.provide([handlers, answers(one, said)])))

  it.effect("forces no call after one has been answered, in this loop or before it", () =>
    Effect.gen(function*() {
      const forced = { ...request, toolChoice: "required" as const }
      yield* collect(ToolLoop.stream(forced, {
        prepareStep: ({ steps }) => ({ prompt: steps === 1 ? Prompt.make("In short") : undefined })
      }))
      const { done } = yield* collect(ToolLoop.stream(forced, { maxSteps: 1 }))
      assert.isDefined(done)
      yield* collect(ToolLoop.stream({ ...forced, prompt: done.prompt }))
      assert.deepStrictEqual((yield* sent).map(({ toolChoice }) => toolChoice), [
        "required",
        undefined,
        "required",
        undefined
      ])
    }).pipe(Effect.provide([handlers, answers(one, said, one, said)])))

  it.effect("goes on with the conversation that a step replaced, and says so", () =>
    Effect.gen(function*() {
      const { done, events } = yield* collect(
        ToolLoop.stream(request, {
          prepareStep: ({ prompt, steps }) => ({
            prompt: steps === 2 ? Prompt.fromMessages(prompt.content.slice(-2)) : undefined
          })
        })
      )
      const requests = yield* sent
      assert.deepStrictEqual(requests.map((request) => messages(request).length), [1, 3, 2, 4])
      const steps = events.flatMap((event) => event._tag === "Step" ? [event.replaced] : [])
      assert.deepStrictEqual(steps, [undefined, undefined, true, undefined])
      assert.lengthOf(done?.prompt.content ?? [], 5)
    }).pipe(Effect.provide([handlers, answers(one, one, one, said)])))

  it.effect("holds a budget over what was spent before it went on, and refuses what is no state", () =>
    Effect.gen(function*() {
      const { done } = yield* collect(ToolLoop.stream(request, { maxSteps: 1 }))
      assert.isDefined(done)
      const goOn = (from: ToolLoop.State, budget: string) =>
        Effect.map(collect(ToolLoop.stream({ ...request, from }, { budget })), ({ error }) => error)
      assert.strictEqual((yield* goOn(done, "0.0069"))?._tag, "BudgetExceeded")
      assert.lengthOf(yield* sent, 2)
      assert.strictEqual((yield* goOn(done, "0.003"))?._tag, "BudgetExceeded")
      const { cost: _, ...unpriced } = done
      assert.strictEqual((yield* goOn(unpriced, "1"))?._tag, "UsageMissing")
      assert.lengthOf(yield* sent, 2)
      assert.isUndefined(yield* goOn(done, "0.007"))
      const wrong = JSON.parse(`{"steps":1}`)
      assert.include(String(yield* goOn(wrong, "1")), "`from` has to be a Step or a Done")
    }).pipe(Effect.provide([handlers, answers(one, said)])))

  it.effect("fails with what is wrong with its object after the step, and ends without one when cut short", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({ city: Schema.String })
      const run = (last: Answer.Answer) =>
        Effect.gen(function*() {
          const seen: Array<string> = []
          const error = yield* ToolLoop.stream({ ...request, output: schema }).pipe(
            Stream.runForEach(({ _tag }) => Effect.sync(() => seen.push(_tag))),
            Effect.flip
          )
          return [error._tag === "ObjectError" ? error.reason._tag : error._tag, seen.at(-1)]
        }).pipe(Effect.provide([handlers, answers(one, last)]))
      assert.deepStrictEqual(yield* run(said), ["InvalidJson", "Step"])
      assert.deepStrictEqual(yield* run(Answer.make({ content: `{"city":1}` })), ["SchemaMismatch", "Step"])
      assert.deepStrictEqual(yield* run(Answer.make({ content: `{"ci`, finishReason: "length" })), [
        "LengthLimit",
        "Step"
      ])
      const { value } = yield* ToolLoop.answer(ToolLoop.stream({ ...request, output: schema }, { maxSteps: 1 })).pipe(
        Effect.provide([handlers, answers(one)])
      )
      assert.isUndefined(value)
    }))

  it.effect("repairs its object within its limits, and then fails with all answers", () =>
    Effect.gen(function*() {
      const wrong = Answer.make({ content: `{"city":1}`, model, usage })
      const cut = Answer.make({ content: `{"ci`, finishReason: "length" })
      const run = (repairs: number, options: { readonly maxSteps?: number; readonly budget?: string }, last = wrong) =>
        Effect.gen(function*() {
          const output = { schema: Schema.Struct({ city: Schema.String }), repairs }
          const error = yield* Effect.flip(Stream.runDrain(ToolLoop.stream({ ...request, output }, options)))
          return error._tag === "ObjectError" ? [error.reason._tag, error.earlier?.length] : [error._tag, error.message]
        }).pipe(Effect.provide([handlers, answers(wrong, last)]))
      assert.deepStrictEqual(yield* run(3, {}), ["SchemaMismatch", 3])
      assert.deepStrictEqual(yield* run(3, { maxSteps: 2 }), ["SchemaMismatch", 1])
      assert.deepStrictEqual(yield* run(3, {}, cut), ["LengthLimit", 1])
      assert.strictEqual((yield* run(3, { budget: "0.005" }))[0], "BudgetExceeded")
      assert.include(String((yield* run(NaN, {}))[1]), "output.repairs")
    }))

  it.effect("runs no tool that is called beside the answer, and can go on after it", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({ city: Schema.String })
      const { events, done } = yield* collect(
        Stream.filter(
          ToolLoop.stream({ ...request, output: { schema, mode: "tool", name: "answer" } }),
          (event): event is ToolLoop.Event =>
            event._tag !== "Partial" && event._tag !== "Complete" && event._tag !== "Repair"
        )
      )
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "ToolResult" ? [event.result] : []),
        ["The tool did not run, as the answer came with its call"]
      )
      assert.strictEqual(done?.reason, "stop")
      const told = done?.prompt.content.at(-1)
      const failures = told?.role === "tool"
        ? told.content.flatMap((part) => part.type === "tool-result" ? [[part.name, part.isFailure] as const] : [])
        : []
      assert.sameDeepMembers(failures, [["weather", true], ["answer", false]])
    }).pipe(Effect.provide([
      handlers,
      answers(Answer.make({ toolCalls: [call("Paris"), { name: "answer", arguments: `{"city":"Rome"}` }] }))
    ])))

  it.effect("shows no call that is the answer, also where its arguments are broken", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const output = { schema: Schema.Struct({ city: Schema.String }), mode: "tool", name: "answer" } as const
      const error = yield* ToolLoop.stream({ ...request, output }).pipe(
        Stream.runForEach(({ _tag }) => Effect.sync(() => seen.push(_tag))),
        Effect.flip
      )
      assert.strictEqual(error._tag === "ObjectError" && error.reason._tag, "InvalidJson")
      assert.deepStrictEqual(seen.filter((tag) => tag.includes("ToolCall")), [])
    }).pipe(
      Effect.provide([handlers, answers(Answer.make({ toolCalls: [{ name: "answer", arguments: `{"city":]` }] }))])
    ))

  it("asks for what a provider keeps, whose call is not in the conversation", () => {
    const prompt = Prompt.fromMessages([
      Prompt.userMessage({ content: [Prompt.textPart({ text: "Look" })] }),
      Prompt.assistantMessage({ content: [Prompt.toolApprovalRequestPart({ approvalId: "a1", toolCallId: "kept" })] })
    ])
    assert.deepStrictEqual(ToolLoop.pending({ prompt }), [
      { _tag: "ToolApprovalRequest", approvalId: "a1", toolCallId: "kept", params: null, providerExecuted: true }
    ])
  })

  it.effect("goes by the first answer to a request for approval", () =>
    Effect.gen(function*() {
      const { done } = yield* collect(ToolLoop.stream(request, { needsApproval: () => true }))
      assert(done !== undefined)
      const answered = (approved: boolean, from: ToolLoop.State) =>
        ToolLoop.respond(from, ToolLoop.pending(done).map(({ approvalId }) => ({ approvalId, approved })))
      for (const first of [true, false]) {
        const later = answered(!first, done).prompt.content.slice(-1)
        const from = answered(first, done)
        const prompt = Prompt.fromMessages([...from.prompt.content, ...later])
        const { events } = yield* collect(ToolLoop.stream({ from: { ...from, prompt }, tools: toolkit }))
        const results = events.flatMap((event) => event._tag === "ToolResult" ? [event.isFailure] : [])
        assert.deepStrictEqual(results, [!first])
      }
    }).pipe(Effect.provide([handlers, answers(one, said)])))

  it.effect("reads arguments once, however many members of a union they nearly fit", () =>
    Effect.gen(function*() {
      let looks = 0
      const Counted = Schema.String.check(Schema.makeFilter(() => {
        looks++
        return true
      }))
      interface Tree {
        readonly name: string
        readonly child?: Tree
      }
      const Tree: Schema.Codec<Tree> = Schema.Union([1, 2, 3].map((size) =>
        Schema.Struct({
          name: Counted,
          child: Schema.optionalKey(Schema.suspend((): Schema.Codec<Tree> => Tree)),
          [`only${size}`]: size === 3 ? Schema.optionalKey(Schema.String) : Schema.String
        })
      ))
      const grow = Toolkit.make(
        Tool.make("grow", { parameters: Schema.Struct({ tree: Tree }), success: Schema.String })
      )
      const nested = (depth: number, leaf: unknown): unknown =>
        depth === 0 ? leaf : { name: "x", child: nested(depth - 1, leaf) }
      const run = (depth: number, leaf: unknown) =>
        Effect.gen(function*() {
          looks = 0
          const args = JSON.stringify({ tree: nested(depth, leaf) })
          const { events } = yield* collect(ToolLoop.stream({ prompt: "Grow", tools: grow })).pipe(
            Effect.provide([
              grow.toLayer({ grow: () => Effect.succeed("grown") }),
              answers(Answer.make({ toolCalls: [{ name: "grow", arguments: args }] }), said)
            ])
          )
          return events.flatMap((event) => event._tag === "ToolResult" ? [event.isFailure] : []).concat(
            looks > 4 * (depth + 1)
          )
        })
      for (const depth of [4, 40, 400]) {
        assert.deepStrictEqual(yield* run(depth, { name: "leaf" }), [false, false])
        assert.deepStrictEqual(yield* run(depth, { name: 1 }), [true, false])
      }
    }))

  it.effect("leaves as it is what a step does not set", () =>
    Effect.gen(function*() {
      yield* collect(
        ToolLoop.stream({ ...request, model: "large", temperature: 0 }, {
          prepareStep: ({ steps }) => ({ model: steps === 0 ? undefined : "small", temperature: undefined })
        })
      )
      const requests = yield* sent
      assert.deepStrictEqual(requests.map(({ model, temperature }) => [model, temperature]), [["large", 0], [
        "small",
        0
      ]])
    }).pipe(Effect.provide([handlers, answers(one, said)])))

  it("fails with no more than its tools and its options can", () => {
    type Always = ProviderError.ProviderError | AiError.AiError
    type OverBudget = ChunkStream.BudgetExceeded | Pricing.UnknownModel | ToolLoop.UsageMissing
    const loop = ToolLoop.stream(request)
    expectTypeOf<Stream.Error<typeof loop>>().toEqualTypeOf<Always | NoSuchCity>()
    expectTypeOf<Stream.Services<typeof loop>>().toEqualTypeOf<Provider.Provider | Tool.Handler<"weather">>()
    const returning = ToolLoop.stream(request, { failures: "return", maxSteps: 3 })
    expectTypeOf<Stream.Error<typeof returning>>().toEqualTypeOf<Always>()
    const maybe: { readonly budget?: string | undefined; readonly failures?: "return" | "tool" | undefined } = {}
    const limited = ToolLoop.stream(request, { failures: "return", budget: maybe.budget })
    expectTypeOf<Stream.Error<typeof limited>>().toEqualTypeOf<Always | OverBudget>()
    const unknown = ToolLoop.stream(request, maybe)
    expectTypeOf<Stream.Error<typeof unknown>>().toEqualTypeOf<Always | OverBudget | NoSuchCity>()
    const prepared = ToolLoop.stream(request, { prepareStep: () => Effect.fail("no step") })
    expectTypeOf<Stream.Error<typeof prepared>>().toEqualTypeOf<Always | NoSuchCity | string>()
  })

  it.effect("runs no tool that the step does not offer", () =>
    Effect.gen(function*() {
      const { done } = yield* collect(ToolLoop.stream(request, { prepareStep: () => ({ tools: [] }) }))
      assert.strictEqual(done?.reason, "stop")
      const [, second] = yield* sent
      assert.deepStrictEqual(results(second), [["There is no tool weather", true]])
    }).pipe(Effect.provide([handlers, answers(one, said)])))

  it.effect("states no cost as soon as that of one response is not known, and can then keep to no budget", () =>
    Effect.gen(function*() {
      const unpriced = Answer.make({ model, toolCalls: [call("Paris")] })
      const run = (options: ToolLoop.Options<Toolkit.Tools<typeof toolkit>>) =>
        collect(ToolLoop.stream(request, options)).pipe(
          Effect.provide([handlers, answers(one, unpriced, said)])
        )
      const { events } = yield* run({})
      const costs = events.flatMap((event) =>
        event._tag === "Step" || event._tag === "Done"
          ? [event.cost === undefined ? undefined : BigDecimal.format(event.cost.total)]
          : []
      )
      assert.deepStrictEqual(costs, ["0.0035", undefined, undefined, undefined])
      const { error } = yield* run({ budget: "1" })
      assert.strictEqual(error?._tag, "UsageMissing")
      assert.include(String(error), "Response 2 states no usage")
    }).pipe(Effect.provide(handlers)))

  it.effect("says with the provider's error what all responses used, also the one that was cut off", () =>
    Effect.gen(function*() {
      const run = (last: TestProvider.Reply<OpenAiChunk>) =>
        Effect.map(
          Effect.flip(ToolLoop.answer(ToolLoop.stream(request))),
          (error) => ProviderError.isProviderError(error) ? error.spent : undefined
        ).pipe(Effect.provide([handlers, answers(one, last)]))
      const late = yield* run({ ...cut, chunks: Answer.openai(said) })
      assert.deepStrictEqual(late?.usage.inputTokens, 2000)
      assert.strictEqual(late?.cost === undefined ? undefined : BigDecimal.format(late.cost), "0.007")
      const early = yield* run({ ...cut, chunks: Answer.openai(said).slice(0, 1) })
      assert.deepStrictEqual(early?.usage.inputTokens, 1000)
      assert.isUndefined(early?.cost)
      const refused = yield* run(cut)
      assert.strictEqual(refused?.cost === undefined ? undefined : BigDecimal.format(refused.cost), "0.0035")
    }))

  it.effect("fails with a response that is larger than may be, and runs no tool of it", () =>
    Effect.gen(function*() {
      const { error, events } = yield* collect(ToolLoop.stream(request)).pipe(
        Effect.provideService(ChatResponse.MaxSize, 30)
      )
      assert.strictEqual(ProviderError.isProviderError(error) && error.reason._tag, "MalformedEvent")
      assert.notInclude(tags(events), "ToolResult")
    }).pipe(Effect.provide([handlers, answers(both, said)])))

  it.effect("runs at most as many handlers at the same time as it may", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const counted = toolkit.toLayer({
        weather: () =>
          Effect.sync(() => {
            most = Math.max(most, ++running)
          }).pipe(
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(Effect.sync(() => {
              running--
              return { celsius: 0 }
            }))
          )
      })
      const many = Answer.make({ toolCalls: Array.from({ length: 8 }, () => call("Paris")) })
      const run = (concurrency: number) =>
        collect(ToolLoop.stream(request, { concurrency })).pipe(Effect.provide([counted, answers(many, said)]))
      yield* run(1)
      assert.strictEqual(most, 1)
      most = 0
      const { events } = yield* run(3)
      assert.strictEqual(most, 3)
      assert.lengthOf(events.filter(({ _tag }) => _tag === "ToolResult"), 8)
    }))

  it.effect("stops the handlers when it is interrupted", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      let running = 0
      let stopped = 0
      const slow = toolkit.toLayer({
        weather: () =>
          Effect.suspend(() => ++running === 2 ? Deferred.succeed(started, undefined) : Effect.void).pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => Effect.sync(() => stopped++))
          )
      })
      const fiber = yield* collect(ToolLoop.stream(request)).pipe(
        Effect.provide([slow, answers(both)]),
        Effect.forkChild({ startImmediately: true })
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(stopped, 2)
    }))

  it.effect("gives progress of a handler as preliminary results, and tells the model the last one", () =>
    Effect.gen(function*() {
      const { events } = yield* collect(ToolLoop.stream(request))
      const told = events.flatMap((event) => event._tag === "ToolResult" ? [[event.result, event.preliminary]] : [])
      assert.deepStrictEqual(told, [[{ celsius: 1 }, true], [{ celsius: 2 }, false]])
      const [, second] = yield* sent
      assert.deepStrictEqual(results(second), [[{ celsius: 2 }, false]])
    }).pipe(
      Effect.provide([
        toolkit.toLayer({
          weather: (_, { preliminary }) => Effect.as(preliminary({ celsius: 1 }), { celsius: 2 })
        }),
        answers(one, said)
      ])
    ))

  it.effect("asks for approval where the tool does, and tells the model what was denied", () =>
    Effect.gen(function*() {
      const careful = Toolkit.make(
        Tool.make("weather", {
          parameters: Schema.Struct({ city: Schema.String }),
          success: Schema.Struct({ celsius: Schema.Finite }),
          needsApproval: ({ city }) => Effect.succeed(city === "Rome")
        })
      )
      const live = careful.toLayer({ weather: () => Effect.succeed({ celsius: 18 }) })
      const { done } = yield* collect(ToolLoop.stream({ ...request, tools: careful })).pipe(Effect.provide(live))
      assert.strictEqual(done?.reason, "approval")
      const waiting = done?.prompt ?? Prompt.empty

      const approvalId = waiting.content.flatMap((message) =>
        message.role === "assistant"
          ? message.content.flatMap((part) => part.type === "tool-approval-request" ? [part.approvalId] : [])
          : []
      ).join()
      const unanswered = yield* collect(ToolLoop.stream({ prompt: waiting, tools: careful })).pipe(Effect.provide(live))
      assert.include(String(unanswered.error), `the approval request ${approvalId} has no response`)

      const { prompt } = ToolLoop.respond({ prompt: waiting }, [{ approvalId, approved: false, reason: "too hot" }])
      const { done: end } = yield* collect(ToolLoop.stream({ prompt, tools: careful })).pipe(Effect.provide(live))
      assert.strictEqual(end?.reason, "stop")
      const [, second] = yield* sent
      assert.deepStrictEqual(results(second), [
        [{ celsius: 18 }, false],
        [{ type: "execution-denied", reason: "too hot" }, true]
      ])
      assert.notInclude(JSON.stringify(second?.prompt), "approval")
    }).pipe(Effect.provide(answers(both, said))))

  it.effect("keeps the results of tools that were approved, should the response after them fail", () =>
    Effect.gen(function*() {
      let runs = 0
      const counted = toolkit.toLayer({ weather: () => Effect.sync(() => ({ celsius: ++runs })) })
      const run = (prompt: Prompt.RawInput) =>
        collect(ToolLoop.stream({ ...request, prompt }, { needsApproval: () => true })).pipe(Effect.provide(counted))
      const { done, events } = yield* run("How warm is Paris?")
      const responses = events.flatMap((event) =>
        event._tag === "ToolApprovalRequest" ? [{ approvalId: event.approvalId, approved: true }] : []
      )
      const failed = yield* run(ToolLoop.respond({ prompt: done?.prompt ?? Prompt.empty }, responses).prompt)
      assert.isTrue(ProviderError.isProviderError(failed.error))
      const last = failed.events.findLast((event) => event._tag === "Step")
      assert.deepStrictEqual([last?.steps, last?.usage, last?.cost], [0, undefined, undefined])
      const again = yield* run(last?.prompt ?? Prompt.empty)
      assert.strictEqual(again.done?.reason, "stop")
      assert.strictEqual(runs, 1)
      assert.deepStrictEqual(results((yield* sent).at(-1)), [[{ celsius: 1 }, false]])
    }).pipe(Effect.provide(answers(one, cut, said))))

  it.effect("continues a response that the provider paused", () =>
    Effect.gen(function*() {
      const { done } = yield* collect(ToolLoop.stream(request))
      assert.deepStrictEqual([done?.reason, done?.steps], ["stop", 2])
      const [, second] = yield* sent
      assert.deepStrictEqual((second === undefined ? [] : messages(second)).map(({ role }) => role), [
        "user",
        "assistant"
      ])
    }).pipe(
      Effect.provide([
        handlers,
        TestProvider.layer((_, index) => ({
          chunks: Answer.anthropic(Answer.make({ content: "Wait.", finishReason: "stop" })).map((chunk) =>
            index === 0 && chunk.chunk.type === "message_delta"
              ? new AnthropicChunk({
                chunk: { ...chunk.chunk, delta: { ...chunk.chunk.delta, stop_reason: "pause_turn" } }
              })
              : chunk
          )
        }))
      ])
    ))

  it.effect("knows the result of a provider's tool that was called before the pause", () =>
    Effect.gen(function*() {
      const { done, events } = yield* collect(ToolLoop.stream(request))
      const ids = events.flatMap((event) => event._tag === "ToolCall" || event._tag === "ToolResult" ? [event.id] : [])
      assert.deepStrictEqual(ids, ["srvtoolu_1", "srvtoolu_1"])
      const parts = (done?.prompt.content ?? []).flatMap((message) =>
        message.role === "assistant"
          ? message.content.flatMap((part) =>
            part.type === "tool-call" || part.type === "tool-result" ? [[part.type, part.id]] : []
          )
          : []
      )
      assert.deepStrictEqual(parts, [["tool-call", "srvtoolu_1"], ["tool-result", "srvtoolu_1"]])
    }).pipe(Effect.provide([
      handlers,
      TestProvider.layer((_, index) => ({
        chunks: ([
          {
            type: "message_start",
            message: { id: `msg_${index}`, model: "claude-sonnet-4-5", usage: { input_tokens: 1, output_tokens: 1 } }
          },
          {
            type: "content_block_start",
            index: 0,
            content_block: index === 0
              ? { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} }
              : { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] }
          },
          ...(index === 0
            ? [{
              type: "content_block_delta" as const,
              index: 0,
              delta: { type: "input_json_delta" as const, partial_json: `{"query":"weather"}` }
            }]
            : []),
          { type: "content_block_stop", index: 0 },
          { type: "message_delta", delta: { stop_reason: index === 0 ? "pause_turn" : "end_turn" } },
          { type: "message_stop" }
        ] satisfies ReadonlyArray<AnthropicChunk["chunk"]>).map((chunk) => new AnthropicChunk({ chunk }))
      }))
    ])))

  it.live("runs the tools of an MCP server, and tells the model what they fail with", () =>
    Effect.gen(function*() {
      const server = yield* Layer.build(
        HttpRouter.serve(
          McpServer.layerHttp({
            name: "weather",
            version: "1.0.0",
            path: "/mcp",
            protocols: [McpProtocol.v2026_07_28],
            registrations: Layer.provide(McpServer.toolkit(toolkit), handlers)
          }),
          { disableLogger: true, disableListenLog: true }
        ).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })))
      )
      const { address } = yield* Effect.provide(HttpServer.HttpServer, server)
      const { done, events } = yield* collect(
        Stream.unwrap(Effect.gen(function*() {
          const client = yield* McpClient.McpClient
          const tools = yield* McpClient.toolkit(client)
          return ToolLoop.stream({ prompt: "How warm is Paris?", tools }, { failures: "return" })
        }))
      ).pipe(
        Effect.provide(
          McpClient.layerHttp({
            name: "test",
            version: "1.0.0",
            protocol: McpProtocol.v2026_07_28,
            url: `${HttpServer.formatAddress(address)}/mcp`
          }).pipe(Layer.provide(FetchHttpClient.layer))
        )
      )
      assert.strictEqual(done?.reason, "stop")
      const told = events.flatMap((event) => event._tag === "ToolResult" ? [event] : [])
        .toSorted((a, b) => Number(a.isFailure) - Number(b.isFailure))
      assert.deepStrictEqual(told.map(({ isFailure }) => isFailure), [false, true])
      assert.include(String(told[0]?.result), "18")
      assert.notStrictEqual(told[1]?.result, "")
      const [first] = yield* sent
      assert.deepStrictEqual(Array.isArray(first?.tools) ? first.tools.map(({ name }) => name) : [], ["weather"])
    }).pipe(
      Effect.provide(answers(Answer.make({ toolCalls: [call("Paris"), call("Atlantis")] }), said))
    ))

  it.effect("has a span for each tool, and what the handler does is within it", () =>
    Effect.gen(function*() {
      const { spans, tracer } = Spans.recorder()
      const traced = toolkit.toLayer({
        weather: () => Effect.withSpan(Effect.succeed({ celsius: 1 }), "inside")
      })
      yield* collect(ToolLoop.stream(request)).pipe(Effect.provide(traced), Effect.withTracer(tracer))
      const tools = spans.filter(({ name }) => name === "execute_tool weather")
      assert.lengthOf(tools, 2)
      assert.strictEqual(tools[0]?.attributes.get("gen_ai.tool.name"), "weather")
      const inside = spans.filter(({ name }) => name === "inside")
      assert.deepStrictEqual(
        inside.map(({ parent }) => Option.getOrUndefined(parent)?.spanId).toSorted(),
        tools.map(({ spanId }) => spanId).toSorted()
      )
    }).pipe(Effect.provide(answers(both, said))))

  it.effect("refuses a budget, a number of steps and a number of handlers that are none", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<ToolLoop.Options<Toolkit.Tools<typeof toolkit>>> = [
        { maxSteps: 0 },
        { maxSteps: Number.NaN },
        { budget: "cheap" },
        { concurrency: 0 },
        { concurrency: Number.NaN }
      ]
      const problems = yield* Effect.forEach(
        wrong,
        (options) => Effect.map(collect(ToolLoop.stream(request, options)), ({ error }) => String(error))
      )
      assert.match(
        problems.join("\n"),
        /`maxSteps`.* 0\n.*`maxSteps`.* NaN\n.*`budget`.* "cheap"\n.*`concurrency`.* 0\n.*`concurrency`.* NaN/
      )
      assert.lengthOf(yield* sent, 0)
    }).pipe(Effect.provide([handlers, answers(said)])))

  describe("with tools of the client", () => {
    const counting = Toolkit.make(Tool.make("count", {
      parameters: Schema.Struct({ n: Schema.Int }),
      success: Schema.Int
    }))
    const clientTools = [{ name: "locate", parameters: { type: "object" } }]
    const called = (step: ReadonlyArray<"count" | "locate">, at: number) =>
      Answer.make({
        model,
        usage,
        toolCalls: step.map((name, index) => ({ name, arguments: JSON.stringify({ n: 10 * at + index }) }))
      })
    const given = ({ id, params }: ChatEvent.ToolCall) => ({ id, result: { of: params } })

    /** Runs to the end, as a client that answers each call, and keeps the state as JSON meanwhile. */
    const converse = Effect.fnUntraced(function*(
      steps: ReadonlyArray<ReadonlyArray<"count" | "locate">>,
      options: { readonly maxSteps?: number; readonly budget?: string } = {}
    ) {
      const ran: Array<number> = []
      const stops: Array<ToolLoop.Done> = []
      const live = counting.toLayer({ count: ({ n }) => Effect.sync(() => ran.push(n)) })
      const codec = Schema.toCodecJson(ToolLoop.Done)
      return yield* Effect.gen(function*() {
        let from: ToolLoop.State | undefined
        while (true) {
          const { done, error } = yield* collect(
            ToolLoop.stream({ prompt: "Where am I?", from, tools: counting, clientTools }, options)
          )
          if (done === undefined) return { error, ran, stops, requests: yield* sent }
          const stored = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(done))))
          stops.push(stored)
          const pending = ToolLoop.pendingCalls(stored)
          assert.strictEqual(pending.length > 0, done.reason === "tool_calls")
          if (pending.length === 0) return { error, ran, stops, requests: yield* sent }
          from = ToolLoop.respond(stored, pending.map(given))
        }
      }).pipe(Effect.provide([live, answers(...steps.map(called), said)]))
    })

    it.effect.prop(
      "runs its own once, stops for the others, and goes on with what they gave",
      {
        steps: Schema.Array(Schema.NonEmptyArray(Schema.Literals(["count", "locate"])).check(Schema.isMaxLength(3)))
          .check(Schema.isMaxLength(3))
      },
      ({ steps }) =>
        Effect.gen(function*() {
          const { error, ran, requests, stops } = yield* converse(steps)
          assert.isUndefined(error)
          const own = steps.flatMap((step, at) =>
            step.flatMap((name, index) => name === "count" ? [10 * at + index] : [])
          )
          assert.deepStrictEqual(ran.toSorted((a, b) => a - b), own)
          assert.lengthOf(stops, 1 + steps.filter((step) => step.includes("locate")).length)
          const last = stops.at(-1)
          assert.deepStrictEqual(
            [last?.reason, last?.steps, last?.usage?.inputTokens],
            ["stop", steps.length + 1, 1000 * (steps.length + 1)]
          )
          // Each request has one result for each call before it.
          requests.forEach((request, at) => {
            const parts = messages(request).flatMap((message) => message.role === "system" ? [] : [...message.content])
            const ids = parts.flatMap((part) => part.type === "tool-call" ? [part.id] : [])
            const answered = parts.flatMap((part) => part.type === "tool-result" ? [part.id] : [])
            assert.deepStrictEqual(answered.toSorted(), ids.toSorted())
            assert.lengthOf(ids, steps.slice(0, at).flat().length)
          })
        })
    )

    it.effect("keeps its limits across what the client does", () =>
      Effect.gen(function*() {
        const steps = Array.from({ length: 4 }, () => ["count", "locate"] as const)
        const limited = yield* converse(steps, { maxSteps: 2 })
        assert.deepStrictEqual(limited.stops.map(({ reason }) => reason), ["tool_calls", "tool_calls", "max_steps"])
        assert.lengthOf(limited.requests, 2)
        // 1,000 tokens at 2.50 USD for a million and 100 at 10 USD, so two of them cost more.
        const priced = yield* converse(steps, { budget: "0.005" })
        assert.strictEqual(Object(priced.error)["_tag"], "BudgetExceeded")
        assert.lengthOf(priced.requests, 2)
        assert.lengthOf(priced.ran, 1)
      }))

    it.effect("refuses to go on while a call waits, and a name that is also a tool's of its own", () =>
      Effect.gen(function*() {
        const live = counting.toLayer({ count: ({ n }) => Effect.succeed(n) })
        const run = (request: Pick<ToolLoop.Request<typeof counting.tools>, "clientTools" | "from">) =>
          collect(ToolLoop.stream({ prompt: "Where am I?", tools: counting, clientTools, ...request })).pipe(
            Effect.provide(live)
          )
        const { done } = yield* run({})
        assert.strictEqual(done?.reason, "tool_calls")
        const unanswered = yield* run({ from: done })
        assert.match(String(unanswered.error), /prompt: the call .* has no result/)
        const twice = yield* run({ clientTools: [{ name: "count", parameters: {} }] })
        assert.match(String(twice.error), /clientTools: count is a tool of the loop/)
      }).pipe(Effect.provide(answers(called(["locate"], 0), said))))

    it.effect("tells the model of arguments that are no JSON", () =>
      Effect.gen(function*() {
        const live = counting.toLayer({ count: ({ n }) => Effect.succeed(n) })
        const { done } = yield* collect(ToolLoop.stream({ prompt: "Where?", tools: counting, clientTools })).pipe(
          Effect.provide(live)
        )
        assert.strictEqual(done?.reason, "stop")
        assert.match(String(results((yield* sent)[1])), /JSON ends too early/)
      }).pipe(
        Effect.provide(
          answers(Answer.make({ toolCalls: [{ name: "locate", arguments: "{" }], finishReason: "tool_calls" }), said)
        )
      ))
  })
})
