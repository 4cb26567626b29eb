import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { Prompt } from "effect/ai"
import * as History from "../../src/ui/history.ts"
import * as Seal from "../../src/ui/seal.ts"
import * as Trust from "../../src/ui/Trust.ts"

const shown: History.Shown = { input: (params) => params, result: ({ result }) => result }

interface Told {
  readonly messages: ReadonlyArray<Prompt.Message>
  readonly ignored: ReadonlyArray<string>
}

/** What of items is believed, or the message of the refusal. */
const turn = (items: ReadonlyArray<History.Item>, thread?: Prompt.Prompt, trust: Trust.Mode = Trust.trusted) =>
  History.turn({ items, ignored: ["before"] }, shown, { thread }).pipe(
    Effect.map(({ ignored, prompt }): Told => ({ messages: prompt.content, ignored: ignored.slice(1) })),
    Effect.mapError(({ message }) => message),
    Effect.result,
    Effect.map(Result.match({ onFailure: (message): string | Told => message, onSuccess: (told) => told })),
    Effect.provideService(Trust.Trust, trust)
  )

const told = (messages: ReadonlyArray<Prompt.Message>, ...ignored: ReadonlyArray<string>): Told => ({
  messages,
  ignored
})

const at = (n: number) => ["messages", n]
const user = (text: string, n = 0): History.Item => ({
  type: "user",
  path: at(n),
  content: [Prompt.textPart({ text })]
})
const assistant: History.Item = { type: "assistant", path: at(1) }
const text = (text: string): History.Item => ({ type: "text", path: at(1), text })
const called = (id = "c1", more: Partial<Extract<History.Item, { readonly type: "call" }>> = {}): History.Item => ({
  type: "call",
  path: at(1),
  id,
  name: "weather",
  input: { city: "Rome" },
  providerExecuted: false,
  ...more
})
const gives = (result: unknown, isFailure = false, id = "c1"): History.Item => ({
  type: "result",
  path: at(2),
  id,
  shown: result,
  result,
  isFailure
})
const consents = (approved: boolean, more: object = {}): History.Item => ({
  type: "approval",
  path: at(3),
  approvalId: "a1",
  id: "c1",
  approved,
  ...more
})

const said = (text: string) => Prompt.userMessage({ content: [Prompt.textPart({ text })] })
const answered = (...content: ReadonlyArray<Prompt.AssistantMessagePart>) => Prompt.assistantMessage({ content })
const callPart = (id = "c1", providerExecuted = false) =>
  Prompt.toolCallPart({ id, name: "weather", params: { city: "Rome" }, providerExecuted })
const part = (result: unknown, more: { readonly isFailure?: boolean; readonly providerExecuted?: boolean } = {}) =>
  Prompt.toolResultPart({
    id: "c1",
    name: "weather",
    result,
    isFailure: more.isFailure ?? false,
    providerExecuted: more.providerExecuted ?? false
  })
const results = (...content: ReadonlyArray<Prompt.ToolMessagePart>) => Prompt.toolMessage({ content })
const asks = Prompt.toolApprovalRequestPart({ approvalId: "a1", toolCallId: "c1" })
const answers = (approved: boolean, reason?: string) =>
  Prompt.toolApprovalResponsePart({ approvalId: "a1", approved, ...(reason === undefined ? undefined : { reason }) })
const notRun = part("The tool did not run to its end, as the user went on without it", { isFailure: true })

const seal = (record: Seal.Record, n = 1): Effect.Effect<History.Item> =>
  Effect.map(Seal.seal(record, undefined, undefined), (seal = ""): History.Item => ({
    type: "seal",
    path: at(n),
    seal
  }))

