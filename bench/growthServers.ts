/**
 * What servers do with what a client, a loop or a store hands them: chats, logs, server-sent events and ledgers.
 */
import { Array as Arr, Effect, Option, Result, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Editor from "../src/cli/editor.ts"
import { ChatEvent, Endpoint, OpenAiChunk, type Provider, ServerSentEvents } from "../src/index.ts"
import * as Pages from "../src/log/pages.ts"
import * as StreamLog from "../src/log/StreamLog.ts"
import * as StreamLogClient from "../src/log/StreamLogClient.ts"
import * as Tails from "../src/log/tail.ts"
import * as Ledger from "../src/middleware/Ledger.ts"
import * as State from "../src/middleware/state/ledger.ts"
import * as SqliteStore from "../src/stores/SqliteStore.ts"
import * as Store from "../src/stores/Store.ts"
import * as AgUi from "../src/ui/AgUi.ts"
import * as AiSdk from "../src/ui/AiSdk.ts"
import type * as Blocks from "../src/ui/blocks.ts"
import * as Trust from "../src/ui/Trust.ts"

export interface Case {
  readonly name: string
  /** The smallest size; the others are multiples of it. */
  readonly size: number
  /** Makes the input of a size, and what is measured: a promise is waited for. */
  readonly prepare: (size: number) => () => unknown
}

const repeat = Arr.makeBy

const utf8 = new TextEncoder()

// ---------------------------------------------------------------------------------------------------------------------
// Chats
// ---------------------------------------------------------------------------------------------------------------------

const trusting = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<unknown> =>
  Effect.exit(Effect.provideService(effect, Trust.Trust, Trust.trusted))

const unlimited = { maxBodySize: Infinity, maxMessages: Infinity, maxFileSize: Infinity }

interface Message {
  readonly role: string
}

const question = { role: "user", content: "Hi", parts: [{ type: "text", text: "Hi" }] }

const bodyOf = (messages: ReadonlyArray<Message>): string =>
  JSON.stringify({
    id: "chat",
    threadId: "thread",
    runId: "run",
    messages: [question, ...messages, question].map((message, index) => ({ id: `m${index}`, ...message }))
  })

const assistant = (parts: ReadonlyArray<object>) => [{ role: "assistant", parts }]

const result = (toolCallId: string, more?: object) => ({
  type: "tool-f",
  toolCallId,
  state: "output-available",
  input: {},
  output: 1,
  ...more
})

/** What follows a question, in a chat of AI SDK. */
const chats: Readonly<Record<string, (size: number) => ReadonlyArray<Message>>> = {
  "messages": (size) => repeat(size, (i) => i % 2 === 0 ? question : { role: "assistant", parts: question.parts }),
  "parts": (size) => assistant(repeat(size, () => ({ type: "text", text: "a" }))),
  "parts of a user": (size) => [{ role: "user", parts: repeat(size, () => ({ type: "text", text: "a" })) }],
  "a long text": (size) => assistant([{ type: "text", text: "a".repeat(50 * size) }]),
  "data of the app": (size) => assistant(repeat(size, (i) => ({ type: `data-${i}`, data: { i } }))),
  "steps": (size) => assistant(repeat(2 * size, (i) => i % 2 === 0 ? { type: "step-start" } : question.parts[0] ?? {})),
  "calls": (size) => assistant(repeat(size, (i) => result(`c${i}`))),
  "one call of the provider, again and again": (size) =>
    assistant(repeat(size, () => result("c", { providerExecuted: true }))),
  "a large result": (size) => assistant([result("c", { output: repeat(size, (i) => ({ [`key${i}`]: i })) })]),
  "an object of many keys": (size) =>
    assistant([result("c", { output: Object.fromEntries(repeat(size, (i) => [`key${i}`, i])) })]),
  "a file": (size) => [{
    role: "user",
    parts: [{ type: "file", mediaType: "image/png", url: `data:image/png;base64,${"AAAA".repeat(20 * size)}` }]
  }],
  "a file of many parameters": (size) => [{
    role: "user",
    parts: [{ type: "file", mediaType: "image/png", url: `data:${";base64".repeat(20 * size)}` }]
  }]
}

/** The same in AG-UI. */
const threads: Readonly<Record<string, (size: number) => ReadonlyArray<Message>>> = {
  "messages": (size) => repeat(size, (i) => i % 2 === 0 ? question : { role: "assistant", content: "a" }),
  "thoughts": (size) => repeat(size, () => ({ role: "reasoning", content: "a" })),
  "messages of one response": (size) =>
    repeat(size, () => ({ role: "assistant", content: "a", metadata: { "llm-stream-continues": true } })),
  "calls and results": (size) => [
    {
      role: "assistant",
      toolCalls: repeat(size, (i) => ({ id: `c${i}`, type: "function", function: { name: "f", arguments: "{}" } }))
    },
    ...repeat(size, (i) => ({ role: "tool", toolCallId: `c${i}`, content: "1" }))
  ]
}

const finish: ChatEvent.ChatEvent = { _tag: "Finish", reason: "stop" }

const call = (i: number, more?: object) => ({ id: `c${i}`, name: "f", providerExecuted: false, ...more })

/** Events of an answer, or of a loop. */
const answers: Readonly<Record<string, (size: number) => ReadonlyArray<Blocks.Event>>> = {
  "pieces of text": (size) => [...repeat(size, () => ({ _tag: "Text" as const, delta: "a", block: "0" })), finish],
  "texts": (size) => [...repeat(size, (i) => ({ _tag: "Text" as const, delta: "a", block: `${i}` })), finish],
  "pieces of one call": (size) => [
    { _tag: "ToolCallStart", ...call(0) },
    ...repeat(size, () => ({ _tag: "ToolCallDelta" as const, ...call(0), delta: "a".repeat(20) })),
    { _tag: "ToolCall", ...call(0), params: { text: "a".repeat(20 * size) } },
    finish
  ],
  "calls": (size) => [
    ...repeat(size, (i) => ({ _tag: "ToolCall" as const, ...call(i), params: {} })),
    finish,
    ...repeat(size, (i) => ({
      _tag: "ToolResult" as const,
      ...call(i),
      result: 1,
      isFailure: false,
      preliminary: false
    }))
  ],
  "preliminary results": (size) => [
    { _tag: "ToolCall", ...call(0), params: {} },
    finish,
    ...repeat(size, () => ({
      _tag: "ToolResult" as const,
      ...call(0),
      result: 1,
      isFailure: false,
      preliminary: true
    }))
  ],
  "responses with a call each": (size) =>
    repeat(size, (i): ReadonlyArray<Blocks.Event> => [
      { _tag: "ToolCall", ...call(i), params: {} },
      finish,
      { _tag: "ToolResult", ...call(i), result: 1, isFailure: false, preliminary: false }
    ]).flat(),
  "approvals": (size) => [
    ...repeat(size, (i) => ({
      _tag: "ToolApprovalRequest" as const,
      approvalId: `a${i}`,
      toolCallId: `c${i}`,
      name: "f",
      params: {},
      providerExecuted: true
    })),
    finish
  ],
  "files": (size) => [
    ...repeat(size, () => ({ _tag: "File" as const, mediaType: "image/png", data: new Uint8Array(20) })),
    finish
  ]
}

const protocols = {
  AiSdk: (events: Stream.Stream<Blocks.Event>) => AiSdk.encode(events),
  AgUi: (events: Stream.Stream<Blocks.Event>) => AgUi.encode(events, { threadId: "thread", runId: "run" })
}

const chatCases: ReadonlyArray<Case> = [
  ...Object.entries(chats).map(([name, make]): Case => ({
    name: `AiSdk, read: ${name}`,
    size: 50,
    prepare: (size) => {
      const body = bodyOf(make(size))
      return () => Effect.runPromise(trusting(AiSdk.decode(body, unlimited)))
    }
  })),
  ...Object.entries(threads).flatMap(([name, make]): ReadonlyArray<Case> => [{
    name: `AgUi, read: ${name}`,
    size: 50,
    prepare: (size) => {
      const body = bodyOf(make(size))
      return () => Effect.runPromise(trusting(AgUi.decode(body, unlimited)))
    }
  }, {
    name: `AgUi, sealed again: ${name}`,
    size: 50,
    prepare: (size) => {
      const messages = make(size).map((message, index) => ({ id: `m${index}`, ...message }))
      return () => Effect.runPromise(trusting(AgUi.reseal(messages)))
    }
  }]),
  ...Object.entries(answers).flatMap(([name, make]) =>
    Object.entries(protocols).map(([protocol, encode]): Case => ({
      name: `${protocol}, written: ${name}`,
      size: 50,
      prepare: (size) => {
        const events = Stream.fromArray(make(size))
        return () => Effect.runPromise(trusting(Stream.runDrain(encode(events))))
      }
    }))
  )
]

// ---------------------------------------------------------------------------------------------------------------------
// Logs
// ---------------------------------------------------------------------------------------------------------------------

const word = new OpenAiChunk({ provider: "openai", chunk: { choices: [{ index: 0, delta: { content: " word" } }] } })

const provider = (stream: Stream.Stream<OpenAiChunk>): Provider.Service => ({ name: "test", stream: () => stream })

/** Records an answer of so many chunks, and gives what is done with it afterwards. */
const recorded = (size: number, use: (log: StreamLog.Service, id: string) => Effect.Effect<unknown, unknown>) => {
  const chunks = Arr.makeBy(size, () => word)
  let kept: Promise<readonly [StreamLog.Service, string]> | undefined
  // The store keeps the answer, and no fiber has to stay for it.
  const record = Effect.gen(function*() {
    const store = yield* Store.memory
    const id = yield* Effect.scoped(Effect.gen(function*() {
      const log = yield* StreamLog.make(provider(Stream.fromArray(chunks)))
      const { id } = yield* log.start({ prompt: "Hi" })
      yield* Stream.runDrain(yield* log.follow(id))
      return id
    })).pipe(Effect.provideService(Store.Store, store))
    const log = yield* Effect.scoped(StreamLog.make(provider(Stream.empty))).pipe(
      Effect.provideService(Store.Store, store)
    )
    return [log, id] as const
  })
  return async () => {
    kept ??= Effect.runPromise(record)
    const [log, id] = await kept
    await Effect.runPromise(use(log, id))
  }
}

const page = (index: number): Pages.Page => ({ _tag: "Page", epoch: "e", start: index, end: index + 1, json: "[1]" })

const logCases: ReadonlyArray<Case> = [
  { name: "log: a snapshot", size: 50, prepare: (size) => recorded(size, (log, id) => log.snapshot(id)) },
  {
    name: "log: the chunks of an answer, from its start",
    size: 50,
    prepare: (size) => recorded(size, (log, id) => Stream.runDrain(Stream.unwrap(log.follow(id))))
  },
  {
    name: "log: the chunks of an answer, in the smallest pages",
    size: 50,
    prepare: (size) => recorded(size, (log, id) => Stream.runDrain(Stream.unwrap(log.follow(id, { maxPage: 1 }))))
  },
  {
    name: "log: readers of an answer",
    size: 5,
    prepare: (size) =>
      recorded(
        20,
        (log, id) =>
          Effect.forEach(Arr.range(1, size), () => Stream.runDrain(Stream.unwrap(log.follow(id))), {
            concurrency: "unbounded",
            discard: true
          })
      )
  },
  {
    name: "log: a reader at the end of an answer that is written chunk by chunk",
    size: 500,
    prepare: (size) => () => {
      const tail = Tails.make("id", "e", 0)
      let read = 0
      for (let index = 0; index < size; index++) {
        tail.push(page(index))
        read += tail.pageAt(index)?.json.length ?? 0
      }
      return read
    }
  },
  {
    name: "log: a reader that is behind by many pages",
    size: 500,
    prepare: (size) => {
      const tail = Tails.make("id", "e", 0)
      for (let index = 0; index < size; index++) tail.push({ ...page(index), json: `[${"1".repeat(10_000)}]` })
      return () => {
        for (let at = 0; at < size;) at = tail.pageAt(at)?.end ?? at + 1
      }
    }
  },
  ...Object.entries({
    "events": (size: number) => repeat(size, (i) => `id: e-${i + 1}\ndata: []\n\n`).join(""),
    "comments": (size: number) => ":\n\n".repeat(size),
    "lines of an event": (size: number) => `id: e-1\n${"data:\n".repeat(size)}data: []\n\n`,
    "a large event": (size: number) => `id: e-1\ndata: [${" ".repeat(size)}]\n\n`,
    "a long id": (size: number) => `id: ${"1".repeat(size)}\ndata: []\n\n`,
    "a long pause": (size: number) => `retry: ${"1".repeat(size)}\n\n`
  }).map(([name, make]): Case => ({
    name: `log's client, a few bytes a read: ${name}`,
    size: 20,
    prepare: (size) => {
      const bytes = utf8.encode(`${make(size)}event: end\ndata: {"_tag":"Cancelled"}\n\n`)
      const reads = repeat(Math.ceil(bytes.length / 8), (i) => bytes.subarray(8 * i, 8 * i + 8))
      const body = () => new Response(Stream.toReadableStream(Stream.fromArray(reads)), { status: 200 })
      return () =>
        Effect.runPromise(
          Stream.runDrain(StreamLogClient.follow("http://localhost/answers/a")).pipe(
            Effect.exit,
            Effect.provide(FetchHttpClient.layer),
            Effect.provideService(FetchHttpClient.Fetch, () => Promise.resolve(body()))
          )
        )
    }
  }))
]

// ---------------------------------------------------------------------------------------------------------------------
// Server-sent events
// ---------------------------------------------------------------------------------------------------------------------

const end = "event: End\ndata: {\"_tag\":\"End\"}\n\n"

/** Bodies, and how many bytes of them come at a time. */
const bodies: Readonly<Record<string, readonly [size: number, read: number, make: (size: number) => string]>> = {
  "events": [100, 65_536, (size) => `event: Text\ndata: {"_tag":"Text","delta":"a"}\n\n`.repeat(size)],
  "events, a few bytes a read": [20, 8, (size) => `event: Text\ndata: {"_tag":"Text","delta":"a"}\n\n`.repeat(size)],
  "a large event, byte by byte": [
    100,
    1,
    (size) => `event: Text\ndata: {"_tag":"Text","delta":"${"a".repeat(size)}"}\n\n`
  ],
  "comments": [500, 4_096, (size) => ":\n".repeat(size)],
  "empty lines of data": [500, 4_096, (size) => "data:\n".repeat(size)],
  "long ids and retries": [500, 64, (size) => `id: ${"1".repeat(size)}\nretry: ${"1".repeat(size)}\n\n`],
  "names that nobody knows": [100, 4_096, (size) => Arr.join(repeat(size, (i) => `event: e${i}\ndata:\n\n`), "")]
}

const eventCases: ReadonlyArray<Case> = [
  ...Object.entries(bodies).map(([name, [size, read, make]]): Case => ({
    name: `server-sent events, read: ${name}`,
    size,
    prepare: (size) => {
      const bytes = utf8.encode(make(size) + end)
      const reads = repeat(Math.ceil(bytes.length / read), (i) => bytes.subarray(read * i, read * (i + 1)))
      return () => Effect.runPromise(Effect.exit(Stream.runDrain(ServerSentEvents.decode(Stream.fromArray(reads)))))
    }
  })),
  ...Object.entries(answers).map(([name, make]): Case => ({
    name: `server-sent events, written: ${name}`,
    size: 50,
    prepare: (size) => {
      const events = Stream.fromArray(make(size))
      return () => Effect.runPromise(Stream.runDrain(ServerSentEvents.encode(events)))
    }
  }))
]

// ---------------------------------------------------------------------------------------------------------------------
// Ledgers
// ---------------------------------------------------------------------------------------------------------------------

/** What is asked of a ledger, and how its rows differ. */
const listings: Readonly<
  Record<string, readonly [Effect.Effect<unknown, unknown, Store.Store>, (i: number) => Partial<State.Row>]>
> = {
  "rows": [Stream.runDrain(Ledger.rows()), () => ({})],
  "sums of many digits": [Ledger.total(), (i) => ({ cost: `0.${"0".repeat(i % 30)}1` })],
  "sums by user": [Ledger.totalBy(Ledger.rows(), ({ user }) => user ?? ""), (i) => ({ user: `user${i}` })],
  "sums by model": [Ledger.entries(), (i) => ({ model: `model${i}` })],
  "sums by provider": [Ledger.entries(), (i) => ({ provider: `provider${i}` })],
  "what sums leave out": [Ledger.entries(), (i) => ({ flags: [{ kind: "unpriced", subject: `model${i}` }] })]
}

/** Writes so many rows, one by one. */
const filled = (store: Store.Service, size: number, make: (i: number) => Partial<State.Row> = () => ({})) =>
  Effect.forEach(Arr.range(1, size), (i) => {
    const attempt = `a${String(i).padStart(9, "0")}`
    const row = { ...State.started({ attempt, provider: "test", model: "model" }, 0, 1), ...make(i) }
    return Store.modifyIn(store, {}, () => ({
      result: undefined,
      writes: [State.cell(row).put({ ...State.done(row, 1, {}), ...make(i) })]
    }))
  }, { discard: true })

const ledgerCases: ReadonlyArray<Case> = [
  ...Object.entries(listings).map(([name, [run, make]]): Case => ({
    name: `ledger: ${name}`,
    size: 50,
    prepare: (size) => {
      const store = Effect.runSync(Store.memory)
      Effect.runSync(filled(store, size, make))
      return () => Effect.runPromise(Effect.provideService(run, Store.Store, store))
    }
  })),
  {
    name: "ledger: rows written to SQLite, and read",
    size: 50,
    prepare: (size) => () =>
      Effect.runPromise(
        Effect.gen(function*() {
          const folder = yield* Effect.acquireRelease(
            Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "growth-"))),
            (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
          )
          const store = yield* SqliteStore.make({ filename: Path.join(folder, "store.db") })
          yield* filled(store, size)
          yield* Effect.provideService(Stream.runDrain(Ledger.rows()), Store.Store, store)
        }).pipe(Effect.scoped)
      )
  }
]

