import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { partialFit } from "../../src/internal/partialFit.ts"

const Side = { Left: "left", Right: "right", Both: 2 } as const

interface Tree {
  readonly leaf: string
  readonly trees?: ReadonlyArray<Tree>
}

const Tree = Schema.Struct({
  leaf: Schema.String,
  trees: Schema.optionalKey(Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)))
})

/** Nothing to show yet: the field is left out. */
const later = Symbol("later")

/** Nothing of the whole is shown. */
const never = Symbol("never")

type Case = readonly [json: Schema.Json, growing: unknown, whole: unknown]

const same = (...values: ReadonlyArray<Schema.Json>): ReadonlyArray<Case> =>
  values.map((value) => [value, value, value])
const misfits = (...values: ReadonlyArray<Schema.Json>): ReadonlyArray<Case> =>
  values.map((value) => [value, never, never])

// Each value as the last field of an object that grows, and of one that is whole.
const table: ReadonlyArray<readonly [name: string, schema: Schema.Constraint, cases: ReadonlyArray<Case>]> = [
  ["a text", Schema.String, [...same("", "te"), ...misfits(1, true, null, {}, [])]],
  ["a number", Schema.Number, [...same(0, 1.5), ...misfits("1", false, null, {})]],
  ["a boolean", Schema.Boolean, [...same(true, false), ...misfits("true", 1, null)]],
  ["null", Schema.Null, [...same(null), ...misfits("null", 0, false, {})]],
  ["anything", Schema.Unknown, same("a", 1, null, [1, { a: 2 }])],
  ["any object", Schema.ObjectKeyword, [...same({ a: 1 }, {}, [1]), ...misfits(null, "a", 1, true)]],
  ["a literal", Schema.Literal("open"), [
    ["", later, never],
    ["op", later, never],
    ["open", later, "open"],
    ["opened", never, never],
    ["pen", never, never],
    ...misfits(1, null)
  ]],
  ["a literal that is no text", Schema.Literal(12), [...same(12), ...misfits(1, 13, "12")]],
  ["words of which one begins another", Schema.Literals(["open", "open_again"]), [
    ["open", later, "open"],
    ["open_", later, never],
    ["open_again", later, "open_again"]
  ]],
  ["an enumeration", Schema.Enum(Side), [
    ["le", later, never],
    ["left", later, "left"],
    ["Left", never, never],
    [2, 2, 2],
    ...misfits(0, 1, "2")
  ]],
  ["a template", Schema.TemplateLiteral(["v", Schema.Number]), [
    ["v", later, never],
    ["v1", later, "v1"],
    // It may still be wrong, and nobody can tell from its beginning.
    ["x", later, never],
    ...misfits(1, null)
  ]],
  ["what JSON does not have", Schema.Undefined, [[null, later, later], ["a", later, later]]],
  ["what never is", Schema.Never, misfits(null, "a", {})],
  ["what contains itself", Tree, [
    ...same({ leaf: "a" }, { leaf: "a", trees: [{ leaf: "b", trees: [{ leaf: "c" }] }] }, {}),
    ...misfits({ leaf: 1 }, { leaf: "a", trees: [{ leaf: 1 }] }, { leaf: "a", trees: {} }),
    [{ trees: [{ more: 1 }] }, { trees: [{}] }, { trees: [{}] }]
  ]],
  ["a list", Schema.Array(Schema.Literal("open")), [
    ...same([]),
    [["open", "op"], ["open"], never],
    [["open", "open"], ["open"], ["open", "open"]],
    ...misfits(["op", "open"], ["open", "x"], "open", null, {}, { 0: "open" })
  ]],
  ["a pair", Schema.Tuple([Schema.Number, Schema.String]), [
    ...same([], [1], [1, "a"]),
    [{ 0: 1, 1: "a" }, [1, "a"], [1, "a"]],
    [{ 0: 1 }, [1], [1]],
    [{}, [], []],
    ...misfits([1, "a", 2], ["a"], { 1: "a" }, { 0: 1, a: 2 }, { 0: "a" }, "a", null)
  ]],
  [
    "a list with a first and a last",
    Schema.TupleWithRest(Schema.Tuple([Schema.Number]), [Schema.String, Schema.Boolean]),
    [
      ...same([1], [1, "a", "b", true]),
      [{ 0: 1, __rest__: ["a", "b"], __tail_0: true }, [1, "a", "b", true], [1, "a", "b", true]],
      ...misfits([1, 2], { 0: 1, __rest__: "a" }, { 0: 1, rest: ["a"] })
    ]
  ],
  ["a list of what has nothing to show", Schema.Array(Schema.Undefined), [
    [[null], [], []],
    // What comes after it is at no place of its own.
    [[null, null], later, later]
  ]],
  ["an object", Schema.Struct({ a: Schema.Number, b: Schema.optionalKey(Schema.Literal("open")) }), [
    ...same({}, { a: 1 }),
    [{ a: 1, b: "op" }, { a: 1 }, never],
    [{ a: 1, b: "open" }, { a: 1 }, { a: 1, b: "open" }],
    [{ b: "open", a: 1 }, { b: "open", a: 1 }, { b: "open", a: 1 }],
    [{ a: 1, b: null }, { a: 1 }, { a: 1 }],
    [{ a: 1, c: 2 }, { a: 1 }, { a: 1 }],
    ...misfits({ a: null }, { a: "1" }, { b: "x", a: 1 }, [], [["a", 1]], null, "a")
  ]],
  ["a record", Schema.Record(Schema.Literals(["x", "y"]), Schema.Literal("open")), [
    [{ x: "op" }, {}, never],
    [{ x: "open" }, {}, { x: "open" }],
    [{ y: "open", x: "op" }, { y: "open" }, never],
    ...misfits({ x: 1 }, "x", null, 1)
  ]],
  ["a record as pairs", Schema.Record(Schema.String, Schema.Literal("open")), [
    [[["a", "open"]], {}, { a: "open" }],
    [[["a", "open"], ["b", "op"]], { a: "open" }, never],
    // The last pair has no value yet, so those before it are whole.
    [[["a", "open"], ["b"]], { a: "open" }, { a: "open" }],
    [[{ 0: "a", 1: "open" }], {}, { a: "open" }],
    [[["a", "open", "b"]], {}, {}],
    [[], {}, {}],
    ...misfits([["a", 1]])
  ]],
  [
    "the member that leaves out the fewest keys",
    Schema.Union([
      Schema.Struct({ a: Schema.Number }),
      Schema.Struct({ a: Schema.Number, b: Schema.Number }),
      Schema.Struct({ a: Schema.Number, b: Schema.Number, c: Schema.Number })
    ]),
    [
      ...same({ a: 1 }, { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }),
      [{ a: 1, b: 2, d: 4 }, { a: 1, b: 2 }, { a: 1, b: 2 }],
      ...misfits({ a: "1" }, "a")
    ]
  ],
  [
    "of equal members, the first",
    Schema.Union([
      Schema.Struct({ a: Schema.Struct({ x: Schema.Number }) }),
      Schema.Struct({ a: Schema.Struct({ y: Schema.Number }) })
    ]),
    [
      ...same({ a: { x: 1 } }, { a: { y: 1 } }),
      [{ a: { z: 1 } }, { a: {} }, { a: {} }]
    ]
  ],
  ["a member that has something to show", Schema.Union([Schema.Literal("open"), Schema.String]), [
    ["op", "op", "op"],
    ["open", "open", "open"],
    ["x", "x", "x"],
    ...misfits(1)
  ]],
  ["a member that may have something later", Schema.Union([Schema.Number, Schema.Literal("open")]), [
    ["op", later, never],
    [1, 1, 1],
    ...misfits("x")
  ]]
]

