/**
 * A chunk of Azure's chat completions.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import type * as CostMetadata from "../CostMetadata.ts"
import { elements, list, nullish, open } from "../internal/open.ts"
import { ChatCompletionChunk, choiceFields, chunkFields, deltaFields } from "../protocols/ChatCompletions.ts"

const severity = nullish(
  // A word (`safe`, `low`, `medium`, `high`), or a level as Azure's content safety states it.
  open({ filtered: nullish(Schema.Boolean), severity: nullish(Schema.Union([Schema.String, Schema.Finite])) })
)

const detection = nullish(open({ filtered: nullish(Schema.Boolean), detected: nullish(Schema.Boolean) }))

/**
 * Schema of what Azure's content filter found, by category. `{}` says that it found nothing to look at. Categories that
 * are not listed here, such as block lists, are kept as they are.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ContentFilterResults = open({
  hate: severity,
  self_harm: severity,
  sexual: severity,
  violence: severity,
  profanity: detection,
  jailbreak: detection,
  indirect_attack: detection,
  protected_material_text: detection,
  protected_material_code: nullish(open({
    filtered: nullish(Schema.Boolean),
    detected: nullish(Schema.Boolean),
    URL: nullish(Schema.String),
    license: nullish(Schema.String),
    citation: nullish(open({ URL: nullish(Schema.String), license: nullish(Schema.String) }))
  })),
  /** The filter itself failed; the text was not looked at. */
  error: nullish(open({ message: nullish(Schema.String) }))
})

/**
 * What Azure's content filter found, by category.
 *
 * @category models
 * @since 0.1.0
 */
export type ContentFilterResults = typeof ContentFilterResults.Type

/**
 * Schema of what Azure's content filter found in one of the prompts.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PromptFilterResult = open({
  prompt_index: nullish(Schema.Finite),
  content_filter_results: nullish(ContentFilterResults)
})

/**
 * What Azure's content filter found in one of the prompts.
 *
 * @category models
 * @since 0.1.0
 */
export type PromptFilterResult = typeof PromptFilterResult.Type

const stopWord = nullish(Schema.Union([Schema.String, Schema.Finite]))

const AzureDelta = open({
  ...deltaFields,
  // "On your data".
  context: nullish(open({
    citations: nullish(list(open({
      content: nullish(Schema.String),
      title: nullish(Schema.String),
      url: nullish(Schema.String),
      filepath: nullish(Schema.String),
      chunk_id: nullish(Schema.Union([Schema.String, Schema.Finite]))
    }))),
    intent: nullish(Schema.Union([Schema.String, Schema.Array(Schema.String)]))
  }))
})

const AzureChoice = open({
  ...choiceFields(AzureDelta),
  content_filter_results: nullish(ContentFilterResults),
  // Which characters an asynchronous filter has looked at.
  content_filter_offsets: nullish(open({
    check_offset: nullish(Schema.Finite),
    start_offset: nullish(Schema.Finite),
    end_offset: nullish(Schema.Finite)
  })),
  content_filter_raw: Schema.optionalKey(Schema.Unknown),
  // The stop word, or its token, as servers of open models state it.
  matched_stop: stopWord,
  stop_reason: stopWord
})

/**
 * Schema of Azure's payload: that of all chat completions, with what the content filter found. Unknown fields and
 * values are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AzurePayload = open({
  ...chunkFields(AzureChoice),
  prompt_filter_results: nullish(list(PromptFilterResult)),
  // Its name in versions of the API before 2023-06-01.
  prompt_annotations: nullish(list(PromptFilterResult)),
  latency_checkpoint: nullish(Schema.Record(Schema.String, Schema.Unknown))
})

/**
 * A chunk of Azure's chat completions as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type AzurePayload = typeof AzurePayload.Type

/**
 * A chunk of chat completions of Azure OpenAI, or of Azure AI's model inference.
 *
 * `chunk` is the payload of `POST …/chat/completions` with `stream: true`, unknown fields and values included. `model`
 * is the model that answers, not the deployment. Chunks that only tell what a filter found have neither id nor model,
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
  requestedModel: Schema.optionalKey(Schema.String)
}) {
  /**
   * What the content filter found in the prompts; `[]` when this chunk does not say.
   *
   * @since 0.1.0
   */
  get promptFilterResults(): ReadonlyArray<PromptFilterResult> {
    return elements(this.chunk.prompt_filter_results ?? this.chunk.prompt_annotations)
  }

  /**
   * What the content filter found in choice 0; `undefined` when this chunk does not say. With an asynchronous filter it
   * is about text that came earlier: `content_filter_offsets` of the choice in `chunk` says which.
   *
   * @since 0.1.0
   */
  get contentFilterResults(): ContentFilterResults | undefined {
    return this.chunk.choices?.find((choice, position) => choice !== null && (choice.index ?? position) === 0)
      ?.content_filter_results ??
      undefined
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    const { region, requestedModel } = this
    return region === undefined && requestedModel === undefined ? super.costDetails : {
      ...super.costDetails,
      ...(region === undefined ? undefined : { region }),
      ...(requestedModel === undefined ? undefined : { requestedModel })
    }
  }

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(AzurePayload, AzureChunk)
}
