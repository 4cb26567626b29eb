import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Cache from "../../../src/middleware/state/cache.ts"

const Step = Schema.Struct({
  owner: Schema.Literals(["a", "b", "c"]),
  does: Schema.Literals(["claim", "answer", "give up", "wait"]),
  time: Schema.Literals([0, 1, 4, 10])
})

const cell = Cache.cells("key")

describe("an entry of a cache", () => {
  it.prop("has one who asks at a time, and then one answer", [Schema.Array(Step)], ([steps]) => {
    let entry: Cache.Entry | undefined
    let now = 0
    let answer: string | undefined
    let asking: { readonly owner: string; readonly until: number } | undefined
    for (const { does, owner, time } of steps) {
      switch (does) {
        case "wait":
          now += time
          break
        case "claim": {
          const claim = Cache.claim(entry, owner, now, now + time)
          const isHeld = asking !== undefined && asking.owner !== owner && asking.until > now
          assert.strictEqual(claim._tag, answer !== undefined ? "Hit" : isHeld ? "Wait" : "Ask")
          if (claim._tag === "Hit") assert.strictEqual(claim.value, answer)
          if (claim._tag !== "Ask") break
          entry = claim.entry
          asking = { owner, until: now + time }
          break
        }
        default:
          assert.strictEqual(Cache.isAsking(entry, owner), answer === undefined && asking?.owner === owner)
          if (!Cache.isAsking(entry, owner)) break
          asking = undefined
          answer = does === "answer" ? owner : undefined
          entry = answer === undefined
            ? undefined
            : Result.getOrThrow(cell.read(Cache.keep(cell, JSON.stringify(answer), now).value))
      }
    }
  }, { arbitrary: { runs: 500 } })
})
