/**
 * All providers, played by one server: what the programs of the documentation run against. The model calls the first tool
 * that it is given, once; gives data that fits a schema if it is asked for some; and else says hello.
 */
import { NodeServices } from "@effect/platform-node"
import { Config, ConfigProvider, Effect, Layer, Predicate } from "effect"
import { FetchHttpClient } from "effect/http"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  BedrockInvoke,
  Groq,
  OpenAi,
  OpenAiLanguageModel,
  OpenAiResponses
} from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"
import { Answer, RequestCheck } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { hosts } from "./providers.ts"

const at = (value: unknown, key: string): unknown => Predicate.isObject(value) ? value[key] : undefined

/** The first value at a key of that name, however deep. */
const find = (value: unknown, name: string): unknown => {
  if (!Predicate.isObject(value) && !Array.isArray(value)) return undefined
  return at(value, name) ?? Object.values(value).map((each) => find(each, name)).find(Predicate.isNotUndefined)
}

/** A value that fits a JSON Schema of the documentation. */
const sample = (schema: unknown): unknown => {
  const [words, members] = [at(schema, "enum"), at(schema, "anyOf")]
  if (Array.isArray(words)) return words[0]
  if (Array.isArray(members)) return sample(members.at(-1))
  switch (at(schema, "type")) {
    case "null":
      return null
    case "object":
      return Object.fromEntries(
        Object.entries(Object(at(schema, "properties"))).map(([name, each]) => [name, sample(each)])
      )
    case "array":
      return [sample(at(schema, "items"))]
    case "integer":
    case "number":
      return 1
    case "boolean":
      return true
    default:
      return at(schema, "format") === "date-time" ? "2026-11-22T00:00:00.000Z" : "text"
  }
}

/** What the model answers: a body of any API is looked through for what it asks. */
const answerTo = (body: unknown): Answer.Answer => {
  const [tool] = [find(body, "tools")].flatMap((tools) => Array.isArray(tools) ? tools : [])
  const name = find(tool, "name")
  const model = at(body, "model")
  const answer = {
    usage: { inputTokens: 100, outputTokens: 10 },
    ...(typeof model === "string" ? { model } : undefined)
  }
  if (
    typeof name === "string" && !/tool_result|toolResult|"role":"tool"|function_call_output/.test(JSON.stringify(body))
  ) {
    const parameters = find(tool, "parameters") ?? find(tool, "input_schema") ?? find(find(tool, "inputSchema"), "json")
    return Answer.make({ toolCalls: [{ name, arguments: JSON.stringify(sample(parameters)) }], ...answer })
  }
  const schema = find(body, "json_schema") ?? at(body, "text") ?? at(body, "output_config")
  const wanted = find(schema, "schema")
  return Answer.make({ content: wanted === undefined ? "Hello, world!" : JSON.stringify(sample(wanted)), ...answer })
}

/** The server, and the environment of a program that finds all providers there. */
export const world = Effect.gen(function*() {
  const server = yield* NodeReplayServer.make(({ body, path }) => {
    const api = RequestCheck.apiOf({ path, body })
    return hosts[api === undefined || api === "compatible" ? "openai" : api].reply(answerTo(body))
  })
  const { url } = server
  const environment = {
    OPENAI_API_KEY: "key",
    OPENAI_BASE_URL: `${url}/v1`,
    ANTHROPIC_API_KEY: "key",
    ANTHROPIC_BASE_URL: url,
    GROQ_API_KEY: "key",
    GROQ_BASE_URL: `${url}/openai/v1`,
    AZURE_OPENAI_API_KEY: "key",
    AZURE_OPENAI_ENDPOINT: url,
    AZURE_INFERENCE_CREDENTIAL: "key",
    AZURE_INFERENCE_ENDPOINT: `${url}/models`,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url,
    // What the guides' own programs read.
    MY_ANTHROPIC_KEY: "key",
    PROVIDER: "groq"
  }
  return { server, environment }
})

/** `fetch` that goes nowhere but to this machine. */
const local: typeof fetch = (input, init) =>
  new URL(input instanceof Request ? input.url : input).hostname === "127.0.0.1"
    ? fetch(input, init)
    : Promise.reject(new Error("This test has no network"))

/** What the programs need that is not in them. */
export const services = (environment: Readonly<Record<string, string>>) =>
  Layer.mergeAll(
    Anthropic.layerConfig(),
    AzureInference.layerConfig(),
    AzureOpenAi.layerConfig(),
    AzureResponses.layerConfig(),
    Bedrock.layerConfig(),
    BedrockInvoke.layerConfig(),
    Groq.layerConfig(),
    OpenAiResponses.layerConfig(),
    // The last one is the common provider.
    OpenAi.layerConfig({ model: Config.succeed("gpt-4o-mini") })
  ).pipe(
    (layers) => Layer.provideMerge(OpenAiLanguageModel.layer({ model: "gpt-4o-mini" }), layers),
    Layer.provideMerge(Store.layerMemory),
    Layer.provideMerge(NodeServices.layer),
    Layer.provideMerge(FetchHttpClient.layer),
    Layer.provideMerge(Layer.succeed(FetchHttpClient.Fetch, local)),
    Layer.provideMerge(ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))
  )