/** Entries of a store in memory that expire, written in an order of their own, and swept. */
const storeCases: ReadonlyArray<Case> = Object.entries({
  "in order": (i: number) => i,
  "in any order": (i: number) => i * 7919 % 100_003,
  "backwards": (i: number) => -i
}).map(([name, order]) => ({
  name: `store in memory: entries ${name} that expire`,
  size: 100,
  prepare: (size) => {
    const entries = repeat(size, (i) => ({ key: `k${1e6 + order(i)}`, value: "1", expiresAt: 60_000 }))
    const write = (writes: ReadonlyArray<Store.Write>) => () => Result.succeed({ result: undefined, writes })
    return () =>
      Effect.runPromise(
        Effect.gen(function*() {
          const store = yield* Store.memory
          for (const entry of entries) yield* store.transact([], write([entry]))
          yield* TestClock.adjust("2 minutes")
          yield* store.transact([], write([]))
        }).pipe(Effect.provide(TestClock.layer()), Effect.scoped)
      )
  }
}))

/** What makes an expression that looks for the end of a text begin again at each character. */
const endingCases: ReadonlyArray<Case> = [
  {
    name: "address: slashes before its end",
    size: 2_000,
    prepare: (size) => () => Endpoint.join(`https://example.com${"/".repeat(size)}a`, "/chat")
  },
  ...["a", " ", "a "].map((text): Case => ({
    name: `chat: a word deleted after many of ${JSON.stringify(text)}`,
    size: 2_000,
    prepare: (size) => {
      const key = { name: "w", ctrl: true, meta: false, shift: false }
      const state = { before: `${text.repeat(size)}b c`, after: "", at: 0, draft: "" }
      return () => Editor.next([], { input: Option.none(), key }, state)
    }
  }))
]

export const cases: ReadonlyArray<Case> = [
  ...chatCases,
  ...endingCases,
  ...logCases,
  ...eventCases,
  ...ledgerCases,
  ...storeCases
]
