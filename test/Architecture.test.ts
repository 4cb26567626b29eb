import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { root } from "./support/process.ts"

/**
 * The layers of the sources, from the first to the last, each with the modules that belong to it. A module imports from
 * its own layer and those before it; imports of types count, and so do modules that are loaded when they are needed.
 */
const layers: ReadonlyArray<readonly [name: string, modules: RegExp]> = [
  [
    "vocabulary",
    /^(ChatRequest|Chunk|ContentEvent|Cost|CostBuckets|CostMetadata|FinishReason|Price|PromptTemplate|ProviderError|Usage)$|^errors\//
  ],
  ["wire", /^wire\//],
  ["content", /^content\//],
  ["engine", /^(Auth|Endpoint|Protocol|Provider|RequestFormat)$|^engine\//],
  ["protocols", /^protocols\//],
  ["providers", /^(AnyChunk|Providers)$|^(anthropic|azure|bedrock|groq|openai)\//],
  [
    "downstream",
    /^(Chat(Event|Response)|ChunkStream|CostEstimate|PartialJson|Parts|PriceOverrides|Pricing(Refresh)?|ResponseParts|StreamedObject)$|^pricing\//
  ],
  ["stores", /^stores\//],
  ["middleware", /^middleware\//],
  ["interop", /^Telemetry$|^(ai|log)\//],
  ["apps", /^(Batch|ServerSentEvents|StructuredOutput|ToolLoop)$|^batch\//],
  ["front ends", /^ui\//],
  ["testing, command line, barrel", /^testing$|^testing\/|^cli\/|^bin$|^index$/]
]

/** Helpers that no layer owns: any may import them, and they know of no layer after this one. */
const helpers = { modules: /^internal\//, upTo: "wire" }

interface Module {
  readonly name: string
  readonly imports: ReadonlyArray<string>
}

const source = Path.join(root, "src")

const modules: ReadonlyArray<Module> = Fs.readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => {
    const text = Fs.readFileSync(Path.join(source, file), "utf8").replaceAll(/^ *\/?\*.*$/gm, "")
    return {
      name: nameOf(file),
      imports: Array.from(
        text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g),
        ([, target = ""]) => nameOf(Path.join(Path.dirname(file), target))
      )
    }
  })

const layerOf = (name: string): number => layers.findIndex(([, modules]) => modules.test(name))

describe("Architecture", () => {
  it("gives every module its layer", () => {
    const strays = modules.filter(({ name }) =>
      layers.filter(([, modules]) => modules.test(name)).length !== (helpers.modules.test(name) ? 0 : 1)
    )
    assert.deepStrictEqual(strays.map(({ name }) => name), [])
  })

  it("lets a module import only from its own layer and those before it", () => {
    const isAllowed = (from: string, to: string): boolean =>
      helpers.modules.test(to) ||
      layerOf(to) <= (helpers.modules.test(from) ? layers.findIndex(([name]) => name === helpers.upTo) : layerOf(from))
    const wrong = modules.flatMap(({ imports, name }) =>
      imports.filter((target) => !isAllowed(name, target)).map((target) => `${name} imports ${target}`)
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("has no circles", () => {
    const importsOf = new Map(modules.map(({ imports, name }) => [name, imports]))
    const reached = new Set<string>()
    const circles: Array<string> = []
    const visit = (name: string, path: ReadonlyArray<string>): void => {
      if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(" imports "))
      if (reached.has(name)) return
      reached.add(name)
      for (const target of importsOf.get(name) ?? []) visit(target, [...path, name])
    }
    for (const { name } of modules) visit(name, [])
    assert.deepStrictEqual(circles, [])
  })

  it("knows every import: all of them lead to a module", () => {
    const names = new Set(modules.map(({ name }) => name))
    const imports = modules.flatMap(({ imports }) => imports)
    assert.isNotEmpty(imports)
    assert.deepStrictEqual(imports.filter((name) => !names.has(name)), [])
  })
})

function nameOf(file: string): string {
  return Path.normalize(file).replaceAll(Path.sep, "/").replace(/\.ts$/, "")
}
