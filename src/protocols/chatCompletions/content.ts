/**
 * The content events of a chunk.
 *
 * @since 0.2.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Chunk } from "../../Chunk.ts"
import * as ProviderMetadata from "../../content/providerMetadata.ts"
import type { ContentEvent, Text, ToolCallPiece } from "../../ContentEvent.ts"
import type { FinishReason } from "../../FinishReason.ts"
import { elements } from "../../internal/open.ts"
import { type Choice, type Delta, indexOf, type Payload } from "./payload.ts"

/**
 * The text of a choice.
 *
 * @internal
 */
export const contentOf = ({ delta }: Choice): string => {
  const content = delta?.content
  if (content === null || content === undefined) return ""
  return typeof content === "string" ? content : content.map((part) => part?.text ?? "").join("")
}

/**
 * What hosts of this format say in words of their own.
 *
 * @internal
 */
export interface Words<C> {
  readonly reasoningOf: (chunk: C, choice: Choice) => string
  readonly finishReasonOf: (chunk: C, raw: string) => FinishReason
}

/**
 * Appends the content events of a chunk: text, reasoning, refusals and calls of each choice, and, for choice 0,
 * additions of some hosts: citations, tools that the host ran itself, structured reasoning, and metadata of the finish.
 *
 * @internal
 */
export const contentEvents = <C extends Chunk & { readonly chunk: Payload }>(
  chunk: C,
  isNamed: boolean,
  { finishReasonOf, reasoningOf }: Words<C>,
  out: Array<ContentEvent>
): void => {
  const { chunk: payload, provider, usage } = chunk
  const choices = payload.choices ?? []
  if (!isNamed) {
    const { id, model } = chunk
    const created = typeof payload.created === "number" ? payload.created : undefined
    if (id !== undefined || model !== undefined) out.push({ type: "response", id, model, created })
  }
  let hasFinish = false
  for (let position = 0; position < choices.length; position++) {
    const choice = choices[position]
    if (choice === null || choice === undefined) continue
    const before = out.length
    const index = indexOf(choice, position)
    choiceEvents(choice, index, provider, reasoningOf(chunk, choice), out)
    const raw = choice.finish_reason
    if (raw) out.push({ type: "finish", ...choiceAt(index), provider, reason: finishReasonOf(chunk, raw), raw })
    if (out.length === before) out.push({ type: "choice", ...choiceAt(index) })
    if (index === 0) {
      hasFinish ||= Boolean(raw)
      choiceDetails(choice, provider, out)
    }
  }
  if (usage !== undefined) out.push({ type: "usage", provider, usage })
  const { moderation, service_tier, system_fingerprint } = payload
  if (moderation) out.push({ type: "details", provider, fields: { moderation } })
  // These are in every chunk.
  if ((usage !== undefined || hasFinish) && (service_tier || system_fingerprint)) {
    const fields = { serviceTier: service_tier, systemFingerprint: system_fingerprint }
    out.push({ type: "details", provider, fields })
  }
}

const choiceAt = (index: number) => index === 0 ? undefined : { choice: index }

// By itself, and not by a spread: there is one for nearly every chunk.
const textEvent = (type: Text["type"], index: number, delta: string): Text =>
  index === 0 ? { type, key: "content", delta } : { type, choice: index, key: "content", delta }

const choiceEvents = (
  choice: Choice,
  index: number,
  provider: string,
  reasoning: string,
  out: Array<ContentEvent>
): void => {
  const { delta } = choice
  if (delta === null || delta === undefined) return
  const { audio, refusal } = delta
  const content = contentOf(choice)
  // One key: text ends reasoning, and reasoning ends text.
  if (reasoning !== "") out.push(textEvent("reasoning", index, reasoning))
  if (content !== "") out.push(textEvent("text", index, content))
  if (refusal) out.push({ type: "refusal", ...choiceAt(index), key: "refusal", delta: refusal, provider })
  if (delta.tool_calls || delta.function_call) calls(delta, index, provider, out)
  if (index !== 0) return
  if (audio !== null && audio !== undefined) {
    out.push({
      type: "audio",
      provider,
      id: audio.id ?? undefined,
      data: typeof audio.data === "string" ? Result.getOrUndefined(Base64.decode(audio.data)) : undefined,
      transcript: audio.transcript ?? undefined,
      expiresAt: audio.expires_at ?? undefined
    })
  }
  const { annotations, reasoning_details } = delta
  if (Array.isArray(reasoning_details) && reasoning_details.length > 0) {
    const lists = { reasoningDetails: reasoning_details }
    out.push({ type: "annotation", kind: "reasoning", key: "content", provider, lists })
  }
  if (Array.isArray(annotations)) cite(provider, "annotations", annotations, out)
}

const calls = (
  { function_call, tool_calls }: Delta,
  index: number,
  provider: string,
  out: Array<ContentEvent>
): void => {
  const pieces: ReadonlyArray<ToolCallPiece> = tool_calls
    ? elements(tool_calls).map((call) => ({
      ...piece(
        call.index ?? undefined,
        call.id,
        call.function?.name ?? call.custom?.name,
        call.function?.arguments ?? call.custom?.input
      ),
      ...(call.custom
        ? { custom: true, metadata: ProviderMetadata.metadata(provider, { type: "custom" }) }
        : undefined)
    }))
    : function_call
    ? [piece(0, undefined, function_call.name, function_call.arguments)]
    : []
  if (pieces.length > 0 && index === 0) out.push({ type: "end", key: "content" })
  // One by one: the arguments of a call have to fit on the stack.
  for (const piece of pieces) out.push({ ...piece, ...choiceAt(index) })
}

const piece = (
  index: number | undefined,
  id: string | null | undefined,
  name: string | null | undefined,
  value: string | Readonly<Record<string, unknown>> | null | undefined
): ToolCallPiece => ({
  type: "tool-call-piece",
  ...(index === undefined ? undefined : { index }),
  ...(id ? { id } : undefined),
  ...(name ? { name } : undefined),
  arguments: value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)
})

/**
 * Appends citations of the text. It may be over when they come; they then stand alone.
 *
 * @internal
 */
export const cite = (provider: string, list: string, items: ReadonlyArray<unknown>, out: Array<ContentEvent>): void => {
  if (items.length === 0) return
  out.push({ type: "annotation", kind: "text", key: "content", provider, lists: { [list]: items } })
  for (const item of items) {
    const citation = Predicate.hasProperty(item, "url_citation") ? item.url_citation : item
    if (!Predicate.isObject(citation)) continue
    const { content, file_id, filename, filepath, title, url } = citation
    out.push({
      type: "source",
      provider,
      url: textOf(url),
      document: textOf(url) === undefined ? textOf(file_id) ?? textOf(filepath) : undefined,
      title: textOf(title) ?? textOf(filename),
      citedText: textOf(content)
    })
  }
}

const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

const choiceDetails = (choice: Choice, provider: string, out: Array<ContentEvent>): void => {
  const { logprobs } = choice
  if (logprobs !== null && logprobs !== undefined) {
    const lists = { logprobs: logprobs.content, refusalLogprobs: logprobs.refusal }
    out.push({ type: "details", provider, lists })
  }
  if (choice["matched_stop"]) out.push({ type: "details", provider, fields: { matchedStop: choice["matched_stop"] } })
}
