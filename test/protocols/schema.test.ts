import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as ChatRequest from "../../src/ChatRequest.ts"
import { claudeSchema } from "../../src/protocols/request/claudeSchema.ts"
import { inlineRoot, nodes, strict } from "../../src/protocols/request/schema.ts"
import { claude } from "../../src/testing/requestCheck/jsonSchema.ts"

const names = ["a", "b", "c", "d", "e"] as const

/** Which definition refers to which others. */
const graphs = Arbitrary.array(Arbitrary.schema(Schema.Array(Schema.Literals(names))), {
  minLength: names.length,
  maxLength: names.length
})

const reference = (name: string) => ({ $ref: `#/$defs/${name}` })

const definitions = (graph: ReadonlyArray<ReadonlyArray<string>>): Schema.JsonObject =>
  Object.fromEntries(names.map((name, i) => [name, { anyOf: (graph[i] ?? []).map(reference) }]))

const isRecursive = (graph: ReadonlyArray<ReadonlyArray<string>>): boolean =>
  names.some((name) => {
    const reached = new Set<string>()
    const reach = (from: string): void =>
      (graph[names.findIndex((each) => each === from)] ?? []).forEach((next) => {
        if (!reached.has(next)) {
          reached.add(next)
          reach(next)
        }
      })
    reach(name)
    return reached.has(name)
  })

