import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Redacted, Result, Schema, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { OpenAiChunk, Provider, type ProviderError } from "../../src/index.ts"
import * as Requests from "../../src/log/requests.ts"
import * as StreamLogClient from "../../src/log/StreamLogClient.ts"

const url = "https://logs.example/answers/a"

const chunk = (content: string) =>
  new OpenAiChunk({ provider: "openai", chunk: { id: "r", choices: [{ index: 0, delta: { content } }] } })

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Array(Requests.chunkCodec())))

const page = (id: string, ...contents: ReadonlyArray<string>) => `id: ${id}\ndata: ${encode(contents.map(chunk))}\n\n`

const ended = (end: object) => `event: end\ndata: ${JSON.stringify(end)}\n\n`

const done = ended({ _tag: "Done", usage: null, finishReason: "stop" })

const events = (...all: ReadonlyArray<string>) =>
  new Response(all.join(""), { headers: { "content-type": "text/event-stream" } })

const refusal = (status: number, error?: object) =>
  new Response(error === undefined ? "<html>" : JSON.stringify({ error }), { status })

/** A server that replies in turn, for the last time on and on, and when and how it was asked. */
const server = (...replies: ReadonlyArray<() => Response>) => {
  const asked: Array<readonly [method: string, url: string, lastEventId: string | undefined, millis: number]> = []
  const client = HttpClient.make((request, { href }) =>
    Effect.clockWith((clock) => {
      asked.push([request.method, href, request.headers["last-event-id"], clock.currentTimeMillisUnsafe()])
      const reply = replies[Math.min(asked.length, replies.length) - 1]
      return Effect.succeed(HttpClientResponse.fromWeb(request, reply?.() ?? refusal(500)))
    })
  )
  return { asked, client }
}

/** What comes, as texts and tags, or the error after it. */
const received = <E>(stream: Stream.Stream<StreamLogClient.Received, E, HttpClient.HttpClient>) => {
  const found: Array<unknown> = []
  return stream.pipe(
    Stream.runForEach((item) =>
      Effect.sync(() =>
        found.push(
          item._tag === "Chunks" ? [item.offset, ...item.chunks.map(({ content }) => content)] : item.end._tag
        )
      )
    ),
    Effect.result,
    Effect.map((result) => Result.isFailure(result) ? [...found, result.failure] : found)
  )
}

/** Runs with the time that pauses take. */
const inTime = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>, client: HttpClient.HttpClient) {
  const fiber = yield* Effect.forkChild(Effect.provideService(effect, HttpClient.HttpClient, client))
  while (fiber.pollUnsafe() === undefined) {
    yield* Effect.promise(() => new Promise(setImmediate))
    if (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("50 millis")
  }
  return yield* Fiber.join(fiber)
})

const follow = (
  options: Parameters<typeof StreamLogClient.follow>[1],
  ...replies: ReadonlyArray<() => Response>
) => {
  const { asked, client } = server(...replies)
  return Effect.map(inTime(received(StreamLogClient.follow(url, options)), client), (found) => ({ asked, found }))
}

