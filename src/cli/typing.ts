import type * as Cause from "effect/Cause"
import * as CliPrompt from "effect/cli/Prompt"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import type { Confirm } from "./answer.ts"
import * as Editor from "./editor.ts"
import * as Files from "./files.ts"
import { type Failed, wrongUsage } from "./status.ts"
import * as Stdin from "./stdin.ts"

/**
 * The source of messages.
 *
 * @internal
 */
export interface Typing {
  readonly isTerminal: boolean
  /** The width of the terminal, which can change. */
  readonly columns: Effect.Effect<number>
  /** The next message; `undefined` at the end. A terminal recalls earlier messages. */
  readonly next: (
    said: ReadonlyArray<string>
  ) => Effect.Effect<string | undefined, Failed, FileSystem.FileSystem | Path.Path>
  readonly confirm: (
    call: string
  ) => Effect.Effect<boolean | undefined, never, FileSystem.FileSystem | Path.Path>
  /** Ends when the user stops what is under way. */
  readonly stop: Effect.Effect<void>
}

/**
 * Piped lines: each is a message. A line that ends in a backslash continues on the next.
 *
 * @internal
 */
export const lines: Effect.Effect<Typing, never, Stdio.Stdio | Scope.Scope> = Effect.gen(function*() {
  const { stdin } = yield* Stdio.Stdio
  const text = Files.utf8(
    Stream.mapError(stdin, (error) => wrongUsage(`${Stdin.name}: ${Files.reasonOf(error)}`)),
    Stdin.name
  )
  const pull = yield* Stream.toPull(text.pipe(Stream.splitLines, Stream.rechunk(1)))
  const line = pull.pipe(
    Effect.map(([line]) => line),
    Pull.catchDone(() => Effect.undefined)
  )
  const next: Effect.Effect<string | undefined, Failed> = Effect.gen(function*() {
    let message = ""
    while (true) {
      const piece = yield* line
      if (piece === undefined) return message === "" ? undefined : message
      if (!piece.endsWith("\\")) return message + piece
      message += `${piece.slice(0, -1)}\n`
    }
  })
  return {
    isTerminal: false,
    columns: Effect.succeed(Infinity),
    next: () => next,
    confirm: () => Effect.undefined,
    stop: Effect.never
  }
})

const startPaste = "\u001b[?2004h"
const endPaste = "\u001b[?2004l"

/**
 * A terminal, whose keys are read all the time: text typed during an answer waits for its end, and Ctrl-C stops the
 * answer.
 *
 * @internal
 */
export const terminal: Effect.Effect<Typing, never, Terminal.Terminal | Scope.Scope> = Effect.gen(function*() {
  const terminal = yield* Terminal.Terminal
  const input = yield* terminal.readInput
  const keys = yield* Queue.unbounded<Terminal.UserInput, Cause.Done>()
  let stopping: Deferred.Deferred<void> | undefined
  let pasted: string | undefined

  const receive = (press: Terminal.UserInput): Effect.Effect<unknown> => {
    const { key } = press
    if (key.name === "paste-start") {
      pasted = ""
      return Effect.void
    }
    if (key.name === "paste-end") {
      const text = pasted ?? ""
      pasted = undefined
      return Queue.offer(keys, { input: Option.some(text), key: { ...key, name: Editor.paste } })
    }
    if (pasted !== undefined) {
      pasted += Option.getOrElse(press.input, () => "")
      return Effect.void
    }
    return stopping !== undefined && key.ctrl && key.name === "c"
      ? Deferred.succeed(stopping, undefined)
      : Queue.offer(keys, press)
  }

  yield* Queue.take(input).pipe(
    Effect.flatMap(receive),
    Effect.forever,
    Effect.catch(() => Queue.end(keys)),
    Effect.forkScoped
  )
  yield* Effect.acquireRelease(
    Effect.ignore(terminal.display(startPaste)),
    () => Effect.ignore(terminal.display(endPaste))
  )
  const shared = Terminal.make({ ...terminal, readInput: Effect.succeed(keys) })
  const ask = <A>(
    prompt: CliPrompt.Prompt<A>
  ): Effect.Effect<A | undefined, never, FileSystem.FileSystem | Path.Path> =>
    CliPrompt.run(prompt).pipe(
      Effect.provideService(Terminal.Terminal, shared),
      Effect.catch(() => Effect.undefined)
    )
  return {
    isTerminal: true,
    columns: Effect.map(terminal.columns, (columns) => columns > 0 ? columns : 80),
    next: (said) => ask(Editor.ask(said)),
    // A word and Enter, so that no key that was meant for a message says yes. Earlier keys are kept for the next
    // message.
    confirm: Effect.fnUntraced(function*(call) {
      const ahead = yield* Queue.clear(keys)
      yield* Effect.ignore(terminal.display(`Run ${call}? Type yes or no.\n`))
      const answer = yield* Effect.onInterrupt(ask(Editor.ask([])), () => Effect.ignore(terminal.display("\n")))
      yield* Queue.offerAll(keys, ahead)
      return /^\s*y(es)?\s*$/i.test(answer ?? "")
    }),
    stop: Effect.suspend(() => {
      const stopped = stopping = Deferred.makeUnsafe<void>()
      return Effect.ensuring(
        Deferred.await(stopped),
        Effect.sync(() => {
          stopping = undefined
        })
      )
    })
  }
})

/**
 * Asks in a command that reads nothing else from its terminal. Ctrl-C at the question stops the program.
 *
 * @internal
 */
export const confirm: Effect.Effect<
  Confirm,
  never,
  Stdio.Stdio | Terminal.Terminal | FileSystem.FileSystem | Path.Path
> = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  const context = yield* Effect.context<Terminal.Terminal | FileSystem.FileSystem | Path.Path>()
  const isTerminal = (yield* stdio.stdinIsTerminal) && (yield* stdio.stdoutIsTerminal)
  return (call) =>
    isTerminal
      ? terminal.pipe(
        Effect.flatMap(({ confirm, stop }) => Effect.raceFirst(confirm(call), Effect.andThen(stop, Effect.interrupt))),
        Effect.scoped,
        Effect.provideContext(context)
      )
      : Effect.undefined
})
