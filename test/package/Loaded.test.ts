import { assert, describe, it } from "@effect/vitest"
import * as esbuild from "esbuild"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { sizeByEsbuild, sizeOf } from "../../scripts/imports.ts"
import { root, run } from "../support/process.ts"

const dist = Path.join(root, "dist")

/** What a program prints as JSON, in a process of its own. */
const printed = async (script: string): Promise<ReadonlyArray<string>> => {
  const { output, status } = await run(process.execPath, ["--input-type=module", "-e", script])
  assert.strictEqual(status, 0, output)
  return JSON.parse(output)
}

/** The files that a module loads: those of this package, and those of others. */
const loadedBy = async (module: string) => {
  const files = await printed(`
    import { registerHooks } from "node:module"
    const files = []
    registerHooks({ load: (url, context, next) => (files.push(url), next(url, context)) })
    await import(${JSON.stringify(module)})
    console.log(JSON.stringify(files))`)
  const own = files.filter((file) => file.startsWith(`file://${dist}/`))
  return { own, others: files.filter((file) => !own.includes(file)) }
}

const bundled = async (source: string): Promise<number> => (await sizeOf(source)).start

describe("what a program loads", () => {
  it("is few files in Node, and of others Effect's and those of AWS's framing", async () => {
    const [barrel, path, core, tools] = await Promise.all([
      loadedBy("effect-llm-stream"),
      loadedBy("effect-llm-stream/openai/OpenAi"),
      loadedBy("effect-llm-stream/Provider"),
      loadedBy("effect-llm-stream/ToolLoop")
    ])
    assert.isAtMost(path.own.length, 4)
    assert.isAtMost(path.others.length, 185)
    assert.isAtMost(barrel.own.length, 13)
    // No provider's request format among them, as those take 105 KB.
    const size = barrel.own.reduce((sum, file) => sum + Fs.statSync(new URL(file)).size, 0)
    assert.isAtMost(size, 600_000)
    assert.isAtMost(tools.own.length, 6)
    assert.deepStrictEqual(barrel.own.filter((file) => file.includes("/pricing/")), [])
    // AWS's framing is the one package that the barrel brings along.
    assert.deepStrictEqual(
      barrel.others.filter((file) => !/^node:|\/node_modules\/(?:effect|@smithy)\//.test(file)),
      []
    )
    assert.sameMembers([...path.others], [...core.others])
    assert.isAtMost(barrel.others.length - path.others.length, 10)
  })

  it("is of prompts, requests and tools nothing before it is used, and of Effect's compilers of schemas nothing", async () => {
    const { others } = await loadedBy("effect-llm-stream/openai/OpenAi")
    assert.deepStrictEqual(others.filter((file) => /\/effect\/dist\/(?:ai|schema)\//.test(file)), [])
  })

  // esbuild warns of them.
  it("is nothing of which nothing is used", () => {
    const files = Fs.readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"))
    assert.isAbove(files.length, 100)
    for (const file of files) assert.notMatch(Fs.readFileSync(Path.join(dist, file), "utf8"), /^import "/m, file)
  })

  it("is in Node what it is elsewhere", async () => {
    const modules = Fs.readdirSync(Path.join(dist, "node"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".js") && !file.startsWith("internal"))
    assert.isAbove(modules.length, 100)
    const different = await printed(`
      const names = async (file) => Object.keys(await import(${JSON.stringify(`file://${dist}/`)} + file)).sort().join()
      const different = []
      for (const file of ${JSON.stringify(modules)}) {
        if (await names(file) !== await names("node/" + file)) different.push(file)
      }
      console.log(JSON.stringify(different))`)
    assert.deepStrictEqual(different, [])
  })

  // esbuild keeps what the other exports of a module need, unless they come by `export *`.
  it("has a file for each name of the barrel", () => {
    const code = (file: string) =>
      Fs.readFileSync(Path.join(dist, file), "utf8").split("\n").filter((line) => /^(?:import|export)\b/.test(line))
    const files = code("index.js").map((line) =>
      /^export \* from "\.\/(internal\/names\/\w+\.js)";$/.exec(line)?.[1] ?? line
    )
    assert.isAbove(files.length, 60)
    for (const file of files) assert.lengthOf(code(file), 1, file)
  })

  // esbuild writes what a file loads later, though a program has nothing else of the file.
  it("is in joined files that load nothing later", () => {
    for (const name of ["core", "chat", "messages", "responses", "converse", "aws"]) {
      assert.notInclude(Fs.readFileSync(Path.join(dist, `internal/${name}.js`), "utf8"), "import(", name)
    }
  })

  it("is of a joined file no more than what is used", async () => {
    const of = (path: string, name: string) =>
      bundled(`import { ${name} } from "effect-llm-stream/${path}"\nconsole.log(${name})`)
    assert.isAtMost(await of("wire/Sse", "decoder"), 1.3)
    assert.isAtMost(await of("ProviderError", "ProviderError"), 1.4)
    assert.isAtMost(await of("Cost", "calculate"), 4.5)
    assert.isAtMost(await of("ChunkStream", "response"), 12.2)
  })

  it("has few declarations by a path, and not all of them by the barrel", () => {
    const read = (module: string) => {
      const sizes = new Map<string, number>()
      const visit = (file: string) => {
        if (sizes.has(file)) return
        const text = Fs.readFileSync(file, "utf8")
        sizes.set(file, text.length)
        for (const [, path = ""] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
          visit(Path.resolve(Path.dirname(file), path).replace(/\.[jt]s$/, ".d.ts"))
        }
      }
      visit(Path.join(dist, `${module}.d.ts`))
      return Array.from(sizes.values()).reduce((sum, size) => sum + size, 0)
    }
    const barrel = read("index")
    const all = Fs.readdirSync(dist, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".d.ts") && !file.startsWith("node"))
      .reduce((sum, file) => sum + Fs.statSync(Path.join(dist, file)).size, 0)
    for (const path of ["openai/OpenAi", "anthropic/Anthropic", "ChunkStream", "Provider"]) {
      assert.isAtMost(read(path) / barrel, 0.4, path)
    }
    assert.isAtMost(barrel / all, 0.7)
  })

  it("is as small in a bundle by the barrel as by paths, without prices", async () => {
    const program = (imports: string) => `${imports}\nconsole.log(OpenAi.layer, ChunkStream.text, Provider.Provider)`
    const alone = (path: string) => bundled(`import { layer } from "effect-llm-stream/${path}"\nconsole.log(layer)`)
    const [barrel, paths, ...providers] = await Promise.all([
      bundled(program(`import { ChunkStream, OpenAi, Provider } from "effect-llm-stream"`)),
      bundled(program(
        ["ChunkStream", "Provider", "openai/OpenAi"]
          .map((path) => `import * as ${Path.basename(path)} from "effect-llm-stream/${path}"`).join("\n")
      )),
      ...["openai/OpenAi", "anthropic/Anthropic", "bedrock/Bedrock", "groq/Groq", "azure/AzureOpenAi"].map(alone)
    ])
    assert.isAtMost(barrel / paths, 1.02)
    assert.isAtMost(paths / Number(providers[0]), 1.05)
    for (const provider of providers) assert.isAtMost(provider, 20.6)
    for (const path of ["openai/OpenAiResponses", "azure/AzureResponses", "bedrock/BedrockInvoke"]) {
      assert.isAtMost(await alone(path), 23.1)
    }
  })

  it("is as little by esbuild, but for what it takes to split a program", async () => {
    const of = async (path: string, name = "layer") =>
      (await sizeByEsbuild(`import { ${name} } from "effect-llm-stream/${path}"\nconsole.log(${name})`)).start
    for (const path of ["openai/OpenAi", "openai/OpenAiCompatible", "groq/Groq"]) assert.isAtMost(await of(path), 21.2)
    for (const path of ["anthropic/Anthropic", "azure/AzureOpenAi"]) assert.isAtMost(await of(path), 21.8)
    assert.isAtMost(await of("bedrock/Bedrock"), 22.1)
    for (const path of ["openai/OpenAiResponses", "azure/AzureResponses", "bedrock/BedrockInvoke"]) {
      assert.isAtMost(await of(path), 24.5)
    }
    // The barrel adds the other names of the provider's module.
    for (const path of ["openai/OpenAi", "anthropic/Anthropic", "bedrock/BedrockInvoke", "azure/AzureResponses"]) {
      const name = Path.basename(path)
      const source = `import { ${name} } from "effect-llm-stream"\nconsole.log(${name}.layer)`
      const { start } = await sizeByEsbuild(source)
      assert.isAtMost(start, 25)
      assert.isAtMost(start - await of(path), 0.75)
    }
    // What a provider loads later is of no use to who has chunks alone.
    assert.isAtMost(await of("openai/OpenAiChunk", "OpenAiChunk"), 5.2)
    assert.isAtMost(await of("ProviderError", "ProviderError"), 1.3)
  })

  it("fails as it would, tries again and shows no secret, where what is loaded later can't be", async () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "loaded-"))
    await esbuild.build({
      stdin: {
        contents: `
          import { OpenAi } from "effect-llm-stream"
          import { Effect, Redacted, Stream } from "effect"
          import { FetchHttpClient } from "effect/http"

          const body = JSON.stringify({ error: { message: "Slow down", code: "rate_limit_exceeded" } })
          const headers = { "content-type": "application/json", "retry-after-ms": "1", "x-request-id": "req_1" }
          let requests = 0
          const event = (text) => \`data: \${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\\n\\n\`
          const long = Array.from({ length: 60 }, (_, at) => event(String(at % 10))).join("") + "data: [DONE]\\n\\n"
          const stating = (message) => \`data: \${JSON.stringify({ error: { message } })}\\n\\n\`
          globalThis.fetch = async (_url, init) => {
            requests++
            const { model } = JSON.parse(new TextDecoder().decode(init.body))
            if (model === "broken") throw new TypeError("socket hang up")
            if (model === "long") return new Response(long, { headers: { "content-type": "text/event-stream" } })
            return model === "m"
              ? new Response(body, { status: 429, headers })
              : new Response(stating(model), {
                headers: { "content-type": "text/event-stream", "x-request-id": "req" + model.slice(-8) }
              })
          }
          const asked = Effect.fnUntraced(function*(options) {
            const openai = yield* OpenAi.make({ apiKey: Redacted.make("sk-12345"), ...options })
            return yield* Effect.flip(Stream.runDrain(openai.stream({ model: options.model ?? "m", prompt: "hi" })))
          })
          const program = Effect.gen(function*() {
            const { isRetryable, message, reason, requestId, status } = yield* asked({ maxRetries: 1 })
            const own = yield* asked({ transformClient: () => ({ execute: () => Effect.fail(new Error("own")) }) })
            const known = [requests, reason._tag, status, requestId, isRetryable, message, own.message]
            const said = yield* Effect.forEach(["Try gpt-9", "No sk-12345"], (model) => asked({ model, maxRetries: 0 }))
            const before = requests
            const broken = yield* asked({ model: "broken", maxRetries: 1 })
            const tries = requests - before
            const limited = yield* asked({ model: "No", contentTimeout: "1 minute", maxRetries: 0 })
            const openai = yield* OpenAi.make({ apiKey: Redacted.make("sk-12345") })
            const texts = Effect.map(
              Stream.runCollect(openai.stream({ model: "long", prompt: "hi" })),
              (chunks) => chunks.map(({ content }) => content).join("")
            )
            // What parses long answers is there for the second, if it can be loaded.
            const both = [yield* texts, yield* Effect.delay(texts, "20 millis")]
            return {
              known: [...known, ...said.map(({ message, requestId }) => [message, requestId])],
              broken: [tries, broken.message, limited.message],
              both
            }
          })
          console.log(JSON.stringify(await Effect.runPromise(Effect.provide(program, FetchHttpClient.layer))))`,
        resolveDir: root
      },
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      platform: "node",
      format: "esm",
      bundle: true,
      splitting: true
    })
    const answer = async () => {
      const { output, status } = await run(process.execPath, [Path.join(folder, "stdin.mjs")])
      assert.strictEqual(status, 0, output)
      return JSON.parse(output)
    }
    const known = [2, "RateLimited", 429, "req_1", true]
    const unexplained =
      "openai: Unknown: The part of the library that reads failures can't be loaded: are all its files there?"
    const both = Array.from({ length: 2 }, () => "0123456789".repeat(6))
    assert.deepStrictEqual(await answer(), {
      known: [
        ...known,
        "openai: RateLimited: Slow down",
        "openai: Unknown: The HTTP client failed: own",
        ["openai: Unknown: Try gpt-9", "reqry gpt-9"],
        ["openai: Unknown: No <redacted>", "req<redacted>"]
      ],
      broken: [2, "openai: Network: socket hang up", "openai: Unknown: No"],
      both
    })
    for (const later of ["seldom", "repeatedJson"]) {
      const [file = "", ...others] = Fs.readdirSync(folder).filter((name) => name.startsWith(`${later}-`))
      assert.lengthOf(others, 0)
      Fs.rmSync(Path.join(folder, file))
    }
    assert.deepStrictEqual(await answer(), {
      known: [
        ...known,
        "openai: RateLimited: HTTP 429. The part of the library that reads failures can't be loaded: are all its files there?",
        "openai: Network: The connection failed",
        [unexplained, "reqry gpt-9"],
        [unexplained, "<redacted>"]
      ],
      broken: [
        2,
        "openai: Network: The connection failed",
        "openai: Unknown: The part of the library that keeps time limits can't be loaded: are all its files there?"
      ],
      both
    })
    Fs.rmSync(folder, { recursive: true })
  })
})
