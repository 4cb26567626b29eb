import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, type Cause, Effect, Exit, Fiber, Queue, Ref, Result, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AnyChunk, OpenAiChunk, Provider, ProviderError } from "../../src/index.ts"
import * as Requests from "../../src/log/requests.ts"
import * as State from "../../src/log/state.ts"
import * as StreamLog from "../../src/log/StreamLog.ts"
import * as Store from "../../src/stores/Store.ts"

const chunk = (content: string) =>
  new OpenAiChunk({
    provider: "openai",
    chunk: { id: "answer-1", model: "gpt-4o-mini", choices: [{ index: 0, delta: { content } }] }
  })

const usage = (tokens: number) =>
  new OpenAiChunk({
    provider: "openai",
    chunk: {
      id: "answer-1",
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: tokens, total_tokens: 10 + tokens }
    }
  })

const request = { model: "gpt-4o-mini", prompt: "Say hello" }

/** A provider that says what the test gives it, and counts its calls and those that are open. */
const scripted = Effect.gen(function*() {
  const queue = yield* Queue.unbounded<OpenAiChunk, ProviderError.ProviderError | Cause.Done>()
  const calls = yield* Ref.make(0)
  const open = yield* Ref.make(0)
  const provider: Provider.Service = {
    name: "openai",
    stream: () =>
      Stream.fromQueue(queue).pipe(
        Stream.onStart(Effect.andThen(Ref.update(calls, (n) => n + 1), Ref.update(open, (n) => n + 1))),
        Stream.ensuring(Ref.update(open, (n) => n - 1))
      )
  }
  return { queue, calls: Ref.get(calls), open: Ref.get(open), provider }
})

/** A server of its own on a store, that is released with the test. */
const server = Effect.fnUntraced(function*(
  store: Store.Service,
  provider: Provider.Service,
  options?: StreamLog.Options
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const log = yield* StreamLog.make(provider, { lease: "3 seconds", timeToLive: "1 hour", ...options }).pipe(
    Effect.provideService(Store.Store, store),
    Effect.provideService(Scope.Scope, scope)
  )
  return { log, scope }
})

const setup = Effect.fnUntraced(function*(options?: StreamLog.Options) {
  const store = yield* Store.memory
  const script = yield* scripted
  return { store, ...script, ...(yield* server(store, script.provider, options)) }
})

const away = new Store.StoreError({ reason: "Unavailable", message: "no route" })

/** A store that can be cut off from one server, and lose its acknowledgements. */
const behind = (store: Store.Service) => {
  const state = { isAway: false, forgets: false }
  const through = <A>(effect: Effect.Effect<A, Store.StoreError>) =>
    Effect.suspend(() => state.isAway ? Effect.fail(away) : effect)
  let count = 0
  const service: Store.Service = {
    transact: (keys, transition) =>
      through(store.transact(keys, transition)).pipe(
        Effect.tap(() => state.forgets && ++count % 2 === 1 ? Effect.fail(away) : Effect.void)
      ),
    scan: (prefix) => Stream.unwrap(through(Effect.succeed(store.scan(prefix))))
  }
  return { service, state }
}

/** What a reader has got: the text, and the end's tag. */
const summary = (items: ReadonlyArray<StreamLog.Item>) => {
  const chunks = items.flatMap((item) =>
    item._tag === "Page" ? JSON.parse(item.json) as ReadonlyArray<OpenAiChunk> : []
  )
  const last = items.at(-1)
  return {
    text: chunks.map(({ chunk }) => chunk.choices?.[0]?.delta?.content ?? "").join(""),
    end: last?._tag === "Ended" ? last.end._tag : undefined,
    pages: items.filter(({ _tag }) => _tag === "Page").length
  }
}

/** Reads to the end. */
const read = (log: StreamLog.Service, id: string, options?: StreamLog.FollowOptions) =>
  log.follow(id, options).pipe(Effect.flatMap(Stream.runCollect), Effect.map(summary))

