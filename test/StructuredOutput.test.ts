import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Option, Result, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import { expectTypeOf } from "vitest"
import {
  ChunkStream,
  Cost,
  OpenAi,
  type OpenAiChunk,
  Provider,
  ProviderError,
  StreamedObject,
  StructuredOutput
} from "../src/index.ts"
import { Answer, TestProvider } from "../src/testing.ts"
import * as NodeReplayServer from "../src/testing/NodeReplayServer.ts"
import { hosts } from "./support/providers.ts"

const Person = Schema.Struct({
  name: Schema.String,
  born: Schema.NumberFromString,
  died: Schema.optionalKey(Schema.Int),
  names: Schema.Array(Schema.String)
}).annotate({ identifier: "Person" })

const ada = { name: "Ada", born: 1815, names: ["Augusta", "King"] }
const written = `{"name": "Ada", "born": "1815", "died": null, "names": ["Augusta", "King"]}`
const usage = { inputTokens: 1000, cachedTokens: 0, outputTokens: 100 }
const model = "gpt-4o"

/** The events until the end or the failure, and the failure. */
const collect = <T, E, Err, R>(self: Stream.Stream<StructuredOutput.Event<T, E>, Err, R>) =>
  Effect.gen(function*() {
    const events: Array<StructuredOutput.Event<T, E>> = []
    const error = yield* self.pipe(
      Stream.runForEach((event) => Effect.sync(() => events.push(event))),
      Effect.match({ onFailure: (error) => error, onSuccess: () => undefined })
    )
    const last = events.at(-1)
    return {
      events,
      error,
      reason: error instanceof StreamedObject.ObjectError ? error.reason : undefined,
      partials: events.flatMap((event) => event._tag === "Partial" ? [event.value] : []),
      complete: last?._tag === "Complete" ? last : undefined
    }
  })

// APIs that keep a refusal apart from the answer.
const refusing = new Set(["openai", "openai-responses", "azure", "azure-responses", "azure-inference", "groq"])

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend(() => Tree))
}).annotate({ identifier: "Tree" })
class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite }) {}

/** Schemas of every kind, what a model writes for them (in the form that the API has, if it has another), and what it is. */
const kinds: ReadonlyArray<readonly [string, Schema.Codec<unknown, unknown>, string, unknown, string?]> = [
  ["text", Schema.String, `"a"`, "a"],
  ["list", Schema.Array(Schema.Int), "[1,2]", [1, 2]],
  ["tuple", Schema.Tuple([Schema.Int, Schema.String]), `[1,"a"]`, [1, "a"], `{"0":1,"1":"a"}`],
  ["record", Schema.Record(Schema.String, Schema.Int), `{"a":1}`, { a: 1 }, `[{"0":"a","1":1}]`],
  ["union", Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.Struct({ b: Schema.Int })]), `{"b":1}`, { b: 1 }],
  ["recursive", Tree, `{"name":"a","children":[{"name":"b","children":[]}]}`, {
    name: "a",
    children: [{ name: "b", children: [] }]
  }],
  ["date", Schema.Date, `"2026-11-22T00:00:00.000Z"`, new Date("2026-11-22")],
  ["class", Point, `{"x":1}`, new Point({ x: 1 })],
  ["transformation", Schema.NumberFromString, `"12"`, 12],
  ["any", Schema.Struct({ more: Schema.Json }), `{"more":[1]}`, { more: [1] }],
  ["big number", Schema.BigInt, `"12"`, 12n]
]