describe("a log that is followed", () => {
  it.effect("is posted with its request, and then read from where it was", () =>
    Effect.gen(function*() {
      const { asked, found } = yield* follow(
        { request: { prompt: "Hi" } },
        () => events(page("e-1", "a")),
        () => events(page("e-1", "a"), page("e-3", "b", "c"), done)
      )
      assert.deepStrictEqual(found, [["e-1", "a"], ["e-3", "b", "c"], "Done"])
      assert.deepStrictEqual(asked.map(([method, href, id]) => [method, href, id]), [
        ["POST", url, undefined],
        ["GET", url, "e-1"]
      ])
    }))

  it.effect("goes on from an offset, and asks for smaller pages where none came", () =>
    Effect.gen(function*() {
      const { asked, found } = yield* follow(
        { offset: "e-9" },
        () => events(": alive\n\n"),
        () => events("data: ["),
        () => events(page("e-10", "a"), done)
      )
      assert.deepStrictEqual(found, [["e-10", "a"], "Done"])
      assert.deepStrictEqual(asked.map(([method, href, id]) => [method, href, id]), [
        ["GET", url, "e-9"],
        ["GET", `${url}?page=65536`, "e-9"],
        ["GET", `${url}?page=4096`, "e-9"]
      ])
    }))

  it.effect("is asked for again after pauses that double, up to five seconds, from what the server says", () =>
    Effect.gen(function*() {
      const pauses = ({ asked }: { readonly asked: ReturnType<typeof server>["asked"] }) =>
        asked.slice(1).map(([, , , at], index) => at - (asked[index]?.[3] ?? 0))
      const away = [...Array.from({ length: 8 }, () => () => refusal(503)), () => events(done)]
      assert.deepStrictEqual(pauses(yield* follow({}, ...away)), [100, 200, 400, 800, 1600, 3200, 5000, 5000])
      // What came ends the count.
      const told = yield* follow(
        {},
        () => events("retry: 50\n\n"),
        () => refusal(503),
        () => events(page("e-1", "a")),
        () => refusal(503),
        () => events(done)
      )
      assert.deepStrictEqual(pauses(told), [50, 100, 0, 50])
    }))

  it.effect("is given up when nothing comes in so many attempts", () =>
    Effect.gen(function*() {
      const gaveUp = (message: string) =>
        new StreamLogClient.ClientError({ reason: "GaveUp", message: `3 attempts brought nothing: ${message}` })
      const options = { maxAttempts: 3 }
      const { asked, found } = yield* follow(options, () => refusal(503))
      assert.deepStrictEqual(found, [gaveUp("the server answered 503")])
      assert.lengthOf(asked, 3)
      assert.deepStrictEqual((yield* follow(options, () => events())).found, [gaveUp("the body ended")])
      const named = yield* follow(options, () => refusal(503, { _tag: "StoreUnavailable", message: "no store" }))
      assert.deepStrictEqual(named.found, [gaveUp("no store")])
      assert.lengthOf((yield* follow({}, () => refusal(503))).asked, 10)
    }))

  it.effect("is asked for again only where a server may be back", () =>
    Effect.gen(function*() {
      for (const status of [408, 425, 429, 500, 599]) {
        assert.deepStrictEqual((yield* follow({}, () => refusal(status), () => events(done))).found, ["Done"])
      }
      for (const status of [301, 400, 404, 407, 409, 426, 428, 499]) {
        const { asked, found } = yield* follow({}, () => refusal(status), () => events(done))
        assert.deepStrictEqual(found, [
          new StreamLogClient.ClientError({ reason: "Refused", status, message: `the server answered ${status}` })
        ])
        assert.lengthOf(asked, 1)
      }
      const { found } = yield* follow({}, () => refusal(409, { _tag: "Conflict", message: "another request" }))
      assert.deepStrictEqual(found, [
        new StreamLogClient.ClientError({
          reason: "Refused",
          status: 409,
          code: "Conflict",
          message: "another request"
        })
      ])
    }))

  it.effect("fails for what is no event of a log, after what came, and knows what later servers may send", () =>
    Effect.gen(function*() {
      const malformed = new StreamLogClient.ClientError({
        reason: "Malformed",
        message: "the server sent something other than an event of a log"
      })
      for (const wrong of ["id: e-2\ndata: {}\n\n", "id: e-2\ndata: [\n\n", "event: end\ndata: {}\n\n"]) {
        const { asked, found } = yield* follow({}, () => events(page("e-1", "a"), wrong, done))
        assert.deepStrictEqual(found, [["e-1", "a"], malformed])
        assert.lengthOf(asked, 1)
      }
      const later = ["event: later\nid: e-2\ndata: {}\n\n"]
      assert.deepStrictEqual((yield* follow({}, () => events(...later, done))).found, ["Done"])
    }))

  it.effect("shows no secret of the request in what the server says", () =>
    Effect.gen(function*() {
      const options = { headers: { authorization: Redacted.make("Bearer tenant-secret") } }
      const failed = ended({ _tag: "Failed", reason: "R tenant-secret", message: "for tenant-secret" })
      const { client } = server(() => events(failed))
      const last = yield* inTime(Stream.runLast(StreamLogClient.follow(url, options)), client)
      assert.deepStrictEqual(
        last,
        Option.some(
          { _tag: "Ended", end: { _tag: "Failed", reason: "R <redacted>", message: "for <redacted>" } } as const
        )
      )
      const refused = yield* follow(options, () =>
        refusal(400, { _tag: "tenant-secret", message: "Bearer tenant-secret?" }))
      assert.notInclude(JSON.stringify(refused.found), "tenant-secret")
    }))

  const wrong: ReadonlyArray<readonly [what: string, url: string, options: object]> = [
    ["`url`", "https://user@logs.example/", {}],
    ["`url`", "https://:password@logs.example/", {}],
    ["headers", url, { headers: { a: "new\nline" } }],
    ["headers", url, { headers: { a: "€" } }],
    ["idleTimeout", url, { idleTimeout: Number.NaN }],
    ["maxAttempts", url, { maxAttempts: 0 }],
    ["offset", url, { offset: 5 }],
    ["offset", url, { offset: "a\nb" }],
    ["temperature", url, { request: { prompt: "Hi", temperature: "hot" } }]
  ]
  it.effect("has options that can be right", () =>
    Effect.gen(function*() {
      const { asked, client } = server()
      for (const [what, url, options] of wrong) {
        const [error] = yield* Effect.provideService(
          received(StreamLogClient.follow(url, options)),
          HttpClient.HttpClient,
          client
        )
        assert.instanceOf(error, StreamLogClient.ClientError)
        if (!(error instanceof StreamLogClient.ClientError)) continue
        assert.deepInclude(error, { reason: "Refused", code: "InvalidRequest" })
        assert.include(error.message, what)
        assert.notInclude(error.message, "password@")
      }
      assert.lengthOf(asked, 0)
    }))
})

