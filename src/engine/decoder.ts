import * as ProviderError from "../ProviderError.ts"
import { excerpt, failureOf } from "../wire/errorBody.ts"
import * as JsonEvent from "../wire/jsonEvent.ts"
import { Reader } from "../wire/jsonReader.ts"
import type * as Sse from "../wire/Sse.ts"

/** @internal */
export type Json = { readonly [key: string]: unknown }

// Where a payload does not fit those before it.
/** @internal */
export type Fault = { readonly message: string; readonly path: ReadonlyArray<string> }

/** @internal */
export type End = "last" | "[DONE]" | "body"

/**
 * The part of a format's decoder that knows the events of one response.
 *
 * @internal
 */
export interface Format<P, C> {
  readonly errors: ProviderError.Table
  readonly check: JsonEvent.Check<P>
  /** Whether an event states a failure after which nothing follows. */
  readonly isFailure: (json: Json, event: string | undefined) => boolean
  /** Appends the chunk of a payload, unless it fails, and says whether it is the last one. */
  readonly take: (
    payload: P,
    out: Array<C>,
    stated: ProviderError.Failure | undefined
  ) => ProviderError.Failure | Fault | "last" | undefined
  /** Whether nothing is missing when a response ends with its last event, by `[DONE]`, or with the body. */
  readonly isComplete: (end: End) => boolean
  /** The missing part of an incomplete response. */
  readonly lacks: string
  /** An earlier failure. The response fails with it, whatever else goes wrong afterwards. */
  readonly pending?: () => ProviderError.Reason | undefined
}

/**
 * The decoder of the events of one response, which are JSON objects.
 *
 * @internal
 */
export class Decoder<P, C> {
  readonly #format: Format<P, C>
  readonly #json: Reader<P>
  #count = 0
  #chunks = 0
  done = false

  constructor(format: Format<P, C>) {
    this.#format = format
    this.#json = new Reader(format.check.schema)
  }

  event({ data, event, unterminated }: Sse.Event, out: Array<C>): ProviderError.Reason | undefined {
    const format = this.#format
    const position = this.#count++
    const known = this.#json.known(data)
    // Every real event begins with `{`. Some hosts of the formats whose last event says so end with this as well.
    if (known === undefined && data.charCodeAt(0) !== 123 && data.trim() === "[DONE]") return this.#endedBy("[DONE]")
    const json = known ?? this.#json.parse(data, position)
    if (json === undefined) return undefined
    if (json instanceof ProviderError.MalformedEvent) {
      // An event that the end of the body cut off is not malformed: the stream is incomplete.
      if (unterminated) return undefined
      return event === "error" ? this.#classified({ message: excerpt(data) }) : this.pending ?? json
    }
    const stated = format.isFailure(json, event) ? failure(json) : undefined
    const payload = known !== undefined && this.#json.isPayload(known) ? known : format.check(json, data, position)
    if (payload instanceof ProviderError.MalformedEvent) {
      return stated ? this.#classified(stated) : this.pending ?? payload
    }
    const before = out.length
    const fault = format.take(payload, out, stated)
    this.#chunks += out.length - before
    if (fault === undefined) return undefined
    if (fault === "last") return this.#endedBy("last")
    if (!("path" in fault)) return this.#classified(fault)
    const message = `Event ${position} ${fault.message}`
    return this.pending ?? JsonEvent.malformed({ event: position, data, message, path: fault.path })
  }

  end(): ProviderError.Reason | undefined {
    return this.#endedBy("body")
  }

  get pending(): ProviderError.Reason | undefined {
    return this.#format.pending?.()
  }

  #endedBy(end: End): ProviderError.Reason | undefined {
    this.done = end !== "body"
    return this.#chunks > 0 && this.#format.isComplete(end)
      ? undefined
      : this.pending ?? incomplete(this.#chunks, this.#format.lacks)
  }

  #classified(failure: ProviderError.Failure): ProviderError.Reason {
    return this.pending ?? ProviderError.classify(failure, this.#format.errors)
  }
}

/** @internal */
export const incomplete = (chunks: number, lacks: string): ProviderError.IncompleteStream =>
  new ProviderError.IncompleteStream({
    message: chunks === 0
      ? "The stream ended without a single chunk"
      : `The stream ended after ${chunks} chunks without ${lacks}`
  })

// The object is known to state a failure.
/** @internal */
export const failure = (json: object): ProviderError.Failure => {
  const stated = failureOf(json) ?? { message: "The provider stated an error without a message" }
  // A flat body: its type is the event's, not the error's.
  return stated.type === "error" ? { ...stated, type: undefined } : stated
}

// Some hosts have the field in every event.
/** @internal */
export const isStated = (error: unknown): boolean =>
  error !== undefined && error !== null && error !== "" && error !== false

// Where events state their type, one that states an error may not.
/** @internal */
export const isUntypedFailure = (json: Json): boolean => typeof json["type"] !== "string" && isStated(json["error"])