describe("schemas for Claude", () => {
  it.prop("are refused exactly when they are recursive", [graphs], ([graph]) => {
    const result = claudeSchema({ $defs: definitions(graph) }, "schema")
    assert.strictEqual(Result.isFailure(result), isRecursive(graph))
    const findings = JSON.stringify(claude({ $defs: definitions(graph) }, "schema"))
    assert.strictEqual(findings.includes("refers to itself"), isRecursive(graph))
    if (Result.isFailure(result)) assert.match(result.failure, /^schema: .*#\/\$defs\/[a-e] is$/)
  })

  it("are refused when a reference leads to the root, or to a place within the schema where it stands", () => {
    const properties = { child: { anyOf: [{ $ref: "#/properties/child" }] } }
    assert.isTrue(Result.isFailure(claudeSchema({ type: "object", properties }, "schema")))
    assert.isTrue(Result.isFailure(claudeSchema({ anyOf: [{ $ref: "#" }] }, "schema")))
    assert.isTrue(Result.isFailure(claudeSchema({ $defs: { "x/y": { items: { $ref: "#/$defs/x~1y" } } } }, "schema")))
  })
})

describe("a schema that Claude shall keep to", () => {
  const wrong = (schema: Schema.JsonObject) =>
    Result.match(claudeSchema(schema, "schema"), {
      onFailure: (message) => message,
      onSuccess: () => undefined
    })

  // What the guide to structured outputs calls unsupported, and what it does not name.
  for (
    const keyword of [
      "minimum",
      "maximum",
      "exclusiveMinimum",
      "exclusiveMaximum",
      "multipleOf",
      "minLength",
      "maxLength",
      "maxItems",
      "uniqueItems",
      "minProperties",
      "maxProperties",
      "patternProperties",
      "not",
      "if",
      "oneOf"
    ]
  ) {
    it(`has no ${keyword}, at its root or within`, () => {
      const inner = { [keyword]: keyword === "oneOf" ? [] : {} }
      const says = (path: string) => `${path}.${keyword}: Claude does not take ${keyword} here`
      for (
        const [path, schema] of [
          ["schema", inner],
          ["schema.properties.a", { properties: { a: inner } }],
          ["schema.$defs.a", { $defs: { a: inner } }],
          ["schema.definitions.a", { definitions: { a: inner } }],
          ["schema.items", { items: inner }],
          ["schema.anyOf[1]", { anyOf: [{}, inner] }],
          ["schema.allOf[1]", { allOf: [{}, inner] }],
          ["schema.prefixItems[1]", { prefixItems: [{}, inner] }]
        ] as const
      ) assert.strictEqual(wrong(schema), says(path))
    })
  }

  it("has lists of any length, or with one element", () => {
    assert.isUndefined(wrong({ minItems: 0 }))
    assert.isUndefined(wrong({ minItems: 1 }))
    assert.strictEqual(wrong({ minItems: 2 }), "schema.minItems: Claude takes 0 and 1")
  })

  it("has no open object", () => {
    const closed = { type: "object", properties: {}, additionalProperties: false }
    const closes = (schema: Schema.JsonObject) => Result.getOrThrow(claudeSchema(schema, "schema"))
    assert.deepStrictEqual(closes({ type: "object", properties: {} }), closed)
    assert.deepStrictEqual(closes(closed), closed)
    assert.deepStrictEqual(closes({ properties: {} }), { properties: {}, additionalProperties: false })
    assert.deepStrictEqual(closes({ type: ["object", "null"], properties: {} }), {
      ...closed,
      type: ["object", "null"]
    })
    assert.deepStrictEqual(closes({ type: "object", additionalProperties: false }), {
      type: "object",
      additionalProperties: false
    })
    assert.deepStrictEqual(closes({ type: ["string", "null"] }), { type: ["string", "null"] })
    assert.deepStrictEqual(closes({ type: "string" }), { type: "string" })
    const open = "schema.additionalProperties: Claude can't guarantee an open object"
    for (
      const schema of [
        { type: "object" },
        { type: "object", properties: {}, additionalProperties: true },
        { type: "object", properties: {}, additionalProperties: {} },
        { type: ["object", "null"] },
        { properties: {}, additionalProperties: { type: "string" } }
      ]
    ) assert.strictEqual(wrong(schema), open)
  })
})

describe("the schemas within a schema", () => {
  it("are all that JSON Schema has, with their places", () => {
    const leaf = { type: "string" }
    const maps = ["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"]
    const schemas = ["items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"]
    const lists = ["anyOf", "oneOf", "allOf", "prefixItems"]
    for (const keyword of maps) {
      const schema = { [keyword]: { a: leaf, b: true } }
      assert.deepStrictEqual(nodes(schema, "x"), [{ schema, path: "x" }, { schema: leaf, path: `x.${keyword}.a` }])
    }
    for (const keyword of schemas) {
      const schema = { [keyword]: leaf }
      assert.deepStrictEqual(nodes(schema, "x"), [{ schema, path: "x" }, { schema: leaf, path: `x.${keyword}` }])
      assert.lengthOf(nodes({ [keyword]: false }, "x"), 1)
    }
    for (const keyword of lists) {
      const schema = { [keyword]: [true, { items: leaf }] }
      assert.deepStrictEqual(nodes(schema, "x").map(({ path }) => path), [
        "x",
        `x.${keyword}[1]`,
        `x.${keyword}[1].items`
      ])
      assert.lengthOf(nodes({ [keyword]: leaf }, "x"), 1)
    }
    assert.deepStrictEqual(nodes({ enum: [leaf], const: leaf, default: leaf }, "x").length, 1)
  })
})

describe("a reference at the root", () => {
  it("is replaced by what it leads to, the nearest first, and left alone in a circle", () => {
    const $defs = {
      one: { $ref: "#/$defs/two", title: "one" },
      two: { type: "object", title: "two", description: "2" },
      round: { $ref: "#/$defs/about" },
      about: { $ref: "#/$defs/round" }
    }
    assert.deepStrictEqual(inlineRoot({ $ref: "#/$defs/one", $defs }), {
      type: "object",
      title: "one",
      description: "2",
      $defs
    })
    const circle = { $ref: "#/$defs/round", $defs }
    assert.strictEqual(inlineRoot(circle), circle)
  })
})

describe("schemas of a request", () => {
  it("have definitions for what they use many times, when they would be huge without", () => {
    const nested = (levels: number) => {
      let schema: Schema.Codec<unknown> = Schema.Struct({ leaf: Schema.String })
      for (let level = 0; level < levels; level++) schema = Schema.Struct({ a: schema, b: Schema.NullOr(schema) })
      const { parameters } = Result.getOrThrow(
        ChatRequest.normalize({ prompt: "Hi", tools: [{ name: "f", parameters: schema }] })
      ).tools?.[0] ?? {}
      return JSON.stringify(parameters)
    }
    assert.notInclude(nested(3), "$ref")
    assert.isBelow(nested(100).length, 200 * 100)
  })

  it("are refused when they have no end", () => {
    let schema: Schema.JsonObject = { type: "string" }
    for (let level = 0; level < 100; level++) schema = { type: "object", properties: { a: schema, b: schema } }
    const result = ChatRequest.normalize({ prompt: "Hi", responseFormat: { schema } })
    assert.match(Result.isFailure(result) ? result.failure.message : "", /responseFormat\.schema has more than/)
  })
})

describe("a strict schema", () => {
  const object = { type: "object", properties: {}, required: [], additionalProperties: false } as const

  // What OpenAI's guide to structured outputs names as not supported.
  for (
    const keyword of [
      "allOf",
      "contains",
      "dependentRequired",
      "dependentSchemas",
      "else",
      "if",
      "maxContains",
      "minContains",
      "not",
      "oneOf",
      "patternProperties",
      "propertyNames",
      "then",
      "unevaluatedProperties"
    ]
  ) {
    it(`has no ${keyword}, at its root or below`, () => {
      const node = { ...object, [keyword]: {} }
      assert.match(Result.getOrThrow(Result.flip(strict(node, "s"))), new RegExp(`^s\\.${keyword}: `))
      const above = { ...object, properties: { a: node }, required: ["a"] }
      assert.match(Result.getOrThrow(Result.flip(strict(above, "s"))), new RegExp(`^s\\.properties\\.a\\.${keyword}: `))
    })
  }
})