for (const [id, { at, reply }] of Object.entries(hosts)) {
  const request = { prompt: "Who was Ada Lovelace? Answer in JSON.", schema: Person }

  describe(`StructuredOutput over ${id}`, () => {
    it.live("asks by the API's own format, and gives the data as it grows and as a whole", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([reply(Answer.make({ model, content: written, usage }))])
        const { complete, partials } = yield* Effect.provide(
          collect(StructuredOutput.stream(request)),
          at(server.url)
        )
        assert.deepStrictEqual(complete?.value, ada)
        assert.deepStrictEqual(complete?.usage?.inputTokens, 1000)
        assert.deepStrictEqual(partials.at(-1), { ...ada, born: "1815" })
        assert.isAbove(partials.length, 1)
        const { value } = yield* Effect.provide(StructuredOutput.generate(request), at(server.url))
        assert.deepStrictEqual(value, ada)
        // The server refuses what the provider would refuse.
        const [{ body } = { body: undefined }] = yield* server.requests
        assert.include(JSON.stringify(body).replaceAll("\\", ""), `"born"`)
      }))

    it.live("writes a schema for a plain request, and says how its answer is read", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([reply(Answer.make({ model, content: written, usage }))])
        const last = yield* Effect.gen(function*() {
          const provider = yield* Provider.Provider
          const { reading, responseFormat } = yield* StructuredOutput.format({ schema: Person })
          return yield* provider.stream({ prompt: request.prompt, responseFormat }).pipe(
            ChunkStream.object(Person, reading),
            Stream.runLast
          )
        }).pipe(Effect.provide(at(server.url)))
        const event = Option.getOrThrow(last)
        assert.deepStrictEqual(event._tag === "Complete" && event.value, ada)
      }))

    it.live("takes every kind of schema in words, and says so where another mode does not take one", () =>
      Effect.gen(function*() {
        for (const [kind, schema, plain, value, other = plain] of kinds) {
          const ask = (mode: StructuredOutput.Mode, content: string) =>
            Effect.gen(function*() {
              const server = yield* NodeReplayServer.make([
                reply(
                  mode === "tool"
                    ? Answer.make({ toolCalls: [{ name: "response", arguments: content }] })
                    : Answer.make({ content })
                )
              ])
              const asked = { ...request, schema, mode, name: "response" }
              return yield* Effect.result(StructuredOutput.generate(asked)).pipe(Effect.provide(at(server.url)))
            })
          const words = [yield* ask("instructions", plain), yield* ask("instructions", other)]
          assert.deepStrictEqual(
            words.flatMap((words) => Result.isSuccess(words) ? [words.success.value] : [])[0],
            value,
            `${kind}: ${words.map((words) => Result.isFailure(words) ? words.failure.message : "").join()}`
          )
          for (const mode of ["format", "tool"] as const) {
            const answer = yield* ask(mode, plain)
            if (Result.isSuccess(answer) || answer.failure._tag === "ObjectError") continue
            assert.include(answer.failure.message, `\`mode: "instructions"\` takes any schema`, `${kind}, ${mode}`)
          }
        }
      }))

    it.live("asks by a tool that the model has to call", () =>
      Effect.gen(function*() {
        const call = { name: "Person", arguments: written }
        const server = yield* NodeReplayServer.make([
          reply(Answer.make({ model, content: "I say: ", toolCalls: [call, call] }))
        ])
        const { complete, partials } = yield* Effect.provide(
          collect(StructuredOutput.stream({ ...request, mode: "tool" })),
          at(server.url)
        )
        assert.deepStrictEqual(complete?.value, ada)
        assert.deepStrictEqual(partials.at(-1), { ...ada, born: "1815" })
        const [{ body } = { body: undefined }] = yield* server.requests
        assert.match(JSON.stringify(body), /"(tool_choice|toolChoice)":.*"name":"Person"/)
      }))

    it.live("takes a call of the tool without arguments as an object without fields", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          reply(Answer.make({ model, toolCalls: [{ name: "response", arguments: "" }] })),
          reply(Answer.make({ model, toolCalls: [{ name: "response", arguments: "" }], finishReason: "length" }))
        ])
        const filter = { ...request, schema: Schema.Struct({ topic: Schema.optionalKey(Schema.String) }) }
        const next = StructuredOutput.generate({ ...filter, mode: "tool" }).pipe(Effect.provide(at(server.url)))
        assert.deepStrictEqual((yield* next).value, {})
        assert.strictEqual((yield* Effect.flip(next)).reason._tag, "LengthLimit")
      }))

    it.live("tells a refusal in the middle of an object, after what there was of it", () =>
      Effect.gen(function*() {
        const refused = Answer.make({
          content: `{"name":"Ada","bo`,
          refusal: "I can't help.",
          finishReason: "content_filter"
        })
        const server = yield* NodeReplayServer.make([reply(refused)])
        const { error, partials, reason } = yield* Effect.provide(
          collect(StructuredOutput.stream({ ...request, repairs: 2 })),
          at(server.url)
        )
        assert.strictEqual(reason?._tag, refusing.has(id) ? "Refusal" : "ContentFilter")
        assert.deepStrictEqual(partials, [{ name: "Ada" }])
        assert.strictEqual(error instanceof StreamedObject.ObjectError && error.text, `{"name":"Ada","bo`)
        assert.lengthOf(yield* server.requests, 1)
      }))

    it.live("tells an answer that is cut off, one that is no JSON, and one that is not of the schema", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          reply(Answer.make({ content: `{"name":"Ada","born":"18`, finishReason: "length", usage })),
          reply(Answer.make({ content: `\`\`\`json\n${written}\n\`\`\`` })),
          reply(Answer.make({ content: `{"name":"Ada","born":1815,"died":null,"names":[1]}` }))
        ])
        const next = Effect.provide(Effect.flip(StructuredOutput.generate(request)), at(server.url))
        const cut = yield* next
        assert.deepInclude(cut, { text: `{"name":"Ada","born":"18` })
        assert.strictEqual(cut.reason._tag, "LengthLimit")
        assert.strictEqual(cut instanceof StreamedObject.ObjectError && cut.usage?.outputTokens, 100)
        const prose = yield* next
        assert.strictEqual(prose.message, "Invalid JSON at line 1, column 1: a value is expected")
        const other = yield* next
        assert.strictEqual(other.message, "born: Expected string; names[0]: Expected string")
      }))

    it.live("fails with the provider's error when the stream dies, after what there was of the object", () =>
      Effect.gen(function*() {
        const content = `{"name":"Ada, Countess of Lovelace, mathematician","born":"1815"`
        const server = yield* NodeReplayServer.make([
          reply(Answer.make({ content }), { interval: "1 millis", fault: { kind: "end", after: { events: 5 } } })
        ])
        const { error, partials } = yield* Effect.provide(
          collect(StructuredOutput.stream({ ...request, repairs: 2 })),
          at(server.url)
        )
        assert.strictEqual(ProviderError.isProviderError(error) && error.reason._tag, "IncompleteStream")
        assert.isNotEmpty(partials)
        assert.lengthOf(yield* server.requests, 1)
      }))

    it.live("sends back what is wrong, and gives the answer that is right", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          reply(Answer.make({ model, content: `{"name":"Ada","born":1815`, usage })),
          reply(Answer.make({ model, content: `{"name":"Ada","born":1815,"died":null,"names":[]}`, usage })),
          reply(Answer.make({ model, content: written, usage }))
        ])
        const { complete, events } = yield* Effect.provide(
          collect(StructuredOutput.stream({ ...request, repairs: 2 })),
          at(server.url)
        )
        assert.deepStrictEqual(complete?.value, ada)
        assert.deepStrictEqual(complete?.usage?.inputTokens, 3000)
        assert.lengthOf(complete?.earlier ?? [], 2)
        assert.deepStrictEqual(
          events.flatMap((event) => event._tag === "Repair" ? [[event.attempt, event.error.reason._tag]] : []),
          [[1, "InvalidJson"], [2, "SchemaMismatch"]]
        )
        const [, second, third] = yield* server.requests
        assert.include(JSON.stringify(second?.body), "Incomplete JSON at line 1, column 26")
        assert.include(JSON.stringify(third?.body), "born: Expected string")
      }))

    it.live("closes the connection when only a part is taken", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          reply(Answer.make({ content: written }), { interval: "1 millis", fault: { kind: "hang" } })
        ])
        yield* StructuredOutput.stream(request).pipe(Stream.take(1), Stream.runDrain, Effect.provide(at(server.url)))
        const { closed } = yield* server.request(0)
        assert.strictEqual((yield* closed).by, "client")
      }))
  })
}

