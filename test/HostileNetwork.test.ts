/**
 * What networks and servers do at their worst, over real sockets: each has a typed outcome, after all that was decoded before
 * it, and leaves no socket open.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Redacted, type Scope, Stream } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { inspect } from "node:util"
import { constants, gzipSync } from "node:zlib"
import { Anthropic, Bedrock, type Chunk, OpenAi, Provider, ProviderError } from "../src/index.ts"
import { Answer, Wire } from "../src/testing.ts"
import { type Certificate, certificate } from "./support/certificate.ts"
import * as Client from "./support/client.ts"
import { byTurns } from "./support/clock.ts"
import { freePort } from "./support/process.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Wires and clients
// ---------------------------------------------------------------------------------------------------------------------

const key = "sk-h0stile-0123456789"
const apiKey = Redacted.make(key)
const answer = Answer.make({ content: "Hello, world! How are you?", usage: { inputTokens: 3, outputTokens: 7 } })

interface Host {
  readonly contentType: string
  /** One for each chunk, and where the wire has it the terminal signal. */
  readonly events: ReadonlyArray<Uint8Array>
  readonly chunks: number
  readonly define: (url: string, options: Provider.CommonOptions) => Provider.Definition<Chunk.Chunk>
}

const host = <C>(
  format: Wire.WireFormat<C>,
  chunks: ReadonlyArray<C>,
  define: Host["define"]
): Host => ({ contentType: format.contentType, events: Wire.encode(format, chunks), chunks: chunks.length, define })

const hosts = {
  openai: host(
    Wire.openai,
    Answer.openai(answer),
    (baseUrl, options) => OpenAi.define({ ...options, baseUrl, apiKey })
  ),
  anthropic: host(
    Wire.anthropic,
    Answer.anthropic(answer),
    (baseUrl, options) => Anthropic.define({ ...options, baseUrl, apiKey })
  ),
  bedrock: host(
    Wire.bedrock,
    Answer.bedrock(answer),
    (endpoint, options) => Bedrock.define({ ...options, endpoint, apiKey, region: "us-east-1" })
  )
}

const clients = {
  fetch: Layer.fresh(FetchHttpClient.layer),
  undici: Layer.fresh(NodeHttpClient.layerUndici),
  "node:http": Layer.fresh(NodeHttpClient.layerNodeHttp)
}

// ---------------------------------------------------------------------------------------------------------------------
// Servers
// ---------------------------------------------------------------------------------------------------------------------

/** What a server does on a connection. */
type Serve = (socket: Net.Socket, host: Host, nth: number) => void

/** When it does that: at once, or when the head or all of a request has come. */
type When = "connected" | "head" | "request"

const serve = (host: Host, serve: Serve, when: When = "request") =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Net.Socket>()
      let connections = 0
      const server = Net.createServer({ allowHalfOpen: true }, (socket) => {
        const nth = connections++
        sockets.add(socket)
        socket.on("error", () => {}).on("end", () => socket.end()).on("close", () => sockets.delete(socket))
        if (when === "connected") return serve(socket, host, nth)
        let received = ""
        socket.on("data", (bytes) => {
          received += bytes.toString("latin1")
          const [head = "", body] = received.split(/\r\n\r\n(.*)/s)
          const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
          if (body === undefined || when === "request" && body.length < length) return
          received = ""
          serve(socket, host, nth)
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { server, sockets, port, url: `http://127.0.0.1:${port}`, connections: () => connections }
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => server.close(resolve))
      })
  )

const part = (host: Host) => Wire.concat(host.events.slice(0, 3))
const whole = (host: Host) => Wire.concat(host.events)

const ok = ({ contentType }: Host, ...fields: ReadonlyArray<string>): string =>
  ["HTTP/1.1 200 OK", `content-type: ${contentType}`, "connection: close", ...fields, "", ""].join("\r\n")

const chunked = "transfer-encoding: chunked"

const chunkOf = (bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])

type Piece = string | Uint8Array | ((host: Host) => string | Uint8Array)

const bytesOf = (pieces: ReadonlyArray<Piece>, host: Host): Buffer =>
  Buffer.concat(pieces.map((piece) => Buffer.from(typeof piece === "function" ? piece(host) : piece)))

/** Writes it, and ends its half of the connection. */
const sends = (...pieces: ReadonlyArray<Piece>): Serve => (socket, host) => void socket.end(bytesOf(pieces, host))

