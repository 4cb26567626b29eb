/**
 * A model's answer, piece by piece in the order of streaming, and its chunks in each provider's format.
 *
 * Use it for streams in tests and demos, together with `TestProvider`, `ReplayServer` and `Arbitraries`.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Schema from "effect/Schema"
import { AnthropicChunk } from "../anthropic/AnthropicChunk.ts"
import { AzureChunk } from "../azure/AzureChunk.ts"
import { AzureResponsesChunk } from "../azure/AzureResponsesChunk.ts"
import { BedrockChunk } from "../bedrock/BedrockChunk.ts"
import { BedrockInvokeChunk } from "../bedrock/BedrockInvokeChunk.ts"
import { GroqChunk } from "../groq/GroqChunk.ts"
import { OpenAiChunk } from "../openai/OpenAiChunk.ts"
import { OpenAiResponsesChunk } from "../openai/OpenAiResponsesChunk.ts"
import type { ChatCompletionChunk } from "../protocols/ChatCompletions.ts"
import type { OutputItem } from "../protocols/Responses.ts"

const choice = {
  /** Which of the alternative answers the piece belongs to. Absent: the first, 0. */
  choice: Schema.optionalKey(Schema.Natural)
}

/**
 * Schema of a piece of an answer.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Piece = Schema.Union([
  Schema.Struct({ type: Schema.tag("content"), ...choice, text: Schema.String }),
  Schema.Struct({ type: Schema.tag("reasoning"), ...choice, text: Schema.String }),
  Schema.Struct({ type: Schema.tag("refusal"), ...choice, text: Schema.String }),
  Schema.Struct({
    type: Schema.tag("toolCall"),
    ...choice,
    /** Which of the choice's calls the piece belongs to; pieces of several calls may alternate. */
    call: Schema.Natural,
    /** Name of the tool. Only the first piece of a call counts. */
    name: Schema.NonEmptyString,
    /** Piece of the arguments' text. */
    arguments: Schema.String
  }),
  Schema.Struct({ type: Schema.tag("audio"), data: Schema.Uint8Array, transcript: Schema.String })
]).annotate({ identifier: "AnswerPiece" })

/**
 * A piece of an answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Piece = typeof Piece.Type

/**
 * Schema of the finish reasons that every provider can state.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FinishReason = Schema.Literals(["stop", "length", "tool_calls", "content_filter"])

/**
 * A finish reason that every provider can state.
 *
 * @category models
 * @since 0.1.0
 */
export type FinishReason = typeof FinishReason.Type

/**
 * Schema of the token counts that every provider can state.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Usage = Schema.Struct({
  /** Tokens, those read from the cache included. */
  inputTokens: Schema.Natural,
  /** Tokens read from the prompt cache. */
  cachedTokens: Schema.Natural,
  /** Tokens. */
  outputTokens: Schema.Natural
}).annotate({ identifier: "AnswerUsage" })

/**
 * The token counts that every provider can state.
 *
 * @category models
 * @since 0.1.0
 */
export type Usage = typeof Usage.Type

