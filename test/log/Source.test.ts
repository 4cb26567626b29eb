import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import { ChatRequest, OpenAiChunk, type Provider, Usage } from "../../src/index.ts"
import * as Source from "../../src/log/source.ts"
import type * as State from "../../src/log/state.ts"

const chunk = (more: Partial<OpenAiChunk["chunk"]>) =>
  new OpenAiChunk({ provider: "openai", chunk: { id: "r", model: "gpt-4o-mini", choices: [], ...more } })

const content = chunk({ choices: [{ index: 0, delta: { content: "yes" }, finish_reason: null }] })
const finish = (reason: string) => chunk({ choices: [{ index: 0, delta: {}, finish_reason: reason }] })
const usage = (input: number, output: number, model = "gpt-4o-mini") =>
  chunk({ model, usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output } })

const before: State.Stated = { provider: "p", model: "m", usage: null, cost: null }

describe("the bill of an answer", () => {
  const cases: ReadonlyArray<
    readonly [
      what: string,
      responses: ReadonlyArray<ReadonlyArray<OpenAiChunk>>,
      stated: State.Stated,
      ended: ReturnType<Source.Bill["ended"]>
    ]
  > = [
    ["is what was asked before a response comes", [], before, { usage: null, finishReason: null }],
    [
      "has no usage that was not stated",
      [[content, finish("stop")]],
      { ...before, provider: "openai", model: "gpt-4o-mini" },
      { usage: null, finishReason: "stop" }
    ],
    // 10 tokens at $0.15 a million, and 5 at $0.6.
    [
      "has what was stated",
      [[content, finish("length"), usage(10, 5)]],
      {
        provider: "openai",
        model: "gpt-4o-mini",
        usage: new Usage.Usage({ inputTokens: 10, outputTokens: 5 }),
        cost: "0.0000045"
      },
      { usage: new Usage.Usage({ inputTokens: 10, outputTokens: 5 }), finishReason: "length" }
    ],
    [
      "adds up its responses, and has the last reason",
      [[finish("tool_calls"), usage(10, 5)], [finish("stop"), usage(20, 10)]],
      {
        provider: "openai",
        model: "gpt-4o-mini",
        usage: new Usage.Usage({ inputTokens: 30, outputTokens: 15 }),
        cost: "0.0000135"
      },
      { usage: new Usage.Usage({ inputTokens: 30, outputTokens: 15 }), finishReason: "stop" }
    ],
    [
      "has no whole usage while a response has stated none",
      [[finish("tool_calls"), usage(10, 5)], [content]],
      {
        provider: "openai",
        model: "gpt-4o-mini",
        usage: new Usage.Usage({ inputTokens: 10, outputTokens: 5 }),
        cost: "0.0000045"
      },
      { usage: null, finishReason: "tool_calls" }
    ],
    [
      "has no cost while one of them has no price",
      [[usage(10, 5)], [usage(20, 10, "unheard-of")]],
      {
        provider: "openai",
        model: "unheard-of",
        usage: new Usage.Usage({ inputTokens: 30, outputTokens: 15 }),
        cost: null
      },
      { usage: new Usage.Usage({ inputTokens: 30, outputTokens: 15 }), finishReason: null }
    ]
  ]
  for (const [what, responses, stated, ended] of cases) {
    it.effect(what, () =>
      Effect.gen(function*() {
        const bill = Source.bill()
        for (const chunks of responses) {
          const add = bill.response()
          for (const chunk of chunks) add(chunk)
        }
        assert.deepStrictEqual(yield* bill.stated(before), stated)
        assert.deepStrictEqual(bill.ended(), ended)
      }))
  }

  it("tells when something is stated, and not of each chunk", () => {
    const bill = Source.bill()
    let news = 0
    const add = bill.response()
    add(content)
    bill.listen(() => {
      news += 1
    })
    for (const chunk of [content, content]) add(chunk)
    assert.strictEqual(news, 0)
    add(usage(10, 5))
    assert.strictEqual(news, 1)
  })
})

const asked = (model?: string) =>
  Result.getOrThrow(ChatRequest.normalize({ prompt: "hi", ...(model === undefined ? undefined : { model }) }))

describe("what a provider says", () => {
  const provider: Provider.Service = { name: "openai", stream: () => Stream.make(content, usage(10, 5)) }

  it.effect("is written down as it comes, with its bill", () =>
    Effect.gen(function*() {
      const source = Source.ofProvider(provider, ({ id }) => String(id))(asked())
      assert.deepStrictEqual([source.provider, source.model], ["openai", null])
      assert.deepStrictEqual(yield* Stream.runCollect(source.texts), ["r", "r"])
      assert.deepStrictEqual(source.bill.ended().usage, new Usage.Usage({ inputTokens: 10, outputTokens: 5 }))
    }))

  it("is of the model that is asked", () => {
    const modelOf = (more: Partial<Provider.Service>, model?: string) =>
      Source.ofProvider({ ...provider, ...more }, String)(asked(model)).model
    const target = { url: "", model: "resolved" }
    assert.strictEqual(modelOf({}, "asked"), "asked")
    assert.strictEqual(modelOf({ target: () => undefined }, "asked"), "asked")
    assert.strictEqual(modelOf({ target: () => target }, "asked"), "resolved")
  })

  it.effect("is a failure where it throws", () =>
    Effect.gen(function*() {
      const { texts } = Source.ofProvider({
        ...provider,
        stream: () => {
          throw new Error("a bug")
        }
      }, String)(asked())
      assert.strictEqual((yield* Effect.exit(Stream.runDrain(texts)))._tag, "Failure")
    }))
})