/** A provider that gives the answers in turn. */
const answers = (...replies: ReadonlyArray<string>) =>
  TestProvider.layer((_, index): TestProvider.Reply<OpenAiChunk> => ({
    chunks: Answer.openai(Answer.make({ model, content: replies[Math.min(index, replies.length - 1)] ?? "", usage }))
  }), { name: "openai" })

const sent = Effect.flatMap(TestProvider.TestProvider, ({ requests }) => requests)

describe("StructuredOutput", () => {
  it.effect("names the schema by its identifier, and asks for its guarantee where that is the provider's way", () =>
    Effect.gen(function*() {
      yield* StructuredOutput.generate({ prompt: "Ada?", schema: Person, description: "A person" })
      yield* StructuredOutput.generate({ prompt: "Ada?", schema: Person, name: "who is it?", strict: false })
      const formats = (yield* sent).map(({ responseFormat }) => responseFormat)
      assert.deepInclude(formats[0], { name: "Person", description: "A person", strict: true })
      assert.deepInclude(formats[1], { name: "who_is_it_", strict: false })
    }).pipe(
      Effect.updateService(Provider.Provider, (provider) => ({ ...provider, dialect: { strict: true } })),
      Effect.provide(answers(written))
    ))

  it.effect("is what a plain request is told of whose own schema can't be guaranteed", () =>
    Effect.gen(function*() {
      const ask = { model: "gpt-4o", prompt: "Hi" }
      const refused = yield* Effect.flip(
        Provider.prepare(OpenAi.define({}), { ...ask, responseFormat: { schema: Person, strict: true } })
      )
      assert.include(refused.message, "StructuredOutput.format")
      const { responseFormat } = yield* StructuredOutput.format({ schema: Person, strict: true }).pipe(
        Effect.provide(TestProvider.layer([]))
      )
      yield* Provider.prepare(OpenAi.define({}), { ...ask, responseFormat })
    }))

  it.effect("tells a model the schema in words when it has no field for it", () =>
    Effect.gen(function*() {
      const { value } = yield* StructuredOutput.generate({
        prompt: "Ada?",
        system: "Be brief.",
        schema: Person,
        mode: "instructions"
      })
      assert.deepStrictEqual(value, ada)
      const [request] = yield* sent
      assert.match(request?.system ?? "", /^Be brief\.\n\nAnswer with JSON of this JSON Schema.*"born"/s)
      assert.isUndefined(request?.responseFormat)
    }).pipe(Effect.provide(answers(written))))

  it.effect("states no cost when that of one answer is not known", () =>
    Effect.gen(function*() {
      const { cost, usage: used } = yield* StructuredOutput.generate({ prompt: "Ada?", schema: Person, repairs: 1 })
      assert.strictEqual(used?.inputTokens, 1000)
      assert.isUndefined(cost)
    }).pipe(Effect.provide(
      TestProvider.layer((_, index): TestProvider.Reply<OpenAiChunk> => ({
        chunks: Answer.openai(
          index === 0
            ? Answer.make({ model, content: "{}" })
            : Answer.make({ model, content: written, usage })
        )
      }), { name: "openai" })
    )))

  it.effect("says with the provider's error what all answers used, also the one that was cut off", () =>
    Effect.gen(function*() {
      const whole = Answer.openai(Answer.make({ model, content: "none", usage }))
      const error = new ProviderError.IncompleteStream({ message: "The connection ended" })
      const ask = { prompt: "Ada?", schema: Person, repairs: 1 }
      for (const run of [StructuredOutput.generate(ask), Stream.runDrain(StructuredOutput.stream(ask))]) {
        const failure = yield* run.pipe(
          Effect.flip,
          Effect.provide(TestProvider.layer([{ chunks: whole }, { chunks: whole, error }]))
        )
        const spent = failure._tag === "ProviderError" ? failure.spent : undefined
        assert.strictEqual(spent?.usage.inputTokens, 2000)
        assert.strictEqual(spent?.cost === undefined ? undefined : BigDecimal.format(spent.cost), "0.007")
        assert.isTrue(spent?.isComplete)
      }
    }))

  it.effect("adds up what all answers cost", () =>
    Effect.gen(function*() {
      const once = yield* StructuredOutput.generate({ prompt: "Ada?", schema: Person })
      assert.isDefined(once.cost)
      const { cost, earlier } = yield* StructuredOutput.generate({ prompt: "Ada?", schema: Person, repairs: 1 }).pipe(
        Effect.provide(answers("no", written))
      )
      assert.lengthOf(earlier, 1)
      assert.strictEqual(cost && Cost.toJson(cost).total, 2 * (once.cost ? Cost.toJson(once.cost).total : 0))
    }).pipe(Effect.provide(answers(written))))

  it.effect("gives up after the repairs that it may ask for, with all responses", () =>
    Effect.gen(function*() {
      for (
        const asked of [
          Effect.flip(StructuredOutput.generate({ prompt: "Ada?", schema: Person, repairs: 2 })),
          Effect.map(
            collect(StructuredOutput.stream({ prompt: "Ada?", schema: Person, repairs: 2 })),
            ({ error }) => error
          )
        ]
      ) {
        const error = yield* asked
        assert.instanceOf(error, StreamedObject.ObjectError)
        assert.strictEqual(error.reason._tag, "InvalidJson")
        assert.lengthOf(error.earlier ?? [], 2)
      }
      assert.lengthOf(yield* sent, 6)
    }).pipe(Effect.provide(answers("no"))))

  it.effect("goes on with the conversation, the answer and what is wrong with it", () =>
    Effect.gen(function*() {
      yield* StructuredOutput.generate({
        prompt: [{ role: "system", content: "Be brief." }, { role: "user", content: "Ada?" }],
        schema: Person,
        repairs: 1
      })
      const [, second] = yield* sent
      const { content } = Prompt.make(second?.prompt ?? "")
      assert.deepStrictEqual(content.map(({ role }) => role), ["system", "user", "assistant", "user"])
      assert.include(JSON.stringify(content[2]), "nothing")
      assert.include(JSON.stringify(content[3]), "column 2: the rest of `null` is expected")
    }).pipe(Effect.provide(answers("nothing", written))))

  it.effect("tells the model some of many issues, and reads a prompt that can be read once again", () =>
    Effect.gen(function*() {
      const messages = function*() {
        yield { role: "user", content: "Ada?" } as const
      }
      const schema = Schema.Struct({ names: Schema.Array(Schema.String) })
      const error = yield* Effect.flip(StructuredOutput.generate({ prompt: messages(), schema, repairs: 1 }))
      assert.match(error.message, /^names\[0\]: Expected string; .*; and 95 more$/)
      const [, second] = yield* sent
      const { content } = Prompt.make(second?.prompt ?? "")
      assert.deepStrictEqual(content.map(({ role }) => role), ["user", "assistant", "user"])
      assert.lengthOf(JSON.stringify(content[2]).match(/Expected string/g) ?? [], 20)
    }).pipe(Effect.provide(answers(JSON.stringify({ names: Array.from({ length: 100 }, (_, i) => i) })))))

  it.effect("asks for no repair of what the model can't mend", () =>
    Effect.gen(function*() {
      const request = { prompt: "Ada?", schema: Person, repairs: 3 }
      const error = yield* Effect.flip(StructuredOutput.generate(request))
      assert.strictEqual(error.reason._tag, "NoAnswer")
      assert.lengthOf(yield* sent, 1)
    }).pipe(Effect.provide(answers(""))))

  it.effect("gives the elements of a list, one by one", () =>
    Effect.gen(function*() {
      const elements = yield* Stream.runCollect(StructuredOutput.elements({ prompt: "Primes?", schema: Schema.Int }))
      assert.deepStrictEqual(elements, [2, 3, 5])
      const [request] = yield* sent
      assert.include(JSON.stringify(request?.responseFormat), `"elements":{"type":"array"`)
    }).pipe(Effect.provide(answers(`{"elements":[2,3,5]}`))))

  it.effect("sends nothing for a schema that the API does not take", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        StructuredOutput.generate({ prompt: "Primes?", schema: Schema.Array(Schema.Int) })
      )
      assert.isTrue(ProviderError.isProviderError(error))
      assert.match(error.message, /schema: .*Root JSON Schema must have type "object"/)
      assert.isEmpty(yield* sent)
    }).pipe(Effect.provide(answers(written))))

  it.effect("refuses what is no schema, whatever JavaScript gives", () =>
    Effect.gen(function*() {
      for (const schema of [undefined, null, "string", { type: "object" }, { parse: () => ({}) }]) {
        const asked: Effect.Effect<unknown, ProviderError.ProviderError, Provider.Provider> = Reflect.apply(
          StructuredOutput.generate,
          undefined,
          [{ prompt: "Ada?", schema }]
        )
        assert.match((yield* Effect.flip(asked)).message, /`schema` has to be a schema of Effect/)
      }
    }).pipe(Effect.provide(answers("{}"))))

  it.effect("takes any schema in words, and says so where the API does not take one", () =>
    Effect.gen(function*() {
      const tree = { name: "a", children: [{ name: "b", children: [] }] }
      const ask = { prompt: "A tree?", schema: Tree }
      for (const schemas of ["anthropic", "openai"] as const) {
        const { error, list, value } = yield* Effect.gen(function*() {
          const provider = { ...(yield* Provider.Provider), dialect: { schemas } }
          return yield* Effect.all({
            value: StructuredOutput.generate({ ...ask, mode: "instructions" }),
            list: Effect.flip(
              StructuredOutput.generate({ prompt: "Trees?", schema: Schema.Array(Tree), mode: "instructions" })
            ),
            error: Effect.result(StructuredOutput.generate(ask))
          }).pipe(Effect.provideService(Provider.Provider, provider))
        }).pipe(Effect.provide(answers(JSON.stringify(tree))))
        assert.deepStrictEqual(value.value, tree)
        assert.strictEqual(list._tag, "ObjectError")
        if (schemas === "anthropic") {
          const message = Result.isFailure(error) ? error.failure.message : ""
          assert.match(message, /schema: Recursive schemas are not supported.*`mode: "instructions"`/)
          assert.notInclude(message, "AnthropicStructuredOutput")
        }
      }
    }))

  it("types the data by the schema", () => {
    const asked = StructuredOutput.generate({ prompt: "Ada?", schema: Person })
    expectTypeOf(asked).toEqualTypeOf<
      Effect.Effect<
        StructuredOutput.Complete<typeof Person.Type>,
        ProviderError.ProviderError | StreamedObject.ObjectError,
        Provider.Provider
      >
    >()
  })
})