/**
 * Schema of a model's answer.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Answer = Schema.Struct({
  id: Schema.NonEmptyString,
  model: Schema.NonEmptyString,
  pieces: Schema.Array(Piece),
  finishReason: FinishReason,
  usage: Schema.optionalKey(Usage)
}).annotate({ identifier: "Answer" })

/**
 * A model's answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = typeof Answer.Type

/**
 * Makes an answer from whole texts, cutting them into word-like pieces: reasoning first, then content, refusal and tool
 * calls.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * const hello = Answer.make({ content: "Hello, world!", usage: { inputTokens: 9, cachedTokens: 0, outputTokens: 3 } })
 * hello.pieces.length // 2
 *
 * const call = Answer.make({ toolCalls: [{ name: "weather", arguments: `{"city":"Paris"}` }] })
 * call.finishReason // "tool_calls"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly content?: string | undefined
  readonly reasoning?: string | undefined
  readonly refusal?: string | undefined
  /** Each with its arguments' text, usually JSON. */
  readonly toolCalls?: ReadonlyArray<{ readonly name: string; readonly arguments: string }> | undefined
  /** Default: `tool_calls` when there are tool calls, else `stop`. */
  readonly finishReason?: FinishReason | undefined
  /** Default: no usage is stated. `cachedTokens` are 0 by default. */
  readonly usage?: Omit<Usage, "cachedTokens"> & Partial<Usage> | undefined
  /** Default: `answer-1`. */
  readonly id?: string | undefined
  /** Default: `test-model`. */
  readonly model?: string | undefined
}): Answer => {
  const toolCalls = options.toolCalls ?? []
  return {
    id: options.id ?? "answer-1",
    model: options.model ?? "test-model",
    pieces: [
      ...words(options.reasoning).map((text): Piece => ({ type: "reasoning", text })),
      ...words(options.content).map((text): Piece => ({ type: "content", text })),
      ...words(options.refusal).map((text): Piece => ({ type: "refusal", text })),
      ...toolCalls.flatMap(({ arguments: text, name }, call): ReadonlyArray<Piece> => [
        { type: "toolCall", call, name, arguments: "" },
        ...(text.match(/.{1,8}/gsu) ?? []).map((piece): Piece => ({ type: "toolCall", call, name, arguments: piece }))
      ])
    ],
    finishReason: options.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop"),
    ...(options.usage === undefined
      ? undefined
      : { usage: { ...options.usage, cachedTokens: options.usage.cachedTokens ?? 0 } })
  }
}

// Like a tokeniser, which puts the space before the word.
const words = (text: string | undefined): ReadonlyArray<string> => text?.match(/\s*\S+|\s+$/gu) ?? []

/**
 * The whole of one of the alternative answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Expected {
  readonly content: string
  readonly reasoning: string
  readonly refusal: string
  /** In the order of their first pieces. */
  readonly toolCalls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly arguments: string }>
}

/**
 * The whole of each of the alternative answers, by index, computed from the pieces alone. The response of a stream with
 * this answer has to be equal.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * Answer.expected(Answer.make({ content: "Hello, world!" }))[0]?.content // "Hello, world!"
 * ```
 *
 * @category destructors
 * @since 0.1.0
 */
export const expected = (answer: Answer): ReadonlyArray<Expected> =>
  Array.from({ length: choiceCount(answer) }, (_, index) => {
    const pieces = answer.pieces.filter((piece) => choiceOf(piece) === index)
    const textOf = (type: "content" | "reasoning" | "refusal") =>
      pieces.map((piece) => piece.type === type ? piece.text : "").join("")
    const toolCalls = pieces.filter((piece) => piece.type === "toolCall")
    return {
      content: textOf("content"),
      reasoning: textOf("reasoning"),
      refusal: textOf("refusal"),
      toolCalls: toolCalls.filter((piece, i) => toolCalls.findIndex(({ call }) => call === piece.call) === i).map(
        ({ call, name }) => ({
          id: callId(index, call),
          name,
          arguments: toolCalls.filter((piece) => piece.call === call).map((piece) => piece.arguments).join("")
        })
      )
    }
  })

const choiceOf = (piece: Piece): number => piece.type === "audio" ? 0 : piece.choice ?? 0

const choiceCount = (answer: Answer): number =>
  1 + answer.pieces.reduce((most, piece) => Math.max(most, choiceOf(piece)), 0)

const callId = (choice: number, call: number): string => `call_${choice}_${call}`

type Payload = ChatCompletionChunk["chunk"]
type Delta = NonNullable<NonNullable<NonNullable<Payload["choices"]>[number]>["delta"]>

