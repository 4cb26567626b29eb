/**
 * The content events of an event of the wire.
 *
 * @since 0.2.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { Chunk } from "../../Chunk.ts"
import * as ProviderMetadata from "../../content/providerMetadata.ts"
import { type ContentEvent, type File, type Key, place } from "../../ContentEvent.ts"
import * as FinishReason from "../../FinishReason.ts"
import { elements } from "../../internal/open.ts"
import { type Citation, finishReasons, type Payload } from "./payload.ts"

const toCommon = FinishReason.fromTable(finishReasons)

type Delta = NonNullable<NonNullable<Payload["contentBlockDelta"]>["delta"]>

type Start = NonNullable<NonNullable<Payload["contentBlockStart"]>["start"]>

/**
 * Appends what an event of this format adds to the content. A block of the wire is a block of the content, under its
 * position; most have no start of their own, and not all have an end.
 *
 * Metadata: `signature` and `redactedContent` of reasoning, `citations` of text, `type` of what the provider ran itself.
 * An image that is not in the stream is an empty text with the whole `block`.
 *
 * @internal
 */
export const contentEvents = (
  chunk: Chunk & { readonly chunk: Payload; readonly block?: string },
  isNamed: boolean,
  out: Array<ContentEvent>
): void => {
  const { chunk: payload, provider } = chunk
  const { contentBlockDelta, contentBlockStart, contentBlockStop, messageStart, messageStop, metadata } = payload
  if (!isNamed) {
    const { id, model } = chunk
    if (id !== undefined || model !== undefined) out.push({ type: "response", id, model })
  }
  if (contentBlockDelta !== undefined) {
    const { contentBlockIndex, delta } = contentBlockDelta
    if (delta !== null && delta !== undefined) {
      deltaEvents(delta, contentBlockIndex ?? undefined, chunk.block, provider, out)
    }
  } else if (contentBlockStart !== undefined) {
    const { contentBlockIndex, start } = contentBlockStart
    const key = contentBlockIndex ?? undefined
    out.push({ type: "end", key })
    if (start !== null && start !== undefined) startEvents(start, key, provider, out)
  } else if (contentBlockStop !== undefined) {
    out.push({ type: "end", key: contentBlockStop.contentBlockIndex ?? undefined })
  } else if (messageStop !== undefined) {
    const { additionalModelResponseFields, stopReason: raw } = messageStop
    if (raw) out.push({ type: "finish", provider, reason: toCommon(raw), raw })
    if (additionalModelResponseFields) {
      out.push({ type: "details", provider, fields: { additionalModelResponseFields } })
    }
  } else if (messageStart !== undefined) {
    out.push({ type: "choice" })
  } else if (metadata !== undefined) {
    const { usage } = chunk
    if (usage !== undefined) out.push({ type: "usage", provider, usage })
    const { metrics, performanceConfig, serviceTier, trace } = metadata
    const fields = { metrics, trace, performanceConfig, serviceTier: serviceTier?.type }
    out.push({ type: "details", provider, fields })
  }
}

const startEvents = (
  { image, toolResult, toolUse }: Start,
  key: Key,
  provider: string,
  out: Array<ContentEvent>
): void => {
  if (toolUse !== null && toolUse !== undefined) {
    const { name, toolUseId, type } = toolUse
    // Nova states `tool_use` for tools that are the caller's.
    const providerExecuted = type === "server_tool_use"
    out.push({
      type: "tool-call",
      key,
      id: toolUseId || undefined,
      name: name || undefined,
      providerExecuted,
      metadata: providerExecuted ? ProviderMetadata.metadata(provider, { type }) : undefined
    })
  }
  if (toolResult !== null && toolResult !== undefined) {
    const { status, toolUseId, type } = toolResult
    out.push({
      type: "tool-result",
      key,
      id: toolUseId || undefined,
      name: type || "tool",
      result: undefined,
      isFailure: status === "error",
      metadata: ProviderMetadata.metadata(provider, { type, status })
    })
  }
  if (image !== null && image !== undefined) out.push(file(key, image.format, undefined, provider))
}

const deltaEvents = (
  { citation, image, reasoningContent, text, toolResult, toolUse }: Delta,
  key: Key,
  block: string | undefined,
  provider: string,
  out: Array<ContentEvent>
): void => {
  if (text) out.push({ type: "text", key, delta: text })
  if (toolUse?.input !== undefined && toolUse.input !== null) {
    const executed = block === "server_tool_use" ? { providerExecuted: true } : undefined
    out.push({ type: "arguments", key, delta: toolUse.input, ...executed })
  }
  if (toolResult !== null && toolResult !== undefined) {
    out.push({ type: "tool-result-piece", key, items: elements(toolResult) })
  }
  if (reasoningContent !== null && reasoningContent !== undefined) {
    const { redactedContent, signature, text } = reasoningContent
    if (text) out.push({ type: "reasoning", key, delta: text })
    if (signature) out.push({ type: "signature", key, provider, delta: signature, field: "signature" })
    if (redactedContent) {
      out.push({ type: "signature", key, provider, delta: redactedContent, field: "redactedContent" })
    }
  }
  if (citation !== null && citation !== undefined) citationEvents(citation, key, provider, out)
  if (image !== null && image !== undefined) {
    const data = typeof image.source?.bytes === "string"
      ? Result.getOrUndefined(Base64.decode(image.source.bytes))
      : undefined
    if (data !== undefined) return void out.push(file(key, undefined, data, provider))
    const elsewhere = `image ${String(key)}`
    out.push({ type: "annotation", kind: "text", key: elsewhere, provider, fields: { block: { image } } })
    out.push({ type: "end", key: elsewhere })
  }
}

const citationEvents = (citation: Citation, key: Key, provider: string, out: Array<ContentEvent>): void => {
  out.push({ type: "annotation", kind: "text", key, provider, lists: { citations: [citation] } })
  const { location, source, sourceContent, title } = citation
  const { documentChar, documentChunk, documentPage, searchResultLocation, web } = location ?? {}
  const url = web?.url ?? (source?.startsWith("http") === true ? source : undefined)
  const document = documentChar ?? documentPage ?? documentChunk
  out.push({
    type: "source",
    provider,
    url,
    document: url === undefined ? source ?? document?.documentIndex?.toString() : undefined,
    title: title ?? web?.domain ?? undefined,
    citedText: elements(sourceContent).map(({ text }) => text ?? "").join("") || undefined,
    place: place("character", documentChar?.start, documentChar?.end) ??
      place("page", documentPage?.start, documentPage?.end) ??
      place("chunk", documentChunk?.start, documentChunk?.end) ??
      place("block", searchResultLocation?.start, searchResultLocation?.end)
  })
}

const file = (
  key: Key,
  format: string | null | undefined,
  data: Uint8Array | undefined,
  provider: string
): File => ({ type: "file", key, mediaType: `image/${format || "png"}`, data, provider })
