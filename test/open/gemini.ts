/** Gemini as another package would bring it: its own payload, wire, chunk class, request format, endpoint and auth. */
import { Context, type Redacted, Result, Schema } from "effect"
import {
  AiLanguageModel,
  Auth,
  type ChatRequest,
  Chunk,
  Endpoint,
  FinishReason,
  type Parts,
  Protocol
} from "effect-llm-stream"
import { Provider, ProviderError, Usage } from "effect-llm-stream"
import * as Kit from "effect-llm-stream/protocols/RequestKit"
import type { Prompt } from "effect/ai"

const open = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.StructWithRest(Schema.Struct(fields), [Schema.Record(Schema.String, Schema.Unknown)])
const text = Schema.optionalKey(Schema.String)
const count = Schema.optionalKey(Schema.Finite)
const Call = Schema.optionalKey(open({ id: text, name: Schema.String, args: Schema.optionalKey(Schema.Unknown) }))
const Part = open({ text, thought: Schema.optionalKey(Schema.Boolean), thoughtSignature: text, functionCall: Call })
const Content = open({ parts: Schema.optionalKey(Schema.Array(Part)) })
const Candidate = open({ content: Schema.optionalKey(Content), finishReason: text })

const Failure = open({ message: Schema.String, status: text, code: count })
const tokens = { promptTokenCount: count, cachedContentTokenCount: count, candidatesTokenCount: count }
const Counts = open({ ...tokens, thoughtsTokenCount: count })

export const Payload = open({
  candidates: Schema.optionalKey(Schema.Array(Candidate)),
  promptFeedback: Schema.optionalKey(open({ blockReason: text })),
  usageMetadata: Schema.optionalKey(Counts),
  responseId: text,
  modelVersion: text,
  error: Schema.optionalKey(Failure)
})
const filters = {
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  PROHIBITED_CONTENT: "content_filter"
} as const
const commonFinishReason = FinishReason.fromTable({ STOP: "stop", MAX_TOKENS: "length", ...filters })

export class GeminiChunk extends Chunk.Base.extend<GeminiChunk>("gemini/GeminiChunk")({
  _tag: Schema.tag("GeminiChunk"),
  provider: Schema.tag("gemini"),
  chunk: Payload
}) {
  private get parts() {
    return this.chunk.candidates?.[0]?.content?.parts ?? []
  }
  override get content() {
    return this.parts.flatMap(({ text, thought }) => thought === true ? [] : text ?? []).join("")
  }
  override get reasoning() {
    return this.parts.flatMap(({ text, thought }) => thought === true ? text ?? [] : []).join("")
  }
  override get toolCallDeltas() {
    return this.parts.flatMap(({ functionCall }) => {
      if (functionCall === undefined) return []
      const { args = {}, id, name } = functionCall
      return [{ ...(id === undefined ? undefined : { id }), name, arguments: JSON.stringify(args) }]
    })
  }
  contentEvents(out: Array<Parts.Event>) {
    const { finishReasons: [raw], id, model, parts, provider, usage } = this
    if (id !== undefined || model !== undefined) out.push({ type: "response", id, model })
    for (const { functionCall: call, text = "", thought, thoughtSignature } of parts) {
      const [fields, kind, key] = [{ thoughtSignature }, thought === true ? "reasoning" : "text", "content"] as const
      const metadata = thoughtSignature === undefined ? undefined : { [provider]: { thoughtSignature } }
      if (call !== undefined) {
        out.push({ type: "end", key }, {
          type: "tool-call",
          key,
          ...call,
          input: call.args ?? {},
          id: call.id,
          metadata
        }, { type: "end", key })
      } else out.push({ type: kind, key, delta: text }, { type: "annotation", kind, key, provider, fields })
    }
    if (usage !== undefined) out.push({ type: "usage", provider, usage })
    if (raw !== undefined) out.push({ type: "finish", provider, reason: commonFinishReason(raw), raw })
  }
  override get finishReasons() {
    const { candidates: [candidate] = [], promptFeedback } = this.chunk
    return [candidate?.finishReason, promptFeedback?.blockReason].filter((reason) => reason !== undefined)
  }
  protected override commonFinishReasonOf(raw: string) {
    return commonFinishReason(raw)
  }
  override get id() {
    return this.chunk.responseId
  }
  override get model() {
    return this.chunk.modelVersion
  }
  override get usage() {
    const { usageMetadata: counts = {} } = this.chunk
    const { cachedContentTokenCount: cachedTokens, promptTokenCount: inputTokens } = counts
    const { candidatesTokenCount: answer, thoughtsTokenCount: reasoningTokens } = counts
    const outputTokens = answer === undefined ? undefined : answer + (reasoningTokens ?? 0)
    return Usage.fromStated({ inputTokens, cachedTokens, outputTokens, reasoningTokens })
  }
}