/**
 * The chunks of an answer as OpenAI streams it: for each choice a first chunk with the role, the pieces, a chunk with
 * the finish reason, and at last the usage, if any. As at OpenAI, an answer with audio has no finish reason, but the
 * time at which the audio expires. Reasoning is in the field that most of OpenAI's compatible hosts use.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * Answer.openai(Answer.make({ content: "Hello, world!" })).map((chunk) => chunk.content) // ["", "Hello,", " world!", ""]
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const openai = (answer: Answer): ReadonlyArray<OpenAiChunk> =>
  chatCompletions(answer, "reasoning_content").map((chunk) => new OpenAiChunk({ chunk }))

/**
 * The chunks of an answer as Groq streams it: as OpenAI does, with Groq's field for reasoning and the usage in `x_groq`
 * as well.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * Answer.groq(Answer.make({ reasoning: "Be brief.", content: "Hi" })).map((chunk) => chunk.reasoning).join("") // "Be brief."
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const groq = (answer: Answer): ReadonlyArray<GroqChunk> =>
  chatCompletions(answer, "reasoning").map((chunk, index) =>
    new GroqChunk({
      chunk: {
        ...chunk,
        ...(index === 0 ? { x_groq: { id: `req_${answer.id}` } } : undefined),
        ...(chunk.usage ? { x_groq: { id: `req_${answer.id}`, usage: chunk.usage } } : undefined)
      }
    })
  )

/**
 * The chunks of an answer as Azure streams it: what the content filter found in the prompt, then as OpenAI does.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * const [first] = Answer.azure(Answer.make({ content: "Hello, world!" }))
 * first?.promptFilterResults.length // 1
 * first?.id // undefined
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const azure = (answer: Answer): ReadonlyArray<AzureChunk> => {
  const safe = { filtered: false, severity: "safe" }
  const filtered = { hate: safe, self_harm: safe, sexual: safe, violence: safe }
  return [
    {
      id: "",
      object: "",
      created: 0,
      model: "",
      choices: [],
      prompt_filter_results: [{ prompt_index: 0, content_filter_results: filtered }]
    },
    ...chatCompletions(answer, "reasoning_content")
  ].map((chunk) => new AzureChunk({ chunk }))
}

const chatCompletions = (
  answer: Answer,
  reasoning: "reasoning" | "reasoning_content"
): ReadonlyArray<Payload> => {
  const envelope = { id: answer.id, object: "chat.completion.chunk", created: 1767225600, model: answer.model }
  const chunk = (index: number, delta: Delta, finish_reason: string | null = null): Payload => ({
    ...envelope,
    choices: [{ index, delta, finish_reason }]
  })
  const choices = Array.from({ length: choiceCount(answer) }, (_, index) => index)
  const hasAudio = answer.pieces.some((piece) => piece.type === "audio")
  const seen = new Set<string>()
  const deltaOf = (piece: Piece): Delta => {
    switch (piece.type) {
      case "content":
        return { content: piece.text }
      case "reasoning":
        return { [reasoning]: piece.text }
      case "refusal":
        return { refusal: piece.text }
      case "audio":
        return { audio: { id: "audio_1", data: Base64.encode(piece.data), transcript: piece.transcript } }
      case "toolCall": {
        const id = callId(choiceOf(piece), piece.call)
        const isFirst = !seen.has(id)
        seen.add(id)
        return {
          tool_calls: [{
            index: piece.call,
            ...(isFirst ? { id, type: "function" } : undefined),
            function: { ...(isFirst ? { name: piece.name } : undefined), arguments: piece.arguments }
          }]
        }
      }
    }
  }
  return [
    ...choices.map((index) => chunk(index, { role: "assistant", content: "" })),
    ...answer.pieces.map((piece) => chunk(choiceOf(piece), deltaOf(piece))),
    ...choices.map((index) =>
      index === 0 && hasAudio
        ? chunk(0, { audio: { expires_at: 1767229200 } })
        : chunk(index, {}, answer.finishReason)
    ),
    ...(answer.usage === undefined ? [] : [{
      ...envelope,
      choices: [],
      usage: {
        prompt_tokens: answer.usage.inputTokens,
        completion_tokens: answer.usage.outputTokens,
        total_tokens: answer.usage.inputTokens + answer.usage.outputTokens,
        prompt_tokens_details: { cached_tokens: answer.usage.cachedTokens }
      }
    }])
  ]
}

/** All wires but chat completions stream blocks, one after the other. */
interface Block<Type extends string = "content" | "reasoning" | "toolCall"> {
  readonly type: Type
  readonly call: number | undefined
  readonly name: string
  readonly pieces: Array<string>
}

