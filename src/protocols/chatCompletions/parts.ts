/**
 * What a chunk adds to the content of its response.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type { FinishReason } from "../../FinishReason.ts"
import * as ContentEvents from "../../internal/contentEvents.ts"
import * as Metadata from "../../internal/fields.ts"
import { elements } from "../../internal/open.ts"
import type * as Parts from "../../Parts.ts"
import type { Choice, Payload } from "./payload.ts"

/**
 * Appends what a chunk of this format adds to the content of choice 0.
 *
 * The common attributes say most of it. The rest is what some hosts send beside them: citations, tools that the host ran
 * itself, structured reasoning, and what goes into the metadata of the finish.
 *
 * @internal
 */
export const contentEvents = (
  chunk: ContentEvents.Stated,
  payload: Payload,
  choice: Choice | undefined,
  reason: FinishReason | undefined,
  out: Array<Parts.Event>
): void => {
  const { provider } = chunk
  ContentEvents.fromAttributes(chunk, out, {
    created: typeof payload.created === "number" ? payload.created : undefined,
    pieces: choice?.delta?.tool_calls?.some((call) => call?.custom) === true ? pieces(chunk, choice) : undefined
  })
  const delta = choice?.delta
  if (delta !== null && delta !== undefined) {
    const { annotations, context, executed_tools, reasoning_details } = delta
    if (Array.isArray(reasoning_details) && reasoning_details.length > 0) {
      const lists = { reasoningDetails: reasoning_details }
      out.push({ type: "annotation", kind: "reasoning", key: "content", provider, lists })
    }
    if (Array.isArray(annotations)) cited(provider, "annotations", annotations, out)
    if (Predicate.isObject(context)) {
      if (Array.isArray(context["citations"])) cited(provider, "citations", context["citations"], out)
      if (context["intent"]) out.push({ type: "details", provider, fields: { intent: context["intent"] } })
    }
    // Not as calls and results: none of these hosts takes them back.
    if (Array.isArray(executed_tools)) {
      out.push({ type: "details", provider, lists: { executedTools: executed_tools } })
    }
  }
  const raw = choice?.finish_reason
  if (raw && reason !== undefined) out.push({ type: "finish", provider, reason, raw })
  details(payload, choice, chunk.usage !== undefined || Boolean(raw), provider, out)
}

const pieces = (chunk: ContentEvents.Stated, choice: Choice): ReadonlyArray<Parts.ToolCallPieceEvent> => {
  const calls = elements(choice.delta?.tool_calls)
  return chunk.toolCallDeltas.map((piece, i) => ({
    type: "tool-call-piece",
    piece,
    ...(calls[i]?.custom
      ? { custom: true, metadata: Metadata.metadata(chunk.provider, { type: "custom" }) }
      : undefined)
  }))
}

// The text may be over when its citations come; they then stand alone.
const cited = (provider: string, list: string, items: ReadonlyArray<unknown>, out: Array<Parts.Event>): void => {
  if (items.length === 0) return
  out.push({ type: "annotation", kind: "text", key: "content", provider, lists: { [list]: items } })
  for (const item of items) {
    const citation = Predicate.hasProperty(item, "url_citation") ? item.url_citation : item
    if (!Predicate.isObject(citation) || typeof citation["url"] !== "string") continue
    const title = citation["title"]
    out.push({ type: "source", url: citation["url"], title: typeof title === "string" ? title : undefined })
  }
}

const details = (
  payload: Payload,
  choice: Choice | undefined,
  last: boolean,
  provider: string,
  out: Array<Parts.Event>
): void => {
  const logprobs = choice?.logprobs
  if (logprobs !== null && logprobs !== undefined) {
    const lists = { logprobs: logprobs.content, refusalLogprobs: logprobs.refusal }
    out.push({ type: "details", provider, lists })
  }
  const contentFilterResults = choice?.["content_filter_results"]
  const matchedStop = choice?.["matched_stop"]
  const promptFilterResults = payload["prompt_filter_results"] ?? payload["prompt_annotations"]
  const latencyCheckpoint = payload["latency_checkpoint"]
  const xGroq = payload["x_groq"]
  const { moderation, service_tier, system_fingerprint } = payload
  if (contentFilterResults || matchedStop || promptFilterResults || latencyCheckpoint || xGroq || moderation) {
    const fields = { contentFilterResults, matchedStop, promptFilterResults, latencyCheckpoint, xGroq, moderation }
    out.push({ type: "details", provider, fields })
  }
  // These are in every chunk.
  if (last && (service_tier || system_fingerprint)) {
    const fields = { serviceTier: service_tier, systemFingerprint: system_fingerprint }
    out.push({ type: "details", provider, fields })
  }
}
