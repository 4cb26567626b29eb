import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result } from "effect"
import { Prompt } from "effect/ai"
import * as AgUi from "../../src/ui/AgUi.ts"
import * as AiSdk from "../../src/ui/AiSdk.ts"
import * as Body from "../../src/ui/body.ts"
import * as Seal from "../../src/ui/seal.ts"
import * as Trust from "../../src/ui/Trust.ts"

const recordOf = (seal: unknown) => Option.getOrUndefined(Seal.read(String(seal)))

const record = (
  content: ReadonlyArray<Prompt.AssistantMessagePart>,
  ...results: ReadonlyArray<Prompt.ToolResultPart>
): Seal.Record => ({ message: Prompt.assistantMessage({ content }), isLoop: true, results })

const text = (text: string) => Prompt.textPart({ text })
const old = "1.0.{}"

describe("a history that is sealed later", () => {
  it.effect("has a seal behind each response of the assistant, for the AI SDK", () =>
    Effect.gen(function*() {
      const user = { id: "u1", role: "user", parts: [{ type: "text", text: "hi" }] }
      const silent = { id: "a2", role: "assistant", parts: [] }
      const step = { type: "step-start" }
      const [a, b, app] = [{ type: "text", text: "a" }, { type: "text", text: "b" }, { type: "data-app", data: 1 }]
      const said = {
        id: "a1",
        role: "assistant",
        parts: [a, { type: "data-llm-stream-seal", data: old }, step, b, app]
      }
      const [first, second, third, ...others] = yield* AiSdk.reseal([user, said, silent])
      assert.deepStrictEqual([first, third, others], [user, silent, []])
      assert.deepStrictEqual(
        second?.parts.map((part) => "data" in part && part.type !== "data-app" ? recordOf(part.data) : part),
        [a, record([text("a")]), step, b, app, record([text("b")])]
      )
    }).pipe(Effect.provideService(Trust.Trust, Trust.trusted)))

  it.effect("has a seal in the last message of each response of the assistant, for AG-UI", () =>
    Effect.gen(function*() {
      const call = { id: "c1", type: "function", function: { name: "weather", arguments: `{"city":"Rome"}` } }
      const continues = { "llm-stream-continues": true }
      const messages = [
        { id: "u1", role: "user", content: "hi" },
        { id: "a1", role: "assistant", content: "one", metadata: { app: 1, "llm-stream-seal-r-1": old } },
        { id: "r1", role: "reasoning", content: "hm", metadata: { "llm-stream-seal-r-2": old } },
        { id: "a2", role: "assistant", content: "two" },
        { id: "a3", role: "assistant", toolCalls: [call], metadata: continues },
        { id: "t1", role: "tool", toolCallId: "c1", content: "5" },
        { id: "a4", role: "assistant", content: "four" },
        { id: "a5", role: "assistant", content: "five" },
        { id: "u2", role: "user", content: "on" },
        { id: "r2", role: "reasoning", content: "hm" },
        { id: "u3", role: "user", content: "on" },
        { id: "a6", role: "assistant", content: "six" }
      ]
      const sealed = yield* AgUi.reseal(messages)
      const isSeal = ([key]: readonly [string, unknown]) => key.startsWith("llm-stream-seal-")
      const metadataOf = ({ metadata = {} }: { readonly metadata?: Readonly<Record<string, unknown>> }) =>
        Object.entries(metadata)
      assert.deepStrictEqual(
        sealed.map((message) => [
          message.id,
          ...metadataOf(message).map(([key, value]) => isSeal([key, value]) ? [key, recordOf(value)] : [key, value])
        ]),
        [
          ["u1"],
          ["a1", ["app", 1], ["llm-stream-seal-a1", record([text("one")])]],
          ["r1"],
          ["a2"],
          [
            "a3",
            ["llm-stream-continues", true],
            [
              "llm-stream-seal-a3",
              record(
                [
                  Prompt.reasoningPart({ text: "hm" }),
                  text("two"),
                  Prompt.toolCallPart({ id: "c1", name: "weather", params: { city: "Rome" }, providerExecuted: false })
                ],
                Prompt.toolResultPart({
                  id: "c1",
                  name: "weather",
                  result: 5,
                  isFailure: false,
                  providerExecuted: false
                })
              )
            ]
          ],
          ["t1"],
          ["a4", ["llm-stream-seal-a4", record([text("four")])]],
          ["a5", ["llm-stream-seal-a5", record([text("five")])]],
          ["u2"],
          ["r2"],
          ["u3"],
          ["a6", ["llm-stream-seal-a6", record([text("six")])]]
        ]
      )
    }).pipe(Effect.provideService(Trust.Trust, Trust.trusted)))
})

describe("a refusal", () => {
  it("names its place, of a long one the beginning", () => {
    const refused = (path: Body.Path) =>
      Result.match(Body.refuse(path, "no"), {
        onFailure: ({ message }) => message,
        onSuccess: () => "taken"
      })
    assert.strictEqual(refused(["messages", 3, "parts", 1, "input"]), "messages[3].parts[1].input: no")
    for (const length of [799, 800]) assert.strictEqual(refused(["x".repeat(length)]), `${"x".repeat(length)}: no`)
    assert.strictEqual(refused(["x".repeat(801)]), `${"x".repeat(800)}: no`)
  })
})
