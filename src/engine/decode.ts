/**
 * Decodes bodies without a network.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ProviderError from "../errors/providerError.ts"
import { validator } from "../internal/validator.ts"
import { invalidJson, invalidPayload, reasonOf } from "../wire/explain.ts"
import { isUnexplained } from "../wire/fault.ts"
import * as JsonEvent from "../wire/jsonEvent.ts"
import { chunkPull, type Fault, lines, type Progress, type Protocol, type ResponseInfo } from "./protocol.ts"

/**
 * Makes a function that reads the data of an event as JSON and checks it against the schema of a provider's payload.
 * The payload is the parsed object itself, fields that the schema does not know included.
 *
 * Gives `undefined` for an event without data (a heartbeat), and `MalformedEvent` for data that is not a JSON object or
 * in which a known field has another type. `event` is the event's position in the stream, which the error states.
 *
 * @example
 * ```ts
 * import { Protocol, ProviderError } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const read = Protocol.payload(Schema.Struct({ word: Schema.String }))
 * read(`{"word":"Hello","more":1}`, 0) // { word: "Hello", more: 1 }
 * read(`{"word":1}`, 1) instanceof ProviderError.MalformedEvent // true
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const payload = <P>(
  schema: Schema.Codec<P, P>
): (data: string, event: number) => P | ProviderError.MalformedEvent | undefined => {
  const isPayload = validator(schema)
  return (data, event) => {
    const json = JsonEvent.parse(data, event)
    if (isUnexplained(json)) return invalidJson(data, event)
    return json === undefined || isPayload(json) ? json : invalidPayload(schema, json, data, event)
  }
}

/**
 * The reason for which a response fails.
 *
 * @example
 * ```ts
 * import { OpenAi, Protocol } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const decoder = OpenAi.protocol().body({})
 * decoder.push(new TextEncoder().encode("data: {\"error\":{\"message\":\"Slow down\",\"code\":\"rate_limit_exceeded\"}}\n\n"))
 * const { failure } = decoder
 * const reason = failure && await Effect.runPromise(Protocol.reason(failure))
 * reason?._tag // "RateLimited"
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const reason: (fault: Fault) => Effect.Effect<ProviderError.Reason> = reasonOf

/**
 * Decodes a body into chunks, one array for each read. Chunks that were decoded before a failure always come first.
 *
 * @example
 * ```ts
 * import { OpenAi, Protocol } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(Protocol.decode(OpenAi.protocol()))
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = <C>(protocol: Protocol<C>, options?: {
  readonly info?: ResponseInfo | undefined
  /** `lines` for a recording with one payload a line. Default: the provider's own framing. */
  readonly framing?: "body" | "lines" | undefined
}) =>
<E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<C, E | ProviderError.ProviderError, R> =>
  Stream.transformPull(bytes, (pull) =>
    Effect.sync(() => {
      const { provider } = protocol
      const progress: Progress = {
        emitted: false,
        fail: (fault) =>
          Effect.flatMap(reason(fault), (reason) =>
            Effect.fail(new ProviderError.ProviderError({ provider, reason, emitted: progress.emitted })))
      }
      const decoder = protocol.body(options?.info ?? {}, options?.framing === "lines" ? lines : undefined)
      return chunkPull(decoder, pull, progress)
    }))
