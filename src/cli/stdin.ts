import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Files from "./files.ts"
import type { Failed } from "./status.ts"

/** How standard input is named in messages. */
export const name = "Standard input"

/**
 * The whole of standard input.
 *
 * @internal
 */
export const text: Effect.Effect<string, Failed, Stdio.Stdio> = Stdio.Stdio.use(({ stdin }) =>
  Stream.mkString(Files.utf8(Files.limited(stdin, name), name))
)

/**
 * The kind of standard input, as the system sees it.
 *
 * @internal
 */
export const Kind: Context.Reference<Effect.Effect<FileSystem.File.Type | undefined, never, FileSystem.FileSystem>> =
  Context.Reference("effect-llm-stream/cli/Stdin/Kind", {
    defaultValue: () =>
      FileSystem.FileSystem.use((fileSystem) => Effect.option(fileSystem.stat("/dev/stdin"))).pipe(
        Effect.map((info) => Option.getOrUndefined(info)?.type)
      )
  })

/**
 * The text that was piped in; `""` without any. Programs often hand down a socket that they never close, so a socket
 * that stays silent for a moment counts as nothing.
 *
 * @internal
 */
export const piped: Effect.Effect<string, Failed, Stdio.Stdio | FileSystem.FileSystem> = Effect.gen(function*() {
  const kind = yield* (yield* Kind)
  switch (kind) {
    case "File":
    case "FIFO":
      return yield* text
    case "Socket": {
      const stdio = yield* Stdio.Stdio
      let silent = true
      const stdin = Stream.tap(stdio.stdin, () =>
        Effect.sync(() => {
          silent = false
        }))
      return yield* Effect.raceFirst(
        Effect.provideService(text, Stdio.Stdio, Stdio.make({ ...stdio, stdin })),
        Effect.andThen(
          Effect.sleep(silence),
          Effect.suspend(() => silent ? Effect.succeed("") : Effect.never)
        )
      )
    }
    default:
      return ""
  }
})

const silence = "300 millis"
