import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as Answer from "./answer.ts"
import { printable } from "./printable.ts"
import * as Text from "./text.ts"

/**
 * Writes to standard output.
 *
 * @internal
 */
export const print = (text: string): Effect.Effect<void, PlatformError, Stdio.Stdio> =>
  Stdio.Stdio.use((stdio) => Stream.run(Stream.make(text), stdio.stdout()))

/**
 * Writes to standard error. A failed write is ignored: the exit status tells the same.
 *
 * @internal
 */
export const complain = (text: string): Effect.Effect<void, never, Stdio.Stdio> =>
  text === ""
    ? Effect.void
    : Stdio.Stdio.use((stdio) => Effect.ignore(Stream.run(Stream.make(printable(text)), stdio.stderr())))

/**
 * A text as standard output takes it whole, with a line end.
 *
 * @internal
 */
export const shown = (text: string): Effect.Effect<string, never, Stdio.Stdio> =>
  Stdio.Stdio.use(({ stdoutIsTerminal }) =>
    Effect.map(
      stdoutIsTerminal,
      (isTerminal) => (isTerminal ? printable(text) : text) + (text === "" || text.endsWith("\n") ? "" : "\n")
    )
  )

/**
 * Prints an answer: its text goes to standard output as it comes, and all else to standard error, after `before`. A
 * line end follows the text, unless it has one or is empty.
 *
 * @internal
 */
export const answerText = <E, R>(
  items: Stream.Stream<Answer.Item, E, R>,
  before: Effect.Effect<void>
): Stream.Stream<string, E, R | Stdio.Stdio> =>
  Stream.unwrap(Stdio.Stdio.use((stdio) =>
    Effect.map(stdio.stdoutIsTerminal, (isTerminal) => {
      const reasoning = Text.section("[reasoning] ")
      const aside = (text: string) => text === "" ? Effect.void : Effect.andThen(before, complain(text))
      let last = "\n"
      const end = () => last === "\n" ? "" : last = "\n"
      const textOf = (item: Answer.Item): string => {
        if (item._tag !== "Chunk") return end()
        const { content, refusal, toolCallDeltas } = item.chunk
        const text = content + refusal
        last = text.at(-1) ?? last
        const shown = isTerminal ? printable(text) : text
        // The lines about the call start on a new line.
        return toolCallDeltas.length > 0 ? shown + end() : shown
      }
      return items.pipe(
        Stream.tap((item) =>
          aside(
            item._tag === "Chunk"
              ? reasoning(item.chunk.reasoning, item.chunk.content !== "")
              : reasoning("", true) + Text.fromItem(item)
          )
        ),
        Stream.map(textOf),
        Stream.concat(Stream.suspend(() => Stream.fromEffect(Effect.as(aside(reasoning("", true)), end())))),
        Stream.filter((text) => text !== "")
      )
    })
  ))
