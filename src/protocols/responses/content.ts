/**
 * The content events of an event of the wire.
 *
 * @since 0.2.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Chunk } from "../../Chunk.ts"
import * as ProviderMetadata from "../../content/providerMetadata.ts"
import type { ContentEvent, Fields, Key } from "../../ContentEvent.ts"
import type { FinishReason } from "../../FinishReason.ts"
import { elements } from "../../internal/open.ts"
import type { Annotation, ContentPart, OutputItem, Payload, Response } from "./payload.ts"
import {
  argumentsKind,
  ownArgumentsKind,
  partText,
  reasoningKind,
  refusalKind,
  summaryKind,
  textKind,
  texts
} from "./texts.ts"

type Event = Chunk & {
  readonly chunk: Payload
  readonly whole?: "text" | "item" | "response"
  readonly call?: string
}

/** Why the response ended. */
interface Finish {
  readonly reason: FinishReason
  readonly raw: string
}

/**
 * Appends what an event of this format adds to the content. An item of the wire is a block of the content, and so is
 * each part of a summary. `provider` is the key of the metadata.
 *
 * - Text has the `itemId`, `phase` and `annotations` of its message; reasoning the `itemId` and, at the end of its item,
 *   the `encryptedContent`.
 * - A call or result of a tool that the provider ran has the `type` of its item.
 * - An item without a matching part (`compaction`, types to come) is an empty text with the whole `item` in its
 *   metadata.
 *
 * @internal
 */
export const contentEvents = <C extends Event>(
  chunk: C,
  provider: string,
  finishOf: (chunk: C) => Finish | undefined,
  out: Array<ContentEvent>,
  isNamed?: boolean
): void => {
  const event = chunk.chunk
  const isWhole = chunk.whole !== undefined
  const text = texts.get(event.type)
  if (text !== undefined) {
    const { index, kind, whole } = text
    if (whole !== undefined && !isWhole) return
    return piece(kind, event[whole ?? "delta"], keyOf(event), index && event[index], provider, out)
  }
  switch (event.type) {
    case "response.content_part.done":
      return isWhole && event.part
        ? partEvents(event.part, keyOf(event), event.content_index, provider, out)
        : undefined
    case "response.reasoning_summary_part.added":
      return nextSummary(event.item_id, keyOf(event), event.summary_index ?? 0, provider, out)
    case "response.reasoning_summary_part.done":
      return isWhole && event.part
        ? partEvents(event.part, keyOf(event), event.summary_index, provider, out)
        : undefined
    case "response.output_text.annotation.added":
      return event.annotation ? annotate(event.annotation, keyOf(event), provider, out) : undefined
    case "response.output_item.added":
      return event.item ? begin(event.item, placeOf(event.output_index, event.item), provider, out) : undefined
    case "response.output_item.done": {
      const { item } = event
      if (!item) return
      const key = placeOf(event.output_index, item)
      if (chunk.whole === "item") begin(item, key, provider, out)
      if (isWhole) wholeEvents(item, key, provider, out)
      return end(item, key, chunk.call, provider, out)
    }
    case "response.created":
    case "response.queued":
    case "response.in_progress":
      return isNamed === true ? undefined : named(chunk, event.response, out)
    case "response.completed":
    case "response.incomplete":
    case "response.failed":
      named(chunk, event.response, out)
      if (chunk.whole === "response") outputEvents(event.response?.output, provider, out)
      return endEvents(chunk, event.response ?? {}, finishOf(chunk), provider, out)
    case "response.audio.delta": {
      const data = Result.getOrUndefined(Base64.decode(event.delta ?? ""))
      return data === undefined ? undefined : audio({ data }, provider, out)
    }
    case "response.audio.transcript.delta":
      return audio({ transcript: event.delta ?? "" }, provider, out)
    default:
  }
}

