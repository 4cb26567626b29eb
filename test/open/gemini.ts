/** Gemini as another package would bring it: payload, wire, chunk class, request format, endpoint and auth of its own. */
import { Context, type Redacted, Result, Schema } from "effect"
import { Auth, Chunk, type ContentEvent, EffectAi, Endpoint, FinishReason, Protocol } from "effect-llm-stream"
import { Provider, Usage } from "effect-llm-stream"
import * as Kit from "effect-llm-stream/protocols/RequestKit"

declare module "effect-llm-stream/ChatRequest" {
  interface ProviderOptions {
    readonly gemini?: Schema.JsonObject | undefined
  }
}

const text = Schema.String
const count = Schema.Finite
const Call = Protocol.open({ id: text, name: text, args: Schema.Unknown })
const Part = Protocol.open({ text, thought: Schema.Boolean, thoughtSignature: text, functionCall: Call })
const Candidate = Protocol.open({ content: Protocol.open({ parts: Schema.Array(Part) }), finishReason: text })
const Counts = Protocol.open({
  promptTokenCount: count,
  cachedContentTokenCount: count,
  candidatesTokenCount: count,
  thoughtsTokenCount: count
})

export const Payload = Protocol.open({
  candidates: Schema.Array(Candidate),
  promptFeedback: Protocol.open({ blockReason: text }),
  usageMetadata: Counts,
  responseId: text,
  modelVersion: text
})

const halts = { SAFETY: "content_filter", RECITATION: "content_filter", PROHIBITED_CONTENT: "content_filter" } as const
const commonFinishReason = FinishReason.fromTable({ STOP: "stop", MAX_TOKENS: "length", ...halts })

const key = "content"
const end = { type: "end", key } as const
const callOf = ({ args: input = {}, id, name }: typeof Call.Type) => ({ id, name, input })

export class GeminiChunk extends Chunk.Base.extend<GeminiChunk>("gemini/GeminiChunk")({
  _tag: Schema.tag("GeminiChunk"),
  provider: Schema.tag("gemini"),
  chunk: Payload
}) {
  override contentEvents(out: Array<ContentEvent.ContentEvent>) {
    const { chunk: { candidates: [candidate] = [], promptFeedback }, id, model, provider, usage } = this
    if (id !== undefined || model !== undefined) out.push({ type: "response", id, model })
    for (const { functionCall, text = "", thought, thoughtSignature } of candidate?.content?.parts ?? []) {
      const kind = thought === true ? "reasoning" : "text"
      const own = { type: "annotation", kind, key, provider, fields: { thoughtSignature } } as const
      const metadata = thoughtSignature === undefined ? undefined : { [provider]: { thoughtSignature } }
      if (functionCall === undefined) out.push({ type: kind, key, delta: text }, own)
      else out.push(end, { type: "tool-call", key, ...callOf(functionCall), metadata }, end)
    }
    if (usage !== undefined) out.push({ type: "usage", provider, usage })
    for (const raw of [candidate?.finishReason, promptFeedback?.blockReason]) {
      if (raw !== undefined) out.push({ type: "finish", provider, reason: commonFinishReason(raw), raw })
    }
  }
  override get id() {
    return this.chunk.responseId
  }
  override get model() {
    return this.chunk.modelVersion
  }
  override get usage() {
    const { thoughtsTokenCount: reasoningTokens, ...counts } = this.chunk.usageMetadata ?? {}
    const { cachedContentTokenCount: cachedTokens, candidatesTokenCount: answer, promptTokenCount: inputTokens } =
      counts
    const outputTokens = answer === undefined ? undefined : answer + (reasoningTokens ?? 0)
    return Usage.fromStated({ inputTokens, cachedTokens, outputTokens, reasoningTokens })
  }
}

export const protocol = Protocol.json({
  provider: "gemini",
  payload: Payload,
  make: (chunk) => new GeminiChunk({ chunk }),
  errors: { codes: {}, messages: [[/API key not valid/, "Authentication"]], statuses: { 503: "Overloaded" } }
})

