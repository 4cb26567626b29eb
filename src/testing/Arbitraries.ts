/**
 * Generated input for property tests: chunks that a wire can carry, and whole realistic streams.
 *
 * Every schema of this library is also an arbitrary (`Arbitrary.schema(OpenAiChunk)`). These are for properties that go
 * through bytes, or that compare a response with the whole answer.
 *
 * @since 0.1.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Answer from "./Answer.ts"

/**
 * Chunks of any shape that the payload's schema allows, made from payloads as JSON carries them: no `-0`, no
 * `undefined`. Encoding such a chunk and decoding it again gives an equal chunk.
 *
 * @example
 * ```ts
 * import { OpenAiChunk } from "effect-llm-stream"
 * import { Arbitraries } from "effect-llm-stream/testing"
 *
 * const arbitrary = Arbitraries.chunk(OpenAiChunk.FromPayload)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const chunk = <C, Payload>(fromPayload: Schema.Codec<C, Payload>): Arbitrary.Arbitrary<C> => {
  const decode = Schema.decodeUnknownSync(fromPayload)
  return Arbitrary.map(
    Arbitrary.schema(Schema.toEncoded(fromPayload)),
    (payload) => decode(JSON.parse(JSON.stringify(payload)))
  )
}

/**
 * What answers of {@link answer} may hold.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface AnswerOptions {
  /** Most alternative answers. Default: 1; only the chat-completions format has more. */
  readonly choices?: number | undefined
  /** Kinds of pieces. Default: `content`, `reasoning` and `toolCall`, which every provider has. */
  readonly pieces?: ReadonlyArray<Answer.Piece["type"]> | undefined
  /** Most pieces. Default: 12. */
  readonly maxPieces?: number | undefined
}

/**
 * Answers with pieces in any order: text with characters of any width, reasoning, parallel tool calls with split
 * arguments, several choices in turn. `Answer.openai` and its siblings give the chunks, `Answer.expected` the
 * whole answer.
 *
 * @example
 * ```ts
 * import { ChatResponse } from "effect-llm-stream"
 * import { Answer, Arbitraries } from "effect-llm-stream/testing"
 * import { Arbitrary, Effect } from "effect"
 *
 * const property = Arbitrary.checkEffect(
 *   Arbitraries.answer({ choices: 2 }),
 *   (answer) => ChatResponse.fromChunks(Answer.openai(answer)).content === Answer.expected(answer)[0]?.content
 * )
 *
 * const passed = property.pipe(Effect.map((result) => result._tag === "Passed"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const answer = (options?: AnswerOptions): Arbitrary.Arbitrary<Answer.Answer> => {
  const kinds = options?.pieces ?? ["content", "reasoning", "toolCall"]
  const below = (n: number) => Schema.Literals(Array.from({ length: n }, (_, i) => i))
  const choice = { choice: below(options?.choices ?? 1) }
  const texts = Schema.Struct({
    type: Schema.Literals((["content", "reasoning", "refusal"] as const).filter((kind) => kinds.includes(kind))),
    ...choice,
    text: Text
  })
  const toolCall = Schema.Struct({
    type: Schema.tag("toolCall"),
    ...choice,
    call: below(3),
    name: Schema.Literals(["weather", "search", "calculate"]),
    arguments: Text
  })
  const audio = Schema.Struct({ type: Schema.tag("audio"), data: Schema.Uint8Array, transcript: Text })
  const piece = Schema.Union([
    ...(texts.fields.type.literals.length > 0 ? [texts] : []),
    ...(kinds.includes("toolCall") ? [toolCall] : []),
    ...(kinds.includes("audio") ? [audio] : [])
  ])
  const schema = Schema.Struct({
    id: Schema.Literals(["answer-1", "chatcmpl-9", "msg_01"]),
    model: Schema.Literals(["test-model", "test-model-2026-01-01"]),
    pieces: Schema.Array(piece).check(Schema.isMaxLength(options?.maxPieces ?? 12)),
    finishReason: Answer.FinishReason,
    usage: Schema.optionalKey(Schema.Struct({ inputTokens: Count, cachedTokens: Count, outputTokens: Count }))
  })
  return Arbitrary.map(Arbitrary.schema(schema), ({ usage, ...rest }): Answer.Answer => ({
    ...rest,
    // The cached tokens are among the input tokens.
    ...(usage === undefined
      ? undefined
      : { usage: { ...usage, inputTokens: usage.inputTokens + usage.cachedTokens } })
  }))
}

const Count = Schema.Natural.check(Schema.isLessThanOrEqualTo(1_000_000))

// The generator's own strings hold few characters of more than one byte.
const Text = Schema.Union([
  Schema.String,
  Schema.Literals([
    "",
    "é",
    "日本",
    "👩‍👩‍👧‍👦",
    "{\"city\":",
    "\"Paris\"}",
    "data: x\n\n",
    "\r\n",
    "\\u0000",
    "</s>",
    " \u2028"
  ])
])
