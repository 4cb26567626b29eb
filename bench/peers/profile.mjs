/**
 * Where the CPU of a subject goes, by parts of the program: of an event or of a request in a warm process, or of an import in
 * a cold one. And what the heap of an idle stream is made of, by classes.
 *
 *     npm run build && cd bench/peers && node --expose-gc profile.mjs SUBJECT WIRE single|large|request|import|idle
 */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { Session } from "node:inspector/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as V8 from "node:v8"
import { events, large, respond } from "./bodies.mjs"
import { collect, starter } from "./idle.mjs"

const [name, wire, kind] = process.argv.slice(2)
const [subject, part] = name.split(":")
const file = Path.join(import.meta.dirname, "subjects", `${subject}.mjs`)

/** The parts of this library, by its modules. The first that fits counts. */
const parts = [
  [/^(?:wire\/(?:Sse|EventStream)|protocols\/awsEvent)$/, "framing"],
  [/^(?:wire\/|internal\/(?:json|validator|takesAny|unknownType|exact|schema))/, "JSON and its checks"],
  [/^(?:protocols\/\w+\/content|ContentEvent|content\/reader)$/, "what a chunk says"],
  [/^(?:Parts|ChatEvent|ChatResponse|ResponseParts|ChunkStream|Cost\w*|Pric\w+|content\/\w+|internal\/list)$/, "folds"],
  [
    /^(?:ChatRequest|RequestFormat|Auth|Endpoint|engine\/(?:plan|definition|givenOptions)|protocols\/(?:request|\w+\/(?:request|plain)).*|\w+\/\w*Format)$/,
    "writing a request"
  ],
  [/^(?:engine\/(?!decoder)|Provider|\w+\/(?:auth|runtime|host)$)/, "sending and reading"],
  [/./, "chunks"]
]
const partOf = (module) => parts.find(([pattern]) => pattern.test(module))[1]

// `dist/node` has several modules in a file, each after a comment with its name.
const regions = new Map()
const moduleAt = (path, line) => {
  if (!path.includes("/dist/node/internal/")) return path.split("/dist/").at(-1).replace(/\.js$/, "")
  let found = regions.get(path)
  if (found === undefined) {
    found = Fs.readFileSync(path, "utf8").split("\n").flatMap((text, at) => {
      const [, module] = /^\/\/ dist\/(.*)\.js$/.exec(text) ?? []
      return module === undefined ? [] : [{ module, at }]
    })
    regions.set(path, found)
  }
  return found.findLast(({ at }) => at <= line)?.module ?? ""
}

const areaOf = ({ functionName, lineNumber, url }) => {
  if (functionName === "(garbage collector)") return "garbage"
  if (functionName === "compileSourceTextModule") return "compiling modules"
  if (functionName.startsWith("(")) return functionName === "(idle)" ? undefined : "V8 and Node"
  // The checks that are compiled have no file, and what V8 has built in belongs to its caller.
  if (url === "" && kind === "import") return undefined
  if (url === "") return lineNumber >= 0 || functionName === "parse" ? "JSON and its checks" : undefined
  if (/^node:internal\/modules|^node:internal\/url/.test(url) && kind === "import") return "finding modules"
  if (url.startsWith("node:")) return "V8 and Node"
  const path = url.replace("file://", "")
  if (path.includes("/node_modules/effect/")) return "Effect"
  if (path.includes("/node_modules/@smithy/")) return "framing"
  if (path.includes("/node_modules/")) return "other packages"
  if (path.startsWith(`${import.meta.dirname}/`)) return "the benchmark"
  return kind === "import" ? "this library" : partOf(moduleAt(path, lineNumber))
}

/** Shares of the time by area. */
const shares = ({ nodes, samples, timeDeltas }) => {
  const areas = new Map()
  const place = (node, parent) => {
    const isBuiltin = node.callFrame.url === "" && node.callFrame.lineNumber < 0
    const area = areaOf(node.callFrame) ?? (isBuiltin ? areas.get(parent) : undefined)
    areas.set(node.id, area)
    for (const child of node.children ?? []) place(byId.get(child), node.id)
  }
  const byId = new Map(nodes.map((node) => [node.id, node]))
  place(nodes[0], undefined)
  const times = new Map()
  let all = 0
  for (const [at, id] of samples.entries()) {
    const { functionName } = byId.get(id).callFrame
    if (functionName === "(idle)") continue
    const area = areas.get(id) ?? "V8 and Node"
    times.set(area, (times.get(area) ?? 0) + timeDeltas[at])
    all += timeDeltas[at]
  }
  return Array.from(times, ([area, time]) => [area, time / all])
}

