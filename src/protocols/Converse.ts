/**
 * Bedrock's Converse format: payload schema, finish reasons, usage, request encoding and the end of a stream.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as FinishReason from "../FinishReason.ts"
import * as BedrockEvent from "./awsEvent.ts"
import { defined } from "../internal/defined.ts"
import * as JsonEvent from "../internal/jsonEvent.ts"
import { list, nullish, open } from "../internal/open.ts"
import * as Prompt from "../internal/prompt.ts"
import { validator } from "../internal/validator.ts"
import type * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Usage from "../Usage.ts"
import type * as EventStream from "../wire/EventStream.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Payload
// ---------------------------------------------------------------------------------------------------------------------

const anything = Schema.Record(Schema.String, Schema.Unknown)

/**
 * Schema of a source that the text of a block cites (`CitationsDelta`).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Citation = open({
  title: nullish(Schema.String),
  source: nullish(Schema.String),
  sourceContent: nullish(list(open({ text: nullish(Schema.String) }))),
  /** One of these, depending on what is cited. */
  location: nullish(open({
    web: nullish(open({ url: nullish(Schema.String), domain: nullish(Schema.String) })),
    documentChar: nullish(open({
      documentIndex: nullish(Schema.Finite),
      start: nullish(Schema.Finite),
      end: nullish(Schema.Finite)
    })),
    documentPage: nullish(open({
      documentIndex: nullish(Schema.Finite),
      start: nullish(Schema.Finite),
      end: nullish(Schema.Finite)
    })),
    documentChunk: nullish(open({
      documentIndex: nullish(Schema.Finite),
      start: nullish(Schema.Finite),
      end: nullish(Schema.Finite)
    })),
    searchResultLocation: nullish(open({
      searchResultIndex: nullish(Schema.Finite),
      start: nullish(Schema.Finite),
      end: nullish(Schema.Finite)
    }))
  }))
})

/**
 * A source that the text of a block cites.
 *
 * @category models
 * @since 0.1.0
 */
export type Citation = typeof Citation.Type

const ContentBlockStart = open({
  toolUse: nullish(open({
    toolUseId: nullish(Schema.String),
    name: nullish(Schema.String),
    /** `server_tool_use` for a tool that the provider runs itself. */
    type: nullish(Schema.String)
  })),
  toolResult: nullish(open({
    toolUseId: nullish(Schema.String),
    type: nullish(Schema.String),
    status: nullish(Schema.String)
  })),
  image: nullish(open({ format: nullish(Schema.String) }))
})

const ContentBlockDelta = open({
  text: nullish(Schema.String),
  toolUse: nullish(open({ input: nullish(Schema.String) })),
  toolResult: nullish(
    list(open({ text: nullish(Schema.String), json: Schema.optionalKey(Schema.Unknown) }))
  ),
  reasoningContent: nullish(open({
    text: nullish(Schema.String),
    signature: nullish(Schema.String),
    /** Base64. */
    redactedContent: nullish(Schema.String)
  })),
  citation: nullish(Citation),
  image: nullish(open({
    source: nullish(open({
      /** Base64. */
      bytes: nullish(Schema.String),
      s3Location: nullish(open({ uri: nullish(Schema.String), bucketOwner: nullish(Schema.String) }))
    })),
    error: nullish(open({ message: nullish(Schema.String) }))
  }))
})

const TokenUsage = open({
  inputTokens: nullish(Schema.Finite),
  outputTokens: nullish(Schema.Finite),
  totalTokens: nullish(Schema.Finite),
  cacheReadInputTokens: nullish(Schema.Finite),
  cacheWriteInputTokens: nullish(Schema.Finite),
  // The same counts under their older names.
  cacheReadInputTokenCount: nullish(Schema.Finite),
  cacheWriteInputTokenCount: nullish(Schema.Finite),
  cacheDetails: nullish(list(open({ ttl: nullish(Schema.String), inputTokens: nullish(Schema.Finite) }))),
  /** Requests of tools that the provider runs itself, by kind. */
  serverToolUsage: nullish(anything)
})

/**
 * A `usage` object as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type TokenUsage = typeof TokenUsage.Type

/**
 * Schema of what guardrails and prompt routers did (`ConverseStreamTrace`).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Trace = open({
  /** Assessments by the guardrail's id. */
  guardrail: nullish(open({
    modelOutput: nullish(list(Schema.String)),
    inputAssessment: nullish(Schema.Record(Schema.String, Schema.NullOr(anything))),
    outputAssessments: nullish(Schema.Record(Schema.String, Schema.NullOr(list(anything)))),
    actionReason: nullish(Schema.String)
  })),
  promptRouter: nullish(open({ invokedModelId: nullish(Schema.String) }))
})

/**
 * What guardrails and prompt routers did.
 *
 * @category models
 * @since 0.1.0
 */
export type Trace = typeof Trace.Type