const messages = [[/API key not valid/, "Authentication"]] as const
const errors: ProviderError.Table = { codes: {}, messages, statuses: { 503: "Overloaded" } }
const failure = ({ code, message, status }: typeof Failure.Type) =>
  ProviderError.classify({ message, status: code, code: status }, errors)
const read = Protocol.payload(Payload)

export const protocol = Protocol.make({
  provider: "gemini",
  framing: Protocol.serverSentEvents,
  errors,
  events: () => {
    let events = 0
    let finished = false
    return {
      event: ({ data, unterminated }, out: Array<GeminiChunk>) => {
        const payload = read(data, events++)
        if (payload === undefined) return undefined
        if (payload instanceof ProviderError.MalformedEvent) return unterminated ? undefined : payload
        if (payload.error !== undefined) return failure(payload.error)
        const chunk = new GeminiChunk({ chunk: payload })
        finished ||= chunk.finishReasons.length > 0
        out.push(chunk)
        return undefined
      },
      // Only the end of the body says that no more comes: the usage may follow the finish reason.
      done: false,
      end: () => finished ? undefined : new ProviderError.IncompleteStream({ message: "No finish reason came" })
    }
  }
})

declare module "effect-llm-stream/ChatRequest" {
  interface ProviderOptions {
    readonly gemini?: Schema.JsonObject | undefined
  }
}

const signed = Kit.ownOptions(Schema.Struct({ thoughtSignature: text }))
const piece = (path: string, options: Prompt.ProviderOptions, fields: Kit.Fields) =>
  Result.map(signed(options, "gemini", path), (own) => ({ blocks: [{ ...fields, ...own }] }))
const file = (part: Prompt.FilePart, path: string) =>
  Result.flatMap(Kit.media(part, path), ({ mediaType: mimeType, ...media }) => {
    if ("url" in media) return piece(path, part.options, { fileData: { mimeType, fileUri: media.url } })
    return piece(path, part.options, { inlineData: { mimeType, data: media.base64 } })
  })
const leftOut = "reasoning without a signature of Gemini can't be sent back"
const wire: Kit.Wire<Kit.Fields> = {
  key: "gemini",
  instruction: (text) => ({ text }),
  text: ({ options, text }, path) =>
    text === "" && !options["gemini"] ? Result.succeed({ blocks: [] }) : piece(path, options, { text }),
  file,
  ownFile: file,
  reasoning: ({ options, text }, path) =>
    options["gemini"] ? piece(path, options, { text, thought: true }) : Result.succeed({ blocks: [], leftOut }),
  call: (part, path, id) =>
    Result.flatMap(
      Kit.argumentsOf(part, path),
      (args) => piece(path, part.options, { functionCall: { id, name: part.name, args } })
    ),
  result: ({ modelOutput, ...part }, path, id) =>
    Result.gen(function*() {
      const parts = blocks(yield* Kit.contents(modelOutput ?? [], `${path}.modelOutput`, wire))
      const output = modelOutput === undefined ? yield* Kit.resultText(part, path) : undefined
      const response = part.isFailure ? { error: output } : { output }
      return yield* piece(path, part.options, { functionResponse: { id, name: part.name, response, parts } })
    })
}
const blocks = (units: ReadonlyArray<Kit.Unit<Kit.Fields>>) => units.flatMap(({ blocks }) => blocks)
const toolOf = (tool: ChatRequest.ToolDefinition, index: number) =>
  Result.map(Kit.toolParameters(tool, `tools[${index}]`), (parametersJsonSchema) => {
    return { name: tool.name, description: tool.description, parametersJsonSchema }
  })

