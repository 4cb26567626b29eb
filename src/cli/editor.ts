/**
 * The editor of messages: lines that wrap, a cursor, pastes of several lines, and earlier messages.
 */
import * as Prompt from "effect/cli/Prompt"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Terminal from "effect/Terminal"
import { own } from "../internal/own.ts"
import { printable, withoutControls } from "./printable.ts"

/** The key that stands for a whole paste, with the text as its input. */
export const paste = "paste"

/** @internal */
export interface State {
  readonly before: string
  readonly after: string
  /** Position among the messages before; their number for the new one. */
  readonly at: number
  /** The new message, while an earlier one is shown. */
  readonly draft: string
}

type Action = Prompt.Action<State, string | undefined>

const marker = "> "
const indent = "  "

/**
 * Asks for a message; `undefined` when the user leaves: by Ctrl-D or Ctrl-C where nothing is typed.
 *
 * @internal
 */
export const ask = (said: ReadonlyArray<string>): Prompt.Prompt<string | undefined> =>
  Prompt.Custom<State, string | undefined>({ before: "", after: "", at: said.length, draft: "" }, {
    process: (input, state) => Effect.succeed(next(said, input, state)),
    render: (state, action) =>
      size((columns, rows) => {
        if (action._tag === "Beep") return "\u0007"
        if (action._tag === "Submit") return `${layout(state.before + state.after, columns).join("\n")}\n`
        const { cursor, lines, width } = frame(state, columns, rows)
        return `${lines.join("\n")}${up(lines.length - 1 - cursor)}\r\u001b[${width}C`
      }),
    clear: (state) => size((columns, rows) => `${up(frame(state, columns, rows).cursor)}\r\u001b[0J`)
  })

const size = (f: (columns: number, rows: number) => string): Effect.Effect<string, never, Terminal.Terminal> =>
  Terminal.Terminal.use(({ columns, rows }) =>
    Effect.zipWith(columns, rows, (columns, rows) => f(columns > 0 ? columns : 80, rows > 0 ? rows : 24))
  )

const up = (rows: number): string => rows > 0 ? `\u001b[${rows}A` : ""

/**
 * The lines that fit on the screen, around that of the cursor.
 *
 * @internal
 */
export const frame = ({ after, before }: State, columns: number, rows: number) => {
  const all = layout(before + after, columns)
  const upToCursor = layout(before, columns)
  const row = upToCursor.length - 1
  const most = Math.max(rows - 1, 1)
  const first = Math.max(0, row - most + 1)
  return {
    lines: all.slice(first, first + most),
    cursor: row - first,
    width: widthOf(upToCursor[row] ?? "")
  }
}

const graphemes = new Intl.Segmenter()
const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u

const widthOfGrapheme = (grapheme: string): number => wide.test(grapheme) ? 2 : /^\p{M}|^\p{Cf}/u.test(grapheme) ? 0 : 1

const widthOf = (line: string): number => {
  let width = 0
  for (const { segment } of graphemes.segment(line)) width += widthOfGrapheme(segment)
  return width
}

/** A text as lines of the screen. None reaches the last column, where terminals differ. */
const layout = (text: string, columns: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = marker
  let width = marker.length
  const end = () => {
    lines.push(line)
    line = indent
    width = indent.length
  }
  for (const { segment } of graphemes.segment(printable(text).replaceAll("\t", indent))) {
    if (segment === "\n") {
      end()
      continue
    }
    const wide = widthOfGrapheme(segment)
    if (width + wide >= columns && width > indent.length) end()
    line += segment
    width += wide
  }
  end()
  return lines
}

const frameOf = (state: State): Action => ({ _tag: "NextFrame", state })
const beep: Action = { _tag: "Beep" }

/**
 * The action of a key.
 *
 * @internal
 */
export const next = (said: ReadonlyArray<string>, { input, key }: Terminal.UserInput, state: State): Action => {
  const { after, before } = state
  const insert = (text: string) => frameOf({ ...state, before: before + text })
  const recall = (at: number) => {
    if (at < 0 || at > said.length) return beep
    const draft = state.at === said.length ? before + after : state.draft
    return frameOf({ before: said[at] ?? draft, after: "", at, draft })
  }
  if (key.name === paste) return insert(typed(Option.getOrElse(input, () => "")))
  const isEmpty = before + after === ""
  const name = key.ctrl ? own(controls, key.name) : key.name
  const edit = own(edits, name)
  if (edit !== undefined) return edit(state)
  switch (name) {
    case "leave":
      return isEmpty ? submit(undefined) : frameOf({ ...state, before: "", after: "", at: said.length })
    case "leaveOrDelete":
      return isEmpty ? submit(undefined) : frameOf({ ...state, after: withoutFirst(after) })
    case "return":
      return key.meta
        ? insert("\n")
        : before.endsWith("\\") && after === ""
        ? frameOf({ ...state, before: `${before.slice(0, -1)}\n` })
        : submit(before + after)
    case "enter":
      return insert("\n")
    case "up":
      return recall(state.at - 1)
    case "down":
      return recall(state.at + 1)
    default:
      return key.ctrl || key.meta ? beep : insert(typed(Option.getOrElse(input, () => "")))
  }
}

const submit = (value: string | undefined): Action => ({ _tag: "Submit", value })

/** The keys that do what a key with Ctrl does, or names of what only such a key does. */
const controls: Readonly<Record<string, string>> = {
  a: "home",
  b: "left",
  c: "leave",
  d: "leaveOrDelete",
  e: "end",
  f: "right",
  h: "backspace",
  k: "deleteToEnd",
  n: "down",
  p: "up",
  u: "deleteToStart",
  w: "deleteWord"
}

// A paste has the line ends of the terminal it comes from.
const typed = (text: string): string => withoutControls(text.replace(/\r\n?/g, "\n"))

const lastOf = (text: string): string => {
  const [last] = Array.from(graphemes.segment(text.slice(-32)), ({ segment }) => segment).slice(-1)
  return last ?? ""
}

const firstOf = (text: string): string => {
  const [first] = graphemes.segment(text.slice(0, 32))
  return first?.segment ?? ""
}

const withoutFirst = (text: string): string => text.slice(firstOf(text).length)

const edits: Readonly<Record<string, (state: State) => Action>> = {
  home: (state) => frameOf({ ...state, before: "", after: state.before + state.after }),
  end: (state) => frameOf({ ...state, before: state.before + state.after, after: "" }),
  left: (state) => {
    const last = lastOf(state.before)
    return last === ""
      ? beep
      : frameOf({ ...state, before: state.before.slice(0, -last.length), after: last + state.after })
  },
  right: (state) => {
    const first = firstOf(state.after)
    return first === ""
      ? beep
      : frameOf({ ...state, before: state.before + first, after: state.after.slice(first.length) })
  },
  backspace: (state) => {
    const last = lastOf(state.before)
    return last === "" ? beep : frameOf({ ...state, before: state.before.slice(0, -last.length) })
  },
  delete: (state) => frameOf({ ...state, after: withoutFirst(state.after) }),
  deleteToEnd: (state) => frameOf({ ...state, after: "" }),
  deleteToStart: (state) => frameOf({ ...state, before: "" }),
  deleteWord: (state) => frameOf({ ...state, before: state.before.trimEnd().replace(/(?<!\S)\S+$/, "") })
}
