/**
 * The file of a batch's lines: it is read once from its beginning, and then line by line where a request is asked.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import type * as Lines from "../../batch/lines.ts"
import { concat } from "../../internal/bytes.ts"
import * as PartialJson from "../../PartialJson.ts"
import * as Files from "../files.ts"
import * as Pipe from "../pipe.ts"
import { type Failed, wrongUsage } from "../status.ts"

/** @internal */
export interface Input {
  readonly source: Lines.Source<Failed>
  readonly stats: Fs.Stats
}

/**
 * Opens a file of lines, or a pipe, which is then kept in memory.
 *
 * @internal
 */
export const open = (file: string): Effect.Effect<Input, Failed, Scope.Scope> =>
  Effect.suspend(() => {
    const stats = statsOf(file)
    return stats?.isFIFO() === true ? ofPipe(file, stats) : ofFile(file)
  })

const statsOf = (file: string): Fs.Stats | undefined => Result.getOrUndefined(Result.try(() => Fs.statSync(file)))

const ofPipe = (file: string, stats: Fs.Stats): Effect.Effect<Input, Failed> =>
  Pipe.stream(file).pipe(
    Stream.mapError((error) => wrongUsage(`${file}: ${Files.reasonOf(error)}`)),
    Stream.limitBytes(largestPipe, () => Stream.fail(wrongUsage(`${file}: ${tooLarge}`))),
    Stream.mkUint8Array,
    Effect.map((all) => ({ stats, source: sourceOf(file, readerOfAll(all)) }))
  )

const ofFile = (file: string): Effect.Effect<Input, Failed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const descriptor = Fs.openSync(file, "r")
        const stats = Fs.fstatSync(descriptor)
        if (stats.isDirectory()) throw new Error("is a directory, not a file")
        return { descriptor, stats }
      },
      catch: (error) => wrongUsage(`${file}: ${reasonOf(error)}`)
    }),
    ({ descriptor }) => Effect.sync(() => Fs.closeSync(descriptor))
  ).pipe(
    Effect.flatMap(({ descriptor, stats }) =>
      Effect.try({
        try: (): Input => ({
          stats,
          source: sourceOf(file, stats.isFile() ? readerOf(descriptor) : readerOfAll(contentOf(descriptor)))
        }),
        catch: (error) => wrongUsage(`${file}: ${reasonOf(error)}`)
      })
    )
  )

/**
 * Whether a file is a pipe: opening one waits for a writer, for ever, and SQLite does so with the whole process.
 *
 * @internal
 */
export const isPipe = (file: string): boolean => statsOf(file)?.isFIFO() === true

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EISDIR: "is a directory, not a file",
  ENOTDIR: "no such file or folder",
  ENOSPC: "no space left on the device (ENOSPC)"
}

/**
 * The reason of a system error, in a few words.
 *
 * @internal
 */
export const reasonOf = (error: unknown): string =>
  Predicate.hasProperty(error, "code") && reasons[String(error.code)] ||
  (error instanceof Error ? error.message : String(error))

/** Fills a buffer from a position on; the number of bytes that there were. */
type Reader = (buffer: Uint8Array, position: number) => number

const readerOf = (descriptor: number): Reader => (buffer, position) => {
  let size = 0
  while (size < buffer.length) {
    const read = Fs.readSync(descriptor, buffer, size, buffer.length - size, position + size)
    if (read === 0) break
    size += read
  }
  return size
}

/** A pipe may have no end. */
const largestPipe = 256 * 1024 * 1024

const tooLarge = `larger than ${largestPipe} bytes, which is the limit of what is not a file`

const contentOf = (descriptor: number): Uint8Array => {
  const pieces: Array<Uint8Array> = []
  for (let size = 0; size <= largestPipe;) {
    const piece = new Uint8Array(readSize)
    const read = Fs.readSync(descriptor, piece, 0, readSize, null)
    if (read === 0) return concat(pieces)
    pieces.push(piece.subarray(0, read))
    size += read
  }
  throw new Error(tooLarge)
}

const readerOfAll = (all: Uint8Array): Reader => (buffer, position) => {
  const some = all.subarray(position, position + buffer.length)
  buffer.set(some)
  return some.length
}

/**
 * A line of a file, without its end.
 *
 * @internal
 */
export interface Piece {
  readonly number: number
  readonly start: number
  /** `undefined` when the line is longer than the limit. */
  readonly bytes: Uint8Array | undefined
  /** Whether a line end follows. */
  readonly isEnded: boolean
}

const readSize = 256 * 1024
const longestLine = 64 * 1024 * 1024

/**
 * The lines of a file, some at a time.
 *
 * @internal
 */
export function* pieces(read: Reader): Generator<ReadonlyArray<Piece>> {
  let position = 0
  let start = 0
  let number = 1
  let parts: Array<Uint8Array> = []
  let length = 0
  const piece = (isEnded: boolean): Piece => {
    const [only] = parts
    const bytes = length > longestLine
      ? undefined
      : only !== undefined && parts.length === 1
      ? only
      : Buffer.concat(parts)
    return { number, start, bytes, isEnded }
  }
  for (;;) {
    const buffer = new Uint8Array(readSize)
    const block = buffer.subarray(0, read(buffer, position))
    if (block.length === 0) break
    const found: Array<Piece> = []
    let from = 0
    for (let end = block.indexOf(10); end >= 0; end = block.indexOf(10, from)) {
      length += end - from
      if (length <= longestLine) parts.push(block.subarray(from, end))
      found.push(piece(true))
      from = end + 1
      start = position + from
      number++
      parts = []
      length = 0
    }
    length += block.length - from
    if (length <= longestLine) parts.push(block.subarray(from))
    else parts = []
    position += block.length
    yield found
  }
  if (length > 0) yield [piece(false)]
}

/**
 * The lines of an open file.
 *
 * @internal
 */
export const piecesOf = (descriptor: number): Generator<ReadonlyArray<Piece>> => pieces(readerOf(descriptor))

const utf8 = new TextDecoder("utf-8", { fatal: true })

const valueOf = (bytes: Uint8Array | undefined): Result.Result<unknown, string> | undefined => {
  if (bytes === undefined) return Result.fail("larger than 64 Mi")
  const text = Result.try(() => utf8.decode(bytes))
  if (Result.isFailure(text)) return Result.fail("not UTF-8 text")
  if (text.success.trim() === "") return undefined
  return PartialJson.parse(text.success)
}

const sourceOf = (file: string, read: Reader): Lines.Source<Failed> => {
  const starts: Array<number> = []
  const lengths: Array<number> = []
  return {
    sizeOf: (index) => lengths[index] ?? 0,
    all: Stream.fromIterable(pieces(read), { chunkSize: 1 }).pipe(
      Stream.map((some) =>
        some.flatMap(({ bytes, number, start }) => {
          const value = valueOf(bytes)
          if (value === undefined) return []
          // The place of each line that is right: one that is wrong ends the run.
          starts.push(start)
          lengths.push(bytes?.length ?? 0)
          return [{ number, value }]
        })
      ),
      Stream.flattenIterable
    ),
    at: (index) =>
      Effect.suspend(() => {
        const bytes = new Uint8Array(lengths[index] ?? 0)
        const value = read(bytes, starts[index] ?? 0) === bytes.length ? valueOf(bytes) : undefined
        return value === undefined || Result.isFailure(value)
          ? Effect.fail(wrongUsage(`${file}: it changed while it was read`))
          : Effect.succeed(value.success)
      })
  }
}
