import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Console, Effect, Layer, type ManagedRuntime, Redacted, type Scope, Stream } from "effect"
import type { Prompt } from "effect/ai"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import * as Fs from "node:fs"
import { createServer, request as forward, type Server } from "node:http"
import * as Path from "node:path"
import { rolldown } from "rolldown"
import { afterEach, beforeEach, vi } from "vitest"
import { Anthropic, ChunkStream, type OpenAi, Provider, type ProviderError, ServerSentEvents } from "../src/index.ts"
import { ReplayServer, Wire } from "../src/testing.ts"
import * as NodeReplayServer from "../src/testing/NodeReplayServer.ts"
import * as Documentation from "./support/documentation.ts"
import { freePort, run } from "./support/process.ts"
import { services, world } from "./support/world.ts"

// Each recipe does what it is for. Those that state values are run by `Documentation.test.ts`.

const recipes = Documentation.examples("docs/recipes.md")

const load = <Names>(heading: string, change?: (code: string) => string): Effect.Effect<Names> =>
  Effect.promise(() => {
    const recipe = recipes.find((example) => Documentation.headingOf(example) === heading)
    return recipe === undefined ? Promise.reject(new Error(heading)) : Documentation.load<Names>(recipe, change)
  })

/** What a program writes, line by line and piece by piece. */
let shown: Array<unknown> = []
beforeEach(() => {
  shown = []
  vi.spyOn(process.stdout, "write").mockImplementation((piece) => shown.push(piece) > 0)
  vi.spyOn(console, "log").mockReturnValue()
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})
const showing = Effect.provideService(Console.Console, {
  ...console,
  log: (...line) => void shown.push(line.join(" "))
})

type Model = Layer.Layer<Provider.Provider, ProviderError.ProviderError, HttpClient.HttpClient>

const answerBy = <E, R>(live: Layer.Layer<Provider.Provider, E, R>) =>
  Provider.Provider.use(({ stream }) => ChunkStream.response(stream({ model: "gpt-4o-mini", prompt: "Hi" }))).pipe(
    Effect.provide(live)
  )

const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(address !== null && typeof address === "object" ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close())
  )

