/**
 * A way to a server that can be closed, and that can go silent.
 */
import { Effect } from "effect"
import * as Net from "node:net"
import { freePort } from "../support/process.ts"

export interface Proxy {
  /** The URL of the server, by way of the proxy. */
  readonly url: string
  /** Ends all connections, and refuses new ones. */
  readonly close: Effect.Effect<void>
  /** Lets connections in again. */
  readonly open: Effect.Effect<void>
  /** Passes nothing on any more, and leaves connections open. */
  readonly silence: Effect.Effect<void>
  /** How many connections are open, on both sides of it. */
  readonly connections: () => number
  /** How many times clients have sent something. */
  readonly sent: () => number
  /** What has passed, both ways. */
  readonly passed: () => string
}

export const proxy = Effect.fnUntraced(function*(url: string) {
  const target = new URL(url)
  const sockets = new Set<Net.Socket>()
  let isSilent = false
  let sent = 0
  const kept: Array<Buffer> = []
  const server = Net.createServer((socket) => {
    const upstream = Net.connect(Number(target.port), target.hostname)
    socket.on("data", () => sent++)
    for (const [from, to] of [[socket, upstream], [upstream, socket]] as const) {
      sockets.add(from)
      from.on("data", (bytes) => {
        kept.push(bytes)
        if (!isSilent) to.write(bytes)
      })
      from.on("error", () => to.destroy())
      from.on("close", () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  const listen = (port: number) =>
    Effect.callback<void>((resume) => {
      server.listen(port, "127.0.0.1", () => resume(Effect.void))
    })
  const close = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    for (const socket of sockets) socket.destroy()
  })
  const port = yield* freePort
  yield* listen(port)
  yield* Effect.addFinalizer(() => close)
  return {
    url: Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href,
    close,
    open: listen(port),
    silence: Effect.sync(() => {
      isSilent = true
    }),
    connections: () => sockets.size,
    sent: () => sent,
    passed: () => Buffer.concat(kept).toString("latin1")
  } satisfies Proxy
})
