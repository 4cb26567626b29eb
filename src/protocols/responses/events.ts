/**
 * From the events of one response to chunks, and what tells a finished response from one that was cut off.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { failureOf } from "../../engine/errorBody.ts"
import * as JsonEvent from "../../internal/jsonEvent.ts"
import { elements } from "../../internal/open.ts"
import { validator } from "../../internal/validator.ts"
import * as Protocol from "../../Protocol.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Sse from "../../wire/Sse.ts"
import * as ChatCompletions from "../chatCompletions/events.ts"
import { countedType, type ResponsesChunk } from "./chunk.ts"
import { type ContentPart, type OutputItem, Payload, type Response } from "./payload.ts"

const isPayload: (json: unknown) => json is Payload = validator(Schema.toType(Payload))

const invalid = JsonEvent.invalidPayload(Schema.toType(Payload))

/**
 * The errors of the Responses API.
 *
 * @category errors
 * @since 0.2.0
 */
export const errors: ProviderError.Table = ChatCompletions.errors

/**
 * What the events before it make of an event.
 *
 * @category models
 * @since 0.2.0
 */
export interface Context extends Partial<Pick<ResponsesChunk, "whole" | "items" | "call">> {}

/**
 * Makes a chunk of an event's data that passed the schema.
 *
 * @category models
 * @since 0.2.0
 */
export type MakeChunk<C> = (payload: Payload, context: Context, info: Protocol.ResponseInfo) => C

/** What came of an item. */
interface ItemState {
  announced: boolean
  /** The parts of which a piece came. */
  readonly parts: Set<number>
}

const kinds = { output_text: 0, refusal: 1, reasoning_text: 2, summary_text: 3, arguments: 4 }

const part = (kind: keyof typeof kinds, index: number | null | undefined): number => kinds[kind] + 8 * (index ?? 0)

const kindOf = (part: ContentPart | null | undefined): Exclude<keyof typeof kinds, "arguments"> | undefined =>
  part?.type === "output_text" || part?.type === "refusal" || part?.type === "reasoning_text" ||
    part?.type === "summary_text"
    ? part.type
    : undefined

const hasText = ({ type }: OutputItem): boolean =>
  type === "message" || type === "reasoning" || type === "function_call" || type === "custom_tool_call" ||
  type === "mcp_call"

const nothing: Context = {}

const wholeText: Context = { whole: "text" }

const wholeItem: Context = { whole: "item" }

