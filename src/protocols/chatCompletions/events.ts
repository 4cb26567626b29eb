/**
 * Turns the events of one response into chunks, and tells a finished response from one that was cut off.
 *
 * @since 0.2.0
 */
import type * as Schema from "effect/Schema"
import type { Chunk } from "../../Chunk.ts"
import { hasOutput } from "../../content/hasOutput.ts"
import * as Decoder from "../../engine/decoder.ts"
import * as Protocol from "../../engine/protocol.ts"
import { elements } from "../../internal/open.ts"
import type * as ProviderError from "../../ProviderError.ts"
import * as JsonEvent from "../../wire/jsonEvent.ts"
import { indexOf, type Payload } from "./payload.ts"

/**
 * Makes the protocol of a host of this format.
 *
 * @example
 * ```ts
 * import { ChatCompletions, OpenAiChunk } from "effect-llm-stream"
 *
 * const protocol = ChatCompletions.protocol({
 *   provider: "gateway",
 *   payload: ChatCompletions.Payload,
 *   make: (chunk) => new OpenAiChunk({ provider: "gateway", chunk }),
 *   errors: { ...ChatCompletions.errors, statuses: { 520: "Overloaded" } }
 * })
 * protocol.contentTypes // ["text/event-stream"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const protocol = <P extends Payload, C extends Chunk>(options: {
  readonly provider: string
  /** The host's payload schema; its encoded form is the payload itself. */
  readonly payload: Schema.Codec<P, P>
  /** The host's chunk from a payload that passed the schema. */
  readonly make: (payload: P, info: Protocol.ResponseInfo) => C
  readonly errors: Protocol.Errors
  /** A failure that the host states in an unusual place. */
  readonly failure?: (payload: P) => ProviderError.Failure | undefined
  /**
   * An object in an unusual place that states a failure in a usual shape.
   *
   * @internal
   */
  readonly stated?: (payload: P) => object | undefined
  /** Facts in the headers of the host's responses. Default: the request id, under the names that most hosts use. */
  readonly headers?: Protocol.ResponseHeaders | undefined
}): Protocol.Protocol<C> => {
  const check = JsonEvent.check(options.payload)
  const failureIn = (payload: P): Decoder.Stated | undefined => {
    const failure = options.failure?.(payload)
    if (failure !== undefined) return () => failure
    const object = options.stated?.(payload) ?? failedChoice(payload)
    return object && Decoder.failure(object)
  }
  return Protocol.make({
    provider: options.provider,
    framing: Protocol.serverSentEvents,
    errors: options.errors,
    headers: options.headers,
    events: (info) => {
      let isAudioComplete = false
      const unfinished = new Map<number, boolean>()
      const observe = ({ choices }: Payload) => {
        if (choices === null || choices === undefined) return
        for (let position = 0; position < choices.length; position++) {
          const choice = choices[position]
          if (choice === undefined || choice === null) continue
          const index = indexOf(choice, position)
          if (choice.finish_reason) {
            unfinished.set(index, false)
          } else if (!unfinished.has(index)) {
            unfinished.set(index, true)
          }
          // With audio output no chunk states a finish reason; the expiry comes when the audio is complete.
          if (typeof choice.delta?.audio?.expires_at === "number") isAudioComplete = true
        }
      }
      return new Decoder.Decoder<P, C>({
        errors: options.errors,
        check,
        isFailure,
        take: (payload, out, stated) => {
          const failure = stated ?? failureIn(payload)
          const chunk = options.make(payload, info)
          if (failure === undefined) observe(payload)
          if (failure === undefined || chunk.usage !== undefined || hasOutput(chunk)) out.push(chunk)
          return failure
        },
        isComplete: (end) =>
          end === "[DONE]" || isAudioComplete || unfinished.size > 0 && !Array.from(unfinished.values()).includes(true),
        lacks: "a finish reason"
      })
    }
  })
}

// `{"error": …}`, or flat as vLLM and others send it.
const isFailure = ({ error, object, type }: Decoder.Json, event: string | undefined): boolean =>
  event === "error" || Decoder.isStated(error) || object === "error" || type === "error"

const failedChoice = (payload: Payload): object | undefined =>
  elements(payload.choices).find(({ error }) => Decoder.isStated(error))
