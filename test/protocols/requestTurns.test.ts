import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as Ids from "../../src/protocols/request/ids.ts"
import * as Turns from "../../src/protocols/request/turns.ts"

const rule = { foreign: /[^a-zA-Z0-9_-]/g, maxLength: 8 }

// Ids that become the same when they are cut or lose characters.
const ids = Arbitrary.array(
  Arbitrary.schema(Schema.Union([
    Schema.Literals(["a.b", "a:b", "a_b", "a_b_2", "", "call", "aaaaaaaaaa", "aaaaaaaaab"]),
    Schema.String
  ])),
  { minLength: 0, maxLength: 12 }
)

describe("ids of tool calls", () => {
  it("are changed where the API does not take them, and nowhere else", () => {
    assert.deepStrictEqual(Array.from(Ids.accepted(["call_1", "fn.x:0", "fn_x_0"], { foreign: rule.foreign })), [
      ["call_1", "call_1"],
      ["fn.x:0", "fn_x_0"],
      ["fn_x_0", "fn_x_0_2"]
    ])
  })

  it.prop("are all taken, and stay different", [ids], ([ids]) => {
    const accepted = Array.from(Ids.accepted(ids, rule).values())
    assert.strictEqual(new Set(accepted).size, new Set(ids).size)
    for (const id of accepted) assert.match(id, /^[a-zA-Z0-9_-]{1,8}$/)
  })

  it.prop("stay as they were when the conversation goes on", [ids, ids], ([before, after]) => {
    const first = Ids.accepted(before, rule)
    const both = Ids.accepted([...before, ...after], rule)
    for (const [id, accepted] of first) assert.strictEqual(both.get(id), accepted)
  })
})

const say = (role: Turns.Role, ...units: ReadonlyArray<Turns.Unit<string>>) => ({ role, units })
const text = (text: string): Turns.Unit<string> => ({ path: text, blocks: text === "" ? [] : [text] })
const call = (id: string): Turns.Unit<string> => ({ path: `call ${id}`, blocks: [`call ${id}`], call: id })
const result = (id: string): Turns.Unit<string> => ({ path: `result ${id}`, blocks: [`result ${id}`], result: id })

const spoken = (...messages: ReadonlyArray<Turns.Turn<string>>) =>
  Result.match(Turns.turns(messages), {
    onFailure: (message) => message,
    onSuccess: (turns) => turns.map(({ role, units }) => [role, ...units.flatMap(({ blocks }) => blocks)])
  })

describe("turns", () => {
  it("join neighbours, without those that hold nothing", () => {
    assert.deepStrictEqual(
      spoken(say("user", text("a")), say("assistant", text("")), say("user", text("b"), text("")), say("user")),
      [["user", "a", "b"]]
    )
  })

  it("put the results of calls first, in their order", () => {
    assert.deepStrictEqual(
      spoken(
        say("user", text("a")),
        say("assistant", call("1"), call("2")),
        say("user", text("wait")),
        say("user", result("2")),
        say("user", result("1"), text("b"))
      ),
      [["user", "a"], ["assistant", "call 1", "call 2"], ["user", "result 2", "result 1", "wait", "b"]]
    )
  })

  it("need a message, and the user's first", () => {
    assert.match(String(spoken(say("user", text("")))), /^prompt: /)
    assert.match(String(spoken(say("assistant", text("a")))), /^a: the first message has to be the user's/)
  })

  it("need a result of each call in the turn after it", () => {
    const question = say("user", text("a"))
    assert.match(String(spoken(question, say("assistant", call("1")))), /^call 1: .*has no result/)
    assert.match(
      String(spoken(question, say("assistant", call("1"), call("2")), say("user", result("1")))),
      /^call 2: .*has no result/
    )
    assert.match(String(spoken(say("user", result("1")))), /^result 1: .*has no such call/)
    assert.match(
      String(spoken(question, say("assistant", call("1")), say("user", result("1"), result("1")))),
      /^result 1: .*second result/
    )
    assert.match(
      String(spoken(question, say("assistant", call("1")), say("user", result("1")), say("assistant", call("1")))),
      /^call 1: the id "1" is that of another tool call/
    )
  })
})
