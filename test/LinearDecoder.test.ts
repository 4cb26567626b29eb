import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Result, Schema, SchemaGetter, type SchemaIssue } from "effect"
import { linearDecoder } from "../src/internal/linearDecoder.ts"
import { partialFit } from "../src/internal/partialFit.ts"
import { schemaIssues } from "../src/internal/schemaIssues.ts"

interface Node {
  readonly a?: string
  readonly b?: string
  readonly at?: Date
  readonly children?: ReadonlyArray<Node>
  readonly child?: Node | string | null
}

const Child = Schema.suspend((): Schema.Codec<Node> => Node)

const ChildOrText = Schema.Union([Schema.String, Child, Schema.Struct({ a: Schema.NonEmptyString })])

/** Members that no tag tells apart, in lists and alone, with a check and a transformation. */
const Node: Schema.Codec<Node> = Schema.Union([
  Schema.Struct({ a: Schema.String, child: Schema.optionalKey(ChildOrText) }),
  Schema.Struct({ b: Schema.String.check(Schema.isMaxLength(2)), children: Schema.optionalKey(Schema.Array(Child)) }),
  Schema.Struct({ at: Schema.Date, child: Schema.optionalKey(Schema.NullOr(Child)) }),
  Schema.Struct({ b: Schema.String, child: ChildOrText })
])

class Tagged extends Schema.TaggedClass<Tagged>()("Tagged", { next: Schema.optionalKey(Child) }) {}

const schemas = {
  recursive: Node,
  oneOf: Schema.Union([Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.String }), Node], {
    mode: "oneOf"
  }),
  class: Schema.Union([Tagged, Schema.Record(Schema.String, Child), Schema.Tuple([Child, Schema.Finite])]),
  checked: Node.check(Schema.makeFilter(({ a }) => a !== "x"))
}

/** Values that are nearly of the schemas. */
const Value: Schema.Codec<Schema.Json> = Schema.suspend(() => {
  const field = Schema.optionalKey(Value)
  const text = Schema.optionalKey(Schema.Literals(["", "x", "long", "2026-11-22", 1]))
  return Schema.Union([
    Schema.Literals(["", "x", 1]),
    Schema.Null,
    Schema.Array(Value),
    Schema.Struct({ a: text, b: text, child: field }),
    Schema.Struct({ b: text, children: Schema.Array(Value), at: text, child: field, next: field }),
    Schema.Struct({ at: text, child: field, _tag: Schema.Literal("Tagged"), next: field })
  ])
})

const issuesOf = (issue: SchemaIssue.Issue) =>
  [...new Set(schemaIssues({ issue }).map((each) => JSON.stringify(each)))].sort()

const outcome = <T>(exit: Exit.Exit<T, SchemaIssue.Issue>) =>
  Exit.isSuccess(exit) ? exit.value : Result.match(Cause.findError(exit.cause), {
    onFailure: (cause) => Cause.pretty(cause),
    onSuccess: issuesOf
  })

const nested = (depth: number, leaf: unknown): unknown => {
  let value = leaf
  for (let level = 0; level < depth; level++) value = { b: "x", children: [value] }
  return value
}

