/**
 * A chunk of Azure's chat completions.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import type { ContentEvent } from "../ContentEvent.ts"
import type * as CostMetadata from "../CostMetadata.ts"
import { defined } from "../internal/defined.ts"
import { elements } from "../internal/open.ts"
import { ChatCompletionChunk } from "../protocols/chatCompletions/chunk.ts"
import { cite } from "../protocols/chatCompletions/content.ts"
import { indexOf } from "../protocols/chatCompletions/payload.ts"
import { AzurePayload, type ContentFilterResults, type PromptFilterResult } from "./AzurePayload.ts"

/**
 * A chunk of chat completions of Azure OpenAI, or of Azure AI's model inference.
 *
 * `chunk` is the payload of `POST …/chat/completions` with `stream: true`, unknown fields and values included. `model`
 * is the model that answers, not the deployment. Chunks that only state what a filter found have neither id nor model,
 * and may come after the finish reason.
 *
 * @example
 * ```ts
 * import { AzureChunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(AzureChunk.FromPayload)({
 *   id: "",
 *   model: "",
 *   choices: [],
 *   prompt_filter_results: [{ prompt_index: 0, content_filter_results: { hate: { filtered: false, severity: "safe" } } }]
 * })
 * chunk.model // undefined
 * chunk.promptFilterResults[0]?.content_filter_results?.hate?.severity // "safe"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class AzureChunk extends ChatCompletionChunk.extend<AzureChunk>("effect-llm-stream/AzureChunk")({
  _tag: Schema.tag("AzureChunk"),
  provider: Schema.tag("azure"),
  chunk: AzurePayload,
  /** The region that answers (`eastus2`), from the response's headers; absent when they do not state it. */
  region: Schema.optionalKey(Schema.String),
  /** The model or deployment that was asked for; absent in a recording. */
  requestedModel: Schema.optionalKey(Schema.String),
  /** How the model is deployed (`global`, `dataZone`, `regional`), by the layer's option; absent when it is not set. */
  deploymentType: Schema.optionalKey(Schema.String)
}) {
  /**
   * The content filter's findings in the prompts; `[]` when this chunk does not say.
   *
   * @since 0.1.0
   */
  get promptFilterResults(): ReadonlyArray<PromptFilterResult> {
    return elements(this.chunk.prompt_filter_results ?? this.chunk.prompt_annotations)
  }

  private get first() {
    return this.chunk.choices?.find((choice, position) => choice !== null && indexOf(choice, position) === 0)
  }

  /** @since 0.2.0 */
  override contentEvents(out: Array<ContentEvent>, isNamed?: boolean): void {
    super.contentEvents(out, isNamed)
    const { first, provider } = this
    const context = first?.delta?.["context"]
    if (Predicate.isObject(context)) {
      if (Array.isArray(context["citations"])) cite(provider, "citations", context["citations"], out)
      if (context["intent"]) out.push({ type: "details", provider, fields: { intent: context["intent"] } })
    }
    const contentFilterResults = first?.content_filter_results
    const promptFilterResults = this.chunk.prompt_filter_results ?? this.chunk.prompt_annotations
    const latencyCheckpoint = this.chunk["latency_checkpoint"]
    if (contentFilterResults || promptFilterResults || latencyCheckpoint) {
      out.push({ type: "details", provider, fields: { contentFilterResults, promptFilterResults, latencyCheckpoint } })
    }
  }

  /**
   * The content filter's findings in choice 0; `undefined` when this chunk does not say. With an asynchronous filter it
   * is about text that came earlier: `content_filter_offsets` of the choice in `chunk` says which.
   *
   * @since 0.1.0
   */
  get contentFilterResults(): ContentFilterResults | undefined {
    return this.first?.content_filter_results ?? undefined
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    const { deploymentType, region, requestedModel } = this
    return (region ?? requestedModel ?? deploymentType) === undefined ? super.costDetails : {
      ...super.costDetails,
      ...defined({ deploymentType, region, requestedModel })
    }
  }

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(AzurePayload, AzureChunk)
}
