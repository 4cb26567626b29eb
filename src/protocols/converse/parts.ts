/**
 * What an event adds to the content of its response.
 *
 * @since 0.2.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { Chunk } from "../../Chunk.ts"
import * as Metadata from "../../internal/fields.ts"
import { elements } from "../../internal/open.ts"
import type * as Parts from "../../Parts.ts"
import type { Citation, Payload } from "./payload.ts"

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
  chunk: Chunk & { readonly chunk: Payload },
  isNamed: boolean,
  out: Array<Parts.Event>
): void => {
  const { chunk: payload, provider } = chunk
  const { contentBlockDelta, contentBlockStart, contentBlockStop, messageStop, metadata } = payload
  if (!isNamed) {
    const { id, model } = chunk
    if (id !== undefined || model !== undefined) out.push({ type: "response", id, model })
  }
  if (contentBlockDelta !== undefined) {
    const { contentBlockIndex, delta } = contentBlockDelta
    if (delta !== null && delta !== undefined) deltaEvents(delta, contentBlockIndex ?? undefined, provider, out)
  } else if (contentBlockStart !== undefined) {
    const { contentBlockIndex, start } = contentBlockStart
    const key = contentBlockIndex ?? undefined
    out.push({ type: "end", key })
    if (start !== null && start !== undefined) startEvents(start, key, provider, out)
  } else if (contentBlockStop !== undefined) {
    out.push({ type: "end", key: contentBlockStop.contentBlockIndex ?? undefined })
  } else if (messageStop !== undefined) {
    const [raw] = chunk.finishReasons
    const [reason] = chunk.commonFinishReasons
    if (raw !== undefined && reason !== undefined) out.push({ type: "finish", provider, reason, raw })
    const { additionalModelResponseFields } = messageStop
    if (additionalModelResponseFields) {
      out.push({ type: "details", provider, fields: { additionalModelResponseFields } })
    }
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
  key: Parts.Key,
  provider: string,
  out: Array<Parts.Event>
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
      metadata: providerExecuted ? Metadata.metadata(provider, { type }) : undefined
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
      metadata: Metadata.metadata(provider, { type, status })
    })
  }
  if (image !== null && image !== undefined) out.push(file(key, image.format, undefined, provider))
}

const deltaEvents = (
  { citation, image, reasoningContent, text, toolResult, toolUse }: Delta,
  key: Parts.Key,
  provider: string,
  out: Array<Parts.Event>
): void => {
  if (text) out.push({ type: "text", key, delta: text })
  if (toolUse?.input) out.push({ type: "arguments", key, delta: toolUse.input })
  if (toolResult !== null && toolResult !== undefined) {
    out.push({ type: "tool-result-piece", key, items: elements(toolResult) })
  }
  if (reasoningContent !== null && reasoningContent !== undefined) {
    const { redactedContent, signature, text } = reasoningContent
    if (text) out.push({ type: "reasoning", key, delta: text })
    if (signature) out.push({ type: "signature", key, provider, delta: signature, fields: signed })
    if (redactedContent) out.push({ type: "signature", key, provider, delta: redactedContent, fields: redacted })
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

const signed = (signature: string): Parts.Fields => ({ signature })

const redacted = (redactedContent: string): Parts.Fields => ({ redactedContent })

const citationEvents = (citation: Citation, key: Parts.Key, provider: string, out: Array<Parts.Event>): void => {
  out.push({ type: "annotation", kind: "text", key, provider, lists: { citations: [citation] } })
  const { location, source, title } = citation
  const url = location?.web?.url ?? (source?.startsWith("http") === true ? source : undefined)
  if (url) out.push({ type: "source", url, title: title ?? location?.web?.domain ?? undefined })
}

const file = (
  key: Parts.Key,
  format: string | null | undefined,
  data: Uint8Array | undefined,
  provider: string
): Parts.FileEvent => ({ type: "file", key, mediaType: `image/${format || "png"}`, data, provider })
