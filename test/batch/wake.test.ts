import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as Batch from "../../src/Batch.ts"
import { OpenAi } from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

const chunk = (rest: object) =>
  event({ id: "r", object: "chat.completion.chunk", created: 1, model: "gpt-4o-mini", choices: [], ...rest })

const answered = () =>
  new Response(
    `${chunk({ choices: [{ index: 0, delta: { content: "yes" }, finish_reason: null }] })}${
      chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })
    }${chunk({ usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } })}data: [DONE]\n\n`,
    { headers: { "content-type": "text/event-stream" } }
  )

const failed = () => new Response(`{"error":{"message":"no"}}`, { status: 500 })

/** Work that is ready is done; a format that is loaded with the first request takes real time. */
const turns = (count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.promise(() => new Promise(setImmediate)), {
    discard: true
  })

const until = (condition: () => boolean) => Effect.repeat(turns(1), { while: () => !condition() })

/** An upstream that keeps each call open until it is answered. */
const upstream = () => {
  const calls: Array<{ readonly prompt: string; readonly reply: Deferred.Deferred<Response> }> = []
  const client = HttpClient.make((request) =>
    Effect.gen(function*() {
      const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      const reply = yield* Deferred.make<Response>()
      calls.push({ prompt: /"content":"(\w+)"/.exec(text)?.[1] ?? text, reply })
      return HttpClientResponse.fromWeb(request, yield* Deferred.await(reply))
    })
  )
  return {
    prompts: () => calls.map(({ prompt }) => prompt),
    reply: (nth: number, response: Response) =>
      Effect.suspend(() => {
        const call = calls[nth]
        return call === undefined ? Effect.die(new Error(`no call ${nth}`)) : Deferred.succeed(call.reply, response)
      }),
    layer: Layer.merge(Layer.succeed(HttpClient.HttpClient, client), Store.layerMemory)
  }
}

const targets = [{ provider: OpenAi.define({ apiKey: Redacted.make("sk-key"), model: "gpt-4o-mini" }) }] as const

const lines = (...prompts: ReadonlyArray<string>) =>
  prompts.map((prompt, i) => ({ id: String(i), request: { prompt, maxTokens: 100 } }))

// The clock stands still: what waits goes on because an attempt ended, not because a time is over.
describe("a line that waits", () => {
  const waits: ReadonlyArray<readonly [what: string, prompts: [string, string], Partial<Batch.Options>]> = [
    ["the answer to an equal request", ["same", "same"], { cache: true }],
    ["tokens of a limit", ["one", "other"], { tokenRate: { amount: 150, every: "1 minute" } }],
    ["what another attempt has reserved of the budget", ["one", "other"], { maxCost: "0.00007" }]
  ]
  for (const [what, prompts, options] of waits) {
    it.effect(`for ${what} goes on when that attempt ends`, () => {
      const { layer, prompts: asked, reply } = upstream()
      return Effect.gen(function*() {
        const run = yield* Effect.forkChild(Batch.run(lines(...prompts), { name: "b", targets, ...options }))
        yield* until(() => asked().length > 0)
        yield* turns(50)
        assert.deepStrictEqual(asked(), [prompts[0]])
        yield* reply(0, answered())
        if (options.cache !== true) {
          yield* turns(50)
          assert.deepStrictEqual(asked(), prompts)
          yield* reply(1, answered())
        }
        assert.deepInclude(yield* Fiber.join(run), { status: "done", answers: 2, cached: options.cache ? 1 : 0 })
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("for a target that is tried goes on when the probe ends", () => {
    const { layer, prompts: asked, reply } = upstream()
    return Effect.gen(function*() {
      const run = yield* Effect.forkChild(Batch.run(lines("a", "b", "c", "d"), {
        name: "b",
        targets,
        maxRetries: 0,
        breaker: { failures: 1, openFor: "1 minute" },
        concurrency: 2
      }))
      yield* until(() => asked().length === 2)
      yield* reply(0, failed())
      yield* reply(1, failed())
      while (asked().length < 3) {
        yield* TestClock.adjust("1 second")
        yield* turns(5)
      }
      yield* turns(50)
      assert.deepStrictEqual(asked(), ["a", "b", "c"])
      yield* reply(2, answered())
      yield* turns(50)
      assert.deepStrictEqual(asked(), ["a", "b", "c", "d"])
      yield* reply(3, answered())
      assert.deepInclude(yield* Fiber.join(run), { status: "done", answers: 2, failures: 2 })
    }).pipe(Effect.provide(layer))
  })
})