/** Writes it, and then nothing. */
const stalls = (...pieces: ReadonlyArray<Piece>): Serve => (socket, host) => void socket.write(bytesOf(pieces, host))

/** Writes it, and resets the connection. */
const resets = (...pieces: ReadonlyArray<Piece>): Serve => (socket, host) => {
  // A reset throws away what the other side has not read yet.
  socket.write(bytesOf(pieces, host), () => setTimeout(() => socket.resetAndDestroy(), pieces.length === 0 ? 0 : 20))
}

const tomorrow = new Date(Date.now() + 86_400_000)
const valid = certificate(tomorrow)

const page = "<html><body>Sign in</body></html>"
const refusal = JSON.stringify({ type: "error", message: "slow down", error: { message: "slow down", type: "x" } })

/** 80 MB in one line. */
const bomb = gzipSync(Buffer.alloc(80 << 20, "a"), { level: 1 })

interface Case {
  readonly serve: Serve
  readonly when?: When
  /** The reason with which it fails, with the kind of a timeout, or that it is complete. */
  readonly gives: string | Readonly<Record<keyof typeof clients, string>>
  /** Chunks that come before that: none, three, or all. Default: none. */
  readonly chunks?: 0 | 3 | "all"
  readonly options?: Provider.CommonOptions
  readonly prompt?: string
  /** The wires that have such a fault. Default: all. */
  readonly on?: ReadonlyArray<keyof typeof hosts>
}

const short = { firstByteTimeout: "100 millis", idleTimeout: "100 millis" } as const

