/**
 * A chunk of Groq's chat completions.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import { list, nullish, open } from "../internal/open.ts"
import {
  ChatCompletionChunk,
  choiceFields,
  chunkFields,
  deltaFields,
  usageFields,
  usageOf
} from "../protocols/ChatCompletions.ts"
import type { Usage } from "../Usage.ts"

const Annotation = open({
  type: nullish(Schema.String),
  document_citation: nullish(open({
    document_id: nullish(Schema.String),
    start_index: nullish(Schema.Finite),
    end_index: nullish(Schema.Finite)
  })),
  function_citation: nullish(open({
    tool_call_id: nullish(Schema.String),
    start_index: nullish(Schema.Finite),
    end_index: nullish(Schema.Finite)
  }))
})

const ExecutedTool = open({
  index: nullish(Schema.Finite),
  type: nullish(Schema.String),
  // Strings by the specification, but each tool's own.
  arguments: nullish(Schema.Union([Schema.String, open({}), Schema.Array(Schema.Unknown)])),
  output: nullish(Schema.Union([Schema.String, open({}), Schema.Array(Schema.Unknown)])),
  search_results: nullish(open({
    images: nullish(Schema.Array(Schema.Unknown)),
    results: nullish(list(open({
      title: nullish(Schema.String),
      url: nullish(Schema.String),
      content: nullish(Schema.String),
      score: nullish(Schema.Finite)
    })))
  })),
  browser_results: nullish(list(open({
    title: nullish(Schema.String),
    url: nullish(Schema.String),
    content: nullish(Schema.String),
    live_view_url: nullish(Schema.String)
  }))),
  code_results: nullish(list(open({
    text: nullish(Schema.String),
    png: nullish(Schema.String),
    chart: Schema.optionalKey(Schema.Unknown),
    charts: nullish(Schema.Array(Schema.Unknown))
  })))
})

const GroqUsage = open({
  ...usageFields,
  // Seconds.
  queue_time: nullish(Schema.Finite),
  prompt_time: nullish(Schema.Finite),
  completion_time: nullish(Schema.Finite),
  total_time: nullish(Schema.Finite)
})

const XGroq = open({
  id: nullish(Schema.String),
  seed: nullish(Schema.Finite),
  usage: nullish(GroqUsage),
  usage_breakdown: nullish(open({
    models: nullish(list(open({ model: nullish(Schema.String), usage: nullish(GroqUsage) })))
  })),
  // A string by the specification; an object like that of any other error has been seen.
  error: nullish(Schema.Union([Schema.String, open({ message: nullish(Schema.String) })])),
  debug: nullish(open({
    input_token_ids: nullish(list(Schema.Finite)),
    input_tokens: nullish(list(Schema.String)),
    output_token_ids: nullish(list(Schema.Finite)),
    output_tokens: nullish(list(Schema.String))
  }))
})

const GroqDelta = open({
  ...deltaFields,
  channel: nullish(Schema.String),
  annotations: nullish(list(Annotation)),
  executed_tools: nullish(list(ExecutedTool))
})

/**
 * Schema of Groq's payload: that of all chat completions, with reasoning channels, tools that Groq ran itself, and
 * `x_groq`. Unknown fields and values are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GroqPayload = open({
  ...chunkFields(open(choiceFields(GroqDelta))),
  usage: nullish(GroqUsage),
  x_groq: nullish(XGroq)
})

/**
 * A chunk of Groq's chat completions as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type GroqPayload = typeof GroqPayload.Type

/**
 * A chunk of Groq's chat completions.
 *
 * `chunk` is the payload of `POST /openai/v1/chat/completions` with `stream: true`, unknown fields and values included.
 * Groq states the usage in up to three places; `usage` has it once.
 *
 * @example
 * ```ts
 * import { GroqChunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(GroqChunk.FromPayload)({
 *   choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
 *   x_groq: { id: "req_1", usage: { prompt_tokens: 9, completion_tokens: 3, total_time: 0.02 } }
 * })
 * chunk.outputTokens // 3
 * chunk.chunk.x_groq?.usage?.total_time // 0.02
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class GroqChunk extends ChatCompletionChunk.extend<GroqChunk>("effect-llm-stream/GroqChunk")({
  _tag: Schema.tag("GroqChunk"),
  provider: Schema.tag("groq"),
  chunk: GroqPayload
}) {
  /** @since 0.1.0 */
  override get usage(): Usage | undefined {
    return usageOf(this.chunk.x_groq?.usage, this.chunk.usage)
  }

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(GroqPayload, GroqChunk)
}
