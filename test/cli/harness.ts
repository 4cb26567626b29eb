import { NodeServices } from "@effect/platform-node"
import {
  type Cause,
  ConfigProvider,
  Console,
  Effect,
  type FileSystem,
  Layer,
  Option,
  Queue,
  Result,
  Schedule,
  Schema,
  Sink,
  Stdio,
  Stream,
  Terminal
} from "effect"
import { FetchHttpClient } from "effect/http"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { main } from "../../src/cli/main.ts"
import * as Stdin from "../../src/cli/stdin.ts"
import { FinishReason } from "../../src/index.ts"
import { printed } from "../support/process.ts"

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Options {
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly stdin?: Stream.Stream<Uint8Array> | undefined
  /** What standard input is. Default: a terminal or nothing, which is not read. */
  readonly stdinKind?: FileSystem.File.Type | undefined
  /** The terminal that standard input and output are. Default: they are none. */
  readonly terminal?: Terminal.Terminal | undefined
  readonly stdoutIsTerminal?: boolean | undefined
  readonly stderrIsTerminal?: boolean | undefined
  /** Called with each piece that is written to standard output. */
  readonly onStdout?: ((piece: string) => void) | undefined
}

/** Runs the command line in this process. */
export const run = (args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Outcome> =>
  Effect.suspend(() => {
    const out: Array<string> = []
    const err: Array<string> = []
    const utf8 = new TextDecoder()
    const textOf = (piece: string | Uint8Array) => typeof piece === "string" ? piece : utf8.decode(piece)
    const stdio = Stdio.layerTest({
      args: Effect.succeed(args),
      stdin: options.stdin ?? Stream.empty,
      stdinIsTerminal: Effect.succeed(options.terminal !== undefined),
      stdoutIsTerminal: Effect.succeed(options.stdoutIsTerminal ?? options.terminal !== undefined),
      stderrIsTerminal: Effect.succeed(options.stderrIsTerminal ?? false),
      stdout: () =>
        Sink.forEach((piece) =>
          Effect.sync(() => {
            out.push(textOf(piece))
            options.onStdout?.(textOf(piece))
          })
        ),
      stderr: () => Sink.forEach((piece) => Effect.sync(() => err.push(textOf(piece))))
    })
    const console: Console.Console = {
      ...globalThis.console,
      log: (...lines) => out.push(`${lines.join(" ")}\n`),
      error: (...lines) => err.push(`${lines.join(" ")}\n`)
    }
    return main("1.2.3").pipe(
      Effect.map((status) => ({ status, stdout: out.join(""), stderr: err.join("") })),
      Effect.provideService(Console.Console, console),
      Effect.provideService(Stdin.Kind, Effect.succeed(options.stdinKind)),
      Effect.provide(Layer.mergeAll(
        Layer.merge(NodeServices.layer, stdio),
        options.terminal === undefined ? Layer.empty : Layer.succeed(Terminal.Terminal, options.terminal),
        FetchHttpClient.layer,
        ConfigProvider.layer(ConfigProvider.fromEnv({ env: options.env ?? {} }))
      ))
    )
  })

/** A key of a terminal. */
export const press = (name: string, modifiers: Partial<Terminal.Key> = {}, input?: string): Terminal.UserInput => ({
  input: Option.fromUndefinedOr(input),
  key: { name, ctrl: false, meta: false, shift: false, ...modifiers }
})

export const ctrl = (name: string): Terminal.UserInput => press(name, { ctrl: true })

export const keysOf = (text: string): ReadonlyArray<Terminal.UserInput> =>
  Array.from(text, (letter) => press(letter, {}, letter))

export const enter = press("return", {}, "\r")

/** A terminal at which someone presses keys, each time once a text is on the screen. */
export const typist = Effect.fnUntraced(function*(
  steps: ReadonlyArray<readonly [shown: string, keys: ReadonlyArray<Terminal.UserInput>]>
) {
  const keys = yield* Queue.unbounded<Terminal.UserInput, Cause.Done>()
  const left = [...steps]
  let unseen = ""
  let screen = ""
  const show = (text: string): void => {
    unseen += text
    screen += text
    if (left[0] !== undefined && unseen.includes(left[0][0])) {
      unseen = ""
      Queue.offerAllUnsafe(keys, left.shift()?.[1] ?? [])
    }
  }
  return {
    /** For `run`. */
    options: {
      onStdout: show,
      terminal: Terminal.make({
        columns: Effect.succeed(40),
        rows: Effect.succeed(10),
        size: Effect.die("not needed"),
        readLine: Effect.die("not needed"),
        readInput: Effect.succeed(keys),
        display: (text) => Effect.sync(() => show(text))
      })
    },
    screen: () => screen,
    /** The steps that did not come about. */
    left: (): ReadonlyArray<unknown> => left
  }
})
/** Runs the command line in a process of its own, with this file as its standard output; gives what it says of that. */
export const writeTo = (
  file: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Pick<Outcome, "status" | "stderr">> =>
  Effect.promise(async () => {
    const output = openSync(file, "w")
    const child = spawn(process.execPath, [bin, ...args], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", output, "pipe"]
    })
    let stderr = ""
    child.stderr?.setEncoding("utf8").on("data", (text: string) => stderr += text)
    const [status] = await once(child, "close")
    closeSync(output)
    return { status, stderr }
  })

const bin = fileURLToPath(new URL("../../src/bin.ts", import.meta.url))

/** Runs the command line in a process of its own. */
export const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  watched(spawn(process.execPath, [bin, ...args], { env: { PATH: process.env["PATH"], ...env } }))

/** Runs the command line in a terminal of its own, where the system has the command `script`. */
export const startInTerminal = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  watched(
    spawn("script", ["-qec", [process.execPath, bin, ...args].map((word) => `'${word}'`).join(" "), "/dev/null"], {
      env: { PATH: process.env["PATH"], ...env }
    })
  )

const filesOf = (pid: number | undefined): ReadonlyArray<string> => {
  const files = `/proc/${pid}/fd`
  // One may be closed meanwhile.
  return readdirSync(files).flatMap((name) =>
    Result.getOrElse(Result.try(() => [readlinkSync(`${files}/${name}`)]), () => [])
  )
}

const watched = (child: ChildProcessWithoutNullStreams) => {
  const output = { stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.stdout += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => output.stderr += text)
  const exited = once(child, "close").then(([status]): Outcome => ({ status, ...output }))
  return {
    child,
    output,
    exited: Effect.promise(() => exited),
    /** Waits until the process has opened a file; on Linux. */
    opened: (file: string) =>
      Effect.repeat(Effect.sync(() => filesOf(child.pid).includes(file)), {
        until: (isOpen) => isOpen,
        schedule: Schedule.spaced("5 millis")
      }),
    /** Waits for text on standard output. */
    printed: (text: string) => printed(child, () => output.stdout.includes(text))
  }
}

export const lines = (stdout: string): ReadonlyArray<Record<string, unknown>> =>
  stdout.trimEnd().split("\n").map((line) => JSON.parse(line))

// ---------------------------------------------------------------------------------------------------------------------
// The documented JSON
// ---------------------------------------------------------------------------------------------------------------------

const Tokens = Schema.NullOr(Schema.Natural)
const Text = Schema.NullOr(Schema.String)
const FinishReasons = Schema.Array(FinishReason.FinishReason)

export const Usage = Schema.Struct({
  inputTokens: Tokens,
  cachedTokens: Tokens,
  cacheWriteTokens: Tokens,
  outputTokens: Tokens,
  reasoningTokens: Tokens
})

export const Failure = Schema.Struct({
  provider: Schema.String,
  reason: Schema.String,
  message: Schema.String,
  status: Schema.NullOr(Schema.Natural),
  code: Text,
  requestId: Text,
  retryAfterSeconds: Schema.NullOr(Schema.Finite),
  retryable: Schema.Boolean,
  emitted: Schema.Boolean
})

export const Response = Schema.Struct({
  provider: Schema.String,
  id: Text,
  model: Text,
  content: Schema.String,
  reasoning: Schema.String,
  refusal: Schema.String,
  toolCalls: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, arguments: Schema.String })),
  finishReasons: Schema.Array(Schema.String),
  commonFinishReasons: FinishReasons,
  usage: Schema.NullOr(Usage),
  audio: Schema.NullOr(Schema.Struct({ byteLength: Schema.Natural, transcript: Schema.String })),
  costMetadata: Schema.Record(Schema.String, Schema.Unknown),
  cost: Schema.NullOr(Schema.StructWithRest(Schema.Struct({ total: Schema.Finite }), [
    Schema.Record(Schema.String, Schema.Unknown)
  ])),
  chunks: Schema.Natural,
  error: Schema.NullOr(Failure)
})

export const Chunk = Schema.Struct({
  provider: Schema.String,
  chunk: Schema.Unknown,
  content: Schema.String,
  reasoning: Schema.String,
  refusal: Schema.String,
  finishReasons: Schema.Array(Schema.String),
  commonFinishReasons: FinishReasons,
  id: Text,
  model: Text,
  usage: Schema.NullOr(Usage),
  inputTokens: Tokens,
  cachedTokens: Tokens,
  outputTokens: Tokens,
  audio: Text,
  audioTranscript: Text,
  toolCallDeltas: Schema.Array(
    Schema.Struct({ index: Schema.NullOr(Schema.Natural), id: Text, name: Text, arguments: Schema.String })
  ),
  costMetadata: Schema.Record(Schema.String, Schema.Unknown)
})
