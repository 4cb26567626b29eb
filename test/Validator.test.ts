import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as ChildProcess from "node:child_process"
import { AnthropicChunk, AzureChunk, BedrockChunk, ChatCompletions, GroqChunk, Messages } from "../src/index.ts"
import { validator } from "../src/internal/validator.ts"
import { Arbitraries } from "../src/testing.ts"

// The validator of payloads has to agree with the schemas that it is compiled from, on anything that JSON can hold.

type JsonValue = null | boolean | number | string | ReadonlyArray<JsonValue> | { readonly [key: string]: JsonValue }

const Other = Arbitrary.schema(Schema.Union([
  Schema.Null,
  Schema.Literals([true, 0, -1.5, "", "text_delta"]),
  Schema.Array(Schema.Null),
  Schema.Struct({}),
  Schema.Struct({ type: Schema.Literal("x") })
]))

/** The value with one of its parts, chosen by the number, replaced. */
const mutate = (value: JsonValue, at: number, other: JsonValue): JsonValue => {
  let left = at % (size(value) + 1)
  const go = (node: JsonValue): JsonValue => {
    if (left-- === 0) return other
    if (Array.isArray(node)) return node.map(go)
    if (typeof node === "object" && node !== null) {
      return Object.fromEntries(Object.entries(node).map(([key, part]) => [key, go(part)]))
    }
    return node
  }
  return go(value)
}

const size = (value: JsonValue): number =>
  typeof value === "object" && value !== null
    ? Object.values(value).reduce<number>((sum, part) => sum + 1 + size(part), 0)
    : 0

// Schemas of every kind that a payload could be made of, over few names and few values, so that members of a union overlap.
const schemaFrom = (next: (below: number) => number, depth: number): Schema.Codec<unknown> => {
  const members = (least: number) => Array.from({ length: least + next(3) }, () => schemaFrom(next, depth - 1))
  const field = (schema: Schema.Codec<unknown>) => next(2) === 0 ? Schema.optionalKey(schema) : schema
  const fields = () => Object.fromEntries(members(0).map((member, i) => ["abc".charAt(i), field(member)]))
  switch (next(depth === 0 ? 8 : 16)) {
    case 0:
      return Schema.String
    case 1:
      return Schema.Finite
    case 2:
      return Schema.Boolean
    case 3:
      return Schema.Null
    case 4:
      return Schema.Literals(["x", 0, true])
    case 5:
      return Schema.Unknown
    case 6:
      return Schema.Number
    case 7:
      return Schema.String.check(Schema.isMinLength(1))
    case 8:
    case 9:
      return Schema.Union(members(1), { mode: "oneOf" })
    case 10:
      return Schema.Union(members(1))
    case 11:
      return Schema.NullOr(schemaFrom(next, depth - 1))
    case 12:
      return Schema.Array(schemaFrom(next, depth - 1))
    case 13:
      return next(2) === 0 ? Schema.Tuple(members(0)) : Schema.TupleWithRest(Schema.Tuple(members(0)), [
        schemaFrom(next, depth - 1),
        ...members(0).slice(1)
      ])
    case 14:
      return Schema.Record(Schema.String, schemaFrom(next, depth - 1))
    default:
      return next(2) === 0
        ? Schema.Struct(fields())
        : Schema.StructWithRest(Schema.Struct(fields()), [Schema.Record(Schema.String, Schema.Unknown)])
  }
}

const valueFrom = (next: (below: number) => number, depth: number): JsonValue => {
  const values = () => Array.from({ length: next(4) }, () => valueFrom(next, depth - 1))
  const kind = next(depth === 0 ? 6 : 12)
  return kind < 6
    ? [null, true, 0, -1.5, "", "x"][kind] ?? null
    : kind < 8
    ? values()
    : Object.fromEntries(values().map((value, i) => ["abcd".charAt(i), value]))
}

/** Numbers that a seed decides (mulberry32). */
const numbers = (seed: number) => (below: number): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % below
}

const json = (value: unknown): JsonValue => JSON.parse(JSON.stringify(value))

const agrees = <T>(schema: Schema.Codec<T, T>) => {
  const isValid = validator(schema)
  const is = Schema.is(schema)
  return (value: unknown) => {
    assert.strictEqual(isValid(value), is(value), JSON.stringify(value))
    return isValid(value)
  }
}