const contentBlockIndex = nullish(Schema.Finite)

const members = {
  messageStart: open({ role: nullish(Schema.String) }),
  contentBlockStart: open({ contentBlockIndex, start: nullish(ContentBlockStart) }),
  contentBlockDelta: open({ contentBlockIndex, delta: nullish(ContentBlockDelta) }),
  contentBlockStop: open({ contentBlockIndex }),
  messageStop: open({
    stopReason: nullish(Schema.String),
    /** The fields of the model's own response that `additionalModelResponseFieldPaths` asks for. */
    additionalModelResponseFields: Schema.optionalKey(Schema.Unknown)
  }),
  metadata: open({
    usage: nullish(TokenUsage),
    metrics: nullish(open({ latencyMs: nullish(Schema.Finite) })),
    trace: nullish(Trace),
    performanceConfig: nullish(open({ latency: nullish(Schema.String) })),
    serviceTier: nullish(open({ type: nullish(Schema.String) }))
  })
}

/**
 * Schema of an event: its payload, under the event's type. There is exactly one key, as in AWS's `ConverseStreamOutput`.
 * Unknown fields are kept, the random padding `p` among them, and so are events of a type that is not listed here.
 *
 * See https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Payload = Schema.StructWithRest(
  Schema.Struct({
    messageStart: Schema.optionalKey(members.messageStart),
    contentBlockStart: Schema.optionalKey(members.contentBlockStart),
    contentBlockDelta: Schema.optionalKey(members.contentBlockDelta),
    contentBlockStop: Schema.optionalKey(members.contentBlockStop),
    messageStop: Schema.optionalKey(members.messageStop),
    metadata: Schema.optionalKey(members.metadata)
  }),
  [Schema.Record(Schema.String, anything)]
).check(Schema.isBetweenProperties(1, 1))

/**
 * An event as it comes over the wire: its payload, under its type.
 *
 * @category models
 * @since 0.1.0
 */
export type Payload = typeof Payload.Type

// The type is known from the frame: only the member's own schema has to be looked at.
const validators = new Map<string, (json: unknown) => boolean>(
  Object.entries(members).map(([type, member]) => [type, validator<object>(Schema.toType(member))])
)

const isPayload = (_payload: object, { json, type }: BedrockEvent.Event): _payload is Payload =>
  validators.get(type)?.(json) ?? true

const invalid = JsonEvent.invalidPayload(Schema.toType(Payload))

// ---------------------------------------------------------------------------------------------------------------------
// Tables
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Bedrock's stop reasons.
 *
 * @category mapping
 * @since 0.1.0
 */
export const finishReasons = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  guardrail_intervened: "content_filter",
  content_filtered: "content_filter",
  malformed_model_output: "error",
  malformed_tool_use: "error"
} as const satisfies FinishReason.Table