/** Bytes of the heap by classes. */
const heap = async () => {
  await collect()
  const texts = []
  for await (const text of V8.getHeapSnapshot()) texts.push(text)
  const { nodes, snapshot: { meta }, strings } = JSON.parse(texts.join(""))
  const { length } = meta.node_fields
  const [name, size, type] = ["name", "self_size", "type"].map((field) => meta.node_fields.indexOf(field))
  const types = meta.node_types[type]
  const sizes = new Map()
  for (let at = 0; at < nodes.length; at += length) {
    const kind = types[nodes[at + type]]
    const label = kind === "object" || kind === "native" ? strings[nodes[at + name]] : `of V8: ${kind}`
    sizes.set(label, (sizes.get(label) ?? 0) + nodes[at + size])
  }
  return sizes
}

const cpu = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}

const print = (unit, sum, parts) => {
  const rows = parts.map(([area, value]) => [area, value.toPrecision(3)]).sort((a, b) => b[1] - a[1])
  console.log(`| ${name}, ${wire}, ${kind} | ${unit} |\n| --- | ---: |`)
  for (const [area, value] of rows) console.log(`| ${area} | ${value} |`)
  console.log(`| together | ${sum.toPrecision(3)} |\n`)
}

if (kind === "import") {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "profile-"))
  const rounds = 10
  const sums = new Map()
  for (let round = 0; round < rounds; round++) {
    const profile = Path.join(folder, `${round}.cpuprofile`)
    const flags = [
      "--cpu-prof",
      "--cpu-prof-interval=100",
      "--cpu-prof-dir",
      folder,
      "--cpu-prof-name",
      `${round}.cpuprofile`
    ]
    execFileSync(process.execPath, [...flags, "-e", `import(${JSON.stringify(file)})`])
    const read = JSON.parse(Fs.readFileSync(profile, "utf8"))
    const all = read.timeDeltas.reduce((sum, delta) => sum + delta, 0)
    for (const [area, share] of shares(read)) sums.set(area, (sums.get(area) ?? 0) + share * all / 1000 / rounds)
  }
  Fs.rmSync(folder, { recursive: true })
  print("ms", Array.from(sums.values()).reduce((a, b) => a + b), Array.from(sums))
} else if (kind === "idle") {
  const { open } = await import(file)
  const start = starter(open, wire)
  const count = 1000
  await start(100)
  const before = await heap()
  await start(count)
  const after = await heap()
  const grown = Array.from(after, ([type, size]) => [type, (size - (before.get(type) ?? 0)) / count])
  const parts = grown.filter(([, size]) => size > 150)
  const sum = grown.reduce((sum, [, size]) => sum + size, 0)
  print("bytes", sum, [...parts, ["smaller ones", sum - parts.reduce((sum, [, size]) => sum + size, 0)]])
  process.exit()
} else {
  const { open } = await import(file)
  const isRequest = kind === "request"
  const single = events(wire, isRequest ? 1 : 10_000)
  const reads = kind === "large" ? large(single) : single
  const ask = open(async () => respond(wire, reads), wire, part)
  const run = async (rounds) => {
    for (let round = 0; round < rounds; round++) await ask(() => undefined)
  }
  const rounds = isRequest ? 20_000 : 100
  await run(isRequest ? 5_000 : 60)
  const session = new Session()
  session.connect()
  await session.post("Profiler.enable")
  await session.post("Profiler.setSamplingInterval", { interval: 200 })
  // Profiled, it takes longer: the shares are of the profile, and the time is not.
  const since = cpu()
  await run(rounds)
  const each = (cpu() - since) / rounds / (isRequest ? 1 : single.length)
  await session.post("Profiler.start")
  await run(rounds)
  const { profile } = await session.post("Profiler.stop")
  print("µs", each, shares(profile).map(([area, share]) => [area, share * each]))
}