describe("a log that is stopped", () => {
  const cancel = (reply: () => Response) => {
    const { asked, client } = server(reply)
    return Effect.map(
      Effect.result(inTime(StreamLogClient.cancel(url), client)),
      (result) => ({ asked: asked.map(([method, href]) => [method, href]), result })
    )
  }
  const json = (status: number, body: unknown) => () => new Response(JSON.stringify(body), { status })

  it.effect("says which end was there already", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* cancel(json(202, { end: null })), {
        asked: [["DELETE", url]],
        result: Result.succeed(undefined)
      })
      assert.deepStrictEqual(
        (yield* cancel(json(200, { end: { _tag: "Lost" } }))).result,
        Result.succeed({ _tag: "Lost" } as const)
      )
      const wrong = (yield* cancel(json(200, { end: "Lost" }))).result
      assert(Result.isFailure(wrong))
      assert.strictEqual(wrong.failure.reason, "Malformed")
      for (const status of [201, 404]) {
        const { result } = yield* cancel(json(status, { error: { _tag: "NotFound", message: "no answer" } }))
        assert.deepStrictEqual(
          result,
          Result.fail(
            new StreamLogClient.ClientError({ reason: "Refused", status, code: "NotFound", message: "no answer" })
          )
        )
      }
    }))

  it.effect("is given up when the server does not answer", () =>
    Effect.gen(function*() {
      const silent = HttpClient.make(() => Effect.never)
      const fiber = yield* Effect.forkChild(
        Effect.flip(Effect.provideService(StreamLogClient.cancel(url), HttpClient.HttpClient, silent))
      )
      yield* TestClock.adjust(Duration.millis(44_999))
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* Fiber.join(fiber), { reason: "GaveUp", message: "the server does not answer" })
    }))
})

describe("the provider of a log", () => {
  const errorOf = Effect.fnUntraced(function*(options: object, ...replies: ReadonlyArray<() => Response>) {
    const { client } = server(...replies)
    const base = "https://logs.example/answers"
    const provider = yield* Effect.provideService(
      StreamLogClient.make({ url: base, maxAttempts: 1, ...options }),
      HttpClient.HttpClient,
      client
    )
    const error = yield* Effect.flip(inTime(Stream.runDrain(provider.stream({ prompt: "Hi" })), client))
    const { _tag, code, message, status } = error.reason
    return [provider.name, error.provider, error.emitted, _tag, code, message, status]
  })

  const said = page("e-1", "a")
  const tag: ProviderError.Reason["_tag"] = "RateLimited"
  const cases: ReadonlyArray<readonly [replies: ReadonlyArray<() => Response>, expected: ReadonlyArray<unknown>]> = [
    [[() => events(ended({ _tag: "Failed", reason: tag, message: "slow" }))], [
      false,
      tag,
      undefined,
      "slow",
      undefined
    ]],
    [
      [() => events(said, ended({ _tag: "Failed", reason: "Strange", message: "odd" }))],
      [true, "Unknown", "Strange", "odd", undefined]
    ],
    [
      [() => events(said, ended({ _tag: "Cancelled" }))],
      [true, "Unknown", "Cancelled", "the answer was stopped", undefined]
    ],
    [
      [() => events(ended({ _tag: "Lost" }))],
      [false, "IncompleteStream", "Lost", "the server that produced the answer died", undefined]
    ],
    [
      [() => refusal(503)],
      [false, "Network", undefined, "1 attempts brought nothing: the server answered 503", undefined]
    ],
    [
      [() => events("event: end\ndata: {}\n\n")],
      [false, "Unknown", undefined, "the server sent something other than an event of a log", undefined]
    ],
    ...(["InvalidRequest", "NotFound"] as const).map((_tag) =>
      [[() => refusal(418, { _tag, message: "no" })], [false, _tag, _tag, "no", 418]] as const
    ),
    [[() => refusal(403)], [false, "PermissionDenied", undefined, "the server answered 403", 403]]
  ]
  it.effect("fails by how its answer ended", () =>
    Effect.gen(function*() {
      for (const [replies, expected] of cases) {
        assert.deepStrictEqual(yield* errorOf({}, ...replies), ["stream-log", "stream-log", ...expected])
      }
      assert.deepStrictEqual((yield* errorOf({ provider: "mine" }, () => refusal(403))).slice(0, 2), ["mine", "mine"])
    }))

  it.effect("is a layer of the common provider", () =>
    Effect.gen(function*() {
      const { client } = server(() => events(said, done))
      const contents = Effect.flatMap(Provider.Provider, ({ stream }) =>
        Stream.runCollect(Stream.map(stream({ prompt: "Hi" }), ({ content }) => content))).pipe(
          Effect.provide(StreamLogClient.layer({ url: "https://logs.example/answers" }))
        )
      assert.deepStrictEqual(yield* inTime(contents, client), ["a"])
    }))
})
