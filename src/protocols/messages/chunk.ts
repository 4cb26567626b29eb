/**
 * The common attributes of a chunk, computed from its payload.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { Base, type Chunk } from "../../Chunk.ts"
import type { ContentEvent } from "../../ContentEvent.ts"
import type * as CostMetadata from "../../CostMetadata.ts"
import { elements } from "../../internal/open.ts"
import type * as Usage from "../../Usage.ts"
import { contentEvents } from "./content.ts"
import { type Citation, type ContentBlock, Payload, usageOf, type WireUsage } from "./payload.ts"

type Event<Type extends string> = Extract<Payload, { readonly type: Type }>

type Message = NonNullable<Event<"message_start">["message"]>

type Stop = NonNullable<Event<"message_delta">["delta"]>

// By itself: engines compile a getter anew when what it does seldom comes in other kinds of arrays.
const textOf = (blocks: ReadonlyArray<ContentBlock>): string =>
  blocks.map((block) => block.type === "text" ? block.text ?? "" : "").join("")

/**
 * A chunk of any host of this format: the payload, and the common attributes computed from it. Every event of a stream is
 * a chunk, pings and events of unknown types included; `error` events fail the stream instead.
 *
 * `content` is that of text blocks, `reasoning` that of thinking blocks, and `toolCallDeltas` are those of `tool_use`
 * blocks, which the caller has to run. `refusal` is `""`: a refusal comes as the finish reason `refusal`, see
 * `stopDetails`.
 *
 * @example
 * ```ts
 * import { Messages } from "effect-llm-stream"
 *
 * const chunk = new Messages.MessagesChunk({
 *   provider: "gateway",
 *   chunk: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } }
 * })
 * chunk.content // "Hello"
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export class MessagesChunk extends Base.extend<MessagesChunk>("effect-llm-stream/MessagesChunk")({
  chunk: Payload,
  /**
   * The type of the content block that a `content_block_delta` continues or a `content_block_stop` ends. The event
   * itself does not state it: the decoder of a stream knows it from the block's start. Absent on other events, and when
   * a chunk was made without a stream; a piece of a tool's input then counts as one of a `tool_use` block.
   */
  block: Schema.optionalKey(Schema.String)
}) implements Chunk {
  private get message(): Message | undefined {
    return this.chunk.type === "message_start" ? this.chunk.message ?? undefined : undefined
  }

  private get stop(): Message | Stop | undefined {
    return this.chunk.type === "message_delta" ? this.chunk.delta ?? undefined : this.message
  }

  private get wireUsage(): WireUsage | undefined {
    return (this.chunk.type === "message_delta" ? this.chunk.usage : this.message?.usage) ?? undefined
  }

  // Overridden because it is read most: as a fold of the events it takes seven times as long.
  /** @since 0.1.0 */
  override get content(): string {
    const event = this.chunk
    switch (event.type) {
      case "content_block_delta":
        return event.delta?.type === "text_delta" ? event.delta.text : ""
      case "content_block_start":
      case "message_start":
        return textOf(this.contentBlocks)
      default:
        return ""
    }
  }

  /** @since 0.1.0 */
  override get id(): string | undefined {
    return this.message?.id || undefined
  }

  /** @since 0.1.0 */
  override get model(): string | undefined {
    return this.message?.model || undefined
  }

  /** @since 0.1.0 */
  override get usage(): Usage.Usage | undefined {
    return usageOf(this.wireUsage)
  }

  /** @internal */
  get isPiece(): boolean {
    return this.chunk.type === "content_block_delta"
  }

  /** @since 0.2.0 */
  override contentEvents(out: Array<ContentEvent>): void {
    contentEvents(this, this.provider, out)
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    const usage = this.wireUsage
    return usage === undefined ? undefined : {
      ...(usage.service_tier ? { serviceTier: usage.service_tier } : undefined),
      ...(usage.speed ? { speed: usage.speed } : undefined),
      ...(usage.inference_geo ? { inferenceGeo: usage.inference_geo } : undefined),
      ...(usage.fallback_credit?.status?.type ? { fallbackCredit: usage.fallback_credit.status.type } : undefined)
    }
  }

  /**
   * The position of the content block that this chunk is about; `undefined` for other chunks.
   *
   * @since 0.1.0
   */
  get blockIndex(): number | undefined {
    const event = this.chunk
    switch (event.type) {
      case "content_block_start":
      case "content_block_delta":
      case "content_block_stop":
        return event.index
      default:
        return undefined
    }
  }

  /**
   * The type of the content block that this chunk starts, continues or ends; `undefined` for other chunks, and when
   * it is unknown (see `block`).
   *
   * @since 0.1.0
   */
  get blockType(): string | undefined {
    if (this.chunk.type !== "content_block_start") return this.block
    return this.chunk.content_block === null ? undefined : String(this.chunk.content_block.type)
  }

  /**
   * The content blocks that this chunk starts, or states whole: tool uses and server tools' results among them. `[]`
   * when it has none.
   *
   * @since 0.1.0
   */
  get contentBlocks(): ReadonlyArray<ContentBlock> {
    return elements(
      this.chunk.type === "content_block_start" ? [this.chunk.content_block] : this.message?.content
    )
  }

  /**
   * A piece of thinking, `""` where the text itself is not shown; `undefined` when this chunk has none.
   *
   * @since 0.1.0
   */
  get thinking(): string | undefined {
    const event = this.chunk
    if (event.type === "content_block_delta") {
      return event.delta?.type === "thinking_delta" ? event.delta.thinking : undefined
    }
    const pieces = this.contentBlocks.flatMap((block) => block.type === "thinking" ? [block.thinking ?? ""] : [])
    return pieces.length === 0 ? undefined : pieces.join("")
  }

  /**
   * The signature of the thinking block that this chunk is about, to be sent back with it unchanged; `undefined` when
   * this chunk has none.
   *
   * @since 0.1.0
   */
  get signature(): string | undefined {
    const event = this.chunk
    switch (event.type) {
      case "content_block_delta":
        return event.delta?.type === "signature_delta" ? event.delta.signature : undefined
      case "content_block_start":
        return event.content_block?.type === "thinking" ? event.content_block.signature || undefined : undefined
      default:
        return undefined
    }
  }

  /**
   * Encrypted thinking, to be sent back unchanged; `undefined` when this chunk has none.
   *
   * @since 0.1.0
   */
  get redactedThinking(): string | undefined {
    const event = this.chunk
    return event.type === "content_block_start" && event.content_block?.type === "redacted_thinking"
      ? event.content_block.data ?? undefined
      : undefined
  }

  /**
   * The citations of the text of this chunk's block, as far as this chunk states them.
   *
   * @since 0.1.0
   */
  get citations(): ReadonlyArray<Citation> {
    const event = this.chunk
    return event.type === "content_block_delta"
      ? event.delta?.type === "citations_delta" ? elements([event.delta.citation ?? null]) : []
      : this.contentBlocks.flatMap((block) => block.type === "text" ? elements(block.citations) : [])
  }

  /**
   * A piece of the JSON text of a tool's input, also of tools that the provider runs itself (`blockType` tells);
   * `undefined` when this chunk has none.
   *
   * @since 0.1.0
   */
  get partialJson(): string | undefined {
    const event = this.chunk
    return event.type === "content_block_delta" && event.delta?.type === "input_json_delta"
      ? event.delta.partial_json
      : undefined
  }

  /**
   * The stop sequence that the model met; `undefined` when this chunk states none.
   *
   * @since 0.1.0
   */
  get stopSequence(): string | undefined {
    return this.stop?.stop_sequence ?? undefined
  }

  /**
   * More about the finish reason: with a refusal, its `category` and `explanation`.
   *
   * @since 0.1.0
   */
  get stopDetails(): NonNullable<Stop["stop_details"]> | undefined {
    return this.stop?.stop_details ?? undefined
  }

  /**
   * The container of the code execution tool, which a later request can use again by its `id`.
   *
   * @since 0.1.0
   */
  get container(): NonNullable<Stop["container"]> | undefined {
    return this.stop?.container ?? undefined
  }

  /**
   * The cuts that the provider made in the conversation, where the request asked it to manage the context.
   *
   * @since 0.1.0
   */
  get contextManagement(): NonNullable<Message["context_management"]> | undefined {
    return (this.chunk.type === "message_delta" ? this.chunk : this.message)?.context_management ?? undefined
  }
}