describe("linearDecoder", () => {
  it.effect.prop("gives what Effect gives, and tells what it tells", {
    name: Schema.Literals(["recursive", "oneOf", "class", "checked"]),
    value: Schema.Union([Value, Schema.toEncoded(Schema.toCodecJson(Node))]),
    errors: Schema.Literals(["first", "all"])
  }, ({ errors, name, value }) =>
    Effect.gen(function*() {
      const schema = Schema.toCodecJson<Schema.Codec<unknown, unknown>>(schemas[name])
      const linear = yield* Effect.exit(linearDecoder(schema, { errors })(value))
      const plain = yield* Effect.exit(
        Effect.mapError(Schema.decodeUnknownEffect(schema, { errors })(value), ({ issue }) => issue)
      )
      assert.deepStrictEqual(outcome(linear), outcome(plain))
    }), { arbitrary: { runs: 3000 } })

  it.effect("looks at a value once, however many members come to it, and however deep it is", () =>
    Effect.gen(function*() {
      let looks = 0
      const Counted = Schema.String.check(Schema.makeFilter(() => {
        looks++
        return true
      }))
      interface Tree {
        readonly name: string
        readonly child?: Tree
      }
      const Tree: Schema.Codec<Tree> = Schema.Union([1, 2, 3].map((size) =>
        Schema.Struct({
          name: Counted,
          child: Schema.optionalKey(Schema.suspend((): Schema.Codec<Tree> => Tree)),
          [`only${size}`]: Schema.String
        })
      ))
      let value: unknown = {}
      for (let level = 0; level < 510; level++) value = { name: "x", child: value }
      const exit = yield* Effect.exit(linearDecoder(Tree, { errors: "all" })(value))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
      assert.strictEqual(looks, 3 * 510)
    }))

  it.effect("goes as deep as the value does, also where nothing is to be chosen", () =>
    Effect.gen(function*() {
      interface Chain {
        readonly next?: Chain
      }
      const Chain = Schema.Struct({ next: Schema.optionalKey(Schema.suspend((): Schema.Codec<Chain> => Chain)) })
      let value: unknown = {}
      for (let level = 0; level < 20_000; level++) value = { next: value }
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(linearDecoder(Chain, { errors: "all" })(value))))
    }))

  it.effect("tells an issue that members share once", () =>
    Effect.gen(function*() {
      const issue = yield* Effect.flip(
        linearDecoder(Schema.toCodecJson(Node), { errors: "all" })(nested(200, { b: 1 }))
      )
      assert.isBelow(schemaIssues({ issue }).length, 1000)
    }))

  it.effect("runs an effect once for each value, and again for each call", () =>
    Effect.gen(function*() {
      let runs = 0
      const Slow = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transformEffect((text: string) =>
          Effect.as(Effect.yieldNow, text).pipe(Effect.tap(() => Effect.sync(() => runs++)))
        ),
        encode: SchemaGetter.passthrough()
      }))
      interface Tree {
        readonly name: string
        readonly child?: Tree
      }
      const Tree: Schema.Codec<Tree, unknown> = Schema.Union([1, 2].map((size) =>
        Schema.Struct({
          name: Slow,
          child: Schema.optionalKey(Schema.suspend((): Schema.Codec<Tree, unknown> => Tree)),
          [`only${size}`]: Schema.optionalKey(Schema.Literal(size === 1 ? "never" : "x"))
        })
      ))
      let value: unknown = { name: "leaf", only1: "x", only2: "y" }
      for (let level = 0; level < 100; level++) value = { name: "x", child: value }
      const decode = linearDecoder(Tree, { errors: "all" })
      yield* Effect.exit(decode(value))
      assert.strictEqual(runs, 2 * 101)
      yield* Effect.exit(decode(value))
      assert.strictEqual(runs, 4 * 101)
    }))

  it.effect("tries no pattern that can take exponential time, and says so", () =>
    Effect.gen(function*() {
      const Slow = Schema.String.check(Schema.isPattern(/^(a+)+$/))
      const text = `${"a".repeat(200)}!`
      const messages = (schema: Schema.Codec<unknown, unknown>, value: unknown) =>
        Effect.map(
          Effect.flip(linearDecoder(schema, { errors: "all" })(value)),
          (issue) => schemaIssues({ issue }).map(({ message, path }) => `${path.join(".")}: ${message}`)
        )
      const says = /which is not tried: it can take exponential time/
      for (
        const [schema, value] of [
          [Slow, text],
          [Schema.Struct({ a: Schema.optionalKey(Slow.check(Schema.isMinLength(1), Schema.isMaxLength(1000))) }), {
            a: text
          }],
          [Schema.Array(Schema.Union([Schema.Finite, Slow])), [1, text]],
          [Schema.Trim.pipe(Schema.decodeTo(Slow)), text]
        ] as const
      ) {
        assert.match((yield* messages(schema, value)).join(), says)
      }
      const Records = Schema.Record(Slow, Schema.Finite)
      yield* Effect.exit(linearDecoder(Records, { errors: "all" })({ [text]: 1 }))
      const fast = Schema.String.check(Schema.isPattern(/^a+$/))
      assert.strictEqual(yield* linearDecoder(fast, { errors: "all" })("aaa"), "aaa")
      // The others of its checks are tried.
      const both = Schema.Struct({ a: fast.check(Schema.isPattern(/^(a+)+$/)) })
      const messagesOf = yield* Effect.all([messages(both, { a: "aaa" }), messages(both, { a: "b" })])
      assert.deepStrictEqual(messagesOf.map((messages) => messages.length), [1, 2])
      const [[slow], [other]] = messagesOf
      assert.match(slow ?? "", says)
      assert.notMatch(other ?? "", says)
    }))
})

describe("partialFit", () => {
  it("looks at what is open once in each member", () => {
    for (const depth of [10, 100, 500]) {
      let value: Schema.Json = { b: "open", unknown: "key" }
      for (let level = 0; level < depth; level++) value = { unknown: "key", child: value }
      assert.isDefined(partialFit(Node)(value, true))
    }
  })

  it("takes the rest of a tuple of any length", () => {
    const rest = Array.from({ length: 300_000 }, (_, i) => i)
    const fit = partialFit(Schema.TupleWithRest(Schema.Tuple([Schema.String]), [Schema.Finite]))
    assert.deepStrictEqual(fit({ "0": "a", "__rest__": rest }, false), ["a", ...rest])
  })
})
