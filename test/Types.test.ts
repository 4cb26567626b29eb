import { describe, it } from "@effect/vitest"
import { Config, Context, Duration, Effect, Layer, Redacted, Schema, Sink, Stream } from "effect"
import { HttpClient } from "effect/http"
import { expectTypeOf } from "vitest"
import {
  Anthropic,
  AnthropicChunk,
  AnyChunk,
  AzureInference,
  AzureOpenAi,
  Bedrock,
  BedrockInvoke,
  ChatRequest,
  ChatResponse,
  Chunk,
  ChunkStream,
  FinishReason,
  Groq,
  GroqChunk,
  OpenAi,
  OpenAiChunk,
  OpenAiCompatible,
  Pricing,
  Protocol,
  Provider,
  ProviderError,
  Usage
} from "../src/index.ts"

// The compiler is what checks these: `npm test` type-checks the tests before it runs them.

describe("Layers", () => {
  type Fixed<Self> = Layer.Layer<Self | Provider.Provider, never, HttpClient.HttpClient>
  type Configured<Self> = Layer.Layer<Self | Provider.Provider, Config.ConfigError, HttpClient.HttpClient>

  it("give the provider's own service and the common one, and need an HTTP client", () => {
    expectTypeOf(OpenAi.layer).returns.toEqualTypeOf<Fixed<OpenAi.OpenAi>>()
    expectTypeOf(Anthropic.layer).returns.toEqualTypeOf<Fixed<Anthropic.Anthropic>>()
    expectTypeOf(Groq.layer).returns.toEqualTypeOf<Fixed<Groq.Groq>>()
    expectTypeOf(AzureOpenAi.layer).returns.toEqualTypeOf<Fixed<AzureOpenAi.AzureOpenAi>>()
    expectTypeOf(AzureInference.layer).returns.toEqualTypeOf<Fixed<AzureInference.AzureInference>>()
    expectTypeOf(Bedrock.layer).returns.toEqualTypeOf<Fixed<Bedrock.Bedrock>>()
    expectTypeOf(BedrockInvoke.layer).returns.toEqualTypeOf<Fixed<BedrockInvoke.BedrockInvoke>>()
    expectTypeOf(OpenAiCompatible.layer).returns.toEqualTypeOf<Fixed<Provider.Provider>>()
  })

  it("from configuration can fail with a ConfigError besides", () => {
    expectTypeOf(OpenAi.layerConfig).returns.toEqualTypeOf<Configured<OpenAi.OpenAi>>()
    expectTypeOf(Anthropic.layerConfig).returns.toEqualTypeOf<Configured<Anthropic.Anthropic>>()
    expectTypeOf(Groq.layerConfig).returns.toEqualTypeOf<Configured<Groq.Groq>>()
    expectTypeOf(AzureOpenAi.layerConfig).returns.toEqualTypeOf<Configured<AzureOpenAi.AzureOpenAi>>()
    expectTypeOf(AzureInference.layerConfig).returns.toEqualTypeOf<Configured<AzureInference.AzureInference>>()
    expectTypeOf(Bedrock.layerConfig).returns.toEqualTypeOf<Configured<Bedrock.Bedrock>>()
    expectTypeOf(BedrockInvoke.layerConfig).returns.toEqualTypeOf<Configured<BedrockInvoke.BedrockInvoke>>()
    expectTypeOf(OpenAiCompatible.layerConfig).returns.toEqualTypeOf<Configured<Provider.Provider>>()
  })

  it("take no text that is no duration", () => {
    // @ts-expect-error "soon" is no duration
    OpenAi.layer({ idleTimeout: "soon" })
    // @ts-expect-error there is no such unit
    const policy: Provider.Policy = { totalTimeout: "5 sconds" }
    expectTypeOf(policy).toEqualTypeOf<Provider.Policy>()
  })

  it("take every option from a value or from a config", () => {
    const apiKey = Redacted.make("key")
    OpenAi.layer({ apiKey, model: "gpt-4o-mini", idleTimeout: "30 seconds", maxRetries: 3 })
    OpenAi.layerConfig({ model: Config.String("MODEL"), maxRetries: Config.Int("RETRIES") })
    // @ts-expect-error: a key is redacted
    OpenAi.layer({ apiKey: "sk-key" })
    // @ts-expect-error: not a duration
    OpenAi.layer({ apiKey, idleTimeout: "soon" })
    // @ts-expect-error: not an option
    OpenAi.layer({ apiKey, timeout: 1 })
    // @ts-expect-error: a number where text is wanted
    OpenAi.layerConfig({ model: Config.Int("MODEL") })
  })
})

