/**
 * The content events of an event of the wire.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type { Chunk } from "../../Chunk.ts"
import * as ProviderMetadata from "../../content/providerMetadata.ts"
import { type ContentEvent, type Place, place } from "../../ContentEvent.ts"
import * as FinishReason from "../../FinishReason.ts"
import { type Citation, type ContentBlock, finishReasons, type Payload } from "./payload.ts"

const toCommon = FinishReason.fromTable(finishReasons)

type Stop = NonNullable<Extract<Payload, { readonly type: "message_delta" }>["delta"]>

/**
 * Appends what an event of this format adds to the content. A block of the wire is a block of the content, under its
 * position. `provider` is the key of the metadata.
 *
 * - Signatures and redacted thinking are in `info`, citations in `citations`.
 * - A call or result of a tool that the provider ran has the `type` of its block, and the `caller` and `serverName` that
 *   it states.
 * - A block without a matching part (`compaction`, `container_upload`, types to come) is an empty text with the
 *   whole `block` in its metadata.
 *
 * @internal
 */
export const contentEvents = (
  chunk: Chunk & { readonly chunk: Payload; readonly block?: string },
  provider: string,
  out: Array<ContentEvent>
): void => {
  const event = chunk.chunk
  switch (event.type) {
    case "content_block_delta":
      return deltaEvents(event, chunk.block, provider, out)
    case "content_block_start":
      out.push({ type: "end", key: event.index })
      return event.content_block === null ? undefined : blockEvents(event.content_block, event.index, provider, out)
    case "content_block_stop":
      out.push({ type: "end", key: event.index })
      return
    case "message_start": {
      const { message } = event
      out.push({ type: "choice" })
      if (message === null || message === undefined) return
      if (chunk.id !== undefined || chunk.model !== undefined) {
        out.push({ type: "response", id: chunk.id, model: chunk.model })
      }
      message.content?.forEach((block, index) => {
        if (block === null) return
        blockEvents(block, index, provider, out)
        out.push({ type: "end", key: index })
      })
      return stopEvents(chunk, provider, message, message, message.usage, out)
    }
    case "message_delta":
      return stopEvents(chunk, provider, event.delta, event, event.usage, out)
    default:
      // Other events may have usage: AWS adds its own counts to the last one.
      return usageEvents(chunk, provider, out)
  }
}

const usageEvents = (chunk: Chunk, provider: string, out: Array<ContentEvent>): void => {
  const { usage } = chunk
  if (usage !== undefined) out.push({ type: "usage", provider, usage })
}

const stopEvents = (
  chunk: Chunk,
  provider: string,
  stop: Stop | null | undefined,
  { context_management }: { readonly context_management?: unknown },
  usage: { readonly [field: string]: unknown } | null | undefined,
  out: Array<ContentEvent>
): void => {
  usageEvents(chunk, provider, out)
  const raw = stop?.stop_reason
  if (raw) out.push({ type: "finish", provider, reason: toCommon(raw), raw })
  out.push({
    type: "details",
    provider,
    fields: {
      stopSequence: stop?.stop_sequence,
      stopDetails: stop?.stop_details,
      container: stop?.container,
      contextManagement: context_management,
      serviceTier: usage?.["service_tier"],
      speed: usage?.["speed"],
      inferenceGeo: usage?.["inference_geo"],
      iterations: usage?.["iterations"]
    }
  })
}

const deltaEvents = (
  { delta, index }: Extract<Payload, { readonly type: "content_block_delta" }>,
  block: string | undefined,
  provider: string,
  out: Array<ContentEvent>
): void => {
  switch (delta?.type) {
    case "text_delta":
      out.push({ type: "text", key: index, delta: delta.text })
      return
    case "thinking_delta":
      out.push({ type: "reasoning", key: index, delta: delta.thinking })
      return
    case "input_json_delta":
      out.push({
        type: "arguments",
        key: index,
        delta: delta.partial_json,
        ...(block === undefined || block === "tool_use" ? undefined : { providerExecuted: true })
      })
      return
    case "signature_delta":
      out.push({ type: "signature", key: index, provider, delta: delta.signature, ...signed })
      return
    case "citations_delta":
      return delta.citation === null || delta.citation === undefined
        ? undefined
        : citationEvents(delta.citation, index, provider, out)
    case "compaction_delta":
      return asBlock({ ...delta, type: "compaction" }, index, provider, out)
  }
}

