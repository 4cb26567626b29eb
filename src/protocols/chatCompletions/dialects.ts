/**
 * What the hosts of the format take in requests, as data.
 *
 * @since 0.2.0
 */
import type * as ChatRequest from "../../ChatRequest.ts"
import type { Treatments } from "../request/format.ts"
import { fields, imageTypes, type MetadataLimits, metadataLimits, serviceTiers } from "../request/openaiFields.ts"
import * as Reasoning from "../request/reasoning.ts"

/**
 * What differs between the request bodies of the hosts of this format.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface RequestQuirks {
  /** The body field that takes `maxTokens`. */
  readonly maxTokensField: "max_completion_tokens" | "max_tokens"
  /** Whether `stream_options.include_usage` is understood. */
  readonly includeUsage: boolean
}

/**
 * What a host takes of the format. A limit that is `undefined` is not checked here: the host says what it does not take.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Dialect extends RequestQuirks {
  /** What becomes of each field of a request. */
  readonly fields: Treatments
  /** Most stop texts. */
  readonly maxStops?: number | undefined
  /**
   * The efforts of reasoning that a model takes: none when it can't be told, `undefined` when they are not known. An effort
   * that it does not take is sent as the nearest that it does.
   */
  readonly efforts?: ((model: string) => ReadonlyArray<string> | undefined) | undefined
  /** The efforts that a request may ask for. */
  readonly askable?: ReadonlyArray<ChatRequest.Effort> | undefined
  readonly serviceTiers?: ReadonlyArray<string> | undefined
  /** The formats of sound in which answers can be streamed. */
  readonly audioFormats?: ReadonlyArray<string> | undefined
  /** Most pairs of `metadata`, and most characters of a label and of its text. */
  readonly metadata?: MetadataLimits | undefined
  /** Longest id of a tool call, in characters; longer ones are shortened, in the call and in its result. */
  readonly maxIdLength?: number | undefined
  /** Whether parameters of tools may not have `anyOf` and the like at their root. */
  readonly plainParameters: boolean
  /** Whether JSON mode needs the word JSON in some text. */
  readonly jsonWord: boolean
  /** How images state their detail. */
  readonly imageDetails: ReadonlyArray<string>
  /** Media types of files, by kind of part. */
  readonly images?: ReadonlyArray<string> | undefined
  readonly documents: boolean
  readonly sounds: boolean
  /** Whether a sound may be given by its address. */
  readonly soundUrls: boolean
  /** The field of an assistant's message that takes its reasoning back. When absent, reasoning is not sent. */
  readonly reasoningField?: string | undefined
  /** Whether parts take `prompt_cache_breakpoint`, and assistants' messages the id of an audio answer. */
  readonly openAiParts: boolean
  /** Whether there are custom tools, whose calls hold free text instead of JSON. */
  readonly customTools: boolean
}

const openaiFields: Treatments = {
  ...fields,
  maxTokens: "encoded",
  frequencyPenalty: { field: "frequency_penalty" },
  presencePenalty: { field: "presence_penalty" },
  stop: { field: "stop" },
  seed: { field: "seed" },
  audio: { field: "audio" }
}

/**
 * The dialect of hosts that say to speak OpenAI's format: `max_tokens`, and no limits that are OpenAI's own.
 *
 * @category dialects
 * @since 0.2.0
 */
export const compatible: Dialect = {
  fields: { ...openaiFields, topK: { ignored: "the format has none; hosts that have one take `top_k` in `options`" } },
  maxTokensField: "max_tokens",
  includeUsage: true,
  plainParameters: false,
  jsonWord: false,
  imageDetails: ["auto", "low", "high", "original"],
  documents: true,
  sounds: true,
  soundUrls: false,
  openAiParts: false,
  customTools: true
}

/**
 * OpenAI's dialect.
 *
 * @category dialects
 * @since 0.2.0
 */
export const openai: Dialect = {
  ...compatible,
  fields: openaiFields,
  maxTokensField: "max_completion_tokens",
  maxStops: 4,
  efforts: Reasoning.effortsByName,
  serviceTiers,
  audioFormats: ["pcm16"],
  metadata: metadataLimits,
  maxIdLength: 40,
  plainParameters: true,
  jsonWord: true,
  images: imageTypes,
  openAiParts: true
}

/**
 * Azure OpenAI's dialect, for `/openai/v1` and for api-versions from 2024-09-01-preview on. It is OpenAI's without documents.
 *
 * @category dialects
 * @since 0.2.0
 */
export const azure: Dialect = { ...openai, documents: false }

/**
 * Azure OpenAI's dialect of api-versions before 2024-09-01-preview: `max_tokens`, and no usage in streams.
 *
 * @category dialects
 * @since 0.2.0
 */
export const azureBefore202409: Dialect = { ...azure, maxTokensField: "max_tokens", includeUsage: false }

/**
 * Groq's dialect.
 *
 * @category dialects
 * @since 0.2.0
 */
export const groq: Dialect = {
  ...compatible,
  fields: {
    ...openaiFields,
    metadata: { ignored: "Groq documents it as not supported" },
    logprobs: { refused: "Groq documents it as not supported" },
    audio: { refused: "Groq gives no spoken answers here" }
  },
  maxTokensField: "max_completion_tokens",
  maxStops: 4,
  efforts: Reasoning.groqEfforts,
  askable: ["none", "minimal", "low", "medium", "high"],
  serviceTiers: ["auto", "on_demand", "flex", "performance"],
  jsonWord: true,
  imageDetails: ["auto", "low", "high"],
  images: imageTypes,
  documents: false,
  sounds: false,
  reasoningField: "reasoning",
  customTools: false
}

/**
 * Azure AI Inference's dialect. Fields that the API does not have itself reach the model with the header
 * `extra-parameters: pass-through`.
 *
 * @category dialects
 * @since 0.2.0
 */
export const azureInference: Dialect = {
  ...compatible,
  fields: {
    ...openaiFields,
    serviceTier: { refused: "the API takes none" },
    user: { ignored: "the API takes none" },
    metadata: { ignored: "the API takes none" },
    audio: { refused: "the API gives no spoken answers" }
  },
  efforts: Reasoning.effortsByName,
  imageDetails: ["auto", "low", "high"],
  images: imageTypes,
  documents: false,
  soundUrls: true,
  customTools: false
}