/**
 * The usage that a `usage` object of this format states; `undefined` when it states none. On the wire `inputTokens` is
 * exclusive of cache reads and writes.
 *
 * @example
 * ```ts
 * import { Converse } from "effect-llm-stream"
 *
 * const usage = Converse.usageOf({ inputTokens: 10, cacheReadInputTokens: 90, outputTokens: 5, totalTokens: 105 })
 * usage?.inputTokens // 100
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const usageOf = (usage: TokenUsage | null | undefined): Usage.Usage | undefined =>
  usage === null || usage === undefined ? undefined : Usage.fromStated({
    uncachedInputTokens: usage.inputTokens,
    cachedTokens: usage.cacheReadInputTokens ?? usage.cacheReadInputTokenCount,
    cacheWriteTokens: usage.cacheWriteInputTokens ?? usage.cacheWriteInputTokenCount,
    cacheWrite5mTokens: writtenFor("5m", usage),
    cacheWrite1hTokens: writtenFor("1h", usage),
    outputTokens: usage.outputTokens,
    serverToolRequests: Object.fromEntries(
      Object.entries(usage.serverToolUsage ?? {}).filter((entry): entry is [string, number] =>
        typeof entry[1] === "number"
      )
    )
  })

const writtenFor = (ttl: string, { cacheDetails }: TokenUsage): number | undefined => {
  const counts = (cacheDetails ?? []).flatMap((detail) =>
    detail?.ttl === ttl && typeof detail.inputTokens === "number" ? [detail.inputTokens] : []
  )
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count)
}

/**
 * AWS's exceptions, which are the `code` of an error: `ThrottlingException` in a header, `throttlingException` in a
 * frame. They are the same for all operations and models.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = BedrockEvent.errors

// ---------------------------------------------------------------------------------------------------------------------
// Protocol
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Makes a chunk of an event that passed the schema. `block` is what was said of the content block when it started, for
 * events that continue or stop it: `toolUse`, `server_tool_use`, `toolResult` or `image`; `undefined` for other events,
 * and for blocks that have no start.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeChunk<C> = (payload: Payload, block: string | undefined, info: Provider.ResponseInfo) => C

/**
 * The event decoder of this format. Its state is what tells a finished response from a cut-off one, and what each content
 * block is: the events that continue a block do not say it.
 *
 * - The response is complete when `messageStop` was seen. The format has no terminal signal: usage and traces come in
 *   the `metadata` after `messageStop`. With both, the rest of the body is not read, as the socket may stay open; without
 *   `metadata` the body is read to its end.
 * - Exceptions and errors fail the stream, those of unknown types, too.
 *
 * @example
 * ```ts
 * import { BedrockChunk, Converse } from "effect-llm-stream"
 *
 * const decoder = Converse.events({ make: (chunk) => new BedrockChunk({ chunk }) })({})
 * const chunks: Array<BedrockChunk> = []
 * decoder.event({
 *   headers: { ":message-type": "event", ":event-type": "messageStop" },
 *   body: new TextEncoder().encode("{\"stopReason\": \"end_turn\"}")
 * }, chunks)
 * chunks[0]?.commonFinishReasons // ["stop"]
 * decoder.end() // undefined
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const events =
  <C>(options: { readonly make: MakeChunk<C> }) =>
  (info: Provider.ResponseInfo): Provider.EventDecoder<EventStream.Message, C> => {
    let count = 0
    let chunks = 0
    let stopped = false
    let hasMetadata = false
    const blocks = new Map<number | undefined, string>()

    const observe = (payload: Payload): string | undefined => {
      const { contentBlockDelta, contentBlockStart, contentBlockStop } = payload
      if (payload.messageStop !== undefined) stopped = true
      if (payload.metadata !== undefined) hasMetadata = true
      if (contentBlockStart !== undefined) {
        const kind = BedrockEvent.blockOf(contentBlockStart.start)
        if (kind !== undefined) blocks.set(contentBlockStart.contentBlockIndex ?? undefined, kind)
      }
      const continued = contentBlockDelta ?? contentBlockStop
      return continued === undefined ? undefined : blocks.get(continued.contentBlockIndex ?? undefined)
    }

    return {
      event: (message, out) => {
        const position = count++
        const event = BedrockEvent.read(message, position)
        if (event === undefined || "_tag" in event) return event
        const payload = { [event.type]: event.json }
        if (!isPayload(payload, event)) return invalid(payload, event.text, position)
        const block = observe(payload)
        chunks++
        out.push(options.make(payload, block, info))
        return undefined
      },
      get done() {
        return stopped && hasMetadata
      },
      end: () =>
        stopped ? undefined : new ProviderError.IncompleteStream({
          message: chunks === 0
            ? "The stream ended without a single chunk"
            : `The stream ended after ${chunks} chunks without a stop reason`
        })
    }
  }

// ---------------------------------------------------------------------------------------------------------------------
// Request
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The request body for a chat request. `options` is merged into it last, field by field within `inferenceConfig`. A seed
 * and penalties are left out, as the format has none: they are for `additionalModelRequestFields`, by the model's names.
 *
 * Fails with `InvalidRequest` when the prompt holds what this version can't send.
 *
 * @example
 * ```ts
 * import { ChatRequest, Converse } from "effect-llm-stream"
 *
 * const request = ChatRequest.normalize({ prompt: "Say hello", system: "Be brief", maxTokens: 100 })
 * const body = Converse.encodeRequest(request, { additionalModelRequestFields: { top_k: 5 } })
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeRequest = (
  request: ChatRequest.Normalized,
  options: Readonly<Record<string, unknown>>
): Result.Result<Readonly<Record<string, unknown>>, ProviderError.InvalidRequest> =>
  Result.map(Prompt.systemAndMessages(request), ({ messages, system }) => {
    const { inferenceConfig: own, ...rest } = options
    const inferenceConfig = defined({
      maxTokens: request.maxTokens,
      temperature: request.temperature,
      topP: request.topP,
      stopSequences: request.stop,
      ...(typeof own === "object" ? own : undefined)
    })
    return {
      messages: inTurns(messages),
      ...(system.length === 0 ? undefined : { system: system.map((text) => ({ text })) }),
      ...(Object.keys(inferenceConfig).length === 0 ? undefined : { inferenceConfig }),
      ...rest
    }
  })

interface Message {
  readonly role: string
  readonly content: ReadonlyArray<{ readonly text: string }>
}

// The format requires that user and assistant take turns.
const inTurns = (messages: ReadonlyArray<Prompt.TextMessage<string>>): ReadonlyArray<Message> => {
  const turns: Array<Message> = []
  for (const { role, texts } of messages) {
    const content = texts.map((text) => ({ text }))
    const previous = turns.at(-1)
    if (previous?.role === role) {
      turns[turns.length - 1] = { role, content: [...previous.content, ...content] }
    } else {
      turns.push({ role, content })
    }
  }
  return turns
}
