import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Terminal } from "effect"
import { Prompt } from "effect/cli"
import * as Editor from "../../src/cli/editor.ts"
import { ctrl, enter, keysOf, press, typist } from "./harness.ts"

const said = ["first", "second"]
const empty: Editor.State = { before: "", after: "", at: said.length, draft: "" }

/** What the keys make of an empty line: its state, or the message that was sent. */
const after = (...keys: ReadonlyArray<Terminal.UserInput>): Editor.State | string | undefined => {
  let state = empty
  for (const key of keys) {
    const action = Editor.next(said, key, state)
    if (action._tag === "Submit") return action.value
    if (action._tag === "NextFrame") state = action.state
  }
  return state
}

const line = (before: string, rest = "") => ({ before, after: rest })

describe("Editor", () => {
  it.effect("shows what is typed, all of it, in as many lines as it takes", () =>
    Effect.gen(function*() {
      const text = "a line of fifty characters, which is wider than 40."
      const { options, screen } = yield* typist([["", keysOf(text)], [".", [enter]]])
      const sent = yield* Prompt.run(Editor.ask([])).pipe(
        Effect.provideService(Terminal.Terminal, options.terminal),
        Effect.provide(NodeServices.layer)
      )
      assert.strictEqual(sent, text)
      const shown = screen().replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replaceAll(/[\s>]+/g, "")
      assert.include(shown, text.replaceAll(" ", ""))
      // Terminals go up one line for none.
      assert.notInclude(screen(), "\u001b[0A")
    }))

  /** All that a terminal of this size is sent while a message is pasted and sent. */
  const shownOn = Effect.fnUntraced(function*(columns: number, rows: number, message: string) {
    const { options, screen } = yield* typist([["", [press(Editor.paste, {}, message)]], [message.slice(-1), [enter]]])
    yield* Prompt.run(Editor.ask([])).pipe(
      Effect.provideService(
        Terminal.Terminal,
        Terminal.make({ ...options.terminal, columns: Effect.succeed(columns), rows: Effect.succeed(rows) })
      ),
      Effect.provide(NodeServices.layer)
    )
    return screen()
  })

  it.effect("takes a terminal that does not know its size for one of 80 columns and 24 rows", () =>
    Effect.gen(function*() {
      // Lines that just fit and that just don't, after more of them than fit.
      const message = `${"x\n".repeat(30)}${"a".repeat(77)}\n${"b".repeat(78)}.`
      const usual = yield* shownOn(80, 24, message)
      assert.strictEqual(yield* shownOn(0, 0, message), usual)
      for (const [columns, rows] of [[1, 24], [79, 24], [81, 24], [80, 1], [80, 23], [80, 25]] as const) {
        assert.notStrictEqual(yield* shownOn(columns, rows, message), usual, `${columns} × ${rows}`)
      }
    }))

  it.effect("leaves the whole of a message on the screen when it is sent, also of one that had no place on it", () =>
    Effect.gen(function*() {
      const numbers = Array.from({ length: 50 }, (_, at) => `${at}`)
      const frames = (yield* shownOn(40, 10, `${numbers.join("\n")}.`)).split("\u001b[0J")
      assert.include(frames.pop(), `> ${numbers.join("\n  ")}.\n`)
      for (const frame of frames) assert.isAtMost(frame.split("\n").length, 9)
    }))

  const Words = Schema.Array(Schema.Literals(["a", "word", " ", "\n", "wider than ten"])).check(Schema.isMaxLength(30))

  it.prop(
    "shows the line of the cursor on a screen of any size",
    { before: Words, after: Words, columns: Schema.Literals([10, 11, 40]), rows: Schema.Literals([1, 2, 3, 5, 24]) },
    ({ after, before, columns, rows }) => {
      const state = { ...empty, before: before.join(""), after: after.join("") }
      const whole = Editor.frame(state, columns, 10_000)
      const { cursor, lines, width } = Editor.frame(state, columns, rows)
      assert.isAtMost(lines.length, Math.max(rows - 1, 1))
      assert.strictEqual(lines[cursor], whole.lines[whole.cursor])
      assert.isAtMost(width, lines[cursor]?.length ?? 0)
      // What is before the cursor is above it and to the left of it.
      const above = [...whole.lines.slice(0, whole.cursor), lines[cursor]?.slice(0, width) ?? ""]
      assert.strictEqual(above.join("").replaceAll(/[\s>]/g, ""), state.before.replaceAll(/\s/g, ""))
    }
  )

  it("inserts where the cursor is, and deletes whole characters", () => {
    assert.deepInclude(after(...keysOf("helo"), press("left"), ...keysOf("l")), line("hell", "o"))
    assert.deepInclude(after(...keysOf("a"), press("x", {}, "👩‍🚀"), press("backspace")), line("a"))
    assert.deepInclude(after(press("x", {}, "é👩‍🚀"), press("left"), press("left"), press("delete")), line("", "👩‍🚀"))
  })

  it("moves and deletes by the keys that shells know", () => {
    const words = keysOf("one two  three")
    assert.deepInclude(after(...words, ctrl("w")), line("one two  "))
    assert.deepInclude(after(...words, ctrl("w"), ctrl("w")), line("one "))
    assert.deepInclude(after(...words, ctrl("a"), press("right"), ctrl("k")), line("o"))
    assert.deepInclude(after(...words, press("left"), ctrl("u")), line("", "e"))
    assert.deepInclude(after(...words, press("home"), press("end")), line("one two  three"))
  })

  it("recalls the messages before, and comes back to the one that was begun", () => {
    const begun = keysOf("third")
    assert.deepInclude(after(...begun, press("up")), line("second"))
    assert.deepInclude(after(...begun, press("up"), press("up"), press("up")), line("first"))
    assert.deepInclude(after(...begun, press("up"), press("down")), line("third"))
    assert.deepInclude(after(...begun, press("down")), line("third"))
  })

  it("goes on in another line after a backslash, and sends otherwise", () => {
    assert.deepInclude(after(...keysOf("a\\"), enter, ...keysOf("b")), line("a\nb"))
    assert.strictEqual(after(...keysOf("a\\"), enter, ...keysOf("b"), enter), "a\nb")
    assert.deepInclude(after(...keysOf("a"), press("return", { meta: true }, "\r")), line("a\n"))
  })

  it("leaves at Ctrl-D only where nothing is typed", () => {
    assert.isUndefined(after(ctrl("d")))
    assert.deepInclude(after(...keysOf("ab"), press("home"), ctrl("d")), line("", "b"))
  })

  it.prop(
    "keeps what is typed or pasted, but for control characters, wherever the cursor is",
    [Schema.String, Schema.String],
    ([typed, pasted]) => {
      const state = after(
        ...keysOf(typed.replace(/[\r\n]/g, "")),
        press(Editor.paste, {}, pasted),
        press("left"),
        press("right")
      )
      assert.isObject(state)
      const { after: rest, before } = state as Editor.State
      const clean = (text: string) =>
        text.replace(/\r\n?/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd")
      assert.strictEqual(before + rest, clean(typed.replace(/[\r\n]/g, "")) + clean(pasted))
      assert.strictEqual(rest, "")
    }
  )
})