// Text goes on in the last block if it is of its kind; a tool call is one block wherever its pieces are.
const blocksWith =
  <const Type extends Exclude<Piece["type"], "audio">>(...types: ReadonlyArray<Type>) =>
  (answer: Answer): ReadonlyArray<Block<Type>> => {
    const has = (type: Piece["type"]): type is Type => types.some((other) => other === type)
    const blocks: Array<Block<Type>> = []
    for (const piece of answer.pieces) {
      const { type } = piece
      if (choiceOf(piece) !== 0 || piece.type === "audio" || !has(type)) continue
      const call = piece.type === "toolCall" ? piece.call : undefined
      const last = blocks.at(-1)
      let block = call === undefined
        ? last?.type === type ? last : undefined
        : blocks.find((block) => block.call === call)
      if (block === undefined) {
        block = { type, call, name: piece.type === "toolCall" ? piece.name : "", pieces: [] }
        blocks.push(block)
      }
      block.pieces.push(piece.type === "toolCall" ? piece.arguments : piece.text)
    }
    return blocks
  }

const blocksOf = blocksWith("content", "reasoning", "toolCall")

/**
 * The chunks of an answer as Anthropic streams it: `message_start`, the content blocks one after the other,
 * `message_delta` with the stop reason and the usage, `message_stop`. Further choices, refusal texts and audio have no
 * place in the format and are left out.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * Answer.anthropic(Answer.make({ content: "Hi" })).map((chunk) => String(chunk.chunk.type)).slice(0, 4) // ["message_start", "ping", "content_block_start", "content_block_delta"]
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const anthropic = (answer: Answer): ReadonlyArray<AnthropicChunk> =>
  messages(answer).map(({ block, payload }) => new AnthropicChunk({ chunk: payload, ...block }))

/**
 * The chunks of an answer as Bedrock streams it in Claude's own format: as {@link anthropic} does, with AWS's metrics on
 * the last one.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * Answer.bedrockInvoke(Answer.make({ content: "Hi" })).at(-1)?.invocationMetrics?.firstByteLatency // 200
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const bedrockInvoke = (answer: Answer): ReadonlyArray<BedrockInvokeChunk> =>
  messages(answer).map(({ block, payload }) =>
    new BedrockInvokeChunk({
      chunk: payload.type !== "message_stop" ? payload : {
        ...payload,
        "amazon-bedrock-invocationMetrics": {
          ...(answer.usage === undefined ? undefined : {
            inputTokenCount: uncached(answer.usage),
            outputTokenCount: answer.usage.outputTokens,
            cacheReadInputTokenCount: answer.usage.cachedTokens
          }),
          invocationLatency: 700,
          firstByteLatency: 200
        }
      },
      modelId: answer.model,
      ...block
    })
  )

const uncached = (usage: Usage): number => usage.inputTokens - usage.cachedTokens

interface MessagesEvent {
  readonly payload: AnthropicChunk["chunk"]
  /** The kind of the event's block, as the decoder of a stream knows it. */
  readonly block?: { readonly block: string }
}

const messagesBlocks = {
  content: {
    start: () => ({ type: "text", text: "" }) as const,
    delta: (text: string) => ({ type: "text_delta", text }) as const
  },
  reasoning: {
    start: () => ({ type: "thinking", thinking: "", signature: "" }) as const,
    delta: (thinking: string) => ({ type: "thinking_delta", thinking }) as const
  },
  toolCall: {
    start: ({ call = 0, name }: Block) => ({ type: "tool_use", id: callId(0, call), name, input: {} }) as const,
    delta: (partial_json: string) => ({ type: "input_json_delta", partial_json }) as const
  }
}

const messages = (answer: Answer): ReadonlyArray<MessagesEvent> => {
  const { usage } = answer
  return [
    {
      payload: {
        type: "message_start",
        message: {
          id: answer.id,
          type: "message",
          role: "assistant",
          model: answer.model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          ...(usage === undefined ? undefined : {
            usage: { input_tokens: uncached(usage), cache_read_input_tokens: usage.cachedTokens, output_tokens: 1 }
          })
        }
      }
    },
    { payload: { type: "ping" } },
    ...blocksOf(answer).flatMap((block, index): ReadonlyArray<MessagesEvent> => {
      const { delta, start } = messagesBlocks[block.type]
      const content_block = start(block)
      const continued = { block: content_block.type }
      return [
        { payload: { type: "content_block_start", index, content_block } },
        ...block.pieces.map((text) => ({
          payload: { type: "content_block_delta" as const, index, delta: delta(text) },
          block: continued
        })),
        ...(block.type !== "reasoning" ? [] : [{
          payload: {
            type: "content_block_delta" as const,
            index,
            delta: { type: "signature_delta" as const, signature: "c2lnbmF0dXJl" }
          },
          block: continued
        }]),
        { payload: { type: "content_block_stop", index }, block: continued }
      ]
    }),
    {
      payload: {
        type: "message_delta",
        delta: { stop_reason: stopReasons.anthropic[answer.finishReason], stop_sequence: null },
        ...(usage === undefined ? undefined : { usage: { output_tokens: usage.outputTokens } })
      }
    },
    { payload: { type: "message_stop" } }
  ]
}