const audio = (
  { data, transcript }: { readonly data?: Uint8Array; readonly transcript?: string },
  provider: string,
  out: Array<ContentEvent>
): void => void out.push({ type: "audio", provider, id: undefined, data, transcript, expiresAt: undefined })

const keyOf = ({ item_id, output_index }: { readonly [key: string]: unknown }): Key =>
  typeof output_index === "number" ? output_index : typeof item_id === "string" ? item_id : undefined

const placeOf = (index: number | null | undefined, item: OutputItem): Key => index ?? stringOf(item["id"])

const summaryKey = (key: Key, index: number): string => `${key} summary ${index}`

/** One part of a summary comes after the other; the last one ends with its item. */
const nextSummary = (
  itemId: string | null | undefined,
  item: Key,
  index: number,
  provider: string,
  out: Array<ContentEvent>
): void => {
  if (index === 0) return
  const key = summaryKey(item, index - 1)
  out.push({ type: "annotation", kind: "reasoning", key, provider, fields: { itemId } })
  out.push({ type: "end", key })
}

const textKey = (key: Key, index: number): string => `${key} reasoning ${index}`

const named = (chunk: Event, response: Response | null | undefined, out: Array<ContentEvent>): void => {
  const { id, model } = chunk
  if (id !== undefined || model !== undefined) {
    out.push({ type: "response", id, model, created: response?.created_at ?? undefined })
  }
}

const endEvents = (
  { usage }: Event,
  response: Response,
  finish: Finish | undefined,
  provider: string,
  out: Array<ContentEvent>
): void => {
  if (usage !== undefined) out.push({ type: "usage", provider, usage })
  if (finish !== undefined) out.push({ type: "finish", provider, ...finish })
  out.push({
    type: "details",
    provider,
    fields: {
      serviceTier: response.service_tier,
      previousResponseId: response.previous_response_id,
      conversation: response.conversation,
      contentFilters: response.content_filters,
      toolUsage: response.tool_usage
    }
  })
}

const annotate = (annotation: Annotation, key: Key, provider: string, out: Array<ContentEvent>): void => {
  out.push({ type: "annotation", kind: "text", key, provider, lists: { annotations: [annotation] } })
  cite(annotation, provider, out)
}

const cite = ({ file_id, filename, title, url }: Annotation, provider: string, out: Array<ContentEvent>): void => {
  if (!url && !file_id) return
  const document = url ? undefined : file_id ?? undefined
  out.push({ type: "source", provider, url: url ?? undefined, document, title: title ?? filename ?? undefined })
}

const partEvents = (
  part: ContentPart,
  key: Key,
  index: number | null | undefined,
  provider: string,
  out: Array<ContentEvent>
): void => {
  const stated = partText(part)
  if (stated !== undefined) piece(stated.kind, stated.text, key, index, provider, out)
}

/** A piece of a text, or the whole of it. */
const piece = (
  kind: number,
  text: unknown,
  key: Key,
  index: unknown,
  provider: string,
  out: Array<ContentEvent>
): void => {
  const delta = typeof text === "string" ? text : ""
  const at = typeof index === "number" ? index : 0
  switch (kind) {
    case textKind:
      out.push({ type: "text", key, delta })
      return
    case refusalKind:
      if (delta !== "") out.push({ type: "refusal", key, delta, provider })
      return
    case reasoningKind:
      out.push({ type: "reasoning", key: textKey(key, at), delta })
      return
    case summaryKind:
      out.push({ type: "reasoning", key: summaryKey(key, at), delta })
      return
    case argumentsKind:
      out.push({ type: "arguments", key, delta })
      return
    default:
      out.push({ type: "arguments", key, delta, providerExecuted: true })
  }
}

const outputEvents = (
  output: ReadonlyArray<OutputItem | null> | null | undefined,
  provider: string,
  out: Array<ContentEvent>
): void => {
  let search: string | undefined
  output?.forEach((item, key) => {
    if (item === null) return
    if (item.type === "tool_search_call") search = item.id ?? undefined
    begin(item, key, provider, out)
    wholeEvents(item, key, provider, out)
    end(item, key, search, provider, out)
  })
}

