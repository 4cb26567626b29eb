import * as Effect from "effect/Effect"
import type { Failure } from "../errors/classify.ts"
import * as ProviderError from "../errors/providerError.ts"
import { type Errors, type Explain, type Fault, isUnexplained, type Unexplained } from "../wire/fault.ts"
import type * as JsonEvent from "../wire/jsonEvent.ts"
import { Reader } from "../wire/jsonReader.ts"
import type * as Sse from "../wire/Sse.ts"

/** @internal */
export type Json = { readonly [key: string]: unknown }

// Where a payload does not fit those before it.
/** @internal */
export type Misfit = { readonly message: string; readonly path: ReadonlyArray<string> }

/**
 * What an event says that states a failure.
 *
 * @internal
 */
export type Stated = (explain: Explain) => Failure

/** @internal */
export type End = "last" | "[DONE]" | "body"

/**
 * The part of a format's decoder that knows the events of one response.
 *
 * @internal
 */
export interface Format<P, C> {
  readonly errors: Errors
  readonly check: JsonEvent.Check<P>
  /** Whether an event states a failure after which nothing follows. */
  readonly isFailure: (json: Json, event: string | undefined) => boolean
  /** Appends the chunk of a payload, unless it fails, and says whether it is the last one. */
  readonly take: (
    payload: P,
    out: Array<C>,
    stated: Stated | undefined
  ) => Stated | Misfit | "last" | undefined
  /** Whether nothing is missing when a response ends with its last event, by `[DONE]`, or with the body. */
  readonly isComplete: (end: End) => boolean
  /** The missing part of an incomplete response. */
  readonly lacks: string
  /** An earlier failure. The response fails with it, whatever else goes wrong afterwards. */
  readonly pending?: () => Fault | undefined
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

  event({ data, event, unterminated }: Sse.Event, out: Array<C>): Fault | undefined {
    const format = this.#format
    const position = this.#count++
    const known = this.#json.known(data)
    // Every real event begins with `{`. Some hosts of the formats whose last event says so end with this as well.
    if (known === undefined && data.charCodeAt(0) !== 123 && data.trim() === "[DONE]") return this.#endedBy("[DONE]")
    const json = known ?? this.#json.parse(data, position)
    if (json === undefined) return undefined
    if (isUnexplained(json)) {
      // An event that the end of the body cut off is not malformed: the stream is incomplete.
      if (unterminated) return undefined
      return event === "error" ? this.#classified(({ excerpt }) => ({ message: excerpt(data) })) : this.pending ?? json
    }
    const stated = format.isFailure(json, event) ? failure(json) : undefined
    const payload = known !== undefined && this.#json.isPayload(known) ? known : format.check(json, data, position)
    if (isUnexplained(payload)) {
      return stated ? this.#classified(stated) : this.pending ?? payload
    }
    const before = out.length
    const taken = format.take(payload, out, stated)
    this.#chunks += out.length - before
    if (taken === undefined) return undefined
    if (taken === "last") return this.#endedBy("last")
    if (typeof taken === "function") return this.#classified(taken)
    const message = `Event ${position} ${taken.message}`
    return this.pending ??
      (({ malformed }) => Effect.succeed(malformed({ event: position, data, message, path: taken.path })))
  }

  end(): Fault | undefined {
    return this.#endedBy("body")
  }

  get pending(): Fault | undefined {
    return this.#format.pending?.()
  }

  #endedBy(end: End): Fault | undefined {
    this.done = end !== "body"
    return this.#chunks > 0 && this.#format.isComplete(end)
      ? undefined
      : this.pending ?? incomplete(this.#chunks, this.#format.lacks)
  }

  #classified(stated: Stated): Fault {
    return this.pending ?? classified(stated, this.#format.errors)
  }
}

/** @internal */
export const incomplete = (chunks: number, lacks: string): ProviderError.IncompleteStream =>
  new ProviderError.IncompleteStream({
    message: chunks === 0
      ? "The stream ended without a single chunk"
      : `The stream ended after ${chunks} chunks without ${lacks}`
  })

/** @internal */
export const classified = (stated: Stated, errors: Errors): Unexplained => (explain) =>
  explain.classified(stated(explain), errors)

// The object is known to state a failure.
/** @internal */
export const failure = (json: object): Stated => ({ stated }) => stated(json)

// Some hosts have the field in every event.
/** @internal */
export const isStated = (error: unknown): boolean =>
  error !== undefined && error !== null && error !== "" && error !== false

// Where events state their type, one that states an error may not.
/** @internal */
export const isUntypedFailure = (json: Json): boolean => typeof json["type"] !== "string" && isStated(json["error"])
