import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as ChunkStream from "../ChunkStream.ts"
import * as Pricing from "../Pricing.ts"
import * as Protocol from "../Protocol.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as Files from "./files.ts"
import * as Json from "./json.ts"
import * as Prices from "./prices.ts"
import { printable } from "./printable.ts"
import type * as Providers from "./providers.ts"
import { Failed, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"
import type * as Ui from "./ui.ts"

/** @internal */
export interface Input {
  readonly provider: Providers.Row
  readonly chunks: boolean
  readonly parts: boolean
  readonly ui: Option.Option<Ui.Format>
  readonly files: ReadonlyArray<string>
  readonly model: Option.Option<string>
  readonly prices: Option.Option<string>
}

/** @internal */
export const decode = Effect.fn("cli.decode")(function*(
  input: Input
): Effect.fn.Return<void, Failed | PlatformError, Stdio.Stdio | FileSystem.FileSystem> {
  const forms = [
    ...(input.chunks ? ["--chunks"] : []),
    ...(input.parts ? ["--parts"] : []),
    ...(Option.isSome(input.ui) ? ["--ui"] : [])
  ]
  if (forms.length > 1) return yield* wrongUsage(`${forms.join(" and ")} exclude each other`)
  const stdio = yield* Stdio.Stdio
  const fileSystem = yield* FileSystem.FileSystem
  const { protocol } = yield* Effect.promise(input.provider.load)
  const pricing = yield* Prices.service(input.prices, input.model)
  let status: 0 | 1 | 2 = 0

  const complain = (text: string) => Effect.ignore(Stream.run(Stream.make(printable(text)), stdio.stderr()))

  // The usual reason for a recording without a single chunk.
  const suspect = (file: string, error: ProviderError) =>
    error.emitted || error.reason._tag !== "MalformedEvent" && error.reason._tag !== "IncompleteStream"
      ? Effect.void
      : complain(`llm-stream decode: ${file}: no chunk in it; is it a recording of ${input.provider.id}?\n`)

  const { ui } = input
  const encode = Option.isNone(ui)
    ? undefined
    : yield* Effect.flatMap(Effect.promise(() => import("./ui.ts")), ({ encoder }) => encoder(ui.value))

  const lines = (file: string): Stream.Stream<string | Uint8Array> => {
    const bytes = file === "-" ? stdio.stdin : Files.stream(fileSystem, file)
    const decoded = Protocol.decode(protocol, { framing: file.endsWith(".jsonl") ? "lines" : "body" })
    const chunks = decoded(bytes)
    const output: Stream.Stream<string | Uint8Array, PlatformError> = encode !== undefined
      // Read first: a client is told of failures of the provider, not of the file.
      ? Stream.unwrap(Effect.map(Stream.runCollect(bytes), (pieces) =>
        decoded(Stream.fromArray(pieces)).pipe(
          ChunkStream.events,
          Stream.tapError(() => Effect.sync(() => (status = status === 2 ? 2 : 1))),
          encode,
          Stream.provideService(Pricing.Pricing, pricing),
          (body) => input.files.length === 1 ? body : Stream.concat(Stream.make(`: ${file}\n\n`), body)
        )))
      : input.parts
      ? ChunkStream.encodedParts(chunks).pipe(
        Stream.mapArray((parts): readonly [string] => {
          if (parts.some((part) => part.type === "error")) status = status === 2 ? 2 : 1
          return [parts.map((part) => Json.line({ file, part })).join("")]
        }),
        Stream.catchTag("ProviderError", (error) => {
          status = status === 2 ? 2 : 1
          return Stream.concat(
            Stream.make(Json.line({ file, error: Json.fromError(error) })),
            Stream.fromEffectDrain(suspect(file, error))
          )
        })
      )
      : input.chunks
      ? Stream.mapArray(chunks, (chunks): readonly [string] => [
        chunks.map((chunk) => Json.line({ file, ...Json.fromChunk(chunk) })).join("")
      ]).pipe(
        Stream.catchTag("ProviderError", (error) => {
          status = status === 2 ? 2 : 1
          return Stream.fromEffectDrain(
            Effect.andThen(complain(`${file}: ${Text.fromError(error)}`), suspect(file, error))
          )
        })
      )
      : Stream.fromEffect(Effect.gen(function*() {
        const response = yield* ChunkStream.outcome(chunks)
        if (response.error !== undefined) {
          status = status === 2 ? 2 : 1
          yield* suspect(file, response.error)
        }
        return Json.line({ file, ...Json.fromResponse(response, protocol.provider, pricing) })
      }))
    return Stream.catchTag(output, "PlatformError", (error) => {
      status = 2
      return Stream.fromEffectDrain(complain(`llm-stream decode: ${file}: ${Files.reasonOf(error)}\n`))
    })
  }

  yield* Stream.fromIterable(input.files).pipe(Stream.flatMap(lines), Stream.run(stdio.stdout()))
  if (status !== 0) return yield* new Failed({ status, message: undefined })
})