const wire = Kit.wire({
  key: "gemini",
  options: Schema.Struct({ thoughtSignature: Schema.optionalKey(text) }),
  text: (text) => ({ text }),
  reasoning: (text) => ({ text, thought: true }),
  data: ({ base64: data, mediaType: mimeType }) => ({ inlineData: { mimeType, data } }),
  url: ({ mediaType: mimeType, url: fileUri }) => ({ fileData: { mimeType, fileUri } }),
  call: (functionCall) => ({ functionCall }),
  result: ({ id, isFailure, name, output, parts }) => ({
    functionResponse: { id, name, response: isFailure ? { error: output } : { output }, parts }
  })
})

const setting = (name: string) => ({ field: `generationConfig.${name}` })
const roles = { user: "user", assistant: "model" }
const modes = { auto: "AUTO", none: "NONE", required: "ANY" }

/** The body of `generateContent`. What is not among its fields is refused. */
export const format = Kit.make({
  name: "generate-content",
  provider: "gemini",
  options: { keys: ["gemini"], schema: Schema.Record(Schema.String, Schema.Json) },
  fields: {
    ...Kit.treated(["system", "tools", "toolChoice", "responseFormat", "reasoning"], () => "encoded"),
    ...Kit.treated(["temperature", "topP", "topK", "seed", "logprobs"], setting),
    ...Kit.treated(["frequencyPenalty", "presencePenalty"], setting),
    ...Kit.treated(["user", "metadata"], () => ({ ignored: "the API takes none" })),
    maxTokens: setting("maxOutputTokens"),
    stop: setting("stopSequences")
  },
  shape: { names: [], content: ["contents", "systemInstruction"], objects: { generationConfig: [] } },
  encode: ({ logprobs, reasoning, responseFormat = "text", toolChoice, ...request }) =>
    Result.gen(function*() {
      const { budgetTokens: thinkingBudget, effort: thinkingLevel, summary } = reasoning ?? {}
      yield* Kit.unless(Kit.wordProblem("reasoning.effort", thinkingLevel, ["minimal", "low", "medium", "high"]))
      const { ignored, system, turns } = yield* Kit.walk(request, wire)
      const functionDeclarations = yield* Kit.tools(request, "gemini", "parametersJsonSchema")
      const { description, schema } = typeof responseFormat === "object" ? responseFormat : {}
      const body = {
        contents: turns.map(({ role, units }) => ({ role: roles[role], parts: Kit.blocks(units) })),
        systemInstruction: system.length === 0 ? undefined : { parts: Kit.blocks(system) },
        tools: functionDeclarations.length === 0 ? undefined : [{ functionDeclarations }],
        toolConfig: toolChoice && {
          functionCallingConfig: typeof toolChoice === "string"
            ? { mode: modes[toolChoice] }
            : { mode: "ANY", allowedFunctionNames: [toolChoice.tool] }
        },
        generationConfig: {
          responseLogprobs: logprobs === undefined ? undefined : true,
          responseMimeType: responseFormat === "text" ? undefined : "application/json",
          responseJsonSchema: schema,
          thinkingConfig: reasoning && { thinkingLevel, thinkingBudget, includeThoughts: summary && true }
        }
      }
      return { body, ignored: description ? [...ignored, "responseFormat.description: the API takes none"] : ignored }
    })
})

const host = "https://generativelanguage.googleapis.com/v1beta"
export class Gemini extends Context.Service<Gemini, Provider.Service<GeminiChunk>>()("gemini/Gemini") {}

type Options = Provider.CommonOptions & { readonly apiKey: Redacted.Redacted; readonly baseUrl?: string }

export const define = (options: Options): Provider.Definition<GeminiChunk> => ({
  protocol,
  format,
  endpoint: (model) =>
    Endpoint.join(options.baseUrl ?? host, `/models/${encodeURIComponent(model)}:streamGenerateContent`, {
      alt: "sse"
    }),
  auth: Auth.header("x-goog-api-key", options.apiKey, "pass `apiKey`"),
  options
})
export const layer = (options: Options) => Provider.layer(Gemini, define(options))

/** A model of `effect/ai`. */
export const model = (name: string) => EffectAi.of(Gemini, "gemini").model(name)
