import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { providers } from "../../src/cli/providers.ts"
import { scenes } from "../../src/cli/scenes.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as ReplayServer from "../../src/testing/ReplayServer.ts"
import { byTurns } from "../support/clock.ts"
import { run } from "./harness.ts"

const rowOf = (stdout: string, id: string): ReadonlyArray<string> =>
  stdout.split("\n").findLast((line) => line.startsWith(`${id} `))?.split(/ {2,}/) ?? []

describe.concurrent("demo", () => {
  it.live("streams from every provider without a key or a network", () =>
    Effect.gen(function*() {
      const pieces: Array<string> = []
      const { status, stderr, stdout } = yield* byTurns(run(["demo"], { onStdout: (piece) => pieces.push(piece) }))
      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
      assert.isAbove(pieces.length, 40, "the text comes piece by piece")
      for (const { id } of providers.filter(({ id }) => scenes[id] !== undefined)) {
        const [, replayed, finish, input, , output, cost, first] = rowOf(stdout, id)
        assert.strictEqual(replayed, "replayed", id)
        assert.match(finish ?? "", /stop|tool_calls/, id)
        assert.match(`${input} ${output}`, /^\d+ \d+$/, id)
        assert.match(cost ?? "", id.startsWith("azure") ? /^~\$0\.0\d+$/ : /^\$0\.0\d+$/, id)
        assert.match(first ?? "", /^\d+\.\d\d s$/, id)
      }
      assert.include(stdout, `[tool call] get_weather {"city":"Lisbon"}`)
      assert.include(stdout, "[reasoning] ")
      assert.notMatch(stdout, /\n\n\[reasoning\]/)
    }))

  it.effect("calls a provider whose key is set, and goes on when it fails", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([ReplayServer.json({ error: { message: "No" } }, { status: 401 })])
      const { status, stdout } = yield* byTurns(run(["demo"], {
        env: { OPENAI_API_KEY: "a-key-of-mine", OPENAI_BASE_URL: server.url }
      }))
      assert.strictEqual(status, 1)
      // Both of OpenAI's APIs.
      assert.lengthOf(yield* server.requests, 2)
      assert.include(stdout, "openai: Authentication: No\n")
      assert.deepStrictEqual(rowOf(stdout, "openai").slice(1, 3), ["live", "Authentication"])
      assert.deepStrictEqual(rowOf(stdout, "groq").slice(1, 3), ["replayed", "stop"])
      assert.notInclude(stdout, "a-key-of-mine")
    }))
})
