/**
 * A chunk of OpenAI's chat completions.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import type * as CostMetadata from "../CostMetadata.ts"
import { ChatCompletionChunk } from "../protocols/chatCompletions/chunk.ts"
import { type Choice, Payload } from "../protocols/chatCompletions/payload.ts"

/**
 * A chunk of OpenAI's chat completions, or of a host that speaks the same format; `provider` tells which.
 *
 * `chunk` is the payload of `POST /v1/chat/completions` with `stream: true`, unknown fields and values included.
 *
 * @example
 * ```ts
 * import { OpenAiChunk } from "effect-llm-stream"
 * import { Arbitrary, Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(OpenAiChunk.FromPayload)({
 *   id: "chatcmpl-1",
 *   model: "gpt-4o-mini",
 *   choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: null }]
 * })
 * chunk.content // "Hello"
 *
 * // In a property test: any valid chunk.
 * const arbitrary = Arbitrary.schema(OpenAiChunk)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class OpenAiChunk extends ChatCompletionChunk.extend<OpenAiChunk>("effect-llm-stream/OpenAiChunk")({
  _tag: Schema.tag("OpenAiChunk"),
  provider: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("openai"))),
  /** The field of `delta` that has the reasoning text, when it is neither `reasoning` nor `reasoning_content`. */
  reasoningField: Schema.optionalKey(Schema.String),
  /** The region of OpenAI's host that was asked (`eu` of `eu.api.openai.com`), which costs more; absent otherwise. */
  region: Schema.optionalKey(Schema.String)
}) {
  protected override reasoningOf(choice: Choice): string {
    const own = this.reasoningField === undefined ? undefined : choice.delta?.[this.reasoningField]
    return typeof own === "string" ? own : super.reasoningOf(choice)
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    const { region } = this
    return region === undefined ? super.costDetails : { ...super.costDetails, region }
  }

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(Payload, OpenAiChunk)
}