describe("what there is of a value", () => {
  for (const [name, schema, cases] of table) {
    it(`of ${name}`, () => {
      const of = (value: Schema.Json, mayGrow: boolean) =>
        partialFit(Schema.Struct({ x: schema }))({ x: value }, mayGrow)
      const shown = (fitted: unknown) => fitted === never ? undefined : fitted === later ? {} : { x: fitted }
      for (const [value, growing, whole] of cases) {
        const text = JSON.stringify(value)
        assert.deepStrictEqual(of(value, true), shown(growing), `${text} as it grows`)
        assert.deepStrictEqual(of(value, false), shown(whole), `${text} when it is whole`)
      }
    })
  }

  it("is the value itself where nothing of it is left out, and the same each time", () => {
    const fit = partialFit(Schema.Struct({ a: Schema.Array(Schema.Struct({ b: Schema.Number })) }))
    const value = { a: [{ b: 1 }] }
    assert.strictEqual(fit(value, true), value)
    const more = { a: [{ b: 1, c: 2 }], d: 1 }
    assert.deepStrictEqual(fit(more, false), { a: [{ b: 1 }] })
    assert.strictEqual(fit(more, false), fit(more, false))
  })

  it("is another one once the value is whole", () => {
    const fit = partialFit(Schema.Array(Schema.Struct({ a: Schema.Literal("open") })))
    const [whole, broken] = [{ a: "open" }, { a: "op" }]
    assert.deepStrictEqual(fit([whole], true), [{}])
    assert.deepStrictEqual(fit([whole, broken], true), [{ a: "open" }, {}])
    assert.strictEqual(fit([whole, broken], false), undefined)
  })

  it("counts what is left out of a value that was seen before", () => {
    const item = { a: 1, b: 2 }
    const A = Schema.Struct({ a: Schema.Number })
    const fit = partialFit(Schema.Union([
      Schema.Struct({ list: Schema.Array(A), c: Schema.Number }),
      Schema.Struct({ list: Schema.Array(Schema.Struct({ a: Schema.Number, b: Schema.Number })) })
    ]))
    // Of both, each leaves out one key; then the second leaves out fewer.
    assert.deepStrictEqual(fit({ list: [item], c: 1 }, true), { list: [{ a: 1 }], c: 1 })
    assert.deepStrictEqual(fit({ list: [item, item], c: 1 }, true), { list: [item, item] })
    assert.deepStrictEqual(fit({ list: [item, item, item], c: 1 }, true), { list: [item, item, item] })
  })
})