/** Reads for the rest of the test: what there is so far. */
const collecting = Effect.fnUntraced(function*(log: StreamLog.Service, id: string) {
  const items: Array<StreamLog.Item> = []
  const all = yield* log.follow(id)
  yield* Effect.forkScoped(Stream.runForEach(all, (item) => Effect.sync(() => items.push(item))))
  return { found: () => summary(items) }
})

const reading = (log: StreamLog.Service, id: string, options?: StreamLog.FollowOptions) =>
  Effect.forkChild(read(log, id, options))

const reasonOf = <A>(effect: Effect.Effect<A, StreamLog.StreamLogError>) =>
  Effect.map(Effect.result(effect), (result) => Result.isFailure(result) ? result.failure.reason : undefined)

/** Runs what waits for hashes, which no clock drives, and for time. */
const byTurns = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E>) {
  const fiber = yield* Effect.forkChild(effect)
  while (fiber.pollUnsafe() === undefined) {
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    yield* TestClock.adjust("10 millis")
  }
  return yield* Fiber.join(fiber)
})

/** Lets the fibers of a server do what they have to, and no lease pass. */
const settle = TestClock.adjust("200 millis")

describe("the text of a chunk in a log", () => {
  const encode = Schema.encodeSync(Requests.chunkCodec())
  const text = AnyChunk.writer()

  it.prop("is what the schema makes of it, whatever its class", [Arbitrary.schema(AnyChunk.AnyChunk)], ([chunk]) => {
    assert.deepStrictEqual(JSON.parse(text(chunk)), JSON.parse(JSON.stringify(encode(chunk))))
  })
})

