/**
 * What imports cost: the code of this package that a bundle has, without Effect and AWS's packages, minified and after gzip.
 *
 * Run: `npm run build && node scripts/imports.ts` (writes the table of docs/imports.md)
 */
import * as esbuild from "esbuild"
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

interface Part {
  readonly code: string
  /** The files that it loads at once. */
  readonly imports: ReadonlyArray<string>
}

const weighed = (entry: string, parts: ReadonlyMap<string, Part>): Size => {
  const started = new Set([entry])
  for (const name of started) for (const other of parts.get(name)?.imports ?? []) started.add(other)
  const size = (isStarted: boolean) =>
    Array.from(parts).reduce(
      (sum, [name, { code }]) => started.has(name) === isStarted ? sum + gzipSync(code).length / 1000 : sum,
      0
    )
  return { start: size(true), later: size(false) }
}

/** As they say of themselves, an import of which nothing is used goes away with them. */
const packages = /^(?:effect|@smithy|@aws-sdk)(?:\/|$)/

/** The size of a program's own code, by Rolldown. It is built of the package as it is built, not of its source. */
export const sizeOf = async (source: string): Promise<Size> => {
  const entry = Path.join(root, "program.js")
  const bundle = await rolldown({
    input: "program",
    external: packages,
    platform: "browser",
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
  return weighed(
    output[0].fileName,
    new Map(output.flatMap((chunk) => chunk.type === "chunk" ? [[chunk.fileName, chunk] as const] : []))
  )
}

/** The size of a program's own code by esbuild, with code splitting. */
export const sizeByEsbuild = async (source: string): Promise<Size> => {
  const { metafile, outputFiles, warnings } = await esbuild.build({
    stdin: { contents: source, resolveDir: root, sourcefile: "program.js" },
    absWorkingDir: root,
    outdir: "program",
    platform: "browser",
    format: "esm",
    bundle: true,
    minify: true,
    splitting: true,
    metafile: true,
    write: false,
    logLevel: "silent",
    plugins: [{
      name: "packages",
      setup: (build) => {
        build.onResolve({ filter: packages }, ({ path }) => ({ path, external: true, sideEffects: false }))
      }
    }]
  })
  if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join("\n"))
  const outputs = Object.entries(metafile.outputs)
  const texts = new Map(outputFiles.map(({ path, text }) => [Path.relative(root, path), text]))
  return weighed(
    outputs.find(([, { entryPoint }]) => entryPoint === "program.js")?.[0] ?? "",
    new Map(outputs.map(([path, { imports }]) => [path, {
      code: texts.get(path) ?? "",
      imports: imports.filter(({ external, kind }) => external !== true && kind === "import-statement").map((
        { path }
      ) => path)
    }]))
  )
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

/** What a program weighs at the start by Rolldown and by esbuild, and what of it is loaded later, by Rolldown. */
export type Row = readonly [rolldown: number, esbuild: number, later: number]

/** The sizes of the programs of the guide. */
export const sizes = (): Promise<ReadonlyArray<readonly [name: string, row: Row]>> =>
  Promise.all(
    Object.entries(programs).map(async ([name, modules]) => {
      const source = sourceOf(modules)
      const [rolldown, esbuild] = await Promise.all([sizeOf(source), sizeByEsbuild(source)])
      return [name, [rolldown.start, esbuild.start, rolldown.later]] as const
    })
  )

/** The sizes that the guide states. */
export const stated = (): ReadonlyArray<readonly [name: string, row: Row]> =>
  Array.from(
    Fs.readFileSync(guide, "utf8").matchAll(/^\| (.+?) +\| +([\d.]+) \| +([\d.]+) \| +([\d.]+) \|$/gm),
    ([, name = "", ...row]) => [name, [Number(row[0]), Number(row[1]), Number(row[2])]] as const
  )

if (import.meta.main) {
  const rows = (await sizes()).map(([name, row]) => `| ${[name, ...row.map((size) => size.toFixed(1))].join(" | ")} |`)
  const heads = ["import", "at the start by Rolldown, KB", "by esbuild, KB", "later, KB"]
  const table = [`| ${heads.join(" | ")} |`, "| --- | ---: | ---: | ---: |", ...rows].join("\n")
  const text = Fs.readFileSync(guide, "utf8")
  Fs.writeFileSync(guide, text.replace(/^\| import [^]*?\n(?=\n)/m, `${table}\n`))
  spawnSync("npx", ["dprint", "fmt", guide], { cwd: root, stdio: "inherit" })
}
