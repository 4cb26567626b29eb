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
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Json from "./json.ts"
import { observe } from "./observe.ts"
import { answerText, complain, endWithNewline, print } from "./output.ts"
import * as Prices from "./prices.ts"
import * as Request from "./request.ts"
import * as Selected from "./selected.ts"
import * as Spinner from "./spinner.ts"
import { type Failed, providerFailed } from "./status.ts"
import * as Text from "./text.ts"

/** @internal */
export interface Input extends Request.Input, Selected.Input {
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
  const { definition, name, row } = yield* Selected.selected(input)
  const fail = (reason: ProviderError.Reason) =>
    refused(input, new ProviderError.ProviderError({ provider: name, reason, emitted: false }))
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
    : endWithNewline(answerText(chunks))
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
        Text.summary(outcome, millisToFirstChunk(), pricing)
    )
  }
  if (outcome.error !== undefined) return yield* providerFailed
})