describe("validator", () => {
  const payloads = {
    "chat completions": [Schema.toType(ChatCompletions.Payload), Arbitraries.chunk(GroqChunk.FromPayload)],
    "Azure": [Schema.toType(AzureChunk.fields.chunk), Arbitraries.chunk(AzureChunk.FromPayload)],
    "Groq": [Schema.toType(GroqChunk.fields.chunk), Arbitraries.chunk(GroqChunk.FromPayload)],
    "Anthropic": [Schema.toType(Messages.Payload), Arbitraries.chunk(AnthropicChunk.FromPayload)],
    "Bedrock": [Schema.toType(BedrockChunk.fields.chunk), Arbitraries.chunk(BedrockChunk.FromPayload)]
  } as const

  for (const [name, [schema, chunks]] of Object.entries(payloads)) {
    const check = agrees<unknown>(schema as unknown as Schema.Codec<unknown>)

    it.prop(
      `agrees with the schema of ${name} on valid payloads, and on payloads with one part replaced`,
      [chunks, Schema.Natural, Other],
      ([chunk, at, other]) => {
        const payload = json(chunk.chunk)
        assert.isTrue(check(payload))
        check(mutate(payload, at, json(other)))
      },
      { arbitrary: { runs: 300, size: 8 } }
    )
  }

  it.prop("agrees with any schema of payloads on any JSON", [Schema.Int], ([seed]) => {
    const next = numbers(seed)
    const check = agrees(schemaFrom(next, 3))
    for (let i = 0; i < 20; i++) check(valueFrom(next, 3))
  }, { arbitrary: { runs: 500 } })

  it("wants exactly one member to match where the schema does", () => {
    const check = agrees(
      Schema.Union([
        Schema.Struct({ a: Schema.optionalKey(Schema.String) }),
        Schema.Struct({ b: Schema.optionalKey(Schema.String) })
      ], { mode: "oneOf" })
    )
    assert.isFalse(check({}))
    assert.isTrue(check({ a: 1, b: "x" }))
  })

  it("takes each place of a list for what it is", () => {
    const first = agrees(Schema.TupleWithRest(Schema.Tuple([Schema.String]), [Schema.Finite]))
    assert.deepStrictEqual([["a"], ["a", 1], ["a", 1, 2], [], [1], [1, 1], ["a", "b"]].map(first), [
      true,
      true,
      true,
      false,
      false,
      false,
      false
    ])
    const last = agrees(Schema.TupleWithRest(Schema.Tuple([]), [Schema.Finite, Schema.String]))
    assert.deepStrictEqual([["a"], [1, "a"], [1], []].map(last), [true, true, false, false])
    const pair = agrees(Schema.Tuple([Schema.String, Schema.Finite]))
    assert.deepStrictEqual([["a", 1], ["a"], [1, "a"], ["a", 1, 1], {}].map(pair), [true, false, false, false, false])
  })

  it("finds a wrong type at any depth", () => {
    const check = agrees(ChatCompletions.Payload)
    const choice = (delta: unknown) => ({ choices: [{ index: 0, delta, finish_reason: null }] })
    assert.isTrue(check(choice({ content: null, tool_calls: [{ index: 0, function: { arguments: "{" } }] })))
    for (
      const payload of [
        null,
        [],
        "text",
        { id: 1 },
        { choices: {} },
        { choices: [7] },
        choice({ content: 5 }),
        choice({ content: [{ text: 5 }] }),
        choice({ tool_calls: [{ index: "0" }] }),
        choice({ tool_calls: [{ function: { arguments: 1 } }] }),
        { usage: { prompt_tokens: "9" } },
        { usage: { prompt_tokens_details: { cached_tokens: [] } } }
      ]
    ) assert.isFalse(check(payload), JSON.stringify(payload))
  })

  it("does not take what objects inherit for fields", () => {
    const check = agrees(Schema.Struct({ a: Schema.optionalKey(Schema.String) }))
    assert.isTrue(check({ constructor: 1, toString: 2 }))
  })

  it("decodes the same where the runtime forbids generated code", () => {
    const recording = [
      JSON.stringify({ id: "r", model: "m", choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] }),
      JSON.stringify({ choices: [{ index: 0, delta: { content: 5 } }] })
    ].map((data) => `data: ${data}\n\n`).join("")
    const decode = (flags: ReadonlyArray<string>) =>
      ChildProcess.spawnSync(
        process.execPath,
        [...flags, "src/bin.ts", "decode", "--provider", "openai", "-"],
        { input: recording, encoding: "utf8", cwd: new URL("..", import.meta.url) }
      )
    const forbidden = decode(["--disallow-code-generation-from-strings"])
    assert.include(forbidden.stdout, "Event 1: Expected string | array | null at choices[0].delta.content")
    assert.strictEqual(forbidden.stdout, decode([]).stdout)
  })
})