const cases: Readonly<Record<string, Case>> = {
  "a connection that is closed before the request": { serve: sends(), when: "connected", gives: "Network" },
  "a connection that is closed after the head of the request": { serve: sends(), when: "head", gives: "Network" },
  "a connection that is closed before the head": { serve: sends(), gives: "Network" },
  "a connection that is reset before the request": { serve: resets(), when: "connected", gives: "Network" },
  "a connection that is reset before the head": { serve: resets(), gives: "Network" },
  "a connection that is reset within the status line": { serve: resets("HTTP/1.1 2"), gives: "Network" },
  "a connection that is reset within the headers": {
    serve: resets("HTTP/1.1 200 OK\r\ncontent-ty"),
    gives: "Network"
  },
  "a connection that is closed within the headers": { serve: sends("HTTP/1.1 200 OK\r\ncontent-ty"), gives: "Network" },
  "a connection that is reset after the headers": { serve: resets((host) => ok(host, chunked)), gives: "Network" },
  "a connection that is reset within the body": {
    serve: resets((host) => ok(host, chunked), (host) => chunkOf(part(host))),
    gives: "Network",
    chunks: 3
  },
  "a connection that is reset within the size of a chunk": {
    serve: resets((host) => ok(host, chunked), (host) => chunkOf(part(host)), "1"),
    gives: "Network",
    chunks: 3
  },
  "a connection that is reset within a chunk": {
    serve: resets((host) => ok(host, chunked), (host) => chunkOf(part(host)), "ff\r\ndata"),
    gives: "Network",
    chunks: 3
  },
  "a half of a connection that is closed within the body": {
    serve: sends((host) => ok(host, chunked), (host) => chunkOf(part(host))),
    gives: "Network",
    chunks: 3
  },
  "a half of a connection that is closed within the size of a chunk": {
    serve: sends((host) => ok(host, chunked), (host) => chunkOf(part(host)), "1"),
    gives: "Network",
    chunks: 3
  },
  "no last chunk after a whole answer": {
    serve: sends((host) => ok(host, chunked), (host) => chunkOf(whole(host))),
    gives: "complete",
    chunks: "all"
  },
  "a body until the connection closes, as HTTP/1.0 has it": {
    serve: sends((host) => ok(host).replace("1.1", "1.0"), whole),
    gives: "complete",
    chunks: "all"
  },
  "a part of a body until the connection closes": {
    serve: sends((host) => ok(host).replace("1.1", "1.0"), part),
    gives: "IncompleteStream",
    chunks: 3
  },
  "a content-length that is too large": {
    serve: sends((host) => ok(host, `content-length: ${part(host).length + 100}`), part),
    gives: "Network",
    chunks: 3
  },
  "a content-length that is too small": {
    serve: sends((host) => ok(host, `content-length: ${part(host).length}`), whole),
    gives: "IncompleteStream",
    chunks: 3
  },
  "a content-length that is no number": {
    serve: sends((host) => ok(host, "content-length: many"), whole),
    gives: "Network"
  },
  "two content-lengths": {
    serve: sends((host) => ok(host, "content-length: 10", "content-length: 20"), whole),
    gives: "Network"
  },
  "a content-length beside chunks": {
    serve: sends((host) => ok(host, "content-length: 10", chunked), (host) => chunkOf(whole(host)), "0\r\n\r\n"),
    gives: "Network"
  },
  "the size of a chunk that is no number": {
    serve: sends((host) => ok(host, chunked), (host) => chunkOf(part(host)), "zz\r\n"),
    gives: "Network",
    chunks: 3
  },
  "the size of a chunk beyond all numbers": {
    serve: sends((host) => ok(host, chunked), (host) => chunkOf(part(host)), "fffffffffffffffffffff\r\n"),
    gives: "Network",
    chunks: 3
  },
  "a chunk that is longer than its size": {
    serve: sends((host) => ok(host, chunked), (host) => chunkOf(part(host)), "1\r\nxyz\r\n"),
    gives: "Network",
    chunks: 3
  },
  "extensions of chunks, and trailers": {
    serve: sends(
      (host) => ok(host, chunked, "trailer: x-checksum"),
      (host) => Buffer.from(chunkOf(whole(host)).toString("latin1").replace("\r\n", ";a=b;c=\"d\"\r\n"), "latin1"),
      "0\r\nx-checksum: 1\r\nx-request-id: other\r\n\r\n"
    ),
    gives: "complete",
    chunks: "all"
  },
  "another protocol": { serve: sends("SSH-2.0-OpenSSH_9.6\r\n"), when: "connected", gives: "Network" },
  "frames of HTTP/2": { serve: sends(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0])), gives: "Network" },
  "bytes that are no head": { serve: sends(new Uint8Array(2048).fill(0xff)), gives: "Network" },
  "a header without a colon": {
    serve: sends((host) => ok(host, "this is no header"), whole),
    gives: "Network"
  },
  "headers of 1 MB": {
    serve: sends((host) => ok(host, `x-padding: ${"x".repeat(1 << 20)}`), whole),
    gives: "Network"
  },
  "ten thousand headers": {
    serve: sends((host) => ok(host, ...Array.from({ length: 10_000 }, (_, n) => `x-${n}: ${n}`)), whole),
    gives: "Network"
  },
  "a thousand early hints": {
    serve: sends("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(1000), ok, whole),
    gives: "complete",
    chunks: "all"
  },
  "early hints without an end": {
    serve: (socket) => {
      const timer = setInterval(() => socket.write("HTTP/1.1 102 Processing\r\n\r\n"), 1)
      socket.on("close", () => clearInterval(timer))
    },
    gives: "Timeout firstByte",
    options: short
  },
  "a change of protocol that nobody asked for": {
    serve: sends("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
    gives: { fetch: "Network", undici: "Network", "node:http": "Unknown" }
  },
  "gzip that is cut": {
    serve: sends(
      (host) => ok(host, "content-encoding: gzip"),
      (host) => gzipSync(part(host), { finishFlush: constants.Z_SYNC_FLUSH })
    ),
    // Fetch takes what came for the whole.
    gives: { fetch: "IncompleteStream", undici: "Network", "node:http": "Network" },
    chunks: 3
  },
  "gzip that is corrupt": {
    serve: sends((host) => ok(host, "content-encoding: gzip"), (host) => {
      const bytes = gzipSync(whole(host))
      return bytes.fill(0xff, 12, 40)
    }),
    gives: "Network"
  },
  "gzip that is none": {
    serve: sends((host) => ok(host, "content-encoding: gzip"), whole),
    gives: "Network"
  },
  "a bomb of gzip as a stream": {
    serve: stalls((host) => ok(host, "content-encoding: gzip"), bomb),
    gives: "MalformedEvent"
  },
  "a bomb of gzip as an error": {
    serve: stalls("HTTP/1.1 500 Oops\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n", bomb),
    gives: "ServerError"
  },
  "a byte order mark": {
    serve: sends(ok, Wire.byteOrderMark, whole),
    gives: "complete",
    chunks: "all",
    on: ["openai", "anthropic"]
  },
  "a byte order mark before frames": {
    serve: sends(ok, Wire.byteOrderMark, whole),
    gives: "MalformedEvent",
    on: ["bedrock"]
  },
  "bytes that are no UTF-8 in a text": {
    serve: sends(
      ok,
      (host) => Buffer.from(Buffer.from(whole(host)).toString("latin1").replace("Hello", "H\xffllo"), "latin1")
    ),
    gives: "complete",
    chunks: "all",
    on: ["openai", "anthropic"]
  },
  "a page": {
    serve: sends(`HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${page.length}\r\n\r\n${page}`),
    gives: "UnexpectedContentType"
  },
  "an error as JSON with status 200": {
    serve: sends(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${refusal.length}\r\n\r\n${refusal}`
    ),
    gives: "Unknown"
  },
  "status 204": { serve: sends("HTTP/1.1 204 No Content\r\n\r\n"), gives: "IncompleteStream" },
  "status 205": { serve: sends("HTTP/1.1 205 Reset Content\r\n\r\n"), gives: "IncompleteStream" },
  "status 304": { serve: sends("HTTP/1.1 304 Not Modified\r\n\r\n"), gives: "Unknown" },
  "status 999": { serve: sends("HTTP/1.1 999 Denied\r\ncontent-length: 0\r\n\r\n"), gives: "Unknown" },
  "status 600": { serve: sends("HTTP/1.1 600 Denied\r\ncontent-length: 0\r\n\r\n"), gives: "Unknown" },
  "a body of length 0": { serve: sends((host) => ok(host, "content-length: 0")), gives: "IncompleteStream" },
  "a body without a chunk": { serve: sends((host) => ok(host, chunked), "0\r\n\r\n"), gives: "IncompleteStream" },
  "a redirect to itself": {
    serve: sends("HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/chat/completions\r\ncontent-length: 0\r\n\r\n"),
    gives: "Unknown"
  },
  "a server that says nothing": { serve: stalls(), gives: "Timeout firstByte", options: short },
  "a server that reads nothing": {
    serve: (socket) => socket.pause(),
    when: "connected",
    gives: "Timeout firstByte",
    options: short,
    prompt: "a".repeat(16 << 20)
  },
  "a server that stops within the headers": {
    serve: stalls("HTTP/1.1 200 OK\r\ncontent-"),
    gives: "Timeout firstByte",
    options: short
  },
  "a server that stops after the headers": {
    serve: stalls((host) => ok(host, chunked)),
    gives: "Timeout firstByte",
    options: short
  },
  "a server that stops within the body": {
    serve: stalls((host) => ok(host, chunked), (host) => chunkOf(part(host))),
    gives: "Timeout idle",
    chunks: 3,
    options: short
  },
  "a server that refuses while the request is still sent, and reads it": {
    serve: sends(`HTTP/1.1 429 Slow down\r\ncontent-length: ${refusal.length}\r\n\r\n${refusal}`),
    when: "head",
    gives: "RateLimited",
    prompt: "a".repeat(4 << 20)
  },
  "a server that refuses while the request is still sent, and hangs up": {
    serve: (socket) => {
      socket.pause()
      socket.write(`HTTP/1.1 413 Too large\r\ncontent-length: ${refusal.length}\r\n\r\n${refusal}`)
      setTimeout(() => socket.resetAndDestroy(), 20)
    },
    when: "head",
    gives: "InvalidRequest",
    prompt: "a".repeat(16 << 20)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// What comes of it
// ---------------------------------------------------------------------------------------------------------------------

/** Asks, and gives what came of it: nothing shows the key. */
const outcome = Effect.fnUntraced(function*(
  { chunks: all, define }: Host,
  url: string,
  { options, prompt = "Say hello" }: Pick<Case, "options" | "prompt"> = {}
) {
  const { stream } = yield* Provider.make(define(url, { maxRetries: 0, ...options }))
  let count = 0
  const exit = yield* Effect.exit(
    Stream.runForEach(stream({ model: "claude", prompt }), () => Effect.sync(() => void count++))
  )
  const chunks = count === all ? "all" : count
  if (Exit.isSuccess(exit)) return { gives: "complete", chunks }
  for (const text of [Cause.pretty(exit.cause), JSON.stringify(exit), inspect(exit, { depth: 9, showHidden: true })]) {
    assert.notInclude(text, key.slice(0, 10))
  }
  const error = Cause.squash(exit.cause)
  if (!ProviderError.isProviderError(error)) return assert.fail(Cause.pretty(exit.cause))
  const { code, emitted, isRetryable, reason } = error
  assert.strictEqual(emitted, count > 0)
  return { gives: reason._tag === "Timeout" ? `Timeout ${reason.kind}` : reason._tag, chunks, code, isRetryable }
})

/** Waits until a server has no open connection, which takes a few turns of the event loop. */
const closed = Effect.fnUntraced(function*(sockets: ReadonlySet<Net.Socket>) {
  for (let turn = 0; turn < 200 && sockets.size > 0; turn++) {
    // One that is not read does not tell of its end.
    for (const socket of sockets) socket.resume()
    yield* Client.settle
  }
  assert.strictEqual(sockets.size, 0, "open sockets")
})

for (
  const [id, names] of [["openai", ["fetch", "undici", "node:http"]], ["anthropic", ["fetch"]], ["bedrock", [
    "fetch"
  ]]] as const
) {
  for (const client of names) {
    describe(`${id}, with ${client}`, () => {
      for (const [name, one] of Object.entries(cases)) {
        if (one.on?.includes(id) === false) continue
        const gives = typeof one.gives === "string" ? one.gives : one.gives[client]
        it.live(`${name} gives ${gives}`, () =>
          Effect.gen(function*() {
            const { sockets, url } = yield* serve(hosts[id], one.serve, one.when)
            const asked = outcome(hosts[id], url, one)
            const seen = yield* one.options === undefined ? asked : byTurns(asked)
            assert.deepInclude(seen, { gives, chunks: one.chunks ?? 0 })
            yield* closed(sockets)
          }).pipe(Effect.provide(clients[client])))
      }
    })
  }
}

const { openai } = hosts
const whatEver = sends(ok, whole)

describe.each(Object.entries(clients))("with %s", (_, client) => {
  const live = (name: string, test: Effect.Effect<void, unknown, HttpClient.HttpClient | Scope.Scope>) =>
    it.live(name, () => Effect.scoped(test).pipe(Effect.provide(client)))

  live(
    "a connection that is refused gives Network",
    Effect.gen(function*() {
      const port = yield* freePort
      assert.deepInclude(yield* outcome(openai, `http://127.0.0.1:${port}`), { gives: "Network", code: "ECONNREFUSED" })
    })
  )

  live(
    "a name that nobody knows gives Network",
    Effect.gen(function*() {
      const { code, gives } = yield* outcome(openai, "http://no-such-host.invalid")
      assert.strictEqual(gives, "Network")
      assert.match(code ?? "", /^(ENOTFOUND|EAI_AGAIN)$/)
    })
  )

  live(
    "TLS where the server speaks none gives Network",
    Effect.gen(function*() {
      const refuses: Serve = (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      const { sockets, url } = yield* serve(openai, refuses, "connected")
      assert.deepInclude(yield* outcome(openai, url.replace("http:", "https:")), { gives: "Network" })
      yield* closed(sockets)
    })
  )

  live(
    "no TLS where the server speaks it gives Network",
    Effect.gen(function*() {
      const { sockets, url } = yield* serveTls(valid)
      assert.deepInclude(yield* outcome(openai, url.replace("https:", "http:")), { gives: "Network" })
      yield* closed(sockets)
    })
  )

  live(
    "a certificate that nobody has signed gives Network",
    Effect.gen(function*() {
      const { sockets, url } = yield* serveTls(valid)
      assert.deepInclude(yield* outcome(openai, url), { gives: "Network", code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
      yield* closed(sockets)
    })
  )

  live(
    "a redirect to another origin is not followed: neither the key nor the request gets there",
    Effect.gen(function*() {
      const other = yield* serve(openai, whatEver, "connected")
      for (const status of [300, 301, 302, 303, 307, 308]) {
        const { connections, sockets, url } = yield* serve(
          openai,
          sends(
            `HTTP/1.1 ${status} Moved\r\nlocation: ${other.url}/?${key}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`
          )
        )
        assert.deepInclude(yield* outcome(openai, url, { options: { maxRetries: 2 } }), { gives: "Unknown" })
        assert.strictEqual(connections(), 1)
        yield* closed(sockets)
      }
      assert.strictEqual(other.connections(), 0)
    })
  )

  live(
    "a connection that is closed as the next request goes out gives Network, or another attempt",
    Effect.gen(function*() {
      for (const maxRetries of [0, 1]) {
        let asked = 0
        const { connections, url } = yield* serve(openai, (socket, host) => {
          if (asked++ === 1) return void socket.destroy()
          socket.write(ok(host, `content-length: ${whole(host).length}`).replace("connection: close\r\n", ""))
          socket.write(whole(host))
        })
        const { stream } = yield* Provider.make(openai.define(url, { maxRetries, maxRetryDelay: 0 }))
        const twice = yield* Effect.forEach(
          [1, 2],
          () => Effect.exit(Stream.runDrain(stream({ model: "m", prompt: "Hi" })))
        )
        assert.deepStrictEqual(twice.map(Exit.isSuccess), [true, maxRetries === 1])
        assert.isAtMost(connections(), 3)
      }
    })
  )

  for (const isHead of [true, false]) {
    live(
      `a byte of the ${isHead ? "head" : "body"} each minute gives Timeout in the end`,
      Effect.gen(function*() {
        let connection: Net.Socket | undefined
        const { sockets, url } = yield* serve(openai, (socket, host) => {
          connection = socket
          socket.write(isHead ? "HTTP/1.1 200 OK\r\nx-name: " : ok(host, chunked))
        })
        const fiber = yield* Effect.forkChild(outcome(openai, url, { options: { contentTimeout: "10 minutes" } }))
        let minutes = 0
        while (fiber.pollUnsafe() === undefined && minutes < 60) {
          yield* Client.settle
          if (connection === undefined) continue
          minutes++
          connection.write(isHead ? "x" : chunkOf(Buffer.from(":")))
          yield* Client.settle
          yield* TestClock.adjust("1 minute")
        }
        assert.deepInclude(yield* Fiber.join(fiber), {
          gives: isHead ? "Timeout firstByte" : "Timeout idle",
          chunks: 0
        })
        assert.isAtMost(minutes, 12)
        yield* closed(sockets)
      }).pipe(Effect.provide(TestClock.layer()))
    )
  }
})

// The fetch of Node 24 ends the process then.
describe.each([["undici", clients.undici], ["node:http", clients["node:http"]]] as const)("with %s", (_, client) => {
  it.live("a connection that is closed while its consumer is slow gives the whole answer", () =>
    Effect.gen(function*() {
      const [first = new Uint8Array(), ...others] = openai.events
      for (const events of [200, 600, 1000, 2000]) {
        const many = Wire.concat([...Array.from({ length: events }, () => first), ...others])
        const { sockets, url } = yield* serve(openai, sends(ok, many))
        const { stream } = yield* Provider.make(openai.define(url, { maxRetries: 0 }))
        let count = 0
        yield* Stream.runForEach(
          stream({ model: "m", prompt: "Hi" }),
          () => count++ % 100 === 0 ? Effect.andThen(Client.settle, Client.settle) : Effect.void
        )
        assert.strictEqual(count, events + openai.chunks - 1)
        yield* closed(sockets)
      }
    }).pipe(Effect.provide(client)))
})

/** A server with a certificate. */
function serveTls(own: Certificate) {
  return Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Net.Socket>()
      const server = Tls.createServer({ key: own.key, cert: own.cert }, (socket) => {
        socket.on("data", () => whatEver(socket, openai, 0))
      })
      server.on("tlsClientError", () => {}).on("connection", (socket: Net.Socket) => {
        sockets.add(socket)
        socket.on("error", () => {}).on("close", () => sockets.delete(socket))
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      return { server, sockets, url: `https://127.0.0.1:${typeof address === "object" ? address?.port : 0}` }
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => server.close(resolve))
      })
  )
}

