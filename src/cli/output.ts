import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as Chunk from "../Chunk.ts"
import * as Text from "./text.ts"

/**
 * Writes to standard output.
 *
 * @internal
 */
export const print = (text: string): Effect.Effect<void, PlatformError, Stdio.Stdio> =>
  Stdio.Stdio.use((stdio) => Stream.run(Stream.make(text), stdio.stdout()))

/**
 * Writes to standard error. Nothing is lost when it can't be written: the exit status tells, too.
 *
 * @internal
 */
export const complain = (text: string): Effect.Effect<void, never, Stdio.Stdio> =>
  text === ""
    ? Effect.void
    : Stdio.Stdio.use((stdio) => Effect.ignore(Stream.run(Stream.make(Text.printable(text)), stdio.stderr())))

/**
 * What an answer prints as its chunks come: its text, for standard output. Its reasoning goes to standard error.
 *
 * @internal
 */
export const answerText = <E, R>(
  chunks: Stream.Stream<Chunk.Chunk, E, R>
): Stream.Stream<string, E, R | Stdio.Stdio> =>
  Stream.unwrap(Stdio.Stdio.use((stdio) =>
    Effect.map(stdio.stdoutIsTerminal, (isTerminal) => {
      const reasoning = Text.section("[reasoning] ")
      return chunks.pipe(
        Stream.tap((chunk) => complain(reasoning(chunk.reasoning, chunk.content !== ""))),
        Stream.map((chunk) => chunk.content + chunk.refusal),
        Stream.map((text) => isTerminal ? Text.printable(text) : text)
      )
    })
  ))

/**
 * The text with a line end after it, unless it has one or is empty.
 *
 * @internal
 */
export const endWithNewline = <E, R>(self: Stream.Stream<string, E, R>): Stream.Stream<string, E, R> =>
  Stream.suspend(() => {
    let last = "\n"
    return Stream.map(self, (text) => {
      last = text.at(-1) ?? last
      return text
    }).pipe(
      Stream.concat(Stream.suspend(() => last === "\n" ? Stream.empty : Stream.make("\n")))
    )
  })
