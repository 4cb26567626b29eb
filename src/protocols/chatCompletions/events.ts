/**
 * Turns the events of one response into chunks, and tells a finished response from one that was cut off.
 *
 * @since 0.2.0
 */
import type * as Schema from "effect/Schema"
import type { Chunk } from "../../Chunk.ts"
import { hasOutput } from "../../content/hasOutput.ts"
import * as Decoder from "../../engine/decoder.ts"
import { elements } from "../../internal/open.ts"
import * as Protocol from "../../Protocol.ts"
import * as ProviderError from "../../ProviderError.ts"
import { failureOf } from "../../wire/errorBody.ts"
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
  readonly errors: ProviderError.Table
  /** A failure that the host states in an unusual place. */
  readonly failure?: (payload: P) => ProviderError.Failure | undefined
  /** Facts in the headers of the host's responses. Default: the request id, under the names that most hosts use. */
  readonly headers?: Protocol.ResponseHeaders | undefined
}): Protocol.Protocol<C> => {
  const check = JsonEvent.check(options.payload)
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
          const failure = stated ?? options.failure?.(payload) ?? choiceFailure(payload)
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

const choiceFailure = (payload: Payload): ProviderError.Failure | undefined => {
  for (const choice of elements(payload.choices)) if (Decoder.isStated(choice["error"])) return failureOf(choice)
  return undefined
}