const checks: Readonly<Record<string, Effect.Effect<void, unknown, Scope.Scope>>> = {
  "A chat server": Effect.gen(function*() {
    const { environment, server: provider } = yield* world
    const port = yield* freePort
    const { db, server } = yield* load<
      { readonly db: Map<string, ReadonlyArray<Prompt.Message>>; readonly server: Layer.Layer<never, unknown> }
    >("A chat server", (code) => code.replace("3000", String(port)).replace(/^NodeRuntime.*/m, ""))
    const client = services(environment)
    const post = (text: string) =>
      HttpClientRequest.post(`http://127.0.0.1:${port}/chat`).pipe(
        HttpClientRequest.bodyJsonUnsafe({ id: "1", text }),
        HttpClient.execute,
        Effect.map(({ stream }) => ServerSentEvents.decode(stream)),
        Stream.unwrap,
        Stream.runCollect,
        Effect.provide(client)
      )
    yield* Effect.gen(function*() {
      const events = yield* post("Hello?")
      assert.deepStrictEqual(
        events.map((event) => event._tag === "Text" ? event.delta : event._tag),
        ["Hello,", " world!", "Finish"]
      )
      yield* post("And now?")
    }).pipe(Effect.provide(Layer.provide(server, ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))))
    assert.deepStrictEqual(db.get("1")?.map(({ role }) => role), ["user", "assistant", "user", "assistant"])
    const { body } = yield* provider.request(1)
    assert.deepNestedInclude(body, {
      "messages[0].content": "Hello?",
      "messages[1].content": "Hello, world!",
      "messages[2].content": "And now?"
    })
  }),

  "Stream an answer and save it": Effect.gen(function*() {
    const { environment } = yield* world
    const { program } = yield* load<{ readonly program: Effect.Effect<void, unknown, Provider.Provider> }>(
      "Stream an answer and save it"
    )
    yield* showing(Effect.provide(program, services(environment)))
    assert.deepStrictEqual(shown, ["Hello,", " world!", "save done [object Object]"])
  }),

  "Show what an answer cites": Effect.gen(function*() {
    const cited = [
      { type: "message_start", message: { id: "1", model: "claude-haiku-4-5", usage: { input_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "It rained." } },
      {
        type: "content_block_delta",
        index: 0,
        delta: {
          type: "citations_delta",
          citation: {
            type: "page_location",
            cited_text: "Rain in Paris.",
            document_index: 0,
            document_title: "News",
            start_page_number: 3,
            end_page_number: 4
          }
        }
      },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } },
      { type: "message_stop" }
    ].map((data) => Wire.event({ event: data.type, data: JSON.stringify(data) }))
    const server = yield* NodeReplayServer.make([ReplayServer.bytes(cited, { contentType: "text/event-stream" })])
    const { program } = yield* load<{ readonly program: Effect.Effect<void, unknown, Provider.Provider> }>(
      "Show what an answer cites"
    )
    const live = Anthropic.layer({ apiKey: Redacted.make("key"), baseUrl: server.url, model: "claude-haiku-4-5" })
    yield* showing(Effect.provide(program, Layer.provide(live, FetchHttpClient.layer)))
    assert.deepStrictEqual(shown, ["It rained.", "[News] 0 Rain in Paris."])
  }),

  "Through a proxy": Effect.gen(function*() {
    const { environment } = yield* world
    const seen: Array<string | undefined> = []
    const port = yield* listening(createServer((request, response) => {
      seen.push(request.url)
      request.pipe(forward(String(request.url), { method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      }))
    }))
    const { live } = yield* load<{ readonly live: Layer.Layer<OpenAi.OpenAi | Provider.Provider> }>(
      "Through a proxy",
      (code) => code.replace("http://proxy.example:3128", `http://127.0.0.1:${port}`)
    )
    const { content } = yield* Effect.provide(
      answerBy(live),
      ConfigProvider.layer(ConfigProvider.fromUnknown(environment))
    )
    assert.strictEqual(content, "Hello, world!")
    assert.deepStrictEqual(seen, [`${environment.OPENAI_BASE_URL}/chat/completions`])
  }),

  "Import for small bundles": Effect.gen(function*() {
    const { environment } = yield* world
    const recipe = recipes.find((example) => Documentation.headingOf(example) === "Import for small bundles")
    const folder = Documentation.freshFolder("bundle")
    yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(folder, { recursive: true })))
    const input = Path.join(folder, "main.ts")
    Fs.writeFileSync(input, `${recipe?.code}\nconsole.log((await Effect.runPromise(program)).content)\n`)
    const file = Path.join(folder, "main.mjs")
    yield* Effect.promise(async () => {
      const bundle = await rolldown({ input, platform: "browser", logLevel: "silent" })
      await bundle.write({ file, format: "esm", minify: true, codeSplitting: false })
      await bundle.close()
    })
    const { output, status } = yield* Effect.promise(() => run(process.execPath, [file], { env: environment }))
    assert.deepStrictEqual([status, output.trim()], [0, "Hello, world!"])
  }),

  "Use it without Effect": Effect.gen(function*() {
    const { environment } = yield* world
    for (const name of ["OPENAI_API_KEY", "OPENAI_BASE_URL"] as const) vi.stubEnv(name, environment[name])
    const { ask, runtime } = yield* load<{
      readonly ask: (prompt: string) => Promise<void>
      readonly runtime: ManagedRuntime.ManagedRuntime<Provider.Provider, unknown>
    }>("Use it without Effect")
    yield* Effect.addFinalizer(() => runtime.disposeEffect)
    yield* Effect.promise(() => ask("Hi"))
    assert.deepStrictEqual(shown, ["Hello,", " world!"])
  }),

  "Fall back to another provider": Effect.gen(function*() {
    const { environment } = yield* world
    const busy = yield* NodeReplayServer.make([ReplayServer.json({ error: { message: "busy" } }, { status: 503 })])
    const { ProviderLive } = yield* load<{ readonly ProviderLive: Layer.Layer<Provider.Provider> }>(
      "Fall back to another provider"
    )
    const { content, provider } = yield* Effect.provide(
      answerBy(ProviderLive),
      ConfigProvider.layer(ConfigProvider.fromUnknown({ ...environment, OPENAI_BASE_URL: `${busy.url}/v1` }))
    )
    assert.deepStrictEqual([provider, content], ["anthropic", "Hello, world!"])
  }),

  "Race two providers": Effect.gen(function*() {
    const { environment } = yield* world
    const { fastest } = yield* load<
      { readonly fastest: (prompt: string) => Stream.Stream<string, unknown, never> }
    >("Race two providers")
    const text = yield* Stream.mkString(fastest("Hi")).pipe(Effect.provide(services(environment)))
    assert.strictEqual(text, "Hello, world!")
  }),

  "Limit the rate, and break the circuit": Effect.gen(function*() {
    const { environment } = yield* world
    const { OpenAiLive } = yield* load<{ readonly OpenAiLive: Model }>("Limit the rate, and break the circuit")
    const { content } = yield* Effect.provide(answerBy(OpenAiLive), services(environment))
    assert.strictEqual(content, "Hello, world!")
  })
}

describe("a recipe", () => {
  for (const [heading, check] of Object.entries(checks)) {
    it.live(`works: ${heading}`, () => check)
  }

  it("is short: a chat server with history that is kept has 17 lines, without its imports", () => {
    const { code = "" } = recipes.find((example) => Documentation.headingOf(example) === "A chat server") ?? {}
    const lines = code.replace(/^import .*$/gm, "").split("\n").filter((line) => line.trim() !== "")
    assert.isAtLeast(lines.length, 1)
    assert.isAtMost(lines.length, 17)
  })

  it("is run", () => {
    assert.deepStrictEqual(
      recipes.filter((example) => !Documentation.statesValues(example)).map(Documentation.headingOf),
      Object.keys(checks)
    )
  })
})

describe("An app of one's own", () => {
  /** Lines that say something: no imports, no comments. */
  const linesOf = (code: string): number =>
    code.replaceAll(/^import[^;]*? from ".*"$/gm, "").split("\n").filter((line) => /^\s*(?!\s|\/\/)./.test(line)).length

  const apps: ReadonlyArray<readonly [what: string, file: string, heading: string, most: number]> = [
    ["a chat server that keeps and saves its history", "docs/recipes.md", "A chat server", 17],
    ["a loop that runs tools", "docs/tools.md", "A loop that runs tools", 38],
    ["data from a text", "docs/objects.md", "In one call", 17],
    ["a fallback on another vendor", "docs/recipes.md", "Fall back to another provider", 10]
  ]
  for (const [what, file, heading, most] of apps) {
    it(`takes at most ${most} lines for ${what}`, () => {
      const example = Documentation.examples(file).find((example) => Documentation.headingOf(example) === heading)
      assert.isDefined(example)
      assert.isAbove(linesOf(example.code), 3)
      assert.isAtMost(linesOf(example.code), most)
    })
  }
})
