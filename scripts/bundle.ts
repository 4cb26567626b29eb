/**
 * Makes the built modules ready for those who load them, as a part of `npm run build`:
 *
 * - For bundlers, it marks the calls at the top of a module as pure. They only make values, such as schemas, and those that
 *   a program does not use can be left out with all that they refer to. It gives each name of the barrel a file of its own:
 *   where a program takes one name from a module, esbuild keeps what the other names need and what is loaded later needs as
 *   well, but does so for none that comes by `export *`. And it joins what all providers have, and each wire: esbuild makes a
 *   chunk of each set of modules that are loaded together, and keeps the imports of each module.
 * - For Node, it writes `dist/node`: the modules joined into few files. Finding and linking a file costs Node more than what
 *   is in it, and the barrel reaches some 160. What the frames of Bedrock need of AWS's package is loaded with the first.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type OutputChunk, rolldown } from "rolldown"
import { parseAst } from "rolldown/parseAst"

const dist = Path.join(import.meta.dirname, "../dist")
Fs.rmSync(Path.join(dist, "node"), { recursive: true, force: true })

const { exports }: { readonly exports: Readonly<Record<string, unknown>> } = JSON.parse(
  Fs.readFileSync(Path.join(dist, "../package.json"), "utf8")
)
const hidden = Object.keys(exports).filter((path) => exports[path] === null).map((path) =>
  new RegExp(`^${path.replace("./", "").replace("*", ".*")}$`)
)

const built = Fs.readdirSync(dist, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.replaceAll(Path.sep, "/").slice(0, -3))
const modules = built.filter((name) => name === "index" || hidden.every((path) => !path.test(name)))

/** An expression that runs when a module is loaded, and only makes a value. */
interface Value {
  readonly start: number
  readonly end: number
  readonly calls: number
}

const callsIn = (node: unknown): number => {
  if (Array.isArray(node)) return node.reduce<number>((sum, one) => sum + callsIn(one), 0)
  if (typeof node !== "object" || node === null || !("type" in node)) return 0
  const { type, ...parts } = node
  if (/Function|Statement|MethodDefinition/.test(String(type))) return 0
  return callsIn(Object.values(parts)) + (/^(?:Call|New)Expression$/.test(String(type)) ? 1 : 0)
}

/** The values of constants, of static fields, and of what classes extend. */
const valuesIn = (node: unknown): ReadonlyArray<Value> => {
  if (Array.isArray(node)) return node.flatMap(valuesIn)
  if (typeof node !== "object" || node === null || !("type" in node)) return []
  const { type, ...parts } = node
  if (/Function|Statement|MethodDefinition/.test(String(type))) return []
  return Object.entries(parts).flatMap(([name, part]: readonly [string, unknown]) => {
    const calls = /^(?:init|superClass|value)$/.test(name) ? callsIn(part) : 0
    return calls > 0 && typeof part === "object" && part !== null && "start" in part && "end" in part
      ? [{ start: Number(part.start), end: Number(part.end), calls }]
      : valuesIn(part)
  })
}

const pure = "/* @__PURE__ */ "