describe("Services", () => {
  it("stream chunks of their own type and fail with nothing but a ProviderError", () => {
    expectTypeOf<OpenAi.OpenAi["Service"]["stream"]>().returns.toEqualTypeOf<
      Stream.Stream<OpenAiChunk, ProviderError.ProviderError>
    >()
    expectTypeOf<Provider.Provider["Service"]["stream"]>().returns.toEqualTypeOf<
      Stream.Stream<Chunk.Chunk, ProviderError.ProviderError>
    >()
  })

  it("of one provider can stand in for the common one", () => {
    expectTypeOf<OpenAi.OpenAi["Service"]>().toExtend<Provider.Provider["Service"]>()
  })
})

describe("Requests", () => {
  const stream: (request: ChatRequest.ChatRequest) => void = () => undefined

  it("take a prompt as a string or as messages", () => {
    stream({ prompt: "Hello" })
    stream({ model: "m", prompt: [{ role: "user", content: [{ type: "text", text: "Hello" }] }], temperature: 0.5 })
    // @ts-expect-error: no prompt
    stream({ model: "m" })
    // @ts-expect-error: no such role
    stream({ prompt: [{ role: "robot", content: "Hello" }] })
    // @ts-expect-error: not a number
    stream({ prompt: "Hello", temperature: "hot" })
    stream({ prompt: "Hello", model: process.env["MODEL"], seed: undefined, options: undefined })
  })
})

describe("Chunks", () => {
  it("have the common attributes, whichever provider sent them", () => {
    expectTypeOf<Chunk.Chunk["content"]>().toEqualTypeOf<string>()
    expectTypeOf<Chunk.Chunk["finishReasons"]>().toEqualTypeOf<ReadonlyArray<string>>()
    expectTypeOf<Chunk.Chunk["commonFinishReasons"]>().toEqualTypeOf<ReadonlyArray<FinishReason.FinishReason>>()
    expectTypeOf<Chunk.Chunk["usage"]>().toEqualTypeOf<Usage.Usage | undefined>()
    expectTypeOf<Chunk.Chunk["outputTokens"]>().toEqualTypeOf<number | undefined>()
    expectTypeOf<Chunk.Chunk["audio"]>().toEqualTypeOf<Uint8Array | undefined>()
  })

  it("narrow by class to the provider's own payload", () => {
    const own = (chunk: Chunk.Chunk) => {
      if (chunk instanceof OpenAiChunk) {
        expectTypeOf(chunk.chunk.system_fingerprint).toEqualTypeOf<string | null | undefined>()
      } else if (chunk instanceof AnthropicChunk) {
        expectTypeOf(chunk.chunk).toEqualTypeOf<AnthropicChunk["chunk"]>()
      } else if (chunk instanceof GroqChunk) {
        expectTypeOf(chunk.chunk.x_groq).not.toBeUnknown()
      }
    }
    expectTypeOf(own).toBeFunction()
    const byTag = (chunk: AnyChunk.AnyChunk) => {
      switch (chunk._tag) {
        case "GroqChunk":
          return expectTypeOf(chunk).toEqualTypeOf<GroqChunk>()
        case "OpenAiChunk":
          return expectTypeOf(chunk).toEqualTypeOf<OpenAiChunk>()
        default:
          return undefined
      }
    }
    expectTypeOf(byTag).toBeFunction()
    // @ts-expect-error: no chunk has a field of this name
    const wrong = (chunk: Chunk.Chunk) => chunk.text
    expectTypeOf(wrong).toBeFunction()
  })

  it("are schemas", () => {
    expectTypeOf(Schema.decodeUnknownSync(OpenAiChunk.FromPayload)).returns.toEqualTypeOf<OpenAiChunk>()
    expectTypeOf<typeof AnyChunk.AnyChunk.Type>().toEqualTypeOf<AnyChunk.AnyChunk>()
    expectTypeOf<AnyChunk.AnyChunk>().toExtend<Chunk.Chunk>()
  })
})

describe("Operators", () => {
  class Boom {
    readonly _tag = "Boom"
  }
  class Clock extends Context.Service<Clock, number>()("Clock") {}
  type Source = Stream.Stream<OpenAiChunk, Boom | ProviderError.ProviderError, Clock>

  it("keep errors and requirements", () => {
    const run = <A>(operator: (self: Source) => A): A => operator(Stream.empty)
    expectTypeOf(run(ChunkStream.text)).toEqualTypeOf<
      Stream.Stream<string, Boom | ProviderError.ProviderError, Clock>
    >()
    expectTypeOf(run(ChunkStream.reasoning)).toEqualTypeOf<
      Stream.Stream<string, Boom | ProviderError.ProviderError, Clock>
    >()
    expectTypeOf(run(ChunkStream.toolCalls)).toEqualTypeOf<
      Stream.Stream<ChatResponse.ToolCall, Boom | ProviderError.ProviderError, Clock>
    >()
    expectTypeOf(run(ChunkStream.response)).toEqualTypeOf<
      Effect.Effect<ChatResponse.ChatResponse, Boom | ProviderError.ProviderError, Clock>
    >()
  })

  it("keep the chunk's type beside the response so far", () => {
    const accumulate = (self: Source) => ChunkStream.accumulate(self)
    expectTypeOf(accumulate).returns.toEqualTypeOf<
      Stream.Stream<
        readonly [chunk: OpenAiChunk, soFar: ChatResponse.ChatResponse],
        Boom | ProviderError.ProviderError,
        Clock
      >
    >()
  })

  it("put the cost beside the chunk, and add the errors of a budget", () => {
    const withCost = (self: Source) => ChunkStream.withCost(self)
    expectTypeOf(withCost).returns.toEqualTypeOf<
      Stream.Stream<
        readonly [chunk: OpenAiChunk, cost: ChunkStream.RunningCost],
        Boom | ProviderError.ProviderError,
        Clock
      >
    >()
    const withBudget = (self: Source) => ChunkStream.withBudget(self, "0.01")
    expectTypeOf(withBudget).returns.toEqualTypeOf<
      Stream.Stream<
        OpenAiChunk,
        Boom | ProviderError.ProviderError | ChunkStream.BudgetExceeded | Pricing.UnknownModel,
        Clock
      >
    >()
  })

  it("take the ProviderError, and nothing else, out of the error channel for an outcome", () => {
    const outcome = (self: Source) => ChunkStream.outcome(self)
    expectTypeOf(outcome).returns.toEqualTypeOf<Effect.Effect<ChatResponse.ChatResponse, Boom, Clock>>()
  })

  it("sum up as a sink that neither fails nor needs anything", () => {
    expectTypeOf(ChunkStream.responseSink).toEqualTypeOf<
      Sink.Sink<ChatResponse.ChatResponse, Chunk.Chunk, never, ProviderError.ProviderError>
    >()
  })

  it("decode bytes beside the errors of their source", () => {
    const decode = (bytes: Stream.Stream<Uint8Array, Boom, Clock>) => Protocol.decode(OpenAi.protocol())(bytes)
    expectTypeOf(decode).returns.toEqualTypeOf<Stream.Stream<OpenAiChunk, Boom | ProviderError.ProviderError, Clock>>()
  })
})

describe("Errors", () => {
  type Program = Effect.Effect<string, ProviderError.ProviderError>

  it("are caught by their reason, which is then narrowed", () => {
    const caught = (program: Program) =>
      Effect.catchReason(program, "ProviderError", "RateLimited", (reason) => {
        expectTypeOf(reason).toEqualTypeOf<ProviderError.RateLimited>()
        expectTypeOf(reason.retryAfter).toEqualTypeOf<Duration.Duration | undefined>()
        return Effect.succeed(1)
      })
    expectTypeOf(caught).returns.toEqualTypeOf<Effect.Effect<string | number, ProviderError.ProviderError>>()
  })

  it("are a union that a switch over the tag exhausts", () => {
    const kind = (reason: ProviderError.Reason): string => {
      switch (reason._tag) {
        case "Timeout":
          return reason.kind
        case "MalformedEvent":
          return reason.excerpt
        case "UnexpectedContentType":
          return reason.contentType
        case "ToolUseFailed":
          return reason.failedGeneration ?? ""
        case "Authentication":
        case "PermissionDenied":
        case "NotFound":
        case "InvalidRequest":
        case "ContextLengthExceeded":
        case "ContentFiltered":
        case "RateLimited":
        case "QuotaExceeded":
        case "Overloaded":
        case "ServerError":
        case "Network":
        case "IncompleteStream":
        case "Unknown":
          return reason.message
      }
    }
    expectTypeOf(kind).returns.toEqualTypeOf<string>()
  })

  it("refuse a reason that does not exist", () => {
    const wrong = (program: Program) =>
      // @ts-expect-error: no such reason
      Effect.catchReason(program, "ProviderError", "RateLimit", () => Effect.void)
    expectTypeOf(wrong).toBeFunction()
  })
})