/** The text of an item that did not come in pieces. */
const wholeEvents = (item: OutputItem, key: Key, provider: string, out: Array<ContentEvent>): void => {
  switch (item.type) {
    case "message":
      return elements(item.content).forEach((part, index) => partEvents(part, key, index, provider, out))
    case "reasoning":
      elements(item.summary).forEach((part, index) => {
        nextSummary(item.id, key, index, provider, out)
        partEvents(part, key, index, provider, out)
      })
      return elements(item.content).forEach((part, index) => partEvents(part, key, index, provider, out))
    case "function_call":
      return piece(argumentsKind, item.arguments, key, undefined, provider, out)
    case "mcp_call":
      return piece(ownArgumentsKind, item.arguments, key, undefined, provider, out)
    case "custom_tool_call":
      return piece(argumentsKind, item.input, key, undefined, provider, out)
  }
}

/** The item is a call of a tool that the caller runs. */
const isClients = (item: OutputItem): boolean => {
  switch (item.type) {
    case "local_shell_call":
    case "apply_patch_call":
    case "computer_call":
      return true
    case "tool_search_call":
      return item.execution === "client"
    case "shell_call":
      return !Predicate.isObject(item.environment) || item.environment["type"] === "local"
    default:
      return false
  }
}

const kindOf = (item: OutputItem) => isClients(item) ? { providerDefined: true } : { providerExecuted: true }

const begin = (item: OutputItem, key: Key, provider: string, out: Array<ContentEvent>): void => {
  switch (item.type) {
    case "function_call":
    case "custom_tool_call": {
      const custom = item.type === "custom_tool_call"
      out.push({
        type: "tool-call",
        key,
        id: item.call_id || undefined,
        name: item.name || undefined,
        custom,
        metadata: ProviderMetadata.metadata(provider, {
          type: custom ? "custom" : undefined,
          itemId: item.id,
          namespace: item.namespace,
          caller: item["caller"]
        })
      })
      return
    }
    case "mcp_call":
    case "mcp_approval_request":
      out.push({
        type: "tool-call",
        key,
        id: item.id || undefined,
        name: item.name || "mcp",
        providerExecuted: true,
        metadata: ProviderMetadata.metadata(provider, {
          type: item.type,
          itemId: item.id,
          serverLabel: item.server_label,
          approvalRequestId: item["approval_request_id"]
        })
      })
      return
    case "web_search_call":
    case "file_search_call":
    case "code_interpreter_call":
    case "image_generation_call":
    case "tool_search_call":
    case "shell_call":
    case "local_shell_call":
    case "apply_patch_call":
    case "computer_call":
      out.push({
        type: "tool-call",
        key,
        id: stringOf(item["call_id"]) ?? (item.id || undefined),
        name: item.type.slice(0, -"_call".length),
        ...kindOf(item),
        metadata: ProviderMetadata.metadata(provider, { type: item.type, itemId: item.id })
      })
      return
  }
}

const stringOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

// The order of fields does not count: a schema puts known fields first when a chunk comes back from JSON.
const sorted = (value: unknown): unknown =>
  Predicate.isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)) : value

