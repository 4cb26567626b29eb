/**
 * The common attributes of a chunk, computed from its payload.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { Base, type Chunk } from "../../Chunk.ts"
import type { ContentEvent } from "../../ContentEvent.ts"
import type * as CostMetadata from "../../CostMetadata.ts"
import { latest } from "../../internal/lazy.ts"
import { elements } from "../../internal/open.ts"
import type * as Usage from "../../Usage.ts"
import * as BedrockEvent from "../awsEvent.ts"
import { contentEvents } from "./content.ts"
import { type Citation, Payload, type Trace, usageOf } from "./payload.ts"

type BlockStart = NonNullable<NonNullable<Payload["contentBlockStart"]>["start"]>

type BlockDelta = NonNullable<NonNullable<Payload["contentBlockDelta"]>["delta"]>

type Metadata = NonNullable<Payload["metadata"]>

/**
 * A chunk of the Converse format: the payload, and the common attributes computed from it. Every event of a stream is a
 * chunk, events of unknown types included; exceptions and errors fail the stream instead.
 *
 * The response's id and model are not in the payload: they come from the response's headers and from the request, and are
 * absent in a recording. `refusal` is `""`: a refusal comes as the finish reason `content_filtered` or
 * `guardrail_intervened`.
 *
 * @example
 * ```ts
 * import { Converse } from "effect-llm-stream"
 *
 * const chunk = new Converse.ConverseChunk({
 *   provider: "gateway",
 *   chunk: { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "Hello" } } }
 * })
 * chunk.content // "Hello"
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export class ConverseChunk extends Base.extend<ConverseChunk>("effect-llm-stream/ConverseChunk")({
  chunk: Payload,
  /**
   * The kind of the content block that a `contentBlockDelta` continues or a `contentBlockStop` ends: `toolUse`,
   * `server_tool_use`, `toolResult` or `image`. The event itself does not state it: the decoder of a stream knows it from
   * the block's start. Absent on other events, for blocks without a start (text, reasoning, citations), and when a chunk
   * was made without a stream; a piece of a tool's input then counts as one of a `toolUse` block.
   */
  block: Schema.optionalKey(Schema.String),
  /** AWS's id of the request, from the response's header `x-amzn-requestid`. */
  requestId: Schema.optionalKey(Schema.String),
  /** The model id, inference profile or ARN that was asked for. */
  modelId: Schema.optionalKey(Schema.String),
  /** The AWS region that the request was sent to. */
  region: Schema.optionalKey(Schema.String)
}) implements Chunk {
  private get start(): BlockStart | undefined {
    return this.chunk.contentBlockStart?.start ?? undefined
  }

  private get delta(): BlockDelta | undefined {
    return this.chunk.contentBlockDelta?.delta ?? undefined
  }

  // Overridden because it is read most: as a fold of the events it takes seven times as long.
  /** @since 0.1.0 */
  override get content(): string {
    return this.delta?.text ?? ""
  }

  /**
   * The request's id, as the stream has no other.
   *
   * @since 0.1.0
   */
  override get id(): string | undefined {
    return this.requestId || undefined
  }

  /**
   * The model that was asked for, as the stream does not state one.
   *
   * @since 0.1.0
   */
  override get model(): string | undefined {
    return this.modelId || undefined
  }

  /** @since 0.1.0 */
  override get usage(): Usage.Usage | undefined {
    return usageOf(this.chunk.metadata?.usage)
  }

  /** @internal */
  get isPiece(): boolean {
    return this.chunk.contentBlockDelta !== undefined && this.chunk.metadata === undefined
  }

  /** @since 0.2.0 */
  override contentEvents(out: Array<ContentEvent>, isNamed?: boolean): void {
    contentEvents(this, isNamed === true, out)
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    // A prompt router has no price of its own.
    const model = this.trace?.promptRouter?.invokedModelId
    return detailsOf(model, this.serviceTier, this.latency, this.region)
  }

  /**
   * The event's type: the key of `chunk`.
   *
   * @since 0.1.0
   */
  get eventType(): string {
    return Object.keys(this.chunk)[0] ?? ""
  }

  /**
   * Who speaks, as `messageStart` states it.
   *
   * @since 0.1.0
   */
  get role(): string | undefined {
    return this.chunk.messageStart?.role ?? undefined
  }

  /**
   * The position of the content block that this chunk is about; `undefined` for other chunks.
   *
   * @since 0.1.0
   */
  get blockIndex(): number | undefined {
    const { contentBlockDelta, contentBlockStart, contentBlockStop } = this.chunk
    return (contentBlockDelta ?? contentBlockStart ?? contentBlockStop)?.contentBlockIndex ?? undefined
  }

  /**
   * The kind of the content block that this chunk starts, continues or ends; `undefined` for other chunks, and when it
   * is unknown (see `block`).
   *
   * @since 0.1.0
   */
  get blockType(): string | undefined {
    const start = this.chunk.contentBlockStart
    return start === undefined ? this.block : BedrockEvent.blockOf(start.start)
  }

  /**
   * A piece of the JSON text of a tool's input, also of tools that the provider runs itself (`blockType` tells);
   * `undefined` when this chunk has none.
   *
   * @since 0.1.0
   */
  get partialJson(): string | undefined {
    return this.delta?.toolUse?.input ?? undefined
  }

  /**
   * The tool use that this chunk starts, also of a tool that the provider runs itself; `undefined` when it starts none.
   *
   * @since 0.1.0
   */
  get toolUse(): NonNullable<BlockStart["toolUse"]> | undefined {
    return this.start?.toolUse ?? undefined
  }

  /**
   * The result that this chunk starts of a tool that the provider ran itself; `undefined` when it starts none.
   *
   * @since 0.1.0
   */
  get toolResult(): NonNullable<BlockStart["toolResult"]> | undefined {
    return this.start?.toolResult ?? undefined
  }

  /**
   * Pieces of the result of a tool that the provider ran itself, `[]` when this chunk has none.
   *
   * @since 0.1.0
   */
  get toolResultContent(): ReadonlyArray<NonNullable<NonNullable<BlockDelta["toolResult"]>[number]>> {
    return elements(this.delta?.toolResult)
  }

  /**
   * The signature of the reasoning block that this chunk is about, to be sent back with it unchanged; `undefined` when
   * this chunk has none.
   *
   * @since 0.1.0
   */
  get signature(): string | undefined {
    return this.delta?.reasoningContent?.signature ?? undefined
  }

  /**
   * Encrypted reasoning in base64, to be sent back unchanged; `undefined` when this chunk has none.
   *
   * @since 0.1.0
   */
  get redactedContent(): string | undefined {
    return this.delta?.reasoningContent?.redactedContent ?? undefined
  }

  /**
   * A source that the text of this chunk's block cites; `undefined` when this chunk has none.
   *
   * @since 0.1.0
   */
  get citation(): Citation | undefined {
    return this.delta?.citation ?? undefined
  }

  /**
   * The format (`png`, …) of the image that this chunk starts; `undefined` when it starts none.
   *
   * @since 0.1.0
   */
  get imageFormat(): string | undefined {
    return this.start?.image?.format ?? undefined
  }

  /**
   * A piece of an image, in base64 or by its place in S3, or the error in its place; `undefined` when this chunk has
   * neither.
   *
   * @since 0.1.0
   */
  get image(): NonNullable<BlockDelta["image"]> | undefined {
    return this.delta?.image ?? undefined
  }

  /**
   * The fields of the model's own response that the request asked for; `undefined` when this chunk has none.
   *
   * @since 0.1.0
   */
  get additionalModelResponseFields(): unknown {
    return this.chunk.messageStop?.additionalModelResponseFields
  }

  /**
   * How long the response took, by AWS's measure; `undefined` when this chunk does not state it.
   *
   * @since 0.1.0
   */
  get metrics(): NonNullable<Metadata["metrics"]> | undefined {
    return this.chunk.metadata?.metrics ?? undefined
  }

  /**
   * What guardrails and prompt routers did; `undefined` when this chunk does not state it.
   *
   * @since 0.1.0
   */
  get trace(): Trace | undefined {
    return this.chunk.metadata?.trace ?? undefined
  }

  /**
   * The latency that the request was served with (`standard`, `optimized`); `undefined` when this chunk does not state
   * it.
   *
   * @since 0.1.0
   */
  get latency(): string | undefined {
    return this.chunk.metadata?.performanceConfig?.latency || undefined
  }

  /**
   * The tier that served the request (`default`, `flex`, `priority`, `reserved`); `undefined` when this chunk does not
   * state it.
   *
   * @since 0.1.0
   */
  get serviceTier(): string | undefined {
    return this.chunk.metadata?.serviceTier?.type || undefined
  }
}

// The same object for each chunk of an answer, of which most state the region alone: who adds them up sees at once that it
// is no news.
const detailsOf = latest((
  model: string | null | undefined,
  serviceTier: string | undefined,
  speed: string | undefined,
  region: string | undefined
): CostMetadata.Fields => ({
  ...(model ? { model } : undefined),
  ...(serviceTier === undefined ? undefined : { serviceTier }),
  ...(speed === undefined ? undefined : { speed }),
  ...(region ? { region } : undefined)
}))
