/** Gemini as another package would bring it: its own payload, wire, chunk class, request format, endpoint and auth. */
import { Context, type Redacted, Schema } from "effect"
import { Auth, Chunk, type ContentEvent, EffectAi, Endpoint, FinishReason, Protocol } from "effect-llm-stream"
import { Provider, ProviderError, Usage } from "effect-llm-stream"
import { format } from "./geminiRequest.ts"

const open = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.StructWithRest(Schema.Struct(fields), [Schema.Record(Schema.String, Schema.Unknown)])
const text = Schema.optionalKey(Schema.String)
const count = Schema.optionalKey(Schema.Finite)
const Call = open({ id: text, name: Schema.String, args: Schema.optionalKey(Schema.Unknown) })
const said = { text, thought: Schema.optionalKey(Schema.Boolean), thoughtSignature: text }
const Part = open({ ...said, functionCall: Schema.optionalKey(Call) })
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
const filter = "content_filter"
const filters = { SAFETY: filter, RECITATION: filter, PROHIBITED_CONTENT: filter } as const
const commonFinishReason = FinishReason.fromTable({ STOP: "stop", MAX_TOKENS: "length", ...filters })

const end = { type: "end", key: "content" } as const
const callOf = ({ args: input = {}, id, name }: typeof Call.Type) => ({ id, name, input })

export class GeminiChunk extends Chunk.Base.extend<GeminiChunk>("gemini/GeminiChunk")({
  _tag: Schema.tag("GeminiChunk"),
  provider: Schema.tag("gemini"),
  chunk: Payload
}) {
  override contentEvents(out: Array<ContentEvent.ContentEvent>) {
    const { chunk: { candidates: [candidate] = [], promptFeedback }, id, model, provider, usage } = this
    const key = "content"
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
export const model = (name: string) => EffectAi.of(Gemini, "gemini").model(name)