const end = (
  item: OutputItem,
  key: Key,
  call: string | undefined,
  provider: string,
  out: Array<ContentEvent>
): void => {
  const fields = (...names: ReadonlyArray<string>): Fields =>
    Object.fromEntries(names.map((name) => [name, item[name]]))
  const input = (value: unknown): void => {
    if (value !== undefined && value !== null) {
      const delta = typeof value === "string" ? value : JSON.stringify(sorted(value))
      out.push({ type: "arguments", key, delta, ...kindOf(item) })
    }
    out.push({ type: "end", key })
  }
  const result = (id: string | null | undefined, name: string, result: unknown, error?: unknown): void => {
    out.push({
      type: "tool-result",
      id: id || undefined,
      name,
      result: result ?? null,
      isFailure: item["status"] === "failed" || error !== undefined && error !== null,
      metadata: ProviderMetadata.metadata(provider, { type: String(item.type), itemId: item["id"] })
    })
  }
  switch (item.type) {
    case "message":
      return messageEnd(elements(item.content), { itemId: item.id, phase: item.phase }, key, provider, out)
    case "reasoning": {
      const texts = elements(item.content)
      const summaries = item.summary?.length ?? 0
      const last = summaries === 0 && texts.length > 0
        ? textKey(key, texts.length - 1)
        : summaryKey(key, Math.max(summaries - 1, 0))
      for (const [index, { text, type }] of texts.entries()) {
        if (type !== "reasoning_text" || !text) continue
        const at = textKey(key, index)
        out.push({ type: "annotation", kind: "reasoning", key: at, provider, fields: { itemId: item.id, type } })
        if (at !== last) out.push({ type: "end", key: at })
      }
      const fields = { itemId: item.id, encryptedContent: item.encrypted_content }
      if (fields.itemId || fields.encryptedContent) {
        out.push({ type: "annotation", kind: "reasoning", key: last, provider, fields })
      }
      out.push({ type: "end", key: last })
      return
    }
    case "function_call":
    case "custom_tool_call":
      out.push({ type: "end", key })
      return
    case "mcp_call":
      out.push({ type: "end", key })
      return result(item.id, item.name || "mcp", item.output ?? item.error, item.error)
    case "mcp_approval_request": {
      input(item.arguments)
      const id = item.id || undefined
      if (id !== undefined) out.push({ type: "tool-approval-request", approvalId: id, callId: id })
      return
    }
    case "web_search_call":
      input(item.action)
      return result(item.id, "web_search", fields("status", "action"))
    case "file_search_call":
      input(fields("queries"))
      return result(item.id, "file_search", fields("status", "queries", "results"))
    case "code_interpreter_call":
      input(fields("code", "container_id"))
      return result(item.id, "code_interpreter", fields("status", "container_id", "outputs"))
    case "image_generation_call": {
      const { id, type: _, ...image } = item
      out.push({ type: "end", key })
      return result(id, "image_generation", image)
    }
    case "tool_search_call":
      return input(item["arguments"])
    case "tool_search_output":
      return result(item.call_id || call || item.id, "tool_search", fields("status", "tools"))
    case "shell_call":
      return input(
        Predicate.isObject(item.action) ? { ...item.action, environment: item.environment } : item.action
      )
    case "shell_call_output":
      return result(item.call_id, "shell", fields("status", "output"))
    case "local_shell_call":
      return input(item.action)
    case "apply_patch_call":
      return input(item.operation)
    case "computer_call":
      return input(fields("action", "actions", "pending_safety_checks"))
    // The tools of an MCP server stay in the chunk.
    case "mcp_list_tools":
      return
    default:
      out.push({ type: "annotation", kind: "text", key, provider, fields: { item } })
      out.push({ type: "end", key })
  }
}

const messageEnd = (
  content: ReadonlyArray<ContentPart>,
  fields: Fields,
  key: Key,
  provider: string,
  out: Array<ContentEvent>
): void => {
  const annotations = content.flatMap((part) => part.type === "output_text" ? elements(part.annotations) : [])
  for (const annotation of annotations) cite(annotation, provider, out)
  const hasText = content.some((part) =>
    part.type === "output_text" && part.text || part.type === "refusal" && part.refusal
  )
  if (hasText) {
    out.push({
      type: "annotation",
      kind: "text",
      key,
      provider,
      // Whole, instead of those that came one by one.
      fields: { ...fields, annotations: annotations.length === 0 ? undefined : annotations }
    })
  }
  out.push({ type: "end", key })
}
