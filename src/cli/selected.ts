import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Chunk from "../Chunk.ts"
import * as Endpoint from "../Endpoint.ts"
import type * as Provider from "../Provider.ts"
import { withoutKeys } from "./printable.ts"
import * as Providers from "./providers.ts"
import { type Failed, wrongConfiguration, wrongUsage } from "./status.ts"

/**
 * The flags that say who is asked, and how.
 *
 * @internal
 */
export interface Input {
  readonly provider: Option.Option<Providers.Row>
  readonly baseUrl: Option.Option<string>
  readonly idleTimeout: Option.Option<Duration.Duration>
  readonly maxRetries: Option.Option<number>
}

/** @internal */
export interface Selected {
  readonly row: Providers.Row
  /** The provider's name, as its chunks and errors state it. */
  readonly name: string
  readonly definition: Provider.Definition<Chunk.Chunk>
}

/**
 * The provider that the flags name, or the first one whose credentials are in the environment.
 *
 * @internal
 */
export const selected = Effect.fnUntraced(function*(input: Input): Effect.fn.Return<Selected, Failed> {
  const row = Option.isSome(input.provider) ? input.provider.value : yield* byDefault
  // Not a filter of the flag, which would repeat a password.
  if (Option.isSome(input.baseUrl)) {
    const url = input.baseUrl.value
    yield* Effect.mapError(
      Effect.fromResult(Endpoint.join(url, "")),
      ({ message }) => wrongUsage(`--base-url ${withoutKeys(JSON.stringify(url))}: ${message}`)
    )
  }
  const module = yield* Effect.promise(row.load)
  const definition = yield* Effect.mapError(
    module.definition({
      baseUrl: Option.getOrUndefined(input.baseUrl),
      idleTimeout: Option.getOrUndefined(input.idleTimeout),
      maxRetries: Option.getOrUndefined(input.maxRetries)
    }),
    wrongConfiguration
  )
  return { row, name: module.protocol.provider, definition }
})

const byDefault: Effect.Effect<Providers.Row, Failed> = Effect.gen(function*() {
  for (const row of Providers.providers) {
    if (yield* Providers.hasKey(row)) return row
  }
  return yield* wrongUsage(
    `No provider: give --provider, or set one of ${
      [...new Set(Providers.providers.flatMap((row) => row.keys.map((group) => group.join(" and "))))].join(", ")
    }. llm-stream demo needs none`
  )
})
