/**
 * This library beside others: the same bytes, each subject in processes of its own, the subjects in turns. The figures
 * are CPU, of which other load of the machine changes least; the best of the rounds counts, and the worst shows the spread.
 *
 *     npm run build && cd bench/peers && npm install --no-package-lock && node run.mjs [ROUNDS] [folds]
 *
 * It prints tables, and writes the plots of docs/benchmarks.md: all, or those of operators and helpers alone.
 */
import * as esbuild from "esbuild"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { events } from "./bodies.mjs"
import { plot } from "./plot.mjs"

const rounds = Number(process.argv[2] ?? 5)
const isWhole = process.argv[3] !== "folds"

const path = (...parts) => Path.join(import.meta.dirname, ...parts)

const wires = {
  chat: {
    "no client: fetch, split, `JSON.parse`": "floor",
    "Effect's client alone, split, `JSON.parse`": "effect-floor",
    "effect-llm-stream, by path": "ours-path",
    "effect-llm-stream by the barrel, Effect by path": "ours-barrel-alone",
    "effect-llm-stream and Effect by their barrels": "ours-barrel",
    "openai": "openai",
    "groq-sdk": "groq-sdk",
    "AI SDK": "ai-sdk",
    "LangChain": "langchain"
  },
  responses: {
    "no client: fetch, split, `JSON.parse`": "floor-responses",
    "effect-llm-stream, by path": "ours-responses",
    "openai": "openai-responses"
  },
  messages: {
    "no client: fetch, split, `JSON.parse`": "floor-messages",
    "effect-llm-stream, by path": "ours-anthropic",
    "@anthropic-ai/sdk": "anthropic-sdk"
  },
  converse: {
    "no client: fetch, AWS's frames, `JSON.parse`": "floor-converse",
    "effect-llm-stream, by path": "ours-bedrock",
    "AWS SDK": "aws-sdk"
  }
}

/** What each makes of an answer beyond its chunks. */
const ours = {
  "effect-llm-stream, `parts`": "folds:parts",
  "effect-llm-stream, `events`": "folds:events",
  "effect-llm-stream, `response`": "folds:response",
  "effect-llm-stream, `accumulate`: a response after each chunk": "folds:accumulate",
  "effect-llm-stream, Effect's `LanguageModel.streamText`": "folds:model"
}
const folds = {
  chat: { ...ours, "openai, `chat.completions.stream`": "openai-helper", "AI SDK, `streamText`": "ai-sdk" },
  responses: { ...ours, "openai, `responses.stream`": "openai-helper" },
  messages: {
    ...ours,
    "@anthropic-ai/sdk, `messages.stream`": "anthropic-helper",
    "AI SDK, `streamText`": "ai-sdk-anthropic"
  },
  converse: ours
}

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "peers-"))
process.on("exit", () => Fs.rmSync(folder, { recursive: true }))

const measure = (subject, wire, kind, size = "") => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--expose-gc", path("measure.mjs"), subject, wire, kind, size],
    { encoding: "utf8" }
  )
  if (status !== 0) throw new Error(`${subject} ${kind}: ${stderr}`)
  return Number(stdout)
}

/** Kilobytes after gzip of what a bundle loads at its start, also without Effect and AWS's packages. */
const bundled = async (subject) => {
  const entry = path("subjects", `${subject}.mjs`)
  const withEsbuild = async (external) => {
    const { metafile, outputFiles } = await esbuild.build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      splitting: true,
      metafile: true,
      outdir: folder,
      write: false,
      external
    })
    const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [Path.resolve(path), output]))
    return loaded(Path.join(folder, `${subject}.js`), (path) => ({
      code: outputFiles.find((file) => file.path === path).contents,
      imports: outputs.get(path).imports.filter(({ external, kind }) => !external && kind === "import-statement")
        .map(({ path }) => Path.resolve(path))
    }))
  }
  const bundle = await rolldown({ input: entry, platform: "node", logLevel: "silent" })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]))
  return {
    esbuild: await withEsbuild([]),
    rolldown: loaded(output[0].fileName, (name) => {
      const { code, imports } = chunks.get(name)
      return { code, imports: imports.filter((name) => chunks.has(name)) }
    }),
    own: await withEsbuild(["effect", "@smithy/*", "@aws-sdk/*"])
  }
}

const loaded = (entry, chunk) => {
  const names = new Set([entry])
  let size = 0
  for (const name of names) {
    const { code, imports } = chunk(name)
    size += gzipSync(code).length / 1000
    for (const other of imports) names.add(other)
  }
  return size
}

