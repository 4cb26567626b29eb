/**
 * From the events of one response to chunks, and what tells a finished response from one that was cut off.
 *
 * @since 0.2.0
 */
import type * as Schema from "effect/Schema"
import { type Chunk, hasOutput } from "../../Chunk.ts"
import { excerpt, failureOf } from "../../engine/errorBody.ts"
import * as JsonEvent from "../../internal/jsonEvent.ts"
import { elements } from "../../internal/open.ts"
import { validator } from "../../internal/validator.ts"
import * as Protocol from "../../Protocol.ts"
import * as ProviderError from "../../ProviderError.ts"
import { indexOf, type Payload } from "./payload.ts"

/**
 * The errors of the chat-completions format, as OpenAI documents them and its compatible hosts use them.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = {
  codes: {
    invalid_api_key: "Authentication",
    authentication_error: "Authentication",
    permission_error: "PermissionDenied",
    model_not_found: "NotFound",
    previous_response_not_found: "NotFound",
    context_length_exceeded: "ContextLengthExceeded",
    content_filter: "ContentFiltered",
    content_policy_violation: "ContentFiltered",
    rate_limit_exceeded: "RateLimited",
    insufficient_quota: "QuotaExceeded",
    billing_hard_limit_reached: "QuotaExceeded",
    overloaded_error: "Overloaded",
    server_error: "ServerError",
    api_error: "ServerError",
    timeout: "Timeout",
    invalid_request_error: "InvalidRequest"
  },
  messages: [
    [/maximum context length|prompt is too long|input tokens exceeded/i, "ContextLengthExceeded"],
    [/exceeded your current quota/i, "QuotaExceeded"]
  ],
  retryableStatuses: [409]
}

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
  /** A failure that the host states in a place of its own. */
  readonly failure?: (payload: P) => ProviderError.Failure | undefined
  /** What the host states in the headers of its responses. Default: its id of the request, where most hosts have it. */
  readonly headers?: Protocol.ResponseHeaders | undefined
}): Protocol.Protocol<C> => {
  const isPayload = validator(options.payload)
  const invalid = JsonEvent.invalidPayload(options.payload)
  return Protocol.make({
    provider: options.provider,
    framing: Protocol.serverSentEvents,
    errors: options.errors,
    headers: options.headers,
    events: (info) => {
      let count = 0
      let chunks = 0
      let done = false
      let audioComplete = false
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
          if (typeof choice.delta?.audio?.expires_at === "number") audioComplete = true
        }
      }
      const incomplete = () =>
        new ProviderError.IncompleteStream({
          message: chunks === 0
            ? "The stream ended without a single chunk"
            : `The stream ended after ${chunks} chunks without a finish reason`
        })
      return {
        event: (event, out) => {
          const position = count++
          if (isTerminator(event.data)) {
            done = true
            return chunks === 0 ? incomplete() : undefined
          }
          const json = JsonEvent.parse(event.data, position)
          if (json === undefined) return undefined
          if (json instanceof ProviderError.MalformedEvent) {
            // An event that the end of the body cut off is not malformed: the stream is incomplete.
            if (event.unterminated) return undefined
            return event.event === "error"
              ? ProviderError.classify({ message: excerpt(event.data) }, options.errors)
              : json
          }
          const stated = event.event === "error" || isFailure(json)
            ? failureOf(json) ?? { message: "The provider stated an error without a message" }
            : undefined
          if (!isPayload(json)) {
            return stated === undefined
              ? invalid(json, event.data, position)
              : ProviderError.classify(stated, options.errors)
          }
          const failure = stated ?? options.failure?.(json) ?? choiceFailure(json)
          const chunk = options.make(json, info)
          if (failure === undefined) {
            observe(json)
            chunks++
            out.push(chunk)
            return undefined
          }
          if (isWorthKeeping(chunk)) out.push(chunk)
          return ProviderError.classify(failure, options.errors)
        },
        get done() {
          return done
        },
        end: () => {
          if (audioComplete) return undefined
          for (const open of unfinished.values()) {
            if (open) return incomplete()
          }
          return unfinished.size === 0 ? incomplete() : undefined
        }
      }
    }
  })
}

// `{` first is every real event.
const isTerminator = (data: string): boolean => data.charCodeAt(0) !== 123 && data.trim() === "[DONE]"

// `{"error": …}`, or flat as vLLM and others send it.
const isFailure = (json: { readonly [key: string]: unknown }): boolean =>
  statesError(json["error"]) || json["object"] === "error" || json["type"] === "error"

// Some hosts have the field in every chunk.
const statesError = (error: unknown): boolean =>
  error !== undefined && error !== null && error !== "" && error !== false

const choiceFailure = (payload: Payload): ProviderError.Failure | undefined => {
  for (const choice of elements(payload.choices)) {
    if (statesError(choice["error"])) return failureOf(choice)
  }
  return undefined
}

const isWorthKeeping = (chunk: Chunk): boolean => chunk.usage !== undefined || hasOutput(chunk)
