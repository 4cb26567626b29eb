/**
 * The common attributes of a chunk, computed from its payload.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Base, type Chunk } from "../../Chunk.ts"
import type { ContentEvent } from "../../ContentEvent.ts"
import type * as CostMetadata from "../../CostMetadata.ts"
import * as FinishReason from "../../FinishReason.ts"
import { elements } from "../../internal/open.ts"
import type * as Usage from "../../Usage.ts"
import { contentEvents } from "./content.ts"
import { type Annotation, type OutputItem, Payload, type Response, usageOf } from "./payload.ts"

/**
 * The finish reasons of the Responses API: why a response is incomplete, or its status. `completed` is `tool_calls` when
 * the output has a call that is the caller's to run.
 *
 * @category mapping
 * @since 0.2.0
 */
export const finishReasons = {
  completed: "stop",
  max_output_tokens: "length",
  max_messages: "length",
  steered: "pause",
  content_filter: "content_filter",
  failed: "error"
} as const satisfies FinishReason.Table

const toCommon = FinishReason.fromTable(finishReasons)

const isClientCall = (type: string): boolean => type === "function_call" || type === "custom_tool_call"

const paidTools = ["web_search", "file_search", "code_interpreter", "image_generation", "shell"]

/**
 * The type of an item, as the events of a response are counted by it; `undefined` where the call has no fee: a
 * step of a web search other than a search, a call in one of the `containers` that were counted before, and commands
 * that the caller runs.
 *
 * @internal
 */
export const countedType = (item: OutputItem, containers: Set<string>): string | undefined => {
  switch (item.type) {
    case "web_search_call":
      return item.action?.type && item.action.type !== "search" ? undefined : item.type
    case "code_interpreter_call":
      return isCounted(item.container_id, containers) ? undefined : item.type
    case "shell_call": {
      const { environment } = item
      if (!Predicate.isObject(environment) || environment["type"] === "local") return undefined
      return isCounted(environment["container_id"], containers) ? undefined : item.type
    }
    default:
      return String(item.type)
  }
}

const isCounted = (container: unknown, containers: Set<string>): boolean => {
  if (typeof container !== "string") return false
  const isKnown = containers.has(container)
  containers.add(container)
  return isKnown
}

const isDefined = <A>(value: A | undefined): value is A => value !== undefined

/** The tools of a response, as it repeats them. */
const toolsOf = (response: Response): ReadonlyArray<{ readonly [key: string]: unknown }> => {
  const { tools } = response
  return Array.isArray(tools) ? tools.filter(Predicate.isObject) : []
}

