import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import * as Digest from "../../src/batch/digest.ts"
import * as Lines from "../../src/batch/lines.ts"

const sourceOf = (values: ReadonlyArray<unknown>): Lines.Source<never> => ({
  all: Stream.fromIterable(values.map((value, index) => ({
    number: index + 1,
    value: value === undefined ? Result.fail("not JSON") : Result.succeed(value)
  }))),
  at: (index) => Effect.succeed(values[index]),
  sizeOf: (index) => index * 10
})

const read = (values: ReadonlyArray<unknown>) =>
  Lines.read(sourceOf(values), (request) => request === "bad" ? "a bad request" : undefined)

const problemsOf = (...values: ReadonlyArray<unknown>) =>
  Effect.map(Effect.flip(read(values)), ({ message, problems }) => {
    assert.strictEqual(message, "lines that can't be asked; nothing was sent")
    return problems
  })

const line = (id: unknown, more: object = {}) => ({ id, request: {}, ...more })

const shape = "a line is {\"id\": …, \"request\": …}"

const refusals: ReadonlyArray<readonly [problem: string, value: unknown]> = [
  ["not JSON", undefined],
  ["not a JSON object", null],
  ["not a JSON object", "a"],
  ["not a JSON object", [1]],
  [`a line of OpenAI's batches (\`custom_id\`); ${shape}`, { custom_id: "a" }],
  [`no \`id\`; ${shape}`, { request: {} }],
  ["`id` is not a text", line(5)],
  ["`id` is empty", line("")],
  ["`id` is longer than 512 characters", line("x".repeat(513))],
  ["`id` is longer than 512 characters", line("😀".repeat(513))],
  [`no \`request\`; ${shape}`, { id: "a" }],
  [`"other": no such key of a line`, line("a", { other: 1 })],
  [`"${"k".repeat(40)}": no such key of a line`, line("a", { ["k".repeat(41)]: 1 })],
  ["a bad request", { id: "a", request: "bad" }]
]

describe("the lines of a batch", () => {
  it.effect("are refused for what is wrong with them", () =>
    Effect.gen(function*() {
      for (const [problem, value] of refusals) {
        assert.deepStrictEqual(yield* problemsOf(line("ok"), value), [`line 2: ${problem}`])
      }
    }))

  it.effect("have ids of their own", () =>
    Effect.gen(function*() {
      const long = "x".repeat(81)
      assert.deepStrictEqual(yield* problemsOf(5, line(long), line("b"), line(long), { id: "b", request: "bad" }), [
        "line 1: not a JSON object",
        `line 4: \`id\` is that of line 2 already: "${"x".repeat(80)}"`,
        "line 5: `id` is that of line 3 already: \"b\""
      ])
    }))

  it.effect("may have ids of 512 characters, of whichever length in UTF-16", () =>
    Effect.gen(function*() {
      const ids = ["x".repeat(512), "😀".repeat(512)]
      assert.deepStrictEqual((yield* read(ids.map((id) => line(id)))).ids, ids)
    }))

  it.effect("are told by their ids, and their requests are read when they are asked", () =>
    Effect.gen(function*() {
      const lines = yield* read([{ id: "a", request: { prompt: "one" } }, { id: "b", request: null }])
      assert.deepStrictEqual(lines.ids, ["a", "b"])
      assert.deepStrictEqual(["a", "b", "c"].map(lines.indexOf), [0, 1, undefined])
      assert.deepStrictEqual(lines.digests, [
        yield* Digest.ofJson({ prompt: "one" }),
        yield* Digest.ofJson(null)
      ])
      assert.deepStrictEqual([yield* lines.request(0), yield* lines.request(1), yield* lines.request(2)], [
        { prompt: "one" },
        null,
        undefined
      ])
      assert.deepStrictEqual([lines.sizeOf(0), lines.sizeOf(2)], [0, 20])
    }))

  it("show the first twenty problems, and how many more there are", () => {
    const problems = Array.from({ length: 22 }, (_, n) => `problem ${n}`)
    for (const n of [0, 1, 20]) assert.deepStrictEqual(Lines.first(problems.slice(0, n)), problems.slice(0, n))
    assert.deepStrictEqual(Lines.first(problems.slice(0, 21)), [...problems.slice(0, 20), "and 1 more"])
    assert.deepStrictEqual(Lines.first(problems), [...problems.slice(0, 20), "and 2 more"])
  })
})

describe("a digest", () => {
  it.effect("is the SHA-256 of the JSON with its keys in order", () =>
    Effect.gen(function*() {
      // printf '{"a":[{"c":1,"d":2}],"b":null}' | openssl dgst -sha256 -binary | basenc --base64url
      const digest = yield* Digest.ofText(`{"a":[{"c":1,"d":2}],"b":null}`)
      assert.strictEqual(digest, "4iMrfzUgCcGUA0yXhAG5FFVycmI1qh74SCN7VlF8YRY")
      assert.strictEqual(yield* Digest.ofJson({ b: null, a: [{ d: 2, c: 1 }] }), digest)
      assert.strictEqual(yield* Digest.ofJson(undefined), yield* Digest.ofText(""))
    }))

  it.effect("tells apart what can't be written, by how deep it is and what it ends in", () =>
    Effect.gen(function*() {
      const nested = (depth: number, last: unknown) => {
        let value = last
        for (let n = 0; n < depth; n++) value = [value]
        return value
      }
      assert.strictEqual(yield* Digest.ofJson(nested(100_000, "x")), yield* Digest.ofText("100000 x"))
      const circle: Array<unknown> = []
      circle.push(circle)
      assert.strictEqual(yield* Digest.ofJson(circle), yield* Digest.ofText(""))
    }))
})
