import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { kinds } from "./shared.ts"

for (const [kind, { isAbsent, name, open }] of Object.entries(kinds)) {
  describe.skipIf(isAbsent)(`a store in ${kind}`, () => {
    it.live("is closed at once while somebody listens, who is told so", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { hints } = yield* Scope.provide(open(yield* name), scope)
        const heard = yield* Queue.unbounded<string | undefined>()
        const listening = yield* Effect.forkChild(
          Stream.runForEach(hints?.heard ?? Stream.die("no hints"), (hint) => Queue.offer(heard, hint))
        )
        yield* Queue.take(heard)
        yield* Scope.close(scope, Exit.void)
        const error = yield* Effect.flip(Fiber.join(listening))
        assert.strictEqual(error.reason, "Unavailable")
      }))
  })
}
