import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as Pipe from "./pipe.ts"
import { type Failed, wrongUsage } from "./status.ts"

/** How much of a file or of standard input is read at most: a device never ends, and a prompt is not that long. */
const limit = "64 MiB"

/**
 * A file, whole.
 *
 * @internal
 */
export const bytes = (file: string): Effect.Effect<Uint8Array, Failed, FileSystem.FileSystem> =>
  Stream.mkUint8Array(pieces(file))

/**
 * A file of text, whole.
 *
 * @internal
 */
export const text = (file: string): Effect.Effect<string, Failed, FileSystem.FileSystem> =>
  Stream.mkString(utf8(pieces(file), file))

const pieces = (file: string): Stream.Stream<Uint8Array, Failed, FileSystem.FileSystem> =>
  Stream.unwrap(FileSystem.FileSystem.useSync((files) => limited(stream(files, file), file)))

/**
 * A file piece by piece, or a pipe, in which nobody can seek: what a shell makes of `<(command)`.
 *
 * @internal
 */
export const stream = (
  files: FileSystem.FileSystem,
  file: string
): Stream.Stream<Uint8Array, PlatformError> =>
  Stream.unwrap(
    Effect.map(files.stat(file), ({ type }) => type === "FIFO" ? Pipe.stream(file) : files.stream(file))
  )

/**
 * Bytes that can be read and come to an end.
 *
 * @internal
 */
export const limited = (
  stream: Stream.Stream<Uint8Array, PlatformError>,
  name: string
): Stream.Stream<Uint8Array, Failed> =>
  stream.pipe(
    Stream.mapError((error) => wrongUsage(`${name}: ${reasonOf(error)}`)),
    Stream.limitBytes(limit, () => Stream.fail(wrongUsage(`${name}: larger than the limit of ${limit}`)))
  )

/**
 * The text of bytes. Anything but UTF-8 is refused: replaced characters would change the user's text.
 *
 * @internal
 */
export const utf8 = <R>(stream: Stream.Stream<Uint8Array, Failed, R>, name: string): Stream.Stream<string, Failed, R> =>
  Stream.suspend(() => {
    const decoder = new TextDecoder("utf-8", { fatal: true })
    const decode = (bytes?: Uint8Array) =>
      Effect.try({
        try: () => decoder.decode(bytes, { stream: bytes !== undefined }),
        catch: () => wrongUsage(`${name}: not UTF-8 text`)
      })
    return Stream.concat(Stream.mapEffect(stream, decode), Stream.fromEffect(Effect.suspend(() => decode())))
  })

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "is a directory, not a file",
  ENOTDIR: "no such file",
  ELOOP: "too many levels of links",
  ENAMETOOLONG: "the name is too long"
}

/**
 * The reason of a system error, in a few words.
 *
 * @internal
 */
export const reasonOf = ({ cause, message }: PlatformError): string =>
  Predicate.hasProperty(cause, "code") && reasons[String(cause.code)] ||
  (cause instanceof Error ? cause.message : message)
