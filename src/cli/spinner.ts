import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
const clear = "\r\u001b[2K"

/**
 * Shows a spinner on standard error, if that is a terminal. The returned effect removes it, and so does the end of the
 * scope.
 *
 * @internal
 */
export const start: Effect.Effect<Effect.Effect<void>, never, Stdio.Stdio | Scope.Scope> = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  if (!(yield* stdio.stderrIsTerminal)) return Effect.void
  const write = (text: string) => Effect.ignore(Stream.run(Stream.make(text), stdio.stderr()))
  const fiber = yield* Stream.fromSchedule(Schedule.spaced("80 millis")).pipe(
    Stream.runForEach((tick) => write(`\r${frames[tick % frames.length]}`)),
    Effect.forkScoped
  )
  let shown = true
  const stop = Effect.suspend(() => {
    if (!shown) return Effect.void
    shown = false
    return Effect.andThen(Fiber.interrupt(fiber), write(clear))
  })
  yield* Effect.addFinalizer(() => stop)
  return stop
})
