import { assert, describe, it } from "@effect/vitest"
import { Result, Schema, SchemaAST } from "effect"
import { expect } from "vitest"
import {
  AnthropicChunk,
  AzureChunk,
  BedrockChunk,
  GroqChunk,
  OpenAiChunk,
  OpenAiResponsesChunk
} from "../../src/index.ts"

// Those of AzureResponsesChunk and BedrockInvokeChunk are OpenAI's and Anthropic's.
const payloads: Readonly<Record<string, Schema.Codec<unknown>>> = {
  AnthropicChunk: AnthropicChunk.fields.chunk,
  AzureChunk: AzureChunk.fields.chunk,
  BedrockChunk: BedrockChunk.fields.chunk,
  GroqChunk: GroqChunk.fields.chunk,
  OpenAiChunk: OpenAiChunk.fields.chunk,
  OpenAiResponsesChunk: OpenAiResponsesChunk.fields.chunk
}

interface Field {
  readonly name: string
  readonly type: SchemaAST.AST
  readonly isOptional: boolean
}

/** The declared fields of an object. */
const fieldsOf = (ast: SchemaAST.Objects): ReadonlyArray<Field> =>
  ast.propertySignatures.map(({ name, type }) => ({
    name: String(name),
    type,
    isOptional: type.context?.isOptional ?? false
  }))

const members = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> =>
  SchemaAST.isUnion(ast) ? ast.types.flatMap(members) : [ast]

const elementOf = (ast: SchemaAST.Arrays): SchemaAST.AST | undefined => ast.elements[0] ?? ast.rest[0]

/** What is declared, as text: everything that a reader of chunks may rely on. */
const shape = (ast: SchemaAST.AST, indent: string): string =>
  members(ast).map((member) => {
    if (SchemaAST.isLiteral(member)) return JSON.stringify(member.literal)
    if (SchemaAST.isArrays(member)) {
      const element = elementOf(member)
      return element === undefined ? "[]" : `[${shape(element, indent)}]`
    }
    if (!SchemaAST.isObjects(member)) return member._tag.toLowerCase()
    const deeper = `${indent}  `
    const lines = fieldsOf(member).map(({ isOptional, name, type }) =>
      `${deeper}${name}${isOptional ? "?" : ""}: ${shape(type, deeper)}`
    )
    const others = member.indexSignatures.map(({ type }) => `${deeper}*: ${shape(type, deeper)}`)
    return `{\n${[...lines.sort(), ...others].join("\n")}\n${indent}}`
  }).join(" | ")

/** The smallest value that is valid. */
const smallest = (ast: SchemaAST.AST): unknown => {
  const [first = ast] = members(ast)
  if (SchemaAST.isObjects(first)) {
    return Object.fromEntries(
      fieldsOf(first).flatMap(({ isOptional, name, type }) => isOptional ? [] : [[name, smallest(type)]])
    )
  }
  return SchemaAST.isLiteral(first)
    ? first.literal
    : SchemaAST.isArrays(first)
    ? []
    : SchemaAST.isString(first)
    ? "text"
    : SchemaAST.isBoolean(first)
    ? true
    : SchemaAST.isNull(first)
    ? null
    : 1
}

const takes = (ast: SchemaAST.AST, value: unknown): boolean =>
  members(ast).some((member) =>
    SchemaAST.isAny(member) || SchemaAST.isUnknown(member) ||
    (typeof value === "string"
      ? SchemaAST.isString(member) || SchemaAST.isLiteral(member)
      : typeof value === "number"
      ? SchemaAST.isNumber(member)
      : typeof value === "boolean"
      ? SchemaAST.isBoolean(member)
      : value === null
      ? SchemaAST.isNull(member)
      : SchemaAST.isArrays(member))
  )

interface Case {
  readonly path: string
  readonly value: unknown
}

/** The smallest values with one field in them that `change` changes, wherever it is declared. */
const cases = (ast: SchemaAST.AST, change: (type: SchemaAST.AST) => ReadonlyArray<unknown>): ReadonlyArray<Case> =>
  members(ast).flatMap((member): ReadonlyArray<Case> => {
    if (SchemaAST.isArrays(member)) {
      const element = elementOf(member)
      return element === undefined ? [] : cases(element, change).map(({ path, value }) => ({
        path: `[]${path}`,
        value: [value]
      }))
    }
    if (!SchemaAST.isObjects(member)) return []
    const whole = Object(smallest(member))
    return fieldsOf(member).flatMap(({ name, type }) => [
      ...change(type).map((value) => ({ path: `.${name}`, value: { ...whole, [name]: value } })),
      ...cases(type, change).map(({ path, value }) => ({ path: `.${name}${path}`, value: { ...whole, [name]: value } }))
    ])
  })

const json = ["malformed", 1.5, true, null, []]

describe("Payloads", () => {
  for (const [name, payload] of Object.entries(payloads)) {
    const decode = Schema.decodeUnknownResult(payload)

    it(`of a ${name} have these fields`, async () => {
      const declared = `${shape(payload.ast, "")}\n`
      assert.include(declared, "?:")
      await expect(declared).toMatchFileSnapshot(`payloads/${name}.txt`)
    })

    it(`of a ${name} are refused when a declared field has a value of another kind, wherever it is`, () => {
      const malformed = cases(payload.ast, (type) => json.filter((value) => !takes(type, value)))
      assert.isAbove(malformed.length, 50)
      const unnoticed = malformed.filter(({ value }) => Result.isSuccess(decode(value)))
      assert.deepStrictEqual(unnoticed.map(({ path, value }) => `${path} in ${JSON.stringify(value)}`), [])
    })

    it(`of a ${name} may have null where the declaration says so`, () => {
      const nulls = cases(payload.ast, (type) => takes(type, null) ? [null] : [])
      const refused = nulls.filter(({ value }) => Result.isFailure(decode(value)))
      assert.deepStrictEqual(refused.map(({ path, value }) => `${path} in ${JSON.stringify(value)}`), [])
    })
  }
})