// A function around several calls needs one mark, and minifiers take it away again, but keep marks.
const marked = (code: string, { calls, end, start }: Value): string => {
  const value = code.slice(start, end)
  return calls === 1 && /^(?:new )?[\w.$]+\(/.test(value) ? pure + value : `${pure}(() => (${value}))()`
}

/** The files that a module loads, itself included. */
const loadedBy = (name: string): ReadonlySet<string> => {
  const files = new Set([Path.join(dist, `${name}.js`)])
  for (const file of files) {
    for (const [, target = ""] of Fs.readFileSync(file, "utf8").matchAll(/^(?:import|export)\b.* from "(\..*)";$/gm)) {
      files.add(Path.join(Path.dirname(file), target))
    }
  }
  return files
}

/** What all providers need. */
const core: ReadonlySet<string> = modules.filter((name) => /^(?:anthropic|azure|bedrock|groq|openai)\//.test(name)).map(
  loadedBy
)
  .filter((files) => files.has(Path.join(dist, "Provider.js")))
  .reduce((all, files) => new Set([...all].filter((file) => files.has(file))))

/** With what is loaded later and shares it with a wire, which else would be a chunk of its own. */
const shared = [
  "Provider",
  "Endpoint",
  "internal/unknownType",
  "protocols/chatCompletions/options",
  "protocols/messages/plain",
  "protocols/request/reasons"
]

/** What a file of joined modules has: these modules with all that they need, as far as no file before it has that. */
type Joined = Readonly<Record<string, ReadonlyArray<string>>>

const forNode: Joined = {
  // Nothing is gained by loading later what few requests need, and an error would wait for a file.
  core: [...shared, "protocols/chatCompletions/errors", "engine/seldom", "wire/repeatedJson"],
  chat: ["openai/OpenAi", "openai/OpenAiCompatible"],
  chatHosts: ["groq/Groq", "azure/AzureOpenAi", "azure/AzureInference"],
  responses: ["openai/OpenAiResponses", "protocols/responses/errors", "azure/AzureResponses"],
  messages: ["anthropic/Anthropic", "protocols/messages/errors"],
  // The frames of AWS with it; what only the native stream of Claude needs would bring all of Anthropic's wire along.
  bedrock: ["bedrock/Bedrock"],
  invoke: ["bedrock/BedrockInvoke"],
  chatRequest: ["ChatRequest"],
  streams: ["ChunkStream"],
  apps: ["ToolLoop", "StructuredOutput"],
  barrel: ["index"],
  // Each is loaded later, and shares most of what it needs with the others.
  requests: [
    "protocols/chatCompletions/request",
    "protocols/responses/request",
    "protocols/messages/request",
    "protocols/converse/request"
  ]
}

const forBundlers: Joined = {
  core: shared,
  chat: ["openai/OpenAi", "openai/OpenAiCompatible"],
  responses: ["openai/OpenAiResponses"],
  messages: ["anthropic/Anthropic"],
  aws: ["bedrock/runtime", "protocols/awsEvent"],
  converse: ["bedrock/Bedrock"]
}

interface Group {
  readonly name: string
  readonly files: ReadonlySet<string>
}

const grouped = (joined: Joined): ReadonlyArray<Group> => {
  const placed = new Set<string>()
  return Object.entries(joined).map(([name, members]) => {
    const all = [...name === "core" ? core : [], ...members.flatMap((member) => Array.from(loadedBy(member)))]
    const files = new Set(all.filter((file) => !placed.has(file)))
    for (const file of files) placed.add(file)
    return { name, files }
  })
}

/** One file for each group; a module is in the first that has it. */
const splitting = (groups: ReadonlyArray<Group>) => ({
  groups: groups.map(({ files, name }, index) => ({
    name,
    test: (file: string) => files.has(file),
    priority: groups.length - index
  }))
})

/** Classes of a package that is loaded when the first of them is used. */
const lazyClasses = (name: string, classes: ReadonlyArray<string>): string =>
  `import { createRequire } from "node:module"
let loaded
${
    classes.map((each) =>
      `export function ${each}(...args) { return new (loaded ??= createRequire(import.meta.url)("${name}")).${each}(...args) }`
    )
      .join("\n")
  }`

const classesOf: Readonly<Record<string, ReadonlyArray<string>>> = {
  "@smithy/core/checksum": ["Crc32"],
  "@smithy/core/event-streams": ["EventStreamCodec", "HeaderMarshaller"]
}

const isLazy = (id: string, importer: string | undefined): boolean =>
  Object.hasOwn(classesOf, id) && importer === Path.join(dist, "wire/EventStream.js")

/** Without imports of which a file uses nothing: no module does anything but make values. esbuild warns of them. */
const withoutBareImports = (code: string): string => code.replaceAll(/^import "[^"]*";$/gm, "")

/** Engines hold a file with any other character in two bytes each, and read it more slowly. */
const inAscii = (code: string): string =>
  code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** A statement that imports from another package, and the names in the file of what it imports; `*` is all of the module. */
interface Import {
  readonly statement: string
  readonly source: string
  readonly locals: ReadonlyMap<string, string>
}

const importsOf = (code: string): ReadonlyArray<Import> =>
  Array.from(
    code.matchAll(/^import (?:\* as ([\w$]+)|\{ (.*) \}) from "([^./].*)";\n/gm),
    ([statement, namespace, names = "", source = ""]) => ({
      statement,
      source,
      locals: new Map(
        namespace === undefined
          ? names.split(", ").map((name) => {
            const [imported = "", local = imported] = name.split(" as ")
            return [imported, local] as const
          })
          : [["*", namespace]]
      )
    })
  )

/**
 * Has files take the modules of other packages from one that they import anyway. Node looks for each module that a file names,
 * even where another file has it: that was a twentieth of the barrel's import.
 */
const shareImports = (files: ReadonlyArray<OutputChunk>): void => {
  const imports = new Map(
    files.filter(({ isEntry }) => !isEntry).map(({ code, fileName }) => [fileName, importsOf(code)])
  )
  const shared = new Map(files.map(({ fileName }) => [fileName, new Map<string, string>()]))
  for (const file of files) {
    for (const { locals, source, statement } of importsOf(file.code)) {
      const names = Array.from(locals)
      const [found] = file.imports.flatMap((other) => {
        const theirs = imports.get(other)?.find((each) => each.source === source)?.locals
        return theirs !== undefined && names.every(([name]) => theirs.has(name)) ? [{ other, theirs }] : []
      })
      if (found === undefined) continue
      const { other, theirs } = found
      const taken = names.map(([name, local]) => {
        const exported = (name === "*" ? source : `${source}/${name}`).replaceAll(/\W/g, "_")
        shared.get(other)?.set(exported, theirs.get(name) ?? local)
        return `${exported} as ${local}`
      })
      const path = Path.posix.relative(Path.posix.dirname(file.fileName), other)
      file.code = file.code.replace(
        statement,
        () => `import { ${taken.join(", ")} } from "${path.startsWith(".") ? path : `./${path}`}";\n`
      )
    }
  }
  for (const file of files) {
    const names = Array.from(shared.get(file.fileName) ?? [], ([exported, local]) => `${local} as ${exported}`)
    if (names.length > 0) file.code += `export { ${names.join(", ")} };\n`
  }
}

const bundle = await rolldown({
  input: Object.fromEntries(modules.map((name) => [name, Path.join(dist, `${name}.js`)])),
  plugins: [{
    name: "lazy",
    resolveId: (id, importer) => isLazy(id, importer) ? `\0${id}` : undefined,
    load: (id) => id.startsWith("\0") ? lazyClasses(id.slice(1), classesOf[id.slice(1)] ?? []) : undefined,
    renderChunk: withoutBareImports,
    generateBundle: (_, files) => {
      const chunks = Object.values(files).filter((file) => file.type === "chunk")
      shareImports(chunks)
      for (const chunk of chunks) chunk.code = inAscii(chunk.code)
    }
  }],
  external: (id, importer) => /^[^./\0]/.test(id) && !isLazy(id, importer),
  platform: "neutral",
  treeshake: false,
  // What the barrel loads at once, a provider alone loads later.
  checks: { ineffectiveDynamicImport: false }
})
await bundle.write({
  dir: Path.join(dist, "node"),
  chunkFileNames: "internal/[name]-[hash].js",
  comments: false,
  codeSplitting: splitting(grouped(forNode))
})

for (const name of built.filter((name) => !/^(?:bin$|cli\/)/.test(name))) {
  const file = Path.join(dist, `${name}.js`)
  const code = Fs.readFileSync(file, "utf8")
  const values = valuesIn(parseAst(code).body)
  Fs.writeFileSync(
    file,
    values.map((value, index) => code.slice(values[index - 1]?.end ?? 0, value.start) + marked(code, value)).join("") +
      code.slice(values.at(-1)?.end ?? 0)
  )
}

const names = Path.join(dist, "internal/names")
Fs.mkdirSync(names, { recursive: true })
Fs.writeFileSync(
  Path.join(dist, "index.js"),
  Fs.readFileSync(Path.join(dist, "index.js"), "utf8").replaceAll(
    /^(export (?:\* as|\{) (\w+).* from )"\.\/(.*)";$/gm,
    (_, exported: string, name: string, target: string) => {
      Fs.writeFileSync(Path.join(names, `${name}.js`), `${exported}"../../${target}";\n`)
      return `export * from "./internal/names/${name}.js";`
    }
  )
)

/** The files that load others later, with the others of this package. */
const loaders = new Map(built.flatMap((name) => {
  const file = Path.join(dist, `${name}.js`)
  const code = Fs.readFileSync(file, "utf8")
  if (!code.includes("import(")) return []
  const targets = Array.from(
    code.matchAll(/import\("(\..*?)"\)/g),
    ([, target = ""]) => Path.join(Path.dirname(file), target)
  )
  return [[file, targets] as const]
}))
const later: ReadonlySet<string> = new Set(Array.from(loaders.values()).flat())

/**
 * Whether a module stays apart for bundlers: one of a provider, one that is loaded later, and one that loads others later, as
 * esbuild writes these even where a program has nothing of the module. And `hasOutput`, which chat completions need at the
 * start and the other wires only with what is loaded later, as all need `defined`.
 */
const isApart = (file: string): boolean =>
  /^(?:anthropic|azure|bedrock|groq|openai)\/(?!BedrockEndpoint)|options\.js$|^content\/hasOutput|^internal\/defined/
    .test(
      Path.relative(dist, file)
    ) ||
  later.has(file) ||
  Array.from(loadedBy(Path.relative(dist, file).slice(0, -3))).some((needed) => loaders.has(needed))

/** The modules that are joined for bundlers: what a provider needs at its start. */
const started = grouped(forBundlers).map((group) => ({
  ...group,
  files: new Set(Array.from(group.files).filter((file) => !isApart(file)))
}))

const separate = await rolldown({
  input: Object.fromEntries(
    built.filter((name) => !/^(?:bin$|index$|testing$|cli\/|internal\/names\/)/.test(name)).map((name) => [
      name,
      Path.join(dist, `${name}.js`)
    ])
  ),
  plugins: [{
    name: "maps",
    load: (id) => ({ code: Fs.readFileSync(id, "utf8"), map: Fs.readFileSync(`${id}.map`, "utf8") })
  }],
  external: /^[^./]/,
  platform: "neutral",
  treeshake: false,
  checks: { ineffectiveDynamicImport: false },
  experimental: { attachDebugInfo: "none" },
  // What a group needs of a module that stays apart, it imports.
  preserveEntrySignatures: "allow-extension"
})
const { output } = await separate.generate({
  chunkFileNames: "internal/[name].js",
  comments: { annotation: true, jsdoc: false, legal: false },
  minifyInternalExports: false,
  sourcemap: true,
  codeSplitting: { ...splitting(started), includeDependenciesRecursively: false }
})
for (const file of output) {
  // What only gives on names of a joined file has no map.
  Fs.rmSync(Path.join(dist, `${file.fileName}.map`), { force: true })
}
for (const file of output) {
  Fs.writeFileSync(Path.join(dist, file.fileName), file.type === "chunk" ? withoutBareImports(file.code) : file.source)
}
