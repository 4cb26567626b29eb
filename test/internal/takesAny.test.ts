import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { OpenAiChunk, Protocol } from "../../src/index.ts"
import { isHole, takesAny } from "../../src/internal/takesAny.ts"
import { openUnion } from "../../src/internal/unknownType.ts"
import { validator } from "../../src/internal/validator.ts"

const hole = "\u00000"

/** A value with something else where `marked` has a hole. */
const filled = (value: unknown, marked: unknown, other: (value: unknown) => unknown): unknown => {
  if (isHole(marked)) return other(value)
  if (typeof value !== "object" || value === null || typeof marked !== "object" || marked === null) return value
  const parts = new Map(Object.entries(marked))
  const entries = Object.entries(value).map(([key, each]) => [key, filled(each, parts.get(key), other)] as const)
  return Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries)
}

/** Values of one kind with holes in each place, and in several. */
const marks = (value: unknown): ReadonlyArray<unknown> => {
  if (typeof value === "string" || typeof value === "number") return [value, hole]
  if (typeof value !== "object" || value === null) return [value]
  const entries = Object.entries(value)
  const made = entries.reduce<ReadonlyArray<ReadonlyArray<readonly [string, unknown]>>>(
    (all, [key, each]) => all.flatMap((before) => marks(each).map((mark) => [...before, [key, mark] as const])),
    [[]]
  )
  return made.map((entries) => Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries))
}

const others = ["", "a", "b", "text", "\u0000", "12", "other"]
const numbers = [0, 1, 2, 7, 101, 999_999_999_999_999]

const schemas: Readonly<Record<string, Schema.Codec<never, never> | Schema.Constraint>> = {
  string: Schema.String,
  "string of a length": Schema.NonEmptyString,
  number: Schema.Number,
  finite: Schema.Finite,
  integer: Schema.Int,
  "small number": Schema.Finite.check(Schema.isLessThan(100)),
  unknown: Schema.Unknown,
  literal: Schema.Literal("a"),
  "literals or text": Schema.Union([Schema.Literal("a"), Schema.String]),
  "literals or null": Schema.NullOr(Schema.Literals(["a", "b"])),
  "text or number": Schema.Union([Schema.String, Schema.Finite]),
  encoded: Schema.FiniteFromString,
  "one of": Schema.Union([Schema.String, Schema.NonEmptyString], { mode: "oneOf" }),
  checked: Schema.Union([Schema.String, Schema.Finite]).check(Schema.makeFilter((value) => value !== "other")),
  list: Schema.Array(Schema.String),
  "checked list": Schema.Array(Schema.String).check(Schema.makeFilter((value) => value[0] !== "other")),
  tuple: Schema.Tuple([Schema.String]),
  "tuple and more": Schema.TupleWithRest(Schema.Tuple([Schema.Finite]), [Schema.String]),
  "list and last": Schema.TupleWithRest(Schema.Tuple([]), [Schema.String, Schema.Finite]),
  record: Schema.Record(Schema.String, Schema.String),
  "record of any": Schema.Record(Schema.String, Schema.Unknown),
  empty: Schema.Struct({}),
  struct: Schema.Struct({ type: Schema.String, n: Schema.optionalKey(Schema.Finite) }),
  "struct of literals": Schema.Struct({ type: Schema.Literals(["a", "b"]), n: Schema.optionalKey(Schema.Natural) }),
  open: Protocol.open({ type: Schema.String, in: Schema.NullOr(Protocol.open({ text: Schema.String })) }),
  "told by type": openUnion([
    Protocol.open({ type: Schema.Literal("a"), n: Schema.Finite }),
    Schema.Struct({ type: Schema.Literal("b"), n: Schema.String })
  ]),
  recursive: Schema.suspend((): Schema.Codec<string> => Schema.NonEmptyString)
}

const values: ReadonlyArray<unknown> = [
  "a",
  "text",
  7,
  // What `JSON.parse` makes of `1e999`.
  Number.POSITIVE_INFINITY,
  null,
  [],
  ["a"],
  ["a", 7],
  [7, "a"],
  {},
  { type: "a" },
  { type: "b", n: 7 },
  { type: "b", n: "x" },
  { type: "c", n: 7 },
  { type: "a", n: 7, in: { text: "x" } },
  { type: "a", in: { text: 7 } },
  { type: "a", in: null }
]

describe("takesAny", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    it(`takes for a payload nothing that is none: ${name}`, () => {
      const made = Schema.make<Schema.Codec<unknown>>(schema.ast)
      for (const value of values) {
        for (const marked of marks(value)) {
          if (!takesAny(schema.ast, value, marked)) continue
          for (const text of others) {
            for (const number of numbers) {
              const other = filled(value, marked, (before) => typeof before === "string" ? text : number)
              assert.isTrue(Schema.is(made)(other), JSON.stringify({ value, marked, other }))
              assert.isTrue(validator(made)(other))
            }
          }
        }
      }
    })
  }

  it("knows what bundled payloads are made of", () => {
    const taken = (schema: Schema.Constraint, value: unknown, marked: unknown) =>
      assert.isTrue(takesAny(schema.ast, value, marked), JSON.stringify(marked))
    taken(Schema.String, "a", hole)
    taken(Schema.Finite, 7, hole)
    taken(Schema.NullOr(Schema.String), "a", hole)
    taken(Schema.Unknown, "a", hole)
    taken(Schema.Array(Schema.NullOr(Schema.String)), ["a", null], [hole, null])
    taken(schemas["open"] ?? Schema.Never, { type: "a", in: { text: "x" } }, { type: hole, in: { text: hole } })
    taken(schemas["told by type"] ?? Schema.Never, { type: "a", n: 7 }, { type: "a", n: hole })
    taken(schemas["told by type"] ?? Schema.Never, { type: "c", n: 7 }, { type: "c", n: hole })
  })

  it("lets no event pass whose text is not one of those that the schema names", async () => {
    const Payload = Schema.Struct({ kind: Schema.Literals(["a", "b"]), word: Schema.String })
    const protocol = Protocol.json({
      provider: "words",
      payload: Payload,
      make: ({ word }) => new OpenAiChunk({ provider: "words", chunk: { choices: [{ delta: { content: word } }] } }),
      errors: { codes: {} }
    })
    const kinds = [...Array.from({ length: 40 }, (_, at) => at % 2 === 0 ? "a" : "b"), "c"]
    const body = kinds.map((kind, at) => `data: {"kind":"${kind}","word":"${at}"}\n\n`).join("")
    const read: Array<string> = []
    const error = await Stream.make(new TextEncoder().encode(body)).pipe(
      Protocol.decode(protocol),
      Stream.runForEach((chunk) => Effect.sync(() => read.push(chunk.content))),
      Effect.flip,
      Effect.runPromise
    )
    assert.lengthOf(read, 40)
    assert.deepInclude(error.reason, { _tag: "MalformedEvent", event: 40, path: ["kind"] })
  })
})