const requestsOf = (types: ReadonlyArray<string>, response: Response): Readonly<Record<string, number>> => {
  const searches = toolsOf(response).map(({ type }) => String(type)).filter((type) => type.startsWith("web_search"))
  // The preview has fees of its own.
  const search = searches.length > 0 && searches.every((type) => type.startsWith("web_search_preview"))
    ? "web_search_preview"
    : "web_search"
  const counts: Record<string, number> = {}
  for (const type of types) {
    const tool = paidTools.find((name) => type === `${name}_call`)
    if (tool === undefined || tool === "image_generation" && hasImageTokens(response)) continue
    const kind = tool === "web_search" ? search : tool
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  const stated = response.tool_usage?.web_search?.num_requests
  if (typeof stated !== "number") return counts
  const { [search]: _counted, ...others } = counts
  return stated > 0 ? { ...others, [search]: stated } : others
}

const hasImageTokens = ({ tool_usage }: Response): boolean =>
  (tool_usage?.image_gen?.input_tokens ?? 0) > 0 || (tool_usage?.image_gen?.output_tokens ?? 0) > 0

/** The calls of the model that made the images, which the usage of the response does not include. */
const imagesOf = (response: Response): ReadonlyArray<Usage.StatedIteration> | undefined => {
  const usage = response.tool_usage?.image_gen
  if (!usage || !hasImageTokens(response)) return undefined
  const { model } = toolsOf(response).find(({ type }) => type === "image_generation") ?? {}
  return [{
    type: "image_generation",
    // Not every response names the model, and the default changes. The tool's name has no price, so it is flagged.
    model: typeof model === "string" && model !== "" ? model : "image_generation",
    included: false,
    serviceTier: "default",
    inputTokens: usage.input_tokens,
    inputImageTokens: usage.input_tokens_details?.image_tokens,
    outputTokens: usage.output_tokens,
    // Images are all that these models answer with, where nothing else is stated.
    outputImageTokens: usage.output_tokens_details?.image_tokens ?? usage.output_tokens
  }]
}

/**
 * A chunk of any host of this format: the payload, and the common attributes computed from it. Every event of a stream is
 * a chunk, events of unknown types included.
 *
 * `content` is that of output texts, `reasoning` that of summaries and of reasoning texts, and `toolCallDeltas` are those
 * of functions and custom tools, which the caller has to run. An event that repeats pieces as a whole adds
 * nothing.
 *
 * @example
 * ```ts
 * import { Responses } from "effect-llm-stream"
 *
 * const chunk = new Responses.ResponsesChunk({
 *   provider: "gateway",
 *   chunk: { type: "response.output_text.delta", item_id: "msg_1", output_index: 0, content_index: 0, delta: "Hello" }
 * })
 * chunk.content // "Hello"
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export class ResponsesChunk extends Base.extend<ResponsesChunk>("effect-llm-stream/ResponsesChunk")({
  chunk: Payload,
  /**
   * Content that this event states as a whole and no earlier event stated in pieces: the text of an item or of a part
   * of it, an item that was not announced, or the output of a response. Absent otherwise, and when a chunk was made
   * without a stream.
   */
  whole: Schema.optionalKey(Schema.Literals(["text", "item", "response"])),
  /** At the end of a response that does not repeat its output: the types of the items that came before it. */
  items: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The id of the call that this item is the result of, where the item does not state it. */
  call: Schema.optionalKey(Schema.String)
}) implements Chunk {
  /**
   * The response as this chunk states it; `undefined` when it states a part of it only.
   *
   * @since 0.2.0
   */
  get response(): Response | undefined {
    switch (this.chunk.type) {
      case "response.created":
      case "response.queued":
      case "response.in_progress":
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        return this.chunk.response ?? undefined
      default:
        return undefined
    }
  }

  private get finish(): { readonly raw: string; readonly reason: FinishReason.FinishReason } | undefined {
    const raw = this.rawFinish
    return raw === undefined
      ? undefined
      : { raw, reason: raw === "completed" && this.outputTypes.some(isClientCall) ? "tool_calls" : toCommon(raw) }
  }

  private static finishOf(chunk: ResponsesChunk) {
    return chunk.finish
  }

  private get rawFinish(): string | undefined {
    switch (this.chunk.type) {
      case "response.completed":
        return "completed"
      case "response.incomplete":
        return this.chunk.response?.incomplete_details?.reason || "incomplete"
      case "response.failed":
        return "failed"
      default:
        return undefined
    }
  }

  private get outputTypes(): ReadonlyArray<string> {
    const containers = new Set<string>()
    return this.items ??
      elements(this.response?.output).map((item) => countedType(item, containers)).filter(isDefined)
  }

  // Overridden because it is read most, and nearly always of these.
  /** @since 0.2.0 */
  override get content(): string {
    return this.chunk.type === "response.output_text.delta" ? this.chunk.delta : super.content
  }

  /** @since 0.2.0 */
  override get id(): string | undefined {
    return this.response?.id || undefined
  }

  /** @since 0.2.0 */
  override get model(): string | undefined {
    return this.response?.model || undefined
  }

  /** @since 0.2.0 */
  override get usage(): Usage.Usage | undefined {
    const { response } = this
    return response?.usage
      ? usageOf(response.usage, requestsOf(this.outputTypes, response), imagesOf(response))
      : undefined
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    // The tier that was asked for is in the events before.
    const tier = this.response?.service_tier
    return tier && this.rawFinish !== undefined ? { serviceTier: tier } : undefined
  }

  /** @internal */
  get isPiece(): boolean {
    return this.chunk.type === "response.output_text.delta"
  }

  /** @since 0.2.0 */
  override contentEvents(out: Array<ContentEvent>, isNamed?: boolean): void {
    contentEvents(this, this.provider, ResponsesChunk.finishOf, out, isNamed)
  }

  /**
   * The position of the item that this chunk is about; `undefined` for other chunks.
   *
   * @since 0.2.0
   */
  get outputIndex(): number | undefined {
    const index = this.chunk["output_index"]
    return typeof index === "number" ? index : undefined
  }

  /**
   * The number of this event in its response, from 0; `undefined` when the host does not count. A background response can
   * be resumed at the event after it.
   *
   * @since 0.2.0
   */
  get sequenceNumber(): number | undefined {
    const { sequence_number } = this.chunk
    return typeof sequence_number === "number" ? sequence_number : undefined
  }

  /**
   * The item that this chunk begins or completes; `undefined` when it does neither.
   *
   * @since 0.2.0
   */
  get item(): OutputItem | undefined {
    const event = this.chunk
    return event.type === "response.output_item.added" || event.type === "response.output_item.done"
      ? event.item ?? undefined
      : undefined
  }

  /**
   * The citations that this chunk adds to the text.
   *
   * @since 0.2.0
   */
  get annotations(): ReadonlyArray<Annotation> {
    const event = this.chunk
    return event.type === "response.output_text.annotation.added" && event.annotation ? [event.annotation] : []
  }
}
