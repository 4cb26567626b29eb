/** Gemini as another package would bring it: its own payload, wire, chunk class, request format, endpoint and auth. */
import { Context, type Redacted, Result, Schema } from "effect"
import { Auth, Chunk, Endpoint, FinishReason, Protocol, Provider, ProviderError, Usage } from "effect-llm-stream"

const open = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.StructWithRest(Schema.Struct(fields), [Schema.Record(Schema.String, Schema.Unknown)])
const text = Schema.optionalKey(Schema.String)
const count = Schema.optionalKey(Schema.Finite)
const Call = Schema.optionalKey(open({ id: text, name: Schema.String, args: Schema.optionalKey(Schema.Unknown) }))
const Part = open({ text, thought: Schema.optionalKey(Schema.Boolean), functionCall: Call })
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
  override get finishReasons() {
    const { candidates: [candidate] = [], promptFeedback } = this.chunk
    return [candidate?.finishReason, promptFeedback?.blockReason].filter((reason) => reason !== undefined)
  }
  override get commonFinishReasons() {
    return this.finishReasons.map(commonFinishReason)
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

const format: Provider.Definition<GeminiChunk>["format"] = {
  name: "generate-content",
  encode: ({ maxTokens, options, prompt, stop, system, temperature, topP, ...others }) =>
    Result.gen(function*() {
      yield* Result.all(Object.keys(others).filter((field) => field !== "model").map(refuse))
      const instructions = system === undefined ? [] : [{ text: system }]
      const contents: Array<object> = []
      for (const { content, role } of prompt.content) {
        if (role === "system") instructions.push({ text: content })
        else contents.push({ role: roles[role], parts: yield* Result.all(content.map(encodePart)) })
      }
      const generationConfig = { maxOutputTokens: maxTokens, temperature, topP, stopSequences: stop }
      const systemInstruction = instructions.length === 0 ? undefined : { parts: instructions }
      const body = { contents, systemInstruction, generationConfig, ...options?.["gemini"] }
      return { body, headers: {}, ignored: [] }
    })
}

const roles = { user: "user", assistant: "model", tool: "user" }
const refuse = (what: string) => Result.fail(new ProviderError.InvalidRequest({ message: `${what} can't be sent` }))
const encodePart = (part: { readonly type: string; readonly text?: string }) =>
  part.type === "text" ? Result.succeed({ text: part.text }) : refuse(`A part of type ${part.type}`)

declare module "effect-llm-stream/ChatRequest" {
  interface ProviderOptions {
    readonly gemini?: Schema.JsonObject | undefined
  }
}

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
