import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { ChatEvent } from "../ChatEvent.ts"
import type { InvalidRequest } from "../ProviderError.ts"
import * as AgUi from "../ui/AgUi.ts"
import * as AiSdk from "../ui/AiSdk.ts"
import * as Trust from "../ui/Trust.ts"
import * as Files from "./files.ts"
import { type Failed, wrongUsage } from "./status.ts"
import * as Stdin from "./stdin.ts"

const heartbeat = Duration.infinity

const encoders = {
  "ai-sdk": <E>(events: Stream.Stream<ChatEvent, E>) => AiSdk.encode(events, { heartbeat }),
  "ag-ui": <E>(events: Stream.Stream<ChatEvent, E>) =>
    AgUi.encode(events, { heartbeat, threadId: "thread", runId: "run" })
} as const

/**
 * The protocols, by the words of `--ui`.
 *
 * @internal
 */
export type Format = keyof typeof encoders

const secret = Config.option(Config.Redacted("LLM_STREAM_UI_SECRET")).pipe(
  Effect.orElseSucceed(() => Option.none<Redacted.Redacted<string>>()),
  Effect.map(Option.filter((secret) => Redacted.value(secret) !== ""))
)

/** The mode of a secret in the environment; without one, the mode given. */
const trust = (otherwise: Trust.Mode): Effect.Effect<Trust.Mode, Failed> =>
  Effect.flatMap(
    secret,
    Option.match({
      onNone: () => Effect.succeed(otherwise),
      onSome: (secret) =>
        Effect.mapError(Trust.sealed({ secret }), ({ message }) => wrongUsage(`LLM_STREAM_UI_SECRET: ${message}`))
    })
  )

/**
 * Writes the body of a protocol. Without a secret nothing is sealed, so that the same events give the same bytes.
 *
 * @internal
 */
export const encoder = (
  format: Format
): Effect.Effect<
  <E>(events: Stream.Stream<ChatEvent, E>) => Stream.Stream<Uint8Array>,
  Failed
> =>
  Effect.map(
    trust(Trust.trusted),
    (mode) => (events) => Stream.provideService(encoders[format](events), Trust.Trust, mode)
  )

type Turn = Pick<AiSdk.Turn, "prompt" | "ignored">

const fieldsOf = Option.liftThrowable((body: string): unknown => JSON.parse(body))

/** Only AG-UI has threads and runs. */
const isAgUi = (body: string): boolean =>
  Option.exists(fieldsOf(body), (fields) => Predicate.hasProperty(fields, "threadId") && "runId" in fields)

const decoded = (body: string): Effect.Effect<Turn, InvalidRequest> =>
  isAgUi(body) ? AgUi.decode(body) : AiSdk.decode(body)

/**
 * The turns that clients want, or why they are refused: one in a file, or one in each line of a file that ends in `.jsonl`.
 *
 * @internal
 */
export const turns = Effect.fnUntraced(function*(
  file: string,
  isTrusted: boolean
): Effect.fn.Return<ReadonlyArray<Result.Result<Turn, InvalidRequest>>, Failed, Stdio.Stdio | FileSystem.FileSystem> {
  const mode = isTrusted ? Trust.trusted : yield* trust(yield* Trust.Trust)
  const text = file === "-" ? yield* Stdin.text : yield* Files.text(file)
  const bodies = isLines(file) ? text.split("\n").filter((line) => line.trim() !== "") : [text]
  return yield* Effect.forEach(bodies, (body) => Effect.result(decoded(body))).pipe(
    Effect.provideService(Trust.Trust, mode)
  )
})

/** @internal */
export const isLines = (file: string): boolean => file.endsWith(".jsonl")
