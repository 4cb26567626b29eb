import { assert, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import type { Response as AiResponse } from "effect/ai"
import { providers } from "../../src/cli/providers.ts"
import { ChunkStream, Protocol } from "../../src/index.ts"
import * as Corpus from "../support/corpus.ts"
import { describeShared } from "../support/shared.ts"
import { broken, texts } from "./rules.ts"

for (const row of providers) {
  const recordings = Corpus.recordings(row.id)

  describeShared(recordings.length > 0, `${row.id}: ${recordings.length} recorded streams`, () => {
    it.effect("give valid part streams that say all that was recorded", () =>
      Effect.gen(function*() {
        const { protocol } = yield* Effect.promise(row.load)
        const problems: Array<string> = []
        for (const { bytes, expected, framing, path } of recordings) {
          const parts: Array<AiResponse.StreamPartEncoded> = []
          const result = yield* Stream.make(bytes).pipe(
            Protocol.decode(protocol, { framing }),
            ChunkStream.encodedParts,
            Stream.runForEach((part) => Effect.sync(() => parts.push(part))),
            Effect.result
          )
          const say = (problem: string) => problems.push(`${path}: ${problem}`)
          if (Result.isSuccess(result)) broken(parts).forEach(say)
          else if (expected.terminated && expected.error === null) say(result.failure.message)
          const text = texts(parts, "text").join("")
          if (
            ![expected.content + expected.refusal, expected.content + (expected.audio?.transcript ?? "")].includes(text)
          ) {
            say(`text ${text}`)
          }
          if (texts(parts, "reasoning").join("") !== expected.reasoning) say("reasoning")
          const executed = new Set(
            parts.flatMap((part) =>
              part.type === "tool-params-start" && (part.providerExecuted === true || part.name === "apply_patch")
                ? [part.id]
                : []
            )
          )
          const calls = texts(parts.filter((part) => !("id" in part) || !executed.has(part.id ?? "")), "tool-params")
          const compact = (text: string) => text.trim() === "" ? "{}" : text
          if (calls.map(compact).join() !== expected.toolCalls.map((call) => compact(call.arguments)).join()) {
            say(`arguments ${calls.join()}`)
          }
        }
        assert.deepStrictEqual(problems, [])
      }))
  })
}
