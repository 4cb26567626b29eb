/** The layer of every provider at a server, and how the provider streams an answer. */
import { Layer, Redacted } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  BedrockInvoke,
  Groq,
  OpenAi,
  OpenAiResponses,
  type Provider
} from "../../src/index.ts"
import { Answer, ReplayServer, type RequestCheck, Wire } from "../../src/testing.ts"

export interface Host {
  readonly at: (url: string) => Layer.Layer<Provider.Provider>
  readonly reply: (answer: Answer.Answer, options?: ReplayServer.ReplyOptions) => ReplayServer.Reply
}

const apiKey = Redacted.make("key")
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make("secret") }
const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const host = <C>(
  format: Wire.WireFormat<C>,
  chunks: (answer: Answer.Answer) => ReadonlyArray<C>,
  layer: (url: string) => Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>
): Host => ({
  at: (url) => Layer.provide(layer(url), FetchHttpClient.layer),
  reply: (answer, options) => ReplayServer.stream(format, chunks(answer), options)
})

export const hosts: Readonly<Record<Exclude<RequestCheck.Api, "compatible">, Host>> = {
  "openai": host(
    Wire.openai,
    Answer.openai,
    (url) => OpenAi.layer({ apiKey, baseUrl: `${url}/v1`, model: "gpt-4.1-mini" })
  ),
  "openai-responses": host(
    Wire.openaiResponses,
    Answer.openaiResponses,
    (url) => OpenAiResponses.layer({ apiKey, baseUrl: `${url}/v1`, model: "gpt-4.1-mini" })
  ),
  "anthropic": host(
    Wire.anthropic,
    Answer.anthropic,
    (url) => Anthropic.layer({ apiKey, baseUrl: url, model: "claude-sonnet-4-5" })
  ),
  "bedrock": host(
    Wire.bedrock,
    Answer.bedrock,
    (url) => Bedrock.layer({ region: "us-east-1", credentials, endpoint: url, model: claude })
  ),
  "bedrock-invoke": host(
    Wire.bedrockInvoke,
    Answer.bedrockInvoke,
    (url) => BedrockInvoke.layer({ region: "us-east-1", credentials, endpoint: url, model: claude })
  ),
  "groq": host(
    Wire.groq,
    Answer.groq,
    (url) => Groq.layer({ apiKey, baseUrl: `${url}/openai/v1`, model: "openai/gpt-oss-20b" })
  ),
  "azure": host(
    Wire.azure,
    Answer.azure,
    (url) => AzureOpenAi.layer({ apiKey, endpoint: url, model: "gpt-4.1-mini" })
  ),
  "azure-responses": host(
    Wire.azureResponses,
    Answer.azureResponses,
    (url) => AzureResponses.layer({ apiKey, endpoint: url, model: "gpt-4.1-mini" })
  ),
  "azure-inference": host(
    Wire.azure,
    Answer.azure,
    (url) => AzureInference.layer({ apiKey, endpoint: `${url}/models`, model: "grok-4" })
  )
}