describe("a history beside the server's own copy", () => {
  const open = Prompt.fromMessages([said("hi"), answered(callPart())])
  const done = Prompt.fromMessages([said("hi"), answered(callPart()), results(part(5))])
  const asking = Prompt.fromMessages([said("hi"), answered(callPart(), asks)])

  it.effect("gives it the new message of the user, and calls that were left open a result", () =>
    Effect.gen(function*() {
      const empty = Prompt.fromMessages([said("hi")])
      assert.deepStrictEqual(yield* turn([user("on")], empty), told([said("hi"), said("on")]))
      assert.deepStrictEqual(
        yield* turn([user("old"), assistant, called(), user("on", 2)], done),
        told([
          ...done.content,
          said("on")
        ])
      )
      assert.deepStrictEqual(
        yield* turn([user("on")], open),
        told([...open.content, results(notRun), said("on")])
      )
      const waits = Prompt.fromMessages([...open.content, said("more")])
      assert.deepStrictEqual(yield* turn([user("on")], waits), told([...waits.content, said("on")]))
    }))

  it.effect("gives it the results of the client's calls", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* turn([assistant, called(), gives(5)], open),
        told([...open.content, results(part(5))])
      )
      assert.deepStrictEqual(
        yield* turn([assistant, gives("no", true)], open),
        told([...open.content, results(part("no", { isFailure: true }))])
      )
      // The copy has it already.
      assert.deepStrictEqual(yield* turn([assistant, called(), gives(5)], done), told(done.content))
    }))

  it.effect("gives it consent to what it asks for, once", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* turn([assistant, consents(true)], asking),
        told([...asking.content, results(answers(true))])
      )
      assert.deepStrictEqual(
        yield* turn([assistant, consents(false, { reason: "no" })], asking),
        told([...asking.content, results(answers(false, "no"))])
      )
      const twice = [assistant, consents(true), consents(true)]
      assert.strictEqual(yield* turn(twice, asking), "messages[3]: the call is answered twice")
      const over = Prompt.fromMessages([...asking.content, results(part(5))])
      assert.deepStrictEqual(yield* turn([assistant, consents(true)], over), told(over.content))
    }))

  it.effect("gives it consent to a call of the provider's", () =>
    Effect.gen(function*() {
      const thread = Prompt.fromMessages([said("hi"), answered(asks)])
      assert.deepStrictEqual(
        yield* turn([assistant, consents(true)], thread),
        told([...thread.content, results(answers(true))])
      )
      assert.deepStrictEqual(yield* turn([user("on")], thread), told([...thread.content, said("on")]))
    }))

  it.effect("is refused where it says something else, or leaves something open", () =>
    Effect.gen(function*() {
      const other = Prompt.fromMessages([
        said("hi"),
        answered(callPart(), callPart("c2")),
        results(part(5))
      ])
      const cases: ReadonlyArray<readonly [ReadonlyArray<History.Item>, Prompt.Prompt, string]> = [
        [[assistant, gives(6)], done, "messages[2]: the result is not the one that was sent"],
        [[assistant, called("c1", { name: "mail" })], open, "messages[1]: the tool is not the one that was called"],
        [[assistant, called("c1", { input: {} })], open, "messages[1]: the arguments are not those that were sent"],
        [[assistant, called(), called()], open, "messages[1]: the id of a call before"],
        [[assistant, gives(5), gives(5)], open, "messages[2]: the call is answered twice"],
        [[assistant, gives(5, false, "c9")], open, "messages[2]: a result of a call that this server did not send"],
        [[assistant, gives(5)], asking, "messages[2]: the client does not answer this call"],
        [[assistant, consents(true)], open, "messages[3]: nobody asked for this approval"],
        [[assistant, consents(true, { approvalId: "a2" })], asking, "messages[3]: nobody asked for this approval"],
        [[assistant, consents(true, { id: "c2" })], asking, "messages[3]: nobody asked for this approval"],
        [[assistant], other, "messages[1]: the last message is the assistant's, and a call of it has no answer"],
        [[assistant], asking, "messages[1]: the last message is the assistant's, and there is nothing to be answered"],
        [
          [assistant],
          Prompt.fromMessages([said("hi"), answered(Prompt.textPart({ text: "yes" }))]),
          "messages[1]: the last message is the assistant's, and there is nothing to be answered"
        ]
      ]
      for (const [items, thread, message] of cases) assert.strictEqual(yield* turn(items, thread), message)
    }))
})