/** Clients that trust a certificate as they do an authority's. */
const trusting: Readonly<Record<string, (ca: string) => Layer.Layer<HttpClient.HttpClient>>> = {
  undici: (ca) => Layer.fresh(NodeHttpClient.layerUndiciOptions({ connect: { ca } })),
  "node:http": (ca) =>
    Layer.fresh(NodeHttpClient.layerNodeHttpNoAgent.pipe(Layer.provide(NodeHttpClient.layerAgentOptions({ ca }))))
}

describe.each(Object.entries(trusting))("with %s, a certificate that is trusted", (_, client) => {
  for (
    const [what, own, expected] of [
      ["and valid is enough", valid, { gives: "complete" }],
      ["but has expired gives Network", certificate(new Date("2021-01-01")), {
        gives: "Network",
        code: "CERT_HAS_EXPIRED"
      }],
      [
        "but is of another host gives Network",
        certificate(tomorrow, [127, 0, 0, 9]),
        { gives: "Network", code: "ERR_TLS_CERT_ALTNAME_INVALID" }
      ]
    ] as const
  ) {
    it.live(what, () =>
      Effect.gen(function*() {
        const { sockets, url } = yield* serveTls(own)
        assert.deepInclude(yield* outcome(openai, url), expected)
        yield* closed(sockets)
      }).pipe(Effect.provide(client(own.cert))))
  }
})