const blockEvents = (block: ContentBlock, key: number, provider: string, out: Array<ContentEvent>): void => {
  switch (block.type) {
    case "text":
      out.push({ type: "text", key, delta: block.text ?? "" })
      for (const citation of block.citations ?? []) {
        if (citation !== null) citationEvents(citation, key, provider, out)
      }
      return
    case "thinking":
      out.push({ type: "reasoning", key, delta: block.thinking ?? "" })
      out.push({ type: "signature", key, provider, delta: block.signature ?? "", ...signed })
      return
    case "redacted_thinking": {
      const fields = { info: { type: "redacted_thinking", redactedData: block.data ?? "" } }
      out.push({ type: "annotation", kind: "reasoning", key, provider, fields })
      return
    }
    default: {
      const type = String(block.type)
      if (type.endsWith("tool_use")) return toolUse(block, type, key, provider, out)
      if (type.endsWith("tool_result")) return toolResult(block, type, provider, out)
      return asBlock(block, key, provider, out)
    }
  }
}

const signed = { field: "info", fieldType: "thinking" } as const

const citationEvents = (citation: Citation, key: number, provider: string, out: Array<ContentEvent>): void => {
  out.push({ type: "annotation", kind: "text", key, provider, lists: { citations: [citation] } })
  const { cited_text, document_index, document_title, file_id, source, title, url } = citation
  // The source of a search result is any text, often a URL.
  const page = url ?? (source?.startsWith("http") === true ? source : undefined)
  out.push({
    type: "source",
    provider,
    url: page,
    document: page === undefined ? file_id ?? source ?? document_index?.toString() : undefined,
    title: title ?? document_title ?? undefined,
    citedText: cited_text ?? undefined,
    place: placeOf(citation)
  })
}

const placeOf = (citation: Citation): Place | undefined => {
  const { end_block_index, end_char_index, end_page_number, start_block_index, start_char_index, start_page_number } =
    citation
  return place("character", start_char_index, end_char_index) ?? place("page", start_page_number, end_page_number) ??
    place("block", start_block_index, end_block_index)
}

const toolUse = (
  { caller, id, input, name, server_name }: { readonly [field: string]: unknown },
  type: string,
  key: number,
  provider: string,
  out: Array<ContentEvent>
): void => {
  const providerExecuted = type !== "tool_use"
  out.push({
    type: "tool-call",
    key,
    id: textOf(id),
    name: textOf(name),
    input,
    providerExecuted,
    metadata: ProviderMetadata.metadata(provider, {
      type: providerExecuted ? type : undefined,
      caller,
      serverName: server_name
    })
  })
}

const toolResult = (
  { caller, content, is_error, tool_use_id }: { readonly [field: string]: unknown },
  type: string,
  provider: string,
  out: Array<ContentEvent>
): void => {
  out.push({
    type: "tool-result",
    id: textOf(tool_use_id),
    // `web_search` of `web_search_tool_result`.
    name: type.replace(/_?tool_result$/, "") || type,
    result: content ?? null,
    isFailure: is_error === true || isFailure(content),
    metadata: ProviderMetadata.metadata(provider, { type, caller })
  })
}

const isFailure = (content: unknown): boolean =>
  Predicate.isObject(content) &&
  (typeof content["type"] === "string" && content["type"].endsWith("_error") || Boolean(content["error_code"]))

const asBlock = (block: object, key: number, provider: string, out: Array<ContentEvent>): void => {
  out.push({ type: "annotation", kind: "text", key, provider, fields: { block } })
}

const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined
