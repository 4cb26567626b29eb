import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as ChatRequest from "../ChatRequest.ts"
import * as ChatResponse from "../ChatResponse.ts"
import type * as Chunk from "../Chunk.ts"
import * as Endpoint from "../Endpoint.ts"
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Json from "./json.ts"
import { observe } from "./observe.ts"
import * as Prices from "./prices.ts"
import { printable } from "./printable.ts"
import * as Providers from "./providers.ts"
import * as Request from "./request.ts"
import * as Spinner from "./spinner.ts"
import { type Failed, providerFailed, wrongConfiguration, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"

/** @internal */
export interface Input extends Request.Input {
  readonly provider: Option.Option<Providers.Row>
  readonly model: Option.Option<string>
  readonly baseUrl: Option.Option<string>
  readonly idleTimeout: Option.Option<Duration.Duration>
  readonly maxRetries: Option.Option<number>
  readonly json: boolean
  readonly dryRun: boolean
  readonly prices: Option.Option<string>
}

/** @internal */
export const ask = Effect.fn("cli.ask")(function*(
  input: Input
): Effect.fn.Return<
  void,
  Failed | PlatformError,
  Stdio.Stdio | HttpClient.HttpClient | FileSystem.FileSystem | Path.Path
> {
  const row = Option.isSome(input.provider) ? input.provider.value : yield* defaultProvider
  // Not a filter of the flag, which would repeat a password.
  if (Option.isSome(input.baseUrl)) {
    yield* Effect.mapError(
      Effect.fromResult(Endpoint.join(input.baseUrl.value, "")),
      ({ message }) => wrongUsage(`--base-url: ${message}`)
    )
  }
  const module = yield* Effect.promise(row.load)
  const definition = yield* configured(
    module.definition({
      model: Option.getOrUndefined(input.model),
      baseUrl: Option.getOrUndefined(input.baseUrl),
      idleTimeout: Option.getOrUndefined(input.idleTimeout),
      maxRetries: Option.getOrUndefined(input.maxRetries)
    })
  )
  const fail = (reason: ProviderError.Reason) =>
    refused(input, new ProviderError.ProviderError({ provider: module.protocol.provider, reason, emitted: false }))
  const request = yield* Effect.catchTag(
    Request.make(input, { asked: Option.getOrUndefined(input.model), fallback: row.model }),
    "InvalidRequest",
    fail
  )
  if (input.dryRun) return yield* show(input, definition, request)
  const pricing = yield* Prices.service(input.prices, Option.none())
  const provider = yield* Provider.make(definition)
  yield* Effect.scoped(Effect.provideService(answer(input, provider, request), Pricing.Pricing, pricing))
})

const configured = <A>(config: Config.Config<A>): Effect.Effect<A, Failed> =>
  Effect.mapError(config, wrongConfiguration)

const defaultProvider: Effect.Effect<Providers.Row, Failed> = Effect.gen(function*() {
  for (const row of Providers.providers) {
    if (yield* Providers.hasKey(row)) return row
  }
  return yield* wrongUsage(
    `No provider: give --provider, or set one of ${
      [...new Set(Providers.providers.flatMap((row) => row.keys.map((group) => group.join(" and "))))].join(", ")
    }`
  )
})

const print = (text: string): Effect.Effect<void, PlatformError, Stdio.Stdio> =>
  Stdio.Stdio.use((stdio) => Stream.run(Stream.make(text), stdio.stdout()))

// Nothing is lost when it can't be written: the exit status tells, too.
const complain = (text: string): Effect.Effect<void, never, Stdio.Stdio> =>
  text === ""
    ? Effect.void
    : Stdio.Stdio.use((stdio) => Effect.ignore(Stream.run(Stream.make(printable(text)), stdio.stderr())))

/** What is said of a request that was not sent. */
const refused = (
  { json, dryRun }: Input,
  error: ProviderError.ProviderError
): Effect.Effect<never, Failed | PlatformError, Stdio.Stdio> =>
  Effect.gen(function*() {
    if (json || dryRun) {
      const pricing = yield* Pricing.Pricing
      const response = Json.fromResponse(ChatResponse.accumulator().response(error), error.provider, pricing)
      yield* print(Json.line({ type: "error", error: response.error, response }))
    } else {
      yield* complain(Text.fromError(error))
    }
    return yield* providerFailed
  })

const show = (
  input: Input,
  definition: Provider.Definition<Chunk.Chunk>,
  request: ChatRequest.Normalized
): Effect.Effect<void, Failed | PlatformError, Stdio.Stdio> => {
  const prepared = Provider.prepare(definition, request)
  if (Result.isFailure(prepared)) return refused(input, prepared.failure)
  const { ignored, ...sent } = prepared.success
  return print(Json.line({ type: "request", request: sent, ignored }))
}

const answer = Effect.fnUntraced(function*(
  input: Input,
  provider: Provider.Service,
  request: ChatRequest.Normalized
): Effect.fn.Return<void, Failed | PlatformError, Stdio.Stdio | Scope.Scope> {
  const stdio = yield* Stdio.Stdio
  const pricing = yield* Pricing.Pricing
  const { chunks, millisToFirstChunk, response } = yield* observe(provider.stream(request))
  const removeSpinner = yield* Spinner.start
  const isTerminal = yield* stdio.stdoutIsTerminal
  const fromResponse = () => Json.fromResponse(response(), provider.name, pricing)

  const output = input.json
    ? Stream.map(chunks, (chunk) => Json.line({ type: "chunk", ...Json.fromChunk(chunk) })).pipe(
      Stream.concat(Stream.suspend(() => {
        const json = fromResponse()
        return Stream.make(Json.line(
          json.error === null
            ? { type: "response", response: json }
            : { type: "error", error: json.error, response: json }
        ))
      }))
    )
    : Stream.suspend(() => {
      const reasoning = Text.section("[reasoning] ")
      return chunks.pipe(
        Stream.tap((chunk) => complain(reasoning(chunk.reasoning, chunk.content !== ""))),
        Stream.map((chunk) => chunk.content + chunk.refusal),
        Stream.map((text) => isTerminal ? printable(text) : text),
        endWithNewline
      )
    })
  yield* output.pipe(
    Stream.filter((text) => text !== ""),
    Stream.onFirst(() => removeSpinner),
    Stream.run(stdio.stdout())
  )
  yield* removeSpinner
  const outcome = response()
  if (!input.json) {
    yield* complain(
      Text.toolCalls(outcome) + (outcome.error === undefined ? "" : Text.fromError(outcome.error)) +
        (outcome.chunks === 0 && outcome.error !== undefined
          ? ""
          : Text.summary(outcome, millisToFirstChunk(), pricing))
    )
  }
  if (outcome.error !== undefined) return yield* providerFailed
})

const endWithNewline = <E, R>(self: Stream.Stream<string, E, R>): Stream.Stream<string, E, R> =>
  Stream.suspend(() => {
    let last = "\n"
    return Stream.map(self, (text) => {
      last = text.at(-1) ?? last
      return text
    }).pipe(
      Stream.concat(Stream.suspend(() => last === "\n" ? Stream.empty : Stream.make("\n")))
    )
  })
