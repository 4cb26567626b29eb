/**
 * The memory of the events of a response, which tells a text that comes whole from one that came in pieces.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { elements } from "../../internal/open.ts"
import { countedType, type ResponsesChunk } from "./chunk.ts"
import type { OutputItem, Payload, Response } from "./payload.ts"
import { partText, texts } from "./texts.ts"

/**
 * The context of an event from earlier events.
 *
 * @category models
 * @since 0.2.0
 */
export interface Context extends Partial<Pick<ResponsesChunk, "whole" | "items" | "call">> {}

/**
 * Gives a chunk its context.
 *
 * @internal
 */
export const setContext = (
  chunk: { -readonly [K in keyof Context]: Context[K] },
  { call, items, whole }: Context
): void => {
  if (whole !== undefined) chunk.whole = whole
  if (items !== undefined) chunk.items = items
  if (call !== undefined) chunk.call = call
}

/**
 * A place in the stream of a background response.
 *
 * @category models
 * @since 0.2.0
 */
export interface Position {
  /** The response's id, as its first chunks state it. */
  readonly id: string
  /** The number of the last event that was read: `sequenceNumber` of its chunk. Default: the start of the stream. */
  readonly startingAfter?: number | undefined
}

/** The pieces of an item that came. */
interface ItemState {
  announced: boolean
  /** The parts of which a piece came. */
  readonly parts: Set<number>
  /** Whether its beginning was seen. If not, only its pieces count, because the rest may have come before. */
  known: boolean
}

const part = (kind: number, index: unknown): number => kind + 8 * (typeof index === "number" ? index : 0)

const hasText = ({ type }: OutputItem): boolean =>
  type === "message" || type === "reasoning" || type === "function_call" || type === "custom_tool_call" ||
  type === "mcp_call"

const nothing: Context = {}

const wholeText: Context = { whole: "text" }

const wholeItem: Context = { whole: "item" }

/** An event of an item. */
type Piece = Readonly<Record<string, unknown>>

/**
 * The state of a response that the next events depend on.
 *
 * @internal
 */
export class Memory {
  /** The response's id, once an event has stated it. */
  id: string | undefined
  /** The number of the last event that has one. */
  number: number | undefined
  /** Whether the events before some place are unknown. */
  private isPartial: boolean
  private search: string | undefined
  private items = new Map<number | string, ItemState>()
  private types: Array<string> | undefined
  private containers: Set<string> | undefined
  /** The last event with a piece: most are followed by another of the same part, which states nothing new. */
  private last: Pick<Piece, "type" | "output_index" | "content_index" | "summary_index"> | undefined

  constructor(position?: Position) {
    this.id = position?.id
    this.number = position?.startingAfter
    this.isPartial = position?.startingAfter !== undefined
  }

  /** Adds an event that follows the last one, and returns its context. */
  see(event: Payload): Context {
    const { sequence_number } = event
    if (typeof sequence_number === "number") this.number = sequence_number
    this.id ??= responseId(event)
    const { last } = this
    if (
      last !== undefined && event.type === last["type"] && event["output_index"] === last["output_index"] &&
      event["content_index"] === last["content_index"] && event["summary_index"] === last["summary_index"]
    ) return nothing
    const text = texts.get(event.type)
    if (text !== undefined) {
      const at = part(text.kind, text.index && event[text.index])
      return text.whole === undefined ? this.#piece(event, at) : event[text.whole] ? this.#whole(event, at) : nothing
    }
    switch (event.type) {
      case "response.content_part.done":
      case "response.reasoning_summary_part.done": {
        const stated = event.part && partText(event.part)
        return stated?.text
          ? this.#whole(event, part(stated.kind, event["content_index"] ?? event["summary_index"]))
          : nothing
      }
      case "response.output_item.added": {
        const item = this.#itemAt(event.output_index, event.item?.id)
        item.announced = true
        item.known = true
        return nothing
      }
      case "response.output_item.done":
        return event.item ? this.#itemDone(event.item, this.#itemAt(event.output_index, event.item.id)) : nothing
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        return this.#ended(event.response ?? {})
      default:
        return nothing
    }
  }

  #itemAt(index: unknown, id: unknown): ItemState {
    const key = typeof index === "number" ? index : typeof id === "string" ? id : -1
    let item = this.items.get(key)
    if (item === undefined) {
      this.items.set(key, item = { announced: false, parts: new Set(), known: !this.isPartial })
    }
    return item
  }

  #piece(event: Piece, at: number): Context {
    this.#itemAt(event["output_index"], event["item_id"]).parts.add(at)
    const { content_index, output_index, summary_index, type } = event
    // Without it, the item is told by its id.
    if (typeof output_index === "number") this.last = { type, output_index, content_index, summary_index }
    return nothing
  }

  #whole(event: Piece, at: number): Context {
    const { known, parts } = this.#itemAt(event["output_index"], event["item_id"])
    if (!known || parts.has(at)) return nothing
    parts.add(at)
    return wholeText
  }

  #itemDone(item: OutputItem, state: ItemState): Context {
    const type = countedType(item, this.containers ??= new Set())
    if (type !== undefined) (this.types ??= []).push(type)
    if (item.type === "tool_search_call") this.search = item.id ?? undefined
    const isWhole = state.known && state.parts.size === 0
    const context = isWhole && !state.announced ? wholeItem : isWhole && hasText(item) ? wholeText : nothing
    state.announced = true
    state.parts.add(-1)
    return item.type === "tool_search_output" && !item.call_id && this.search !== undefined
      ? { ...context, call: this.search }
      : context
  }

  #ended(response: Response): Context {
    const output = elements(response.output)
    if (this.items.size === 0 && !this.isPartial) return output.length === 0 ? nothing : { whole: "response" }
    return output.length === 0 ? { items: this.types ?? [] } : nothing
  }
}

/**
 * A position whose past is known: `memory` makes a memory of it, for one run of the rest.
 *
 * @internal
 */
export interface Remembered extends Position {
  readonly memory: () => Memory
}

/**
 * The memory of a response at a position, or at its start.
 *
 * @internal
 */
export const at = (position?: Position | Remembered): Memory =>
  position !== undefined && "memory" in position && typeof position.memory === "function"
    ? position.memory()
    : new Memory(position)

/**
 * The id that an event states of its response.
 *
 * @internal
 */
export const responseId = (event: Payload): string | undefined => {
  const response = event["response"]
  const id = Predicate.isObject(response) ? response["id"] : undefined
  return typeof id === "string" && id !== "" ? id : undefined
}
