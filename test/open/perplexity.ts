/** A host of the chat-completions format whose chunks have fields of their own. */
import { Context, type Redacted, Schema } from "effect"
import { Auth, ChatCompletions, Endpoint, Provider } from "effect-llm-stream"

const Payload = Schema.StructWithRest(
  Schema.Struct({
    ...ChatCompletions.payloadFields,
    citations: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)

export class PerplexityChunk extends ChatCompletions.ChatCompletionChunk.extend<PerplexityChunk>("app/PerplexityChunk")(
  { _tag: Schema.tag("PerplexityChunk"), provider: Schema.tag("perplexity"), chunk: Payload }
) {
  get citations(): ReadonlyArray<string> {
    return this.chunk.citations ?? []
  }
}

export class Perplexity extends Context.Service<Perplexity, Provider.Service<PerplexityChunk>>()("app/Perplexity") {}

export const layer = (options: { readonly apiKey: Redacted.Redacted; readonly baseUrl?: string }) =>
  Provider.layer(Perplexity, {
    protocol: ChatCompletions.protocol({
      provider: "perplexity",
      payload: Payload,
      make: (chunk) => new PerplexityChunk({ chunk }),
      errors: ChatCompletions.errors
    }),
    format: ChatCompletions.format({
      provider: "perplexity",
      dialect: { ...ChatCompletions.compatible, includeUsage: false }
    }),
    endpoint: Endpoint.path(options.baseUrl ?? "https://api.perplexity.ai", "/chat/completions"),
    auth: Auth.bearer(options.apiKey, "pass `apiKey`")
  })