/** Seconds of a type check of the subject. */
const checked = (wire, subject) => {
  const since = performance.now()
  const flags = "--ignoreConfig --noEmit --allowJs --checkJs --skipLibCheck --target es2022 --module nodenext".split(
    " "
  )
  spawnSync(path("../../node_modules/.bin/tsc"), [...flags, path("subjects", `${subject}.mjs`)], { cwd: folder })
  return (performance.now() - since) / 1000
}

const columns = [
  ["cold", "first text of a process, ms", (wire, subject) => measure(subject, wire, "cold", Path.join(folder, wire))],
  ["request", "a request, µs", (wire, subject) => measure(subject, wire, "request")],
  ["idle", "an idle stream, KB", (wire, subject) => measure(subject, wire, "idle", "2000") / 1000],
  ["single", "an event, one a read, µs", (wire, subject) => measure(subject, wire, "stream", "single")],
  ["large", "an event, reads of 64 KiB, µs", (wire, subject) => measure(subject, wire, "stream", "large")],
  ["growth", "an event of 50,000 beside one of 2,000", (wire, subject) => measure(subject, wire, "growth")],
  ["types", "type check, s", checked]
]

const isBase = (name) => name.startsWith("no client") || name === "effect-llm-stream, by path"

const shown = (value) => value >= 100 ? value.toFixed(0) : value.toPrecision(3)

/** The figures of subjects by their names, each of all rounds. */
const measured = (wire, subjects, columns) => {
  const rows = Object.fromEntries(Object.keys(subjects).map((name) => [name, {}]))
  for (const [key, , take] of columns) {
    for (let round = 0; round < rounds; round++) {
      for (const [name, subject] of Object.entries(subjects)) (rows[name][key] ??= []).push(take(wire, subject))
    }
  }
  return rows
}

/** A table of them, with other columns behind theirs. */
const print = (wire, rows, columns, others = [], otherCells = () => []) => {
  const heads = [...columns.map(([, title]) => title), ...others]
  console.log(`\n| ${wire} | ${heads.join(" | ")} |\n| --- |${" ---: |".repeat(heads.length)}`)
  for (const [name, row] of Object.entries(rows)) {
    const cells = columns.map(([key]) => `${shown(Math.min(...row[key]))} (${shown(Math.max(...row[key]))})`)
    console.log(`| ${name} | ${[...cells, ...otherCells(row)].join(" | ")} |`)
  }
}

const results = {}
for (const [wire, subjects] of Object.entries(isWhole ? wires : {})) {
  Fs.writeFileSync(Path.join(folder, wire), Buffer.concat(events(wire, 1)))
  const rows = measured(wire, subjects, columns)
  for (const [name, subject] of Object.entries(subjects)) {
    Object.assign(rows[name], await bundled(subject), { modules: measure(subject, wire, "modules") })
  }
  results[wire] = rows
  print(wire, rows, columns, ["files loaded", "esbuild, KB", "rolldown, KB"], ({ esbuild, modules, rolldown }) => [
    modules,
    shown(esbuild),
    shown(rolldown)
  ])
}
/** Of the no-client loop and of our chunks as well, to be compared with. */
const readings = columns.filter(([key]) => key === "single" || key === "large")
for (const [wire, helpers] of Object.entries(folds)) {
  const subjects = { ...Object.fromEntries(Object.entries(wires[wire]).filter(([name]) => isBase(name))), ...helpers }
  const rows = measured(wire, subjects, readings)
  if (wire === "messages") {
    Fs.writeFileSync(
      new URL("../../docs/benchmarks/folds.svg", import.meta.url),
      plot(
        "an event of Messages, reads of 64 KiB, µs",
        Object.entries(rows).map(([name, { large }]) => [name, Math.min(...large)])
      )
    )
  }
  print(wire, rows, readings)
}

console.log(
  `\nNode ${process.version}, ${rounds} rounds: the best, and the worst in brackets. Bundles minified, after gzip.`
)
for (const [wire, rows] of Object.entries(results)) {
  for (const [name, { own }] of Object.entries(rows)) {
    if (name.startsWith("effect-llm-stream")) console.log(`${wire}, ${name}: ${shown(own)} KB of its own code`)
  }
}

if (!isWhole) process.exit()
const best = (key) => Object.entries(results.chat).map(([name, row]) => [name, Math.min(...[row[key]].flat())])
for (const [key, title] of [...columns, ["esbuild", "bundle by esbuild, KB after gzip"]]) {
  Fs.writeFileSync(
    new URL(`../../docs/benchmarks/${key}.svg`, import.meta.url),
    plot(title, best(key))
  )
}
