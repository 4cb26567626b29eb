import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as Http from "node:http"
import * as PricingRefresh from "../src/PricingRefresh.ts"

/** A server on this machine, by its URL. */
const serve = (listener: Http.RequestListener): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Http.Server>((resume) => {
        const server = Http.createServer(listener).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    (server) => {
      const address = server.address()
      return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/list.json`
    }
  )

describe("PricingRefresh.fromUrl", () => {
  it.live("reads no more of an endless list than it may be large, and closes the connection", () =>
    Effect.gen(function*() {
      let sent = 0
      let closed: () => void
      const isClosed = new Promise<void>((resolve) => {
        closed = resolve
      })
      const url = yield* serve((_, response) => {
        const piece = Buffer.alloc(1024 * 1024, " ")
        const write = () => {
          while (!response.closed && response.write(piece)) sent += piece.length
          sent += piece.length
        }
        response.on("drain", write).on("close", () => closed())
        write()
      })
      const error = yield* Effect.flip(PricingRefresh.fromUrl(url))
      assert.match(error.message, /larger than 16777216 bytes/)
      yield* Effect.promise(() => isClosed)
      assert.isBelow(sent, 10 * PricingRefresh.maxSize)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.live("closes the connection of an error whose page does not end", () =>
    Effect.gen(function*() {
      let closed: () => void
      const isClosed = new Promise<void>((resolve) => {
        closed = resolve
      })
      const url = yield* serve((_, response) => {
        response.on("close", () => closed()).writeHead(500).write("sorry")
      })
      assert.match((yield* Effect.flip(PricingRefresh.fromUrl(url))).message, /500/)
      yield* Effect.promise(() => isClosed)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.effect("waits no longer than a minute for a body that does not end", () =>
    Effect.gen(function*() {
      let begun: () => void
      const hasBegun = new Promise<void>((resolve) => {
        begun = resolve
      })
      const url = yield* serve((_, response) => {
        response.write("{", () => begun())
      })
      const fiber = yield* Effect.forkChild(Effect.flip(PricingRefresh.fromUrl(url)), { startImmediately: true })
      yield* Effect.promise(() => hasBegun)
      yield* TestClock.adjust("1 minute")
      assert.match((yield* Fiber.join(fiber)).message, /no list within 1m/)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
})