/**
 * The event decoder of this format. Its state is what tells a finished response from a cut-off or mixed-up one, and what
 * came in pieces from what comes as a whole only.
 *
 * - Events are told apart by `type` in their data; the `event:` line matters only when it says `error`.
 * - The response is over at `response.completed`, `response.incomplete` or `response.failed`. The last one is a failure,
 *   and a chunk as well.
 * - So is an `error` event, but `response.failed` follows it as a rule: the body is read on for `Protocol.afterFailure`. An
 *   `error` that is the first event is no chunk, so that the request can be sent again.
 * - A `sequence_number` that does not follow the one before it, and another response within this one, are
 *   `MalformedEvent`s.
 *
 * @example
 * ```ts
 * import { OpenAiResponsesChunk, Responses } from "effect-llm-stream"
 *
 * const make: Responses.MakeChunk<OpenAiResponsesChunk> = (chunk, context) =>
 *   new OpenAiResponsesChunk({ chunk, ...context })
 * const decoder = Responses.events({ make, errors: Responses.errors })({})
 * const chunks: Array<OpenAiResponsesChunk> = []
 * decoder.event({ event: undefined, data: "{\"type\": \"keepalive\"}", unterminated: false }, chunks)
 * chunks.length // 1
 * decoder.done // false
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const events = <C>(options: {
  readonly make: MakeChunk<C>
  readonly errors: ProviderError.Table
}) =>
(info: Protocol.ResponseInfo): Protocol.EventDecoder<Sse.Event, C> => {
  let count = 0
  let chunks = 0
  let done = false
  let id: string | undefined
  let number: number | undefined
  let search: string | undefined
  /** What an `error` event said: the response that it belongs to may still follow. */
  let failed: ProviderError.Reason | undefined
  const items = new Map<number | string, ItemState>()
  const types: Array<string> = []

  const incomplete = () =>
    new ProviderError.IncompleteStream({
      message: chunks === 0
        ? "The stream ended without a single chunk"
        : `The stream ended after ${chunks} chunks without the end of the response`
    })

  const itemAt = (index: number | null | undefined, id: unknown): ItemState => {
    const key = index ?? (typeof id === "string" ? id : -1)
    let item = items.get(key)
    if (item === undefined) items.set(key, item = { announced: false, parts: new Set() })
    return item
  }

  const piece = (
    event: { readonly output_index?: number | null; readonly item_id?: string | null },
    at: number
  ): Context => {
    itemAt(event.output_index, event.item_id).parts.add(at)
    return nothing
  }

  const whole = (
    event: { readonly output_index?: number | null; readonly item_id?: string | null },
    at: number
  ): Context => {
    const { parts } = itemAt(event.output_index, event.item_id)
    if (parts.has(at)) return nothing
    parts.add(at)
    return wholeText
  }

  const itemDone = (item: OutputItem, state: ItemState): Context => {
    const type = countedType(item)
    if (type !== undefined) types.push(type)
    if (item.type === "tool_search_call") search = item.id ?? undefined
    const context = !state.announced && state.parts.size === 0
      ? wholeItem
      : hasText(item) && state.parts.size === 0
      ? wholeText
      : nothing
    state.announced = true
    state.parts.add(-1)
    return item.type === "tool_search_output" && !item.call_id && search !== undefined
      ? { ...context, call: search }
      : context
  }

  const ended = (response: Response): Context => {
    done = true
    const output = elements(response.output)
    if (items.size === 0) return output.length === 0 ? nothing : { whole: "response" }
    return output.length === 0 ? { items: types } : nothing
  }

  const contextOf = (event: Payload): Context => {
    switch (event.type) {
      case "response.output_text.delta":
        return piece(event, part("output_text", event.content_index))
      case "response.refusal.delta":
        return piece(event, part("refusal", event.content_index))
      case "response.reasoning_text.delta":
        return piece(event, part("reasoning_text", event.content_index))
      case "response.reasoning_summary_text.delta":
        return piece(event, part("summary_text", event.summary_index))
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
      case "response.mcp_call_arguments.delta":
        return piece(event, part("arguments", 0))
      case "response.output_text.done":
        return event.text ? whole(event, part("output_text", event.content_index)) : nothing
      case "response.refusal.done":
        return event.refusal ? whole(event, part("refusal", event.content_index)) : nothing
      case "response.reasoning_text.done":
        return event.text ? whole(event, part("reasoning_text", event.content_index)) : nothing
      case "response.reasoning_summary_text.done":
        return event.text ? whole(event, part("summary_text", event.summary_index)) : nothing
      case "response.function_call_arguments.done":
      case "response.mcp_call_arguments.done":
        return event.arguments ? whole(event, part("arguments", 0)) : nothing
      case "response.custom_tool_call_input.done":
        return event.input ? whole(event, part("arguments", 0)) : nothing
      case "response.content_part.done":
      case "response.reasoning_summary_part.done": {
        const kind = kindOf(event.part)
        const index = event["content_index"] ?? event["summary_index"]
        const text = event.part?.["text"] ?? event.part?.["refusal"]
        return kind === undefined || !text ? nothing : whole(event, part(kind, typeof index === "number" ? index : 0))
      }
      case "response.output_item.added":
        itemAt(event.output_index, event.item?.id).announced = true
        return nothing
      case "response.output_item.done":
        return event.item ? itemDone(event.item, itemAt(event.output_index, event.item.id)) : nothing
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        return ended(event.response ?? {})
      default:
        return nothing
    }
  }

  const faultOf = (event: Payload, position: number, data: string): ProviderError.MalformedEvent | undefined => {
    const malformed = (message: string, path: ReadonlyArray<string>) =>
      JsonEvent.malformed({ event: position, data, path, message: `Event ${position} ${message}` })
    const { sequence_number } = event
    if (typeof sequence_number === "number") {
      if (number !== undefined && sequence_number !== number + 1) {
        return malformed(`has the sequence number ${sequence_number} after ${number}`, ["sequence_number"])
      }
      number = sequence_number
    }
    const response = "response" in event && typeof event.response === "object" ? event.response : undefined
    const stated = response !== undefined && response !== null && "id" in response ? response.id : undefined
    if (typeof stated === "string" && stated !== "") {
      if (id !== undefined && stated !== id) return malformed("is of another response", ["response", "id"])
      id = stated
    }
    return undefined
  }

  return {
    event: (event, out) => {
      const position = count++
      // Not OpenAI's, but some hosts end with it.
      if (event.data === "[DONE]") {
        done = true
        return failed ?? incomplete()
      }
      const json = JsonEvent.parse(event.data, position)
      if (json === undefined) return undefined
      if (json instanceof ProviderError.MalformedEvent) {
        // An event that the end of the body cut off is not malformed: the stream is incomplete.
        return event.unterminated ? undefined : failed ?? json
      }
      if (json["type"] !== "error" && statesError(json, event.event)) {
        return failed ?? ProviderError.classify(failure(json), options.errors)
      }
      if (!isPayload(json)) return failed ?? invalid(json, event.data, position)
      const fault = faultOf(json, position, event.data)
      if (fault !== undefined) return failed ?? fault
      // Before the first chunk a request can be sent again.
      if (json.type === "error" && chunks === 0) return ProviderError.classify(failure(json), options.errors)
      const context = contextOf(json)
      chunks++
      out.push(options.make(json, context, info))
      if (json.type === "error") failed ??= ProviderError.classify(failure(json), options.errors)
      if (json.type === "response.failed") {
        return failed ?? ProviderError.classify(failure(json.response ?? {}), options.errors)
      }
      return done ? failed : undefined
    },
    get pending() {
      return failed
    },
    get done() {
      return done
    },
    end: () => failed ?? incomplete()
  }
}

