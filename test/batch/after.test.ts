import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as After from "../../src/batch/after.ts"
import { Reason } from "../../src/ProviderError.ts"

const reasons = Reason.members.map((member) => member.fields._tag.schema.literal)

const Case = Schema.Struct({
  reason: Schema.Literals(reasons),
  emitted: Schema.Boolean,
  position: Schema.Literals([0, 1, 2]),
  attempts: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })),
  maxAttempts: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })),
  closed: Schema.Array(Schema.Literals([0, 1, 2])),
  isStopping: Schema.Boolean
})

const decide = ({ closed, ...failure }: typeof Case.Type) => {
  const open = [0, 1, 2].filter((position) => !closed.some((one) => one === position))
  return After.after({
    ...failure,
    open,
    isClosed: !open.includes(failure.position),
    isAnyOpen: open.length > 0
  })
}

describe("After", () => {
  it.prop(
    "asks again only before content, while attempts are left, and at a target that is open",
    [Case],
    ([failure]) => {
      const after = decide(failure)
      if (after._tag !== "Again") return
      assert.isFalse(failure.emitted)
      assert.isBelow(failure.attempts, failure.maxAttempts)
      assert.isFalse(failure.closed.some((one) => one === after.position))
      assert.isFalse(failure.isStopping)
    }
  )

  it.prop("goes round only when no target follows", [Case], ([failure]) => {
    const after = decide(failure)
    if (after._tag === "Again") assert.strictEqual(after.isRound, after.position <= failure.position)
  })

  it.prop("never fails a line for a key that was refused, while nobody else can be asked", [Case], ([failure]) => {
    if (!After.closes(failure.reason) || failure.emitted) return
    assert.strictEqual(decide({ ...failure, closed: [0, 1, 2] })._tag, "Leave")
  })

  it.prop("fails at once for what no target can help with", [Case], ([failure]) => {
    for (const reason of ["InvalidRequest", "ContextLengthExceeded", "ContentFiltered"] as const) {
      assert.strictEqual(decide({ ...failure, reason })._tag, "Fail")
    }
  })

  it("asks no target again that does not have the model", () => {
    const failure = { reason: "NotFound", emitted: false, attempts: 1, maxAttempts: 5, isStopping: false } as const
    const alone = After.after({ ...failure, position: 0, open: [0], isClosed: false, isAnyOpen: true })
    assert.deepStrictEqual(alone, { _tag: "Fail" })
    const two = After.after({ ...failure, position: 1, open: [0, 1], isClosed: false, isAnyOpen: true })
    assert.deepStrictEqual(two, { _tag: "Again", position: 0, isRound: true, isElsewhere: true })
  })

  const again = ["RateLimited", "Overloaded", "ServerError", "Network", "Timeout", "IncompleteStream"] as const
  const never = [
    "InvalidRequest",
    "ContextLengthExceeded",
    "ContentFiltered",
    "MalformedEvent",
    "ToolUseFailed"
  ] as const
  const closing = ["Authentication", "PermissionDenied", "QuotaExceeded"] as const
  const kinds: Readonly<Record<string, ReadonlyArray<typeof reasons[number]>>> = {
    again: [...again, "UnexpectedContentType"],
    never: [...never, "Unknown"],
    closing,
    elsewhere: ["NotFound"]
  }

  it("knows what each reason means", () => {
    assert.sameMembers(Object.values(kinds).flat(), [...reasons])
    for (const reason of reasons) assert.strictEqual(After.closes(reason), kinds["closing"]?.includes(reason))
  })

  // Of three targets the one in the middle failed.
  const failed = {
    emitted: false,
    position: 1,
    attempts: 1,
    maxAttempts: 3,
    open: [0, 1, 2],
    isClosed: false,
    isAnyOpen: true,
    isStopping: false
  }
  const next = (position: number, isRound = false, isElsewhere = false) =>
    ({ _tag: "Again", position, isRound, isElsewhere }) as const
  const cases: ReadonlyArray<readonly [string, Partial<After.Failure>, Readonly<Record<string, After.After>>]> = [
    ["all are open", {}, { again: next(2), elsewhere: next(2, false, true), closing: next(2) }],
    ["none follows", { open: [0, 1] }, {
      again: next(0, true),
      elsewhere: next(0, true, true),
      closing: next(0, true)
    }],
    ["it alone is left", { open: [1] }, { again: next(1, true), elsewhere: { _tag: "Fail" }, closing: next(1, true) }],
    ["it closed, and others can't take the line", { open: [], isClosed: true }, {
      again: { _tag: "Leave" },
      elsewhere: { _tag: "Leave" },
      closing: { _tag: "Leave" }
    }],
    ["none is open", { open: [], isClosed: true, isAnyOpen: false }, {
      again: { _tag: "Leave" },
      elsewhere: { _tag: "Leave" },
      closing: { _tag: "Leave" }
    }],
    ["none can take the line", { open: [] }, {
      again: { _tag: "Fail" },
      elsewhere: { _tag: "Fail" },
      closing: { _tag: "Fail" }
    }],
    ["one attempt is left", { attempts: 2 }, { again: next(2), elsewhere: next(2, false, true), closing: next(2) }],
    ["no attempt is left", { attempts: 3 }, {
      again: { _tag: "Fail" },
      elsewhere: { _tag: "Fail" },
      closing: { _tag: "Fail" }
    }],
    ["it stops", { isStopping: true }, {
      again: { _tag: "Leave" },
      elsewhere: { _tag: "Leave" },
      closing: { _tag: "Leave" }
    }],
    ["it stops, and no attempt is left", { isStopping: true, attempts: 3 }, {
      again: { _tag: "Fail" },
      elsewhere: { _tag: "Fail" },
      closing: { _tag: "Fail" }
    }],
    ["content came", { emitted: true }, {
      again: { _tag: "Fail" },
      elsewhere: { _tag: "Fail" },
      closing: { _tag: "Fail" }
    }]
  ]
  for (const [when, change, expected] of cases) {
    it(`decides by the reason when ${when}`, () => {
      for (const [kind, members] of Object.entries(kinds)) {
        for (const reason of members) {
          const after = After.after({ ...failed, ...change, reason })
          assert.deepStrictEqual(after, expected[kind] ?? { _tag: "Fail" }, reason)
        }
      }
    })
  }

  it("doubles its pauses up to 30 seconds", () => {
    const pauses = Array.from({ length: 12 }, (_, n) => After.pause(n + 1, 0))
    assert.deepStrictEqual(pauses.slice(0, 7), [500, 1000, 2000, 4000, 8000, 16_000, 30_000])
    assert.isTrue(pauses.slice(7).every((pause) => pause === 30_000))
    assert.strictEqual(After.pause(5000, 0), 30_000)
    assert.strictEqual(After.pause(1, 1), 375)
    assert.strictEqual(After.pause(2, 0.5), 875)
    assert.strictEqual(After.pause(20, 1), 22_500)
  })
})