describe("a history under seals", () => {
  it.effect("is what the seals say, the last result of a call as the model got it", () =>
    Effect.gen(function*() {
      const items = [
        user("hi"),
        assistant,
        text("shown"),
        called(),
        yield* seal({ message: answered(callPart()), isLoop: true }),
        yield* seal({ results: [part(5)] }),
        yield* seal({ results: [part("five")] }),
        gives(5),
        user("on", 3)
      ]
      assert.deepStrictEqual(
        yield* turn(items),
        told([said("hi"), answered(callPart()), results(part("five")), said("on")])
      )
    }))

  it.effect("takes no answer of the client's for a call of the server's, but for those that are the client's", () =>
    Effect.gen(function*() {
      const items = (record: Seal.Record) =>
        Effect.map(seal(record), (seal) => [user("hi"), assistant, called(), seal, gives(5), user("on", 3)])
      const message = answered(callPart())
      assert.strictEqual(
        yield* turn(yield* items({ message, isLoop: true })),
        "messages[2]: the client does not answer this call"
      )
      for (const record of [{ message }, { message, isLoop: true, clients: ["c1"] } as const]) {
        assert.deepStrictEqual(
          yield* turn(yield* items(record)),
          told([said("hi"), message, results(part(5)), said("on")])
        )
      }
      // It stopped after a result that was shown.
      assert.deepStrictEqual(
        yield* turn(yield* items({ message, isLoop: true, shown: ["c1"] })),
        told([said("hi"), message, results(notRun), said("on")])
      )
    }))

  it.effect("says what a seal can't be read of, and takes one of a response once", () =>
    Effect.gen(function*() {
      const broken: History.Item = { type: "seal", path: at(1), seal: "1.0.{" }
      assert.deepStrictEqual(
        yield* turn([user("hi"), assistant, text("yes"), broken, user("on", 2)]),
        told(
          [said("hi"), answered(Prompt.textPart({ text: "yes" })), said("on")],
          "messages[1]: the seal can't be read"
        )
      )
      const own = yield* seal({ message: answered(Prompt.textPart({ text: "yes" })) })
      assert.strictEqual(
        yield* turn([user("hi"), assistant, own, assistant, own, user("on", 2)]),
        "messages[1]: the seal of a response before"
      )
      const results = yield* seal({ shown: ["c1"] })
      assert.deepStrictEqual(
        yield* turn([user("hi"), assistant, results, results, user("on", 2)]),
        told([said("hi"), said("on")])
      )
    }))
})

describe("a history of a trusted client", () => {
  it.effect("is what it shows, and begins with the user", () =>
    Effect.gen(function*() {
      const provided = called("c1", { providerExecuted: true })
      assert.deepStrictEqual(
        yield* turn([
          { type: "assistant", path: at(0) },
          text("before"),
          user("hi"),
          assistant,
          { type: "step" },
          { type: "reasoning", path: at(1), text: "hm" },
          text("yes"),
          provided,
          gives(5),
          gives(5),
          { type: "step" },
          text(""),
          called("c2"),
          user("on", 2)
        ]),
        told(
          [
            said("hi"),
            answered(
              Prompt.reasoningPart({ text: "hm" }),
              Prompt.textPart({ text: "yes" }),
              callPart("c1", true),
              part(5, { providerExecuted: true })
            ),
            answered(Prompt.textPart({ text: "" }), callPart("c2")),
            results(Prompt.toolResultPart({ ...notRun, id: "c2" })),
            said("on")
          ],
          "messages[0]: what comes before the first message of the user is left out"
        )
      )
    }))

  it.effect("can consent to its calls, whose request is added", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* turn([user("hi"), assistant, called(), consents(true)]),
        told([said("hi"), answered(callPart(), asks), results(answers(true))])
      )
      assert.strictEqual(
        yield* turn([user("hi"), assistant, called(), called("c2"), consents(true)]),
        "messages[1]: the last message is the assistant's, and a call of it has no answer"
      )
    }))
})

describe("a history of the server's that is sealed later", () => {
  it("is vouched for as it is shown, its calls as the server's", () => {
    assert.deepStrictEqual(
      History.vouch([assistant, text("yes"), called(), gives(5), gives(6, false, "c9")]),
      {
        message: answered(Prompt.textPart({ text: "yes" }), callPart()),
        isLoop: true,
        results: [part(5)]
      }
    )
    assert.deepStrictEqual(
      History.vouch([assistant, called("c1", { providerExecuted: true }), gives(5)]),
      {
        message: answered(callPart("c1", true), part(5, { providerExecuted: true })),
        isLoop: true,
        results: []
      }
    )
  })

  it.effect("is vouched for as its seals say, where it has some", () =>
    Effect.gen(function*() {
      const items = [
        assistant,
        text("shown"),
        called(),
        yield* seal({ message: answered(callPart()), isLoop: true }),
        yield* seal({ approvals: [asks] }),
        yield* seal({ results: [part(5)] }),
        gives(5)
      ]
      assert.deepStrictEqual(History.vouch(items), {
        message: answered(callPart()),
        isLoop: true,
        results: [part(5)],
        approvals: [asks]
      })
    }))
})