const statesError = (json: { readonly [key: string]: unknown }, event: string | undefined): boolean =>
  event === "error" || (typeof json["type"] !== "string" && json["error"] !== undefined && json["error"] !== null)

const failure = (json: object): ProviderError.Failure => {
  const stated = failureOf(json) ?? { message: "The provider stated an error without a message" }
  // A flat body: its type is the event's, not the error's.
  return stated.type === "error" ? { ...stated, type: undefined } : stated
}

/**
 * Makes the protocol of a host of this format.
 *
 * @example
 * ```ts
 * import { OpenAiResponsesChunk, Responses } from "effect-llm-stream"
 *
 * const protocol = Responses.protocol({
 *   provider: "gateway",
 *   make: (chunk, context) => new OpenAiResponsesChunk({ provider: "gateway", chunk, ...context }),
 *   errors: Responses.errors
 * })
 * protocol.contentTypes // ["text/event-stream"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const protocol = <C>(options: {
  readonly provider: string
  readonly make: MakeChunk<C>
  readonly errors: ProviderError.Table
  /** What the host states in the headers of its responses. Default: its id of the request, where most hosts have it. */
  readonly headers?: Protocol.ResponseHeaders | undefined
}): Protocol.Protocol<C> =>
  Protocol.make({
    provider: options.provider,
    framing: Protocol.serverSentEvents,
    events: events(options),
    errors: options.errors,
    headers: options.headers
  })
