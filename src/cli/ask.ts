import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as Json from "./json.ts"
import { observe } from "./observe.ts"
import * as Providers from "./providers.ts"
import * as Spinner from "./spinner.ts"
import { type Failed, providerFailed, wrongConfiguration, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"

/** @internal */
export interface Input {
  readonly provider: Option.Option<Providers.Row>
  readonly model: Option.Option<string>
  readonly baseUrl: Option.Option<string>
  readonly system: Option.Option<string>
  readonly idleTimeout: Option.Option<Duration.Duration>
  readonly maxRetries: Option.Option<number>
  readonly json: boolean
  readonly prompt: string
}

/** @internal */
export const ask = Effect.fn("cli.ask")(function*(
  input: Input
): Effect.fn.Return<void, Failed | PlatformError, Stdio.Stdio | HttpClient.HttpClient> {
  const row = Option.isSome(input.provider) ? input.provider.value : yield* defaultProvider
  const prompt = input.prompt === "-" ? yield* readStdin : input.prompt
  if (prompt.trim() === "") return yield* wrongUsage("The prompt is empty")
  const { layer } = yield* Effect.promise(row.load)
  yield* Effect.scoped(run(input, row, prompt)).pipe(
    Effect.provide(layer({
      model: Option.getOrUndefined(input.model),
      baseUrl: Option.getOrUndefined(input.baseUrl),
      idleTimeout: Option.getOrUndefined(input.idleTimeout),
      maxRetries: Option.getOrUndefined(input.maxRetries)
    })),
    Effect.catchTag("ConfigError", (error) => Effect.fail(wrongConfiguration(error)))
  )
})

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

const readStdin: Effect.Effect<string, Failed, Stdio.Stdio> = Stdio.Stdio.use(({ stdin }) =>
  stdin.pipe(
    Stream.decodeText(),
    Stream.mkString,
    Effect.mapError((error) => wrongUsage(`Standard input cannot be read: ${error.message}`))
  )
)

const run = Effect.fnUntraced(function*(
  input: Input,
  row: Providers.Row,
  prompt: string
): Effect.fn.Return<void, Failed | PlatformError, Stdio.Stdio | Provider.Provider | Scope.Scope> {
  const stdio = yield* Stdio.Stdio
  const provider = yield* Provider.Provider
  const pricing = yield* Pricing.Pricing
  const model = Option.getOrElse(input.model, () => row.model)
  const { chunks, millisToFirstChunk, response } = yield* observe(provider.stream({
    prompt,
    ...(model === undefined ? undefined : { model }),
    ...(Option.isNone(input.system) ? undefined : { system: input.system.value })
  }))
  const removeSpinner = yield* Spinner.start

  const output = input.json
    ? Stream.map(chunks, (chunk) => Json.line({ type: "chunk", ...Json.fromChunk(chunk) })).pipe(
      Stream.concat(Stream.suspend(() => {
        const json = Json.fromResponse(response(), provider.name, pricing)
        return Stream.make(Json.line(
          json.error === null
            ? { type: "response", response: json }
            : { type: "error", error: json.error, response: json }
        ))
      }))
    )
    : Stream.map(chunks, (chunk) => chunk.content + chunk.refusal).pipe(
      endWithNewline,
      Stream.concat(Stream.suspend(() => {
        const { error } = response()
        return error === undefined ? Stream.empty : Stream.make(Text.fromError(error))
      }))
    )
  yield* output.pipe(
    Stream.filter((text) => text !== ""),
    Stream.onFirst(() => removeSpinner),
    Stream.run(stdio.stdout())
  )
  yield* removeSpinner
  const outcome = response()
  if (!input.json) {
    const summary = Text.summary(outcome, millisToFirstChunk(), pricing)
    yield* Effect.ignore(Stream.run(Stream.make(summary), stdio.stderr()))
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
