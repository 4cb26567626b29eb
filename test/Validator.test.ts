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
