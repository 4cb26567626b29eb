/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import type * as FinishReason from "../../FinishReason.ts"
import { list, nullish, open } from "../../internal/open.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Usage from "../../Usage.ts"
import * as BedrockEvent from "../awsEvent.ts"

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

/** @internal */
export const members = {
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
