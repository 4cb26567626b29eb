/**
 * The lines of a batch: their ids and digests are kept, their requests are read when they are asked.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Digest from "./digest.ts"

/**
 * A batch is not begun, as something is wrong with its lines.
 *
 * @category errors
 * @since 0.2.0
 */
export class Refused extends Schema.TaggedError<Refused>()("BatchRefused", {
  message: Schema.String,
  /** What is wrong with the first lines that are wrong. */
  problems: Schema.Array(Schema.String)
}) {}

/**
 * Where lines come from.
 *
 * @internal
 */
export interface Source<out E> {
  /** All of them, in their order, as JSON values or what is wrong with them; `number` counts from 1, for messages. */
  readonly all: Stream.Stream<{ readonly number: number; readonly value: Result.Result<unknown, string> }, E>
  /** The line at a place among all, once more. */
  readonly at: (index: number) => Effect.Effect<unknown, E>
  /** How much memory it takes, about, in bytes; 0 for one that is in memory anyhow. */
  readonly sizeOf: (index: number) => number
}

/** @internal */
export interface Lines<E> {
  readonly ids: ReadonlyArray<string>
  readonly indexOf: (id: string) => number | undefined
  readonly digests: ReadonlyArray<string>
  /** The request of a line. */
  readonly request: (index: number) => Effect.Effect<unknown, E>
  readonly sizeOf: Source<E>["sizeOf"]
}

const most = 20

/** @internal */
export const first = (problems: ReadonlyArray<string>): ReadonlyArray<string> =>
  problems.length <= most ? problems : [...problems.slice(0, most), `and ${problems.length - most} more`]

interface Line {
  readonly id: string
  readonly request: unknown
}

const longestId = 512

const shape = "a line is {\"id\": …, \"request\": …}"

const parse = (value: unknown): Result.Result<Line, string> => {
  if (!Predicate.isObject(value)) return Result.fail("not a JSON object")
  if (Object.hasOwn(value, "custom_id")) {
    return Result.fail(`a line of OpenAI's batches (\`custom_id\`); ${shape}`)
  }
  const { id, request, ...others } = value
  const [other] = Object.keys(others)
  if (!Object.hasOwn(value, "id")) return Result.fail(`no \`id\`; ${shape}`)
  if (typeof id !== "string") return Result.fail("`id` is not a text")
  if (id === "") return Result.fail("`id` is empty")
  if (id.length > longestId && Array.from(id).length > longestId) {
    return Result.fail(`\`id\` is longer than ${longestId} characters`)
  }
  if (!Object.hasOwn(value, "request")) return Result.fail(`no \`request\`; ${shape}`)
  if (other !== undefined) return Result.fail(`${JSON.stringify(other.slice(0, 40))}: no such key of a line`)
  return Result.succeed({ id, request })
}

/**
 * Reads all lines once. Fails with what is wrong with the first of those that are wrong. `check` says what else may be
 * wrong with a request.
 *
 * @internal
 */
export const read = Effect.fnUntraced(function*<E>(
  source: Source<E>,
  check: (request: unknown) => string | undefined
): Effect.fn.Return<Lines<E>, Refused | E> {
  const ids: Array<string> = []
  const digests: Array<string> = []
  const indexes = new Map<string, number>()
  const numbers: Array<number> = []
  const problems: Array<string> = []
  yield* source.all.pipe(
    Stream.map(({ number, value }) => ({ number, line: Result.flatMap(value, parse) })),
    Stream.mapEffect(
      ({ line, number }) =>
        Effect.map(
          Result.isFailure(line) ? Effect.succeed("") : Digest.ofJson(line.success.request),
          (digest) => ({ number, line, digest })
        ),
      { concurrency: 32 }
    ),
    Stream.runForEachArray((some) =>
      Effect.sync(() => {
        for (const { digest, line, number } of some) {
          if (Result.isFailure(line)) {
            problems.push(`line ${number}: ${line.failure}`)
            continue
          }
          const { id, request } = line.success
          const before = indexes.get(id)
          const problem = before === undefined
            ? check(request)
            : `\`id\` is that of line ${numbers[before]} already: ${JSON.stringify(id.slice(0, 80))}`
          if (problem !== undefined) problems.push(`line ${number}: ${problem}`)
          if (before !== undefined) continue
          indexes.set(id, ids.length)
          ids.push(id)
          numbers.push(number)
          digests.push(digest)
        }
      })
    )
  )
  if (problems.length > 0) {
    return yield* new Refused({ message: "lines that can't be asked; nothing was sent", problems: first(problems) })
  }
  return {
    ids,
    indexOf: (id) => indexes.get(id),
    digests,
    sizeOf: source.sizeOf,
    request: (index) => Effect.map(source.at(index), (value) => Result.getOrUndefined(parse(value))?.request)
  }
})
