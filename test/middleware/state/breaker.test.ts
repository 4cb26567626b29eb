import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as Breaker from "../../../src/middleware/state/breaker.ts"
import * as ProviderError from "../../../src/ProviderError.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Threshold = Schema.Struct({ failures: between(1, 5), openFor: between(1, 100) })

const probeFor = 50

/** After a pause, a call asks whether it may start, or one of those that run ends. */
const Event = Schema.Struct({
  pause: between(0, 40),
  ends: Schema.UndefinedOr(Schema.Struct({
    which: between(0, 4),
    outcome: Schema.Literals(["success", "failure", "failure", "ignored"])
  }))
})

const histories = Arbitrary.array(Arbitrary.schema(Event), { minLength: 20, maxLength: 120 })

/** What a breaker is for, told by a list of all that has happened since it last closed or opened. */
interface Model {
  readonly isOpen: boolean
  /** When it opened, or its last probe failed. */
  readonly since: number
  readonly outcomes: ReadonlyArray<Breaker.Outcome>
  readonly probe: { readonly by: string; readonly since: number } | undefined
}

const failuresInRow = (outcomes: ReadonlyArray<Breaker.Outcome>): number => {
  const counted = outcomes.filter((outcome) => outcome !== "ignored")
  return counted.length - 1 - counted.lastIndexOf("success")
}

describe("A breaker", () => {
  it.prop("does what its model does", [Threshold, histories], ([threshold, events]) => {
    let circuit: Breaker.Circuit | undefined
    let model: Model = { isOpen: false, since: 0, outcomes: [], probe: undefined }
    let now = 1_790_000_000_000
    const running: Array<string> = []
    for (const [index, { ends, pause }] of events.entries()) {
      now += pause
      const ending = ends && running.splice(ends.which, 1)[0]
      if (ends !== undefined && ending !== undefined) {
        circuit = Breaker.record(circuit, now, ending, ends.outcome, threshold)
        if (!model.isOpen) {
          const outcomes = [...model.outcomes, ends.outcome]
          model = failuresInRow(outcomes) >= threshold.failures
            ? { isOpen: true, since: now, outcomes: [], probe: undefined }
            : { ...model, outcomes }
        } else if (model.probe?.by === ending) {
          const outcomes = [...model.outcomes, ends.outcome]
          model = ends.outcome === "success"
            ? { isOpen: false, since: now, outcomes: [], probe: undefined }
            : { ...model, outcomes, since: ends.outcome === "failure" ? now : model.since, probe: undefined }
        }
        assert.strictEqual(circuit.failedProbes, model.isOpen ? failuresInRow(model.outcomes) : 0)
        continue
      }
      const by = `call ${index}`
      const admitted = Breaker.admit(circuit, now, by, probeFor)
      const isHeld = model.probe !== undefined && now - model.probe.since < probeFor
      if (!model.isOpen) {
        assert.deepStrictEqual(admitted, { _tag: "Closed" })
      } else if (now - model.since < threshold.openFor) {
        assert.deepStrictEqual(admitted, { _tag: "Open", until: model.since + threshold.openFor })
      } else if (isHeld) {
        assert.deepStrictEqual(admitted, { _tag: "Open", until: (model.probe?.since ?? 0) + probeFor })
      } else {
        assert.strictEqual(admitted._tag, "Probe")
        model = { ...model, probe: { by, since: now } }
      }
      if (admitted._tag === "Probe") circuit = admitted.circuit
      if (admitted._tag !== "Open") running.push(by)
    }
  })

  it("waits longer for a probe that asks again", () => {
    const open = Breaker.record(undefined, 0, "a", "failure", { failures: 1, openFor: 10 })
    const first = Breaker.admit(open, 10, "b", 50)
    assert.strictEqual(first._tag, "Probe")
    if (first._tag !== "Probe") return
    const again = Breaker.admit(first.circuit, 40, "b", 50)
    assert.strictEqual(again._tag, "Probe")
    if (again._tag !== "Probe") return
    assert.deepStrictEqual(Breaker.admit(again.circuit, 89, "c", 50), { _tag: "Open", until: 90 })
    assert.strictEqual(Breaker.admit(again.circuit, 90, "c", 50)._tag, "Probe")
  })

  it("is the same value when nothing has changed, so that nothing is written", () => {
    const threshold = { failures: 2, openFor: 10 }
    assert.strictEqual(Breaker.record(undefined, 0, "a", "success", threshold), Breaker.closed)
    const failed = Breaker.record(undefined, 0, "a", "failure", threshold)
    assert.strictEqual(Breaker.record(failed, 0, "b", "ignored", threshold), failed)
    const open = Breaker.record(failed, 0, "b", "failure", threshold)
    assert.strictEqual(Breaker.record(open, 0, "c", "failure", threshold), open)
    assert.strictEqual(Breaker.record(open, 20, "c", "success", threshold), open)
  })

  it("counts what the provider has to answer for", () => {
    const tags = ProviderError.Reason.members.map(({ fields }) => fields._tag.schema.literal)
    assert.deepStrictEqual(tags.filter((tag) => Breaker.outcomeOf(tag) === "failure"), [
      "Overloaded",
      "ServerError",
      "Network",
      "Timeout",
      "UnexpectedContentType",
      "IncompleteStream"
    ])
    assert.isTrue(tags.every((tag) => Breaker.outcomeOf(tag) !== "success"))
    assert.strictEqual(Breaker.outcomeOf(undefined), "success")
  })
})
