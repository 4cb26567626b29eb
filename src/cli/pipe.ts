import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import { type PlatformError, systemError } from "effect/PlatformError"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Net from "node:net"

// Elsewhere a pipe that nobody has opened for writing may be at its end at once.
const isAwaitable = process.platform === "linux" && process.versions["bun"] === undefined

/**
 * What comes through a pipe that has a path, as it comes. It is read by the event loop: a thread that waits for a pipe to be
 * opened for writing, or for its next bytes, keeps the process from ending.
 *
 * @internal
 */
export const stream = (file: string): Stream.Stream<Uint8Array, PlatformError> => {
  const onError = (cause: unknown) =>
    systemError({ _tag: "Unknown", module: "FileSystem", method: "stream", pathOrDescriptor: file, cause })
  if (!isAwaitable) return NodeStream.fromReadable({ evaluate: () => Fs.createReadStream(file), onError })
  const { O_NONBLOCK, O_RDONLY } = Fs.constants
  const opened = Effect.try({ try: () => Fs.openSync(file, O_RDONLY | O_NONBLOCK), catch: onError })
  return Stream.unwrap(
    Effect.map(opened, (fd) =>
      NodeStream.fromReadable({
        evaluate: () => new Net.Socket({ fd, readable: true, writable: false }),
        onError
      }))
  )
}