describe("StreamLog", () => {
  it.effect("stores an answer once, for all who read it, with its bill", () =>
    Effect.gen(function*() {
      const { calls, log, queue } = yield* setup()
      const { id, isNew } = yield* log.start(request)
      assert.isTrue(isNew)
      const early = yield* reading(log, id)
      yield* Queue.offerAll(queue, [chunk("Hel"), chunk("lo")])
      yield* settle
      const late = yield* reading(log, id)
      yield* Queue.offerAll(queue, [chunk("!"), usage(3)])
      yield* Queue.end(queue)
      yield* settle
      for (const fiber of [early, late]) {
        assert.deepInclude(yield* Fiber.join(fiber), { text: "Hello!", end: "Done" })
      }
      assert.deepInclude(yield* read(log, id), { text: "Hello!", end: "Done", pages: 1 })
      assert.deepInclude(yield* read(log, id, { from: { count: 2 } }), { text: "!", end: "Done" })
      const [row, ...more] = yield* log.ledger({ id })
      assert.deepInclude(row, { id, end: "Done", unstated: false, model: "gpt-4o-mini", cost: "0.0000033" })
      assert.deepStrictEqual(more, [])
      assert.strictEqual(yield* calls, 1)
    }))

  it.effect("begins one answer for equal requests, and refuses another one under its id", () =>
    Effect.gen(function*() {
      const { calls, log } = yield* setup()
      const options = { id: "a1", user: "ada" }
      const all = yield* Effect.forEach(Array.from({ length: 10 }), () => log.start(request, options), {
        concurrency: "unbounded"
      })
      yield* settle
      assert.strictEqual(all.filter(({ isNew }) => isNew).length, 1)
      assert.strictEqual(yield* calls, 1)
      assert.strictEqual(yield* reasonOf(log.start({ ...request, prompt: "Say bye" }, options)), "Conflict")
      for (const json of [{ ...request, prompt: "Say bye" }, {}, null]) {
        assert.strictEqual(yield* reasonOf(log.find("a1", { user: "ada", json })), "Conflict")
        assert.strictEqual(yield* reasonOf(log.follow("a1", { user: "ada", json })), "Conflict")
      }
      assert.strictEqual(yield* reasonOf(log.start(request, { ...options, id: "a b" })), "BadId")
      assert.strictEqual(yield* reasonOf(log.start({ prompt: "", temperature: 9 }, { id: "a2" })), "InvalidRequest")
    }))

  it.effect("tells nobody of another's answer", () =>
    Effect.gen(function*() {
      const { log } = yield* setup()
      yield* log.start(request, { id: "a1", user: "ada" })
      const user = "grace"
      for (
        const asked of [
          log.start(request, { id: "a1", user }),
          log.follow("a1", { user }),
          log.find("a1", { user }),
          log.snapshot("a1", { user }),
          log.cancel("a1", { user })
        ]
      ) assert.strictEqual(yield* reasonOf<unknown>(asked), "NotFound")
      assert.deepStrictEqual(yield* log.ledger({ user }), [])
    }))

  it.effect("goes on when its readers leave, and is stopped by its id, on any server", () =>
    Effect.gen(function*() {
      const { log, open, provider, queue, store } = yield* setup()
      const other = yield* server(store, provider)
      const { id } = yield* log.start(request)
      const left = yield* reading(log, id)
      yield* Queue.offer(queue, chunk("Hello"))
      yield* settle
      yield* Fiber.interrupt(left)
      const stays = yield* reading(other.log, id)
      yield* settle
      assert.strictEqual(yield* open, 1)
      assert.isUndefined(yield* other.log.cancel(id))
      yield* settle
      assert.strictEqual(yield* open, 0)
      assert.deepInclude(yield* Fiber.join(stays), { text: "Hello", end: "Cancelled" })
      assert.deepStrictEqual(yield* other.log.cancel(id), { _tag: "Cancelled" })
      assert.deepInclude((yield* log.ledger())[0], { end: "Cancelled", unstated: true, usage: null, cost: null })
    }))

  it.effect("is read on another server at once, which looks rarely while nothing comes", () =>
    Effect.gen(function*() {
      const { log, provider, queue, store } = yield* setup()
      let looks = 0
      const counted: Store.Service = {
        ...store,
        peek: (keys) => Effect.suspend(() => (looks++, State.peek(store, keys)))
      }
      const other = yield* server(counted, provider)
      const { id } = yield* log.start(request)
      const { found } = yield* collecting(other.log, id)
      yield* TestClock.adjust("10 seconds")
      assert.isBelow(looks, 50)
      yield* Queue.offer(queue, chunk("Hello"))
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(found().text, "Hello")
      yield* Queue.end(queue)
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(found().end, "Done")
    }))

  it.effect.each<{ readonly hints: string; readonly of: Store.Hints | undefined }>([
    { hints: "every hint is lost", of: { tell: () => Effect.void, heard: Store.hintsOf(Stream.never) } },
    { hints: "hints fail", of: { tell: () => Effect.void, heard: Stream.fail(away) } },
    { hints: "the store has none", of: undefined }
  ])("is read and stopped on another server a little later when $hints", ({ of }) =>
    Effect.gen(function*() {
      const store = { ...yield* Store.memory, hints: of }
      const { open, provider, queue } = yield* scripted
      const { log } = yield* server(store, provider)
      const other = yield* server(store, provider)
      const { id } = yield* log.start(request)
      const { found } = yield* collecting(other.log, id)
      for (const text of ["H", "He", "Hel"]) {
        yield* Queue.offer(queue, chunk(text.slice(-1)))
        yield* TestClock.adjust("400 millis")
        assert.strictEqual(found().text, text)
      }
      yield* other.log.cancel(id)
      yield* TestClock.adjust("400 millis")
      assert.strictEqual(found().end, "Cancelled")
      assert.strictEqual(yield* open, 0)
    }))

  it.effect("ends as failed when the provider fails, after all that came", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup()
      const { id } = yield* log.start(request)
      yield* Queue.offer(queue, chunk("Hel"))
      yield* Queue.fail(
        queue,
        new ProviderError.ProviderError({
          provider: "openai",
          reason: new ProviderError.Overloaded({ message: "busy" }),
          emitted: true
        })
      )
      yield* settle
      assert.deepInclude(yield* read(log, id), { text: "Hel", end: "Failed" })
      const { end } = yield* log.snapshot(id)
      assert.deepStrictEqual(end, { _tag: "Failed", reason: "Overloaded", message: "openai: Overloaded: busy" })
    }))

  it.effect("is lost when its producer can't reach the store for the lease, and adds nothing after that", () =>
    Effect.gen(function*() {
      const store = yield* Store.memory
      const { open, provider, queue } = yield* scripted
      const { service, state } = behind(store)
      const { log } = yield* server(service, provider)
      const other = yield* server(store, provider)
      const { id } = yield* log.start(request)
      yield* Queue.offerAll(queue, [chunk("Hello"), usage(1)])
      yield* settle
      const elsewhere = yield* reading(other.log, id)
      state.isAway = true
      yield* Queue.offer(queue, chunk(" world"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* open, 1)
      yield* TestClock.adjust("1500 millis")
      assert.deepInclude(yield* Fiber.join(elsewhere), { text: "Hello", end: "Lost" })
      assert.strictEqual(yield* open, 0)
      state.isAway = false
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude(yield* read(log, id), { text: "Hello", end: "Lost" })
      const rows = yield* log.ledger({ id })
      assert.strictEqual(rows.length, 1)
      assert.deepInclude(rows[0], { end: "Lost", unstated: true, cost: "0.0000021" })
    }))

  it.effect("is lost when nobody reads as well", () =>
    Effect.gen(function*() {
      const store = yield* Store.memory
      const { provider } = yield* scripted
      const { service, state } = behind(store)
      const { log } = yield* server(service, provider)
      const other = yield* server(store, provider)
      yield* log.start(request)
      yield* settle
      state.isAway = true
      yield* TestClock.adjust("8 seconds")
      assert.deepInclude((yield* other.log.ledger())[0], { end: "Lost" })
    }))

  it.effect("outlives a silence of the provider, and one of the store that is shorter than the lease", () =>
    Effect.gen(function*() {
      const store = yield* Store.memory
      const { provider, queue } = yield* scripted
      const { service, state } = behind(store)
      const { log } = yield* server(service, provider)
      const { id } = yield* log.start(request)
      const reader = yield* reading(log, id)
      yield* TestClock.adjust("1 minute")
      state.isAway = true
      yield* Queue.offer(queue, chunk("Hello"))
      yield* TestClock.adjust("2 seconds")
      state.isAway = false
      yield* Queue.end(queue)
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Fiber.join(reader), { text: "Hello", end: "Done" })
    }))

  it.effect("renews the leases of all silent producers of a process in one step, until it can't", () =>
    Effect.gen(function*() {
      const many = 100
      const store = yield* Store.memory
      const { open, provider } = yield* scripted
      const { service, state } = behind(store)
      let steps = 0
      const counted: Store.Service = {
        ...service,
        transact: (keys, transition) =>
          Effect.suspend(() => {
            steps += keys.length > 0 ? 1 : 0
            return service.transact(keys, transition)
          }),
        // So that all transactions are writes.
        peek: store.peek,
        hints: store.hints
      }
      const { log } = yield* server(counted, provider, { lease: "3 seconds" })
      const other = yield* server(store, provider)
      yield* byTurns(
        Effect.forEach(Array.from({ length: many }), () => log.start(request), { concurrency: "unbounded" })
      )
      steps = 0
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* open, many)
      // A producer alone has to renew its lease every three seconds.
      assert.isAtLeast(steps, 20)
      assert.isBelow(steps, 150)
      state.isAway = true
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* open, 0)
      const rows = yield* other.log.ledger()
      assert.strictEqual(rows.filter(({ end }) => end === "Lost").length, many)
    }))

  it.effect("keeps every chunk once when acknowledgements are lost", () =>
    Effect.gen(function*() {
      const store = yield* Store.memory
      const { calls, provider, queue } = yield* scripted
      const { service, state } = behind(store)
      const { log } = yield* server(service, provider)
      state.forgets = true
      const { id, isNew } = yield* byTurns(log.start(request))
      assert.isTrue(isNew)
      const words = Array.from({ length: 20 }, (_, index) => `${index} `)
      for (const word of words) {
        yield* Queue.offer(queue, chunk(word))
        yield* settle
      }
      yield* Queue.end(queue)
      yield* settle
      state.forgets = false
      assert.deepInclude(yield* read(log, id), { text: words.join(""), end: "Done" })
      assert.strictEqual((yield* log.ledger()).length, 1)
      assert.strictEqual(yield* calls, 1)
    }))

  it.effect("holds the provider up while more waits to be stored than may", () =>
    Effect.gen(function*() {
      const store = yield* Store.memory
      const { service, state } = behind(store)
      let pulled = 0
      const words = Stream.range(1, 10).pipe(
        Stream.rechunk(1),
        Stream.map((n) => {
          pulled = n
          return chunk(`${n} `)
        })
      )
      const provider: Provider.Service = {
        name: "openai",
        stream: () => Stream.concat(Stream.drain(Stream.fromEffect(Effect.sleep("1 second"))), words)
      }
      const { log } = yield* server(service, provider, { maxPending: 1 })
      const { id } = yield* log.start(request)
      state.isAway = true
      yield* TestClock.adjust("2 seconds")
      assert.isAtLeast(pulled, 1)
      assert.isAtMost(pulled, 3)
      state.isAway = false
      yield* TestClock.adjust("1 second")
      assert.strictEqual(pulled, 10)
      assert.deepInclude(yield* read(log, id), { text: "1 2 3 4 5 6 7 8 9 10 ", end: "Done" })
    }))

  it.effect("has options that can be right, and says which can't", () =>
    Effect.gen(function*() {
      const { log, provider, store } = yield* setup()
      const wrong: ReadonlyArray<readonly [name: string, options: StreamLog.Options]> = [
        ["lease", { lease: Infinity }],
        ["timeToLive", { timeToLive: Number.NaN }],
        ["patience", { patience: Infinity }],
        ["maxPending", { maxPending: 0 }],
        ["chunk", { chunk: 5 as never }]
      ]
      for (const [name, options] of wrong) {
        const error = yield* Effect.flip(server(store, provider, options))
        assert.include(error.message, `\`${name}\``)
        assert.include(error.message, "stream-log")
      }
      const none = yield* Effect.flip(server(store, { name: "none" } as never))
      assert.include(none.message, "`provider`")
      const { id } = yield* log.start(request)
      const follow: ReadonlyArray<readonly [name: string, options: StreamLog.FollowOptions]> = [
        ["from.count", { from: { epoch: "e", count: -1 } }],
        ["from", { from: 5 as never }],
        ["heartbeat", { heartbeat: Number.NaN }],
        ["maxPage", { maxPage: 0.5 }],
        ["user", { user: 5 as never }]
      ]
      for (const [name, options] of follow) {
        const error = yield* Effect.flip(log.follow(id, options))
        assert.deepInclude(error, { reason: "InvalidRequest" })
        assert.include(error.message, `\`${name}\``)
      }
      for (const id of ["", "a b", "a".repeat(129), "é"]) {
        const errors = [yield* Effect.flip(log.start(request, { id })), yield* Effect.flip(log.cancel(id))]
        for (const error of errors) {
          assert.deepInclude(error, {
            reason: "BadId",
            message: "an id is 1 to 128 letters, digits, and . _ ~ -"
          })
        }
      }
      assert.strictEqual((yield* log.start(request, { id: `aZ09._~-${"a".repeat(120)}` })).isNew, true)
    }))

  it.effect("ends as interrupted when its server is shut down", () =>
    Effect.gen(function*() {
      const { log, open, provider, queue, scope, store } = yield* setup()
      const other = yield* server(store, provider)
      const { id } = yield* log.start(request)
      yield* Queue.offer(queue, chunk("Hello"))
      yield* settle
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      yield* Fiber.join(closing)
      assert.strictEqual(yield* open, 0)
      assert.deepInclude(yield* read(other.log, id), { text: "Hello", end: "Failed" })
      assert.deepInclude((yield* other.log.snapshot(id)).end, { reason: "Interrupted" })
      assert.strictEqual(yield* reasonOf(log.start(request)), "StoreUnavailable")
    }))

  it.effect("expires after its end, and its tombstone answers", () =>
    Effect.gen(function*() {
      const { calls, log, queue, store } = yield* setup({ timeToLive: "10 minutes" })
      const { id } = yield* log.start(request, { id: "a1" })
      yield* Queue.offer(queue, chunk("Hello"))
      yield* TestClock.adjust("20 minutes")
      yield* Queue.end(queue)
      yield* settle
      assert.deepInclude(yield* read(log, id), { text: "Hello", end: "Done" })
      yield* TestClock.adjust("11 minutes")
      const result = yield* Effect.flip(log.follow(id))
      assert.deepInclude(result, { reason: "Expired", end: { _tag: "Done", usage: null, finishReason: null } })
      assert.strictEqual(yield* reasonOf(log.start(request, { id })), "Expired")
      assert.deepStrictEqual(yield* Stream.runCollect(store.scan(Store.key("log-batch"))), [])
      assert.strictEqual((yield* log.ledger()).length, 1)
      assert.strictEqual(yield* calls, 1)
    }))

  it.effect("follows from a snapshot with exactly the rest, and refuses an offset that is none of its own", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup()
      const { epoch, id } = yield* log.start(request)
      yield* Queue.offerAll(queue, [chunk("Hel"), chunk("lo")])
      yield* settle
      const { count, end, text } = yield* log.snapshot(id)
      assert.deepStrictEqual({ count, end, text }, { count: 2, end: null, text: "Hello" })
      const rest = yield* reading(log, id, { from: { epoch, count } })
      yield* Queue.offer(queue, chunk("!"))
      yield* Queue.end(queue)
      yield* settle
      assert.strictEqual((yield* Fiber.join(rest)).text, "!")
      assert.strictEqual(yield* reasonOf(log.follow(id, { from: { epoch: "other", count: 1 } })), "Gap")
      assert.strictEqual(yield* reasonOf(log.follow(id, { from: { epoch, count: 4 } })), "Gap")
    }))

  it.effect("gives what comes after a silence", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup()
      const { id } = yield* log.start(request)
      const reader = yield* reading(log, id, { heartbeat: "1 second" })
      yield* Queue.offer(queue, chunk("Hel"))
      yield* TestClock.adjust("3 seconds")
      yield* Queue.offer(queue, chunk("lo"))
      yield* Queue.end(queue)
      yield* settle
      assert.deepInclude(yield* Fiber.join(reader), { text: "Hello", end: "Done" })
    }))

  it.effect("tells a reader of silence, and ends its stream when the log is gone", () =>
    Effect.gen(function*() {
      const { log, store } = yield* setup()
      const { id } = yield* log.start(request)
      const items = yield* log.follow(id, { heartbeat: "1 second" })
      const seen = yield* Ref.make(0)
      const reader = yield* items.pipe(
        Stream.runForEach(({ _tag }) => Ref.update(seen, (n) => _tag === "Idle" ? n + 1 : n)),
        Effect.flip,
        Effect.forkChild
      )
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Ref.get(seen), 5)
      const entries = yield* Stream.runCollect(store.scan(""))
      yield* store.transact([], () =>
        Result.succeed({ result: undefined, writes: entries.map(({ key }) => ({ key, value: undefined })) }))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(reader)).reason, "NotFound")
    }))
})
