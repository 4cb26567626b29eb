/**
 * The payload of a chunk of Azure's chat completions, as it comes over the wire.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactly } from "../internal/exact.ts"
import { anything, list, nullish, number, type Open, open, text } from "../internal/open.ts"
import * as ChatCompletions from "../protocols/chatCompletions/payload.ts"

/**
 * How severe the content of one category is.
 *
 * @category models
 * @since 0.2.0
 */
export interface Severity extends Open {
  /** Whether the filter took the content out. */
  readonly filtered?: boolean | null
  /** A word (`safe`, `low`, `medium`, `high`), or a level as Azure's content safety states it. */
  readonly severity?: string | number | null
}

/**
 * Whether content of one category was detected.
 *
 * @category models
 * @since 0.2.0
 */
export interface Detection extends Open {
  /** Whether the filter took the content out. */
  readonly filtered?: boolean | null
  readonly detected?: boolean | null
}

/**
 * Whether code of others was detected, and whose.
 *
 * @category models
 * @since 0.2.0
 */
export interface ProtectedCode extends Detection {
  readonly URL?: string | null
  readonly license?: string | null
  readonly citation?: CodeCitation | null
}

/**
 * Where detected code comes from.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeCitation extends Open {
  readonly URL?: string | null
  readonly license?: string | null
}

/**
 * Why the content filter itself failed.
 *
 * @category models
 * @since 0.2.0
 */
export interface FilterError extends Open {
  readonly message?: string | null
}

/**
 * The findings of Azure's content filter, by category.
 *
 * @category models
 * @since 0.1.0
 */
export interface ContentFilterResults extends Open {
  readonly hate?: Severity | null
  readonly self_harm?: Severity | null
  readonly sexual?: Severity | null
  readonly violence?: Severity | null
  readonly profanity?: Detection | null
  readonly jailbreak?: Detection | null
  readonly indirect_attack?: Detection | null
  readonly protected_material_text?: Detection | null
  readonly protected_material_code?: ProtectedCode | null
  /** The filter itself failed; the text was not checked. */
  readonly error?: FilterError | null
}

const Severity: Exact<Severity> = exactly(
  open({ filtered: nullish(Schema.Boolean), severity: nullish(Schema.Union([Schema.String, Schema.Finite])) })
)

const Detection: Exact<Detection> = exactly(
  open({ filtered: nullish(Schema.Boolean), detected: nullish(Schema.Boolean) })
)

const ProtectedCode: Exact<ProtectedCode> = exactly(open({
  filtered: nullish(Schema.Boolean),
  detected: nullish(Schema.Boolean),
  URL: text,
  license: text,
  citation: nullish(open({ URL: text, license: text }))
}))

/**
 * Schema of what Azure's content filter found, by category. `{}` means that it found nothing to check. Categories that
 * are not listed here, such as block lists, are kept as they are.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ContentFilterResults: Exact<ContentFilterResults> = exactly(open({
  hate: nullish(Severity),
  self_harm: nullish(Severity),
  sexual: nullish(Severity),
  violence: nullish(Severity),
  profanity: nullish(Detection),
  jailbreak: nullish(Detection),
  indirect_attack: nullish(Detection),
  protected_material_text: nullish(Detection),
  protected_material_code: nullish(ProtectedCode),
  error: nullish(open({ message: text }))
}))

/**
 * The findings of Azure's content filter in one of the prompts.
 *
 * @category models
 * @since 0.1.0
 */
export interface PromptFilterResult extends Open {
  readonly prompt_index?: number | null
  readonly content_filter_results?: ContentFilterResults | null
}

/**
 * Schema of what Azure's content filter found in one of the prompts.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PromptFilterResult: Exact<PromptFilterResult> = exactly(
  open({ prompt_index: number, content_filter_results: nullish(ContentFilterResults) })
)

/**
 * The documents and searches of "on your data".
 *
 * @category models
 * @since 0.2.0
 */
export interface Context extends Open {
  readonly citations?: ReadonlyArray<Citation | null> | null
  /** The searches. */
  readonly intent?: string | ReadonlyArray<string> | null
}

/**
 * A document that "on your data" cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface Citation extends Open {
  readonly content?: string | null
  readonly title?: string | null
  readonly url?: string | null
  readonly filepath?: string | null
  readonly chunk_id?: string | number | null
}

const Citation: Exact<Citation> = exactly(open({
  content: text,
  title: text,
  url: text,
  filepath: text,
  chunk_id: nullish(Schema.Union([Schema.String, Schema.Finite]))
}))

const Context: Exact<Context> = exactly(open({
  citations: nullish(list(Citation)),
  intent: nullish(Schema.Union([Schema.String, Schema.Array(Schema.String)]))
}))

/**
 * The piece that a chunk adds to a choice: the delta of all chat completions, with the context of "on your data".
 *
 * @category models
 * @since 0.2.0
 */
export interface AzureDelta extends ChatCompletions.Delta {
  readonly context?: Context | null
}

/**
 * Which characters an asynchronous filter has looked at.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentFilterOffsets extends Open {
  readonly check_offset?: number | null
  readonly start_offset?: number | null
  readonly end_offset?: number | null
}

/**
 * The part of a chunk that is about one choice.
 *
 * @category models
 * @since 0.2.0
 */
export interface AzureChoice extends ChatCompletions.Choice {
  readonly delta?: AzureDelta | null
  readonly content_filter_results?: ContentFilterResults | null
  readonly content_filter_offsets?: ContentFilterOffsets | null
  readonly content_filter_raw?: unknown
  /** The stop word, or its token, at servers of open models. */
  readonly matched_stop?: string | number | null
  /** The stop word, or its token, at servers of open models. */
  readonly stop_reason?: string | number | null
}

const AzureChoice: Exact<AzureChoice> = exactly(open({
  ...ChatCompletions.choiceFields(open({ ...ChatCompletions.deltaFields, context: nullish(Context) })),
  content_filter_results: nullish(ContentFilterResults),
  content_filter_offsets: nullish(open({ check_offset: number, start_offset: number, end_offset: number })),
  content_filter_raw: anything,
  matched_stop: nullish(Schema.Union([Schema.String, Schema.Finite])),
  stop_reason: nullish(Schema.Union([Schema.String, Schema.Finite]))
}))

/**
 * A chunk of Azure's chat completions as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface AzurePayload extends ChatCompletions.Payload {
  readonly choices?: ReadonlyArray<AzureChoice | null> | null
  readonly prompt_filter_results?: ReadonlyArray<PromptFilterResult | null> | null
  /** The name of `prompt_filter_results` in versions of the API before 2023-06-01. */
  readonly prompt_annotations?: ReadonlyArray<PromptFilterResult | null> | null
  readonly latency_checkpoint?: { readonly [key: string]: unknown } | null
}

/**
 * Schema of Azure's payload: that of all chat completions, with what the content filter found. Unknown fields and
 * values are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AzurePayload: Exact<AzurePayload> = exactly(open({
  ...ChatCompletions.chunkFields(AzureChoice),
  prompt_filter_results: nullish(list(PromptFilterResult)),
  prompt_annotations: nullish(list(PromptFilterResult)),
  latency_checkpoint: nullish(Schema.Record(Schema.String, Schema.Unknown))
}))
