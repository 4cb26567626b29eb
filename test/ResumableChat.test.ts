/**
 * The example of answers that survive, as its users have it: a server, a client and a page, each a process of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
import * as NodeReplayServer from "effect-llm-stream/testing/NodeReplayServer"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { chromium, folder, open, start } from "./support/browser.ts"
import { freePort, printed, root } from "./support/process.ts"

const answer = Array.from({ length: 120 }, (_, index) => `word ${index}`).join(" ")

/** A provider that takes its time. */
const slow = NodeReplayServer.make([
  ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: answer })), { interval: "15 millis" })
])

/** The example's server before a slow provider. */
const serve = Effect.gen(function*() {
  const provider = yield* slow
  const port = yield* freePort
  const { child, output } = yield* start([Path.join(root, "examples/resumable-chat/server.ts")], {
    PORT: String(port),
    STORE: "memory",
    API_KEY: "key",
    BASE_URL: `${provider.url}/v1`
  })
  yield* printed(child, () => output.text.includes("Listening"))
  return { provider, url: `http://127.0.0.1:${port}` }
})

const client = (...args: ReadonlyArray<string>) =>
  start([Path.join(root, "examples/resumable-chat/client.ts"), ...args])

describe("examples/resumable-chat", () => {
  it.live("a client that is killed and started again prints the whole answer, and the provider is asked once", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve
      const request = Path.join(yield* folder, "request.json")
      Fs.writeFileSync(request, JSON.stringify({ prompt: "Say words" }))
      const first = yield* client(`${url}/answers/a1`, request)
      yield* printed(first.child, () => first.output.text.includes("word 3"))
      first.child.kill("SIGKILL")
      const second = yield* client(`${url}/answers/a1`, request)
      const [code] = yield* second.exit
      assert.strictEqual(second.output.text, answer)
      assert.deepInclude(JSON.parse(second.output.error), { _tag: "Done" })
      assert.strictEqual(code, 0)
      assert.strictEqual((yield* provider.requests).length, 1)
    }))

  it.live.skipIf(chromium === undefined)(
    "a page that is loaded again in the midst of an answer has all of it, once",
    () =>
      Effect.gen(function*() {
        const { provider, url } = yield* serve
        const { reaches, run } = yield* open(chromium ?? "", url)
        // Not the empty page that comes before it.
        yield* reaches("document.readyState + document.forms.length", "complete1")
        yield* run(`form.elements.text.value = "Say words"; form.requestSubmit()`)
        const shown = `document.querySelector(".answer")?.textContent ?? ""`
        const before = yield* reaches(shown, "word 3")
        yield* run("window.isOld = true; location.reload()")
        yield* reaches("typeof window.isOld", "undefined")
        // All that was there, and no piece of it typed out again.
        const [first] = yield* Effect.all([reaches(shown, "word"), reaches("document.readyState", "complete")])
        assert.isTrue(first.startsWith(before))
        yield* reaches(`document.querySelector(".answer")?.dataset.end`, "Done")
        assert.strictEqual(yield* run(shown), answer)
        assert.strictEqual((yield* provider.requests).length, 1)
      })
  )
})