const yes = "encoded"
const asked = {
  model: yes,
  prompt: yes,
  system: yes,
  tools: yes,
  toolChoice: yes,
  responseFormat: yes,
  options: yes
} as const
const sampling = {
  temperature: yes,
  topP: yes,
  topK: yes,
  frequencyPenalty: yes,
  presencePenalty: yes,
  seed: yes
} as const
const limits = { maxTokens: yes, stop: yes, reasoning: yes, logprobs: yes } as const
const nothing = { ignored: "the API takes none" }
const never = { refused: "the API takes none" }
const modes = { auto: "AUTO", none: "NONE", required: "ANY" }

const format = Kit.make({
  name: "generate-content",
  provider: "gemini",
  options: { keys: ["gemini"], schema: Schema.Record(Schema.String, Schema.Json) },
  fields: {
    ...asked,
    ...sampling,
    ...limits,
    parallelToolCalls: never,
    serviceTier: never,
    audio: never,
    user: nothing,
    metadata: nothing
  },
  shape: { names: [], content: ["contents", "systemInstruction"], objects: { generationConfig: [] } },
  encode: (request) =>
    Result.gen(function*() {
      const { logprobs, reasoning: { budgetTokens, effort, summary } = {}, responseFormat, toolChoice } = request
      const { frequencyPenalty, maxTokens, presencePenalty, seed, stop, temperature, topK, topP } = request
      const { ignored, system, turns } = yield* Kit.walk(request, wire)
      const functionDeclarations = yield* Result.all((request.tools ?? []).map(toolOf))
      const choice = typeof toolChoice === "object"
        ? { mode: "ANY", allowedFunctionNames: [toolChoice.tool] }
        : toolChoice && { mode: modes[toolChoice] }
      const body = {
        contents: turns.map(({ role, units }) => ({ role: role === "user" ? role : "model", parts: blocks(units) })),
        systemInstruction: system.length === 0 ? undefined : { parts: blocks(system) },
        tools: functionDeclarations.length === 0 ? undefined : [{ functionDeclarations }],
        toolConfig: choice && { functionCallingConfig: choice },
        generationConfig: {
          ...{ temperature, topP, topK, frequencyPenalty, presencePenalty, seed, logprobs },
          ...{
            maxOutputTokens: maxTokens,
            stopSequences: stop,
            responseLogprobs: logprobs === undefined ? undefined : true
          },
          responseMimeType: responseFormat && responseFormat !== "text" ? "application/json" : undefined,
          responseJsonSchema: typeof responseFormat === "object" ? responseFormat.schema : undefined,
          thinkingConfig: { thinkingLevel: effort, thinkingBudget: budgetTokens, includeThoughts: summary && true }
        }
      }
      return { body, ignored }
    })
})

export class Gemini extends Context.Service<Gemini, Provider.Service<GeminiChunk>>()("gemini/Gemini") {}

type Options = Provider.CommonOptions & { readonly apiKey: Redacted.Redacted; readonly baseUrl?: string }

export const define = (options: Options): Provider.Definition<GeminiChunk> => ({
  protocol,
  format,
  endpoint: (model) => {
    const path = `/models/${encodeURIComponent(model)}:streamGenerateContent`
    return Endpoint.join(options.baseUrl ?? "https://generativelanguage.googleapis.com/v1beta", path, { alt: "sse" })
  },
  auth: Auth.header("x-goog-api-key", options.apiKey, "pass `apiKey`"),
  options
})
export const layer = (options: Options) => Provider.layer(Gemini, define(options))

/** A model of `effect/ai`. */
export const model = (name: string) => AiLanguageModel.model(Gemini, "gemini", name)
