import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { ChatResponse } from "../ChatResponse.ts"
import type * as Chunk from "../Chunk.ts"
import type * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as NodeReplayServer from "../testing/NodeReplayServer.ts"
import * as CliCost from "./cost.ts"
import { observe } from "./observe.ts"
import * as Prices from "./prices.ts"
import { printable } from "./printable.ts"
import * as Providers from "./providers.ts"
import { type Scene, scenes } from "./scenes.ts"
import { type Failed, providerFailed, wrongConfiguration, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"

/** @internal */
export const demo = Effect.fn("cli.demo")(function*(): Effect.fn.Return<
  void,
  Failed | PlatformError,
  Stdio.Stdio | FileSystem.FileSystem | HttpClient.HttpClient
> {
  const stdio = yield* Stdio.Stdio
  const pricing = yield* Prices.service(Option.none(), Option.none())
  const isTerminal = yield* stdio.stdoutIsTerminal
  const results: Array<Result> = []
  yield* playAll((result) => results.push(result)).pipe(
    Stream.concat(Stream.suspend(() => Stream.make(table(results, pricing)))),
    Stream.map((text) => isTerminal ? printable(text) : text),
    Stream.run(stdio.stdout())
  )
  if (results.some(({ response }) => response.error !== undefined)) return yield* providerFailed
})

/** @internal */
export interface Result {
  readonly row: Providers.Row
  readonly live: boolean
  readonly response: ChatResponse
  readonly millisToFirstChunk: number | undefined
}

/**
 * Plays every provider's scene: the prose as it streams, and each result when it is there.
 *
 * @internal
 */
export const playAll = (done: (result: Result) => void): Stream.Stream<string, Failed, HttpClient.HttpClient> =>
  Stream.fromIterable(Providers.providers).pipe(
    Stream.flatMap((row) => {
      const scene = scenes[row.id]
      return scene === undefined ? Stream.empty : play(row, scene, done)
    })
  )

const play = (
  row: Providers.Row,
  scene: Scene,
  done: (result: Result) => void
): Stream.Stream<string, Failed, HttpClient.HttpClient> =>
  Stream.unwrap(Effect.gen(function*() {
    const live = yield* Providers.hasKey(row)
    const { definition } = yield* Effect.promise(row.load)
    const configuration = live ? yield* ConfigProvider.ConfigProvider : played(row, scene)
    const server = live ? undefined : yield* Effect.mapError(
      NodeReplayServer.make([scene.reply]),
      ({ message }) => wrongUsage(`No server can be started on this machine: ${message}`)
    )
    const baseUrl = server === undefined ? undefined : `${server.url}${scene.path ?? ""}`
    const provider = yield* Effect.flatMap(
      definition({ baseUrl, idleTimeout: undefined, maxRetries: undefined }),
      Provider.make
    ).pipe(Effect.provideService(ConfigProvider.ConfigProvider, configuration))
    const { chunks, millisToFirstChunk, response } = yield* observe(
      provider.stream({
        ...scene.request,
        ...(row.model === undefined ? undefined : { model: row.model })
      })
    )
    return Stream.make(`${row.id} (${live ? "live" : "replayed"})  ${scene.request.prompt}\n`).pipe(
      Stream.concat(prose(chunks)),
      Stream.concat(Stream.suspend(() => {
        const outcome = response()
        done({ row, live, response: outcome, millisToFirstChunk: millisToFirstChunk() })
        return Stream.make([
          "\n",
          Text.toolCalls(outcome),
          outcome.error === undefined ? "" : Text.fromError(outcome.error),
          "\n"
        ].join(""))
      }))
    )
  })).pipe(
    Stream.catchTag("ConfigError", (error) => Stream.fail(wrongConfiguration(error)))
  )

const played = (row: Providers.Row, scene: Scene): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromEnv({
    env: { ...Object.fromEntries((row.keys[0] ?? []).map((key) => [key, "demo"])), ...scene.environment }
  })

// The reasoning in a line of its own, then the text.
const prose = (chunks: Stream.Stream<Chunk.Chunk>): Stream.Stream<string> =>
  Stream.suspend(() => {
    let kind: "reasoning" | "content" | undefined
    const piece = (next: "reasoning" | "content", text: string): string => {
      if (text === "") return ""
      const start = kind === next
        ? ""
        : `${kind === undefined ? "" : "\n"}${next === "reasoning" ? "[reasoning] " : ""}`
      kind = next
      return start + text
    }
    return Stream.map(
      chunks,
      (chunk) => piece("reasoning", chunk.reasoning) + piece("content", chunk.content + chunk.refusal)
    )
  })

const table = (results: ReadonlyArray<Result>, pricing: Pricing.Service): string =>
  Text.table([
    ["provider", "", "finish reason", "input", "cached", "output", "cost", "first chunk"],
    ...results.map(({ live, millisToFirstChunk, response, row }) => [
      row.id,
      live ? "live" : "replayed",
      Text.finish(response),
      Text.count(response.usage?.inputTokens),
      Text.count(response.usage?.cachedTokens),
      Text.count(response.usage?.outputTokens),
      CliCost.cell(response, pricing),
      Text.seconds(millisToFirstChunk)
    ])
  ]) + "\n~ The price also depends on what a response does not state, such as the type of an Azure deployment.\n"
