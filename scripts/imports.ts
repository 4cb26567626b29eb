/**
 * What imports cost: the code of this package that a bundle has, without Effect and AWS's packages, minified and after gzip.
 *
 * Run: `npm run build && node scripts/imports.ts` (writes the table of docs/imports.md)
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

const root = Path.join(import.meta.dirname, "..")
const guide = Path.join(root, "docs/imports.md")

export interface Size {
  /** What is loaded when the program starts, in kilobytes. */
  readonly start: number
  /** What is loaded when it is first needed. */
  readonly later: number
}

/** The size of a program's own code. It is built by the package as it is built, not by its source. */
export const sizeOf = async (source: string): Promise<Size> => {
  const entry = Path.join(root, "program.js")
  const bundle = await rolldown({
    input: "program",
    external: /^(?:effect|@smithy|@aws-sdk)(?:\/|$)/,
    platform: "browser",
    // As the packages say of themselves: an import of which nothing is used goes away with them.
    treeshake: { moduleSideEffects: [{ external: true, sideEffects: false }] },
    logLevel: "silent",
    resolve: { conditionNames: ["module", "import", "default"] },
    plugins: [{
      name: "program",
      resolveId: (id) => id === "program" ? entry : undefined,
      load: (id) => id === entry ? source : undefined
    }]
  })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  const chunks = new Map(output.flatMap((chunk) => chunk.type === "chunk" ? [[chunk.fileName, chunk] as const] : []))
  const started = new Set([output[0].fileName])
  for (const name of started) for (const other of chunks.get(name)?.imports ?? []) started.add(other)
  const size = (isStarted: boolean) =>
    Array.from(chunks).reduce(
      (sum, [name, { code }]) => started.has(name) === isStarted ? sum + gzipSync(code).length / 1000 : sum,
      0
    )
  return { start: size(true), later: size(false) }
}

/** Programs by the names of their modules and of what they use of each. */
const programs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "`openai/OpenAi`": { "openai/OpenAi": "layer" },
  "`openai/OpenAiResponses`": { "openai/OpenAiResponses": "layer" },
  "`openai/OpenAiCompatible`": { "openai/OpenAiCompatible": "layer" },
  "`anthropic/Anthropic`": { "anthropic/Anthropic": "layer" },
  "`bedrock/Bedrock`": { "bedrock/Bedrock": "layer" },
  "`bedrock/BedrockInvoke`": { "bedrock/BedrockInvoke": "layer" },
  "`groq/Groq`": { "groq/Groq": "layer" },
  "`azure/AzureOpenAi`": { "azure/AzureOpenAi": "layer" },
  "`azure/AzureResponses`": { "azure/AzureResponses": "layer" },
  "`azure/AzureInference`": { "azure/AzureInference": "layer" },
  "OpenAI and `ChunkStream.text`": { "openai/OpenAi": "layer", ChunkStream: "text" },
  "OpenAI and `ChunkStream.response`": { "openai/OpenAi": "layer", ChunkStream: "response" },
  "OpenAI and `ChunkStream.withCost`": { "openai/OpenAi": "layer", ChunkStream: "withCost" },
  "OpenAI and `StructuredOutput.generate`": { "openai/OpenAi": "layer", StructuredOutput: "generate" },
  "OpenAI and `ToolLoop.stream`": { "openai/OpenAi": "layer", ToolLoop: "stream" },
  "OpenAI and `OpenAiLanguageModel`": { "openai/OpenAi": "layer", "ai/OpenAiLanguageModel": "OpenAiLanguageModel" },
  "OpenAI and `middleware/Retry`": { "openai/OpenAi": "layer", "middleware/Retry": "layer" }
}

const sourceOf = (modules: Readonly<Record<string, string>>): string => {
  const names = Object.entries(modules).map(([module, name], at) =>
    [`import { ${name} as used${at} } from "effect-llm-stream/${module}"`, `used${at}`] as const
  )
  return `${names.map(([line]) => line).join("\n")}\nconsole.log(${names.map(([, name]) => name).join()})`
}

/** The sizes of the programs of the guide. */
export const sizes = (): Promise<ReadonlyArray<readonly [name: string, size: Size]>> =>
  Promise.all(
    Object.entries(programs).map(async ([name, modules]) => [name, await sizeOf(sourceOf(modules))] as const)
  )

/** The sizes that the guide states. */
export const stated = (): ReadonlyArray<readonly [name: string, size: Size]> =>
  Array.from(
    Fs.readFileSync(guide, "utf8").matchAll(/^\| (.+?) +\| +([\d.]+) \| +([\d.]+) \|$/gm),
    ([, name = "", start, later]) => [name, { start: Number(start), later: Number(later) }] as const
  )

if (import.meta.main) {
  const rows = (await sizes()).map(([name, { later, start }]) =>
    `| ${name} | ${start.toFixed(1)} | ${later.toFixed(1)} |`
  )
  const table = ["| import | at the start, KB | later, KB |", "| --- | ---: | ---: |", ...rows].join("\n")
  const text = Fs.readFileSync(guide, "utf8")
  Fs.writeFileSync(guide, text.replace(/^\| import [^]*?\n(?=\n)/m, `${table}\n`))
  spawnSync("npx", ["dprint", "fmt", guide], { cwd: root, stdio: "inherit" })
}
