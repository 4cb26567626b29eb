import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { expectTypeOf } from "vitest"
import type { AzureChunk, GroqChunk } from "../src/index.ts"
import { AnthropicChunk, ChatCompletions, Converse, Messages } from "../src/index.ts"
import { type Exact, exactly } from "../src/internal/exact.ts"
import { nullish, open } from "../src/internal/open.ts"

interface Named {
  readonly id: string
  readonly score?: number | null
  readonly [key: string]: unknown
}

interface Missing {
  readonly id: string
  readonly [key: string]: unknown
}

interface More extends Named {
  readonly more?: string | null
}

interface WithScore extends Named {
  readonly score: number | null
}

interface NeverNull extends Named {
  readonly score?: number
}

interface Closed {
  readonly id: string
  readonly score?: number | null
}

interface Loose {
  readonly id: unknown
  readonly score?: number | null
  readonly [key: string]: unknown
}

const schema = open({ id: Schema.String, score: nullish(Schema.Finite) })

// The compiler checks most of these: `npm test` type-checks the tests before it runs them.

describe("Exact", () => {
  it("leaves the schema as it is", () => {
    const named: Exact<Named> = exactly(schema)
    assert.strictEqual(named.ast, schema.ast)
  })

  it("refuses a type that differs from the schema's in any way", () => {
    // @ts-expect-error: a field is missing
    const missing: Exact<Missing> = exactly(schema)
    // @ts-expect-error: there is a field too many
    const more: Exact<More> = exactly(schema)
    // @ts-expect-error: `score` is optional
    const required: Exact<WithScore> = exactly(schema)
    // @ts-expect-error: `score` can be null
    const neverNull: Exact<NeverNull> = exactly(schema)
    // @ts-expect-error: other fields are kept
    const closed: Exact<Closed> = exactly(schema)
    // @ts-expect-error: `unknown` is not a string
    const loose: Exact<Loose> = exactly(schema)
    // @ts-expect-error: the type has to be stated
    const unstated = exactly(schema)
    for (const { ast } of [missing, more, required, neverNull, closed, loose, unstated]) {
      assert.strictEqual(ast, schema.ast)
    }
  })
})

describe("Payloads", () => {
  it("have types with names", () => {
    expectTypeOf<Messages.Payload>().extract<{ readonly type: "ping" }>().toEqualTypeOf<Messages.Ping>()
    expectTypeOf<AzureChunk["chunk"]>().toExtend<ChatCompletions.Payload>()
    expectTypeOf<GroqChunk["chunk"]>().toExtend<ChatCompletions.Payload>()
    expectTypeOf<Converse.Payload["metadata"]>().toEqualTypeOf<Converse.Metadata | undefined>()
  })

  it("narrow by type", () => {
    const { chunk } = new AnthropicChunk({
      chunk: { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Hello" } }
    })
    expectTypeOf(chunk).toEqualTypeOf<Messages.Payload>()
    if (chunk.type !== "content_block_delta" || chunk.delta?.type !== "text_delta") {
      return assert.fail("another event")
    }
    expectTypeOf(chunk).toEqualTypeOf<Messages.ContentBlockDeltaEvent>()
    expectTypeOf(chunk.delta.text).toEqualTypeOf<string>()
    assert.strictEqual(chunk.delta.text, "Hello")
  })

  it("are checked where a chunk is made", () => {
    // @ts-expect-error: the index is missing
    assert.throws(() => new AnthropicChunk({ chunk: { type: "content_block_stop" } }))
  })

  it("give their fields to the schema of another host", () => {
    const Delta = Schema.Struct({ ...ChatCompletions.deltaFields, mood: nullish(Schema.String) })
    const Choice = Schema.Struct({ ...ChatCompletions.choiceFields(Delta), seed: nullish(Schema.Finite) })
    const Payload = Schema.Struct(ChatCompletions.chunkFields(Choice))
    expectTypeOf<typeof Payload.Type>().toExtend<Omit<ChatCompletions.Payload, "choices">>()
    const payload = Schema.decodeUnknownSync(Payload)({
      model: "m",
      choices: [{ seed: 7, delta: { content: "Hello", mood: "glad" } }]
    })
    const choice = payload.choices?.[0]
    expectTypeOf(choice?.delta?.mood).toEqualTypeOf<string | null | undefined>()
    expectTypeOf(choice?.finish_reason).toEqualTypeOf<string | null | undefined>()
    assert.deepStrictEqual([choice?.delta?.content, choice?.delta?.mood, choice?.seed], ["Hello", "glad", 7])
  })
})