const stopReasons = {
  anthropic: { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", content_filter: "refusal" },
  bedrock: { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", content_filter: "content_filtered" }
} as const satisfies Readonly<Record<string, Readonly<Record<FinishReason, string>>>>

/**
 * The chunks of an answer as Bedrock's Converse API streams it: `messageStart`, the content blocks one after the other,
 * `messageStop` with the stop reason, `metadata` with the usage, if any. What the format has no place for (further
 * choices, refusal texts, audio) is left out.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * Answer.bedrock(Answer.make({ content: "Hi" })).flatMap((chunk) => Object.keys(chunk.chunk)) // ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const bedrock = (answer: Answer): ReadonlyArray<BedrockChunk> => {
  const make = (chunk: BedrockChunk["chunk"], block?: string) =>
    new BedrockChunk({
      chunk,
      requestId: answer.id,
      modelId: answer.model,
      ...(block === undefined ? undefined : { block })
    })
  const delta = (block: Block, text: string) => {
    switch (block.type) {
      case "content":
        return { text }
      case "reasoning":
        return { reasoningContent: { text } }
      case "toolCall":
        return { toolUse: { input: text } }
    }
  }
  return [
    make({ messageStart: { role: "assistant" } }),
    ...blocksOf(answer).flatMap((block, contentBlockIndex) => {
      const { call, name } = block
      const kind = call === undefined ? undefined : "toolUse"
      return [
        // Only tool calls have a start.
        ...(call === undefined ? [] : [make({
          contentBlockStart: { contentBlockIndex, start: { toolUse: { toolUseId: callId(0, call), name } } }
        })]),
        ...block.pieces.map((text) =>
          make({ contentBlockDelta: { contentBlockIndex, delta: delta(block, text) } }, kind)
        ),
        make({ contentBlockStop: { contentBlockIndex } }, kind)
      ]
    }),
    make({ messageStop: { stopReason: stopReasons.bedrock[answer.finishReason] } }),
    make({
      metadata: {
        ...(answer.usage === undefined ? undefined : {
          usage: {
            inputTokens: uncached(answer.usage),
            outputTokens: answer.usage.outputTokens,
            totalTokens: answer.usage.inputTokens + answer.usage.outputTokens,
            cacheReadInputTokens: answer.usage.cachedTokens
          }
        }),
        metrics: { latencyMs: 700 }
      }
    })
  ]
}

/**
 * The chunks of an answer as OpenAI's Responses API streams it: the response begins, its items one after the other, and
 * the response as a whole, which states how it ended. Further choices and audio have no place in the format and are left
 * out.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * const chunks = Answer.openaiResponses(Answer.make({ content: "Hi" }))
 * String(chunks[0]?.chunk.type) // "response.created"
 * chunks.map((chunk) => chunk.content).join("") // "Hi"
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const openaiResponses = (answer: Answer): ReadonlyArray<OpenAiResponsesChunk> =>
  responses(answer).map((chunk) => new OpenAiResponsesChunk({ chunk }))

/**
 * The chunks of an answer as Azure's Responses API streams it, in the same way as OpenAI.
 *
 * @example
 * ```ts
 * import { Answer } from "effect-llm-stream/testing"
 *
 * Answer.azureResponses(Answer.make({ content: "Hi" }))[0]?.provider // "azure"
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const azureResponses = (answer: Answer): ReadonlyArray<AzureResponsesChunk> =>
  responses(answer).map((chunk) => new AzureResponsesChunk({ chunk }))

type ResponsesPayload = OpenAiResponsesChunk["chunk"]

type ItemBlock = Block<"content" | "reasoning" | "refusal" | "toolCall">

const itemBlocksOf = blocksWith("content", "reasoning", "refusal", "toolCall")

const itemPrefixes = { content: "msg", refusal: "msg", reasoning: "rs", toolCall: "fc" }

const responses = (answer: Answer): ReadonlyArray<ResponsesPayload> => {
  const { finishReason, usage } = answer
  const blocks = itemBlocksOf(answer)
  const isCut = finishReason === "length" || finishReason === "content_filter"
  const response = { id: answer.id, object: "response", created_at: 1767225600, model: answer.model }
  const text = (block: ItemBlock) => block.pieces.join("")
  const item = (block: ItemBlock, index: number, isDone: boolean): OutputItem => {
    switch (block.type) {
      case "content":
      case "refusal":
        return {
          type: "message",
          id: `${itemPrefixes[block.type]}_${index}`,
          role: "assistant",
          status: isDone ? "completed" : "in_progress",
          content: !isDone ? [] : [
            block.type === "content"
              ? { type: "output_text", text: text(block), annotations: [] }
              : { type: "refusal", refusal: text(block) }
          ]
        }
      case "reasoning":
        return {
          type: "reasoning",
          id: `${itemPrefixes[block.type]}_${index}`,
          summary: isDone ? [{ type: "summary_text", text: text(block) }] : []
        }
      case "toolCall":
        return {
          type: "function_call",
          id: `${itemPrefixes[block.type]}_${index}`,
          status: isDone ? "completed" : "in_progress",
          call_id: callId(0, block.call ?? 0),
          name: block.name,
          arguments: isDone ? text(block) : ""
        }
    }
  }
  const pieces = (block: ItemBlock, output_index: number): ReadonlyArray<ResponsesPayload> => {
    const at = { item_id: `${itemPrefixes[block.type]}_${output_index}`, output_index }
    switch (block.type) {
      case "content":
        return [
          ...block.pieces.map((delta): ResponsesPayload => ({
            type: "response.output_text.delta",
            ...at,
            content_index: 0,
            delta
          })),
          { type: "response.output_text.done", ...at, content_index: 0, text: text(block) }
        ]
      case "refusal":
        return [
          ...block.pieces.map((delta): ResponsesPayload => ({
            type: "response.refusal.delta",
            ...at,
            content_index: 0,
            delta
          })),
          { type: "response.refusal.done", ...at, content_index: 0, refusal: text(block) }
        ]
      case "reasoning":
        return [
          ...block.pieces.map((delta): ResponsesPayload => ({
            type: "response.reasoning_summary_text.delta",
            ...at,
            summary_index: 0,
            delta
          })),
          { type: "response.reasoning_summary_text.done", ...at, summary_index: 0, text: text(block) }
        ]
      case "toolCall":
        return [
          ...block.pieces.map((delta): ResponsesPayload => ({
            type: "response.function_call_arguments.delta",
            ...at,
            delta
          })),
          { type: "response.function_call_arguments.done", ...at, arguments: text(block) }
        ]
    }
  }
  const events: ReadonlyArray<ResponsesPayload> = [
    { type: "response.created", response: { ...response, status: "in_progress", output: [], usage: null } },
    { type: "response.in_progress", response: { ...response, status: "in_progress", output: [], usage: null } },
    ...blocks.flatMap((block, output_index): ReadonlyArray<ResponsesPayload> => [
      { type: "response.output_item.added", output_index, item: item(block, output_index, false) },
      ...pieces(block, output_index),
      { type: "response.output_item.done", output_index, item: item(block, output_index, true) }
    ]),
    {
      type: isCut ? "response.incomplete" : "response.completed",
      response: {
        ...response,
        status: isCut ? "incomplete" : "completed",
        incomplete_details: isCut
          ? { reason: finishReason === "length" ? "max_output_tokens" : "content_filter" }
          : null,
        output: blocks.map((block, index) => item(block, index, true)),
        usage: usage === undefined ? null : {
          input_tokens: usage.inputTokens,
          input_tokens_details: { cached_tokens: usage.cachedTokens },
          output_tokens: usage.outputTokens,
          total_tokens: usage.inputTokens + usage.outputTokens
        }
      }
    }
  ]
  return events.map((event, sequence_number) => ({ ...event, sequence_number }))
}
