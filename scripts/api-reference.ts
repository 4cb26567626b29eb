/**
 * Writes the API reference: a page for each public module, from the declarations that the compiler emits and their doc
 * comments. `node scripts/api-reference.ts [FOLDER]`, after a build; the folder is `docs/api` when none is given.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "..")
const dist = Path.join(root, "dist")
const target = Path.resolve(process.argv[2] ?? Path.join(root, "docs/api"))

interface Doc {
  readonly text: string
  readonly category: string
  readonly since: string
  readonly stability: string | undefined
  readonly examples: ReadonlyArray<string>
  readonly isInternal: boolean
}

interface Declaration {
  readonly name: string
  readonly code: string
  readonly doc: Doc
}

const tag = (comment: string, name: string): string | undefined =>
  new RegExp(`^@${name}[ \\t]+(.+)$`, "m").exec(comment)?.[1]

const docOf = (lines: ReadonlyArray<string>): Doc => {
  const comment = lines.map((line) => line.replace(/^(\/\*\*| \*\/| \* ?)/, "").replace(/ ?\*\/$/, "")).join("\n")
    .trim()
  const [text = "", ...sections] = comment.split(/^(?=@)/m)
  return {
    text: text.trim().replaceAll(/\{@link ([\w.]+)\}/g, "`$1`"),
    category: tag(comment, "category") ?? "other",
    since: tag(comment, "since") ?? "",
    stability: tag(comment, "stability"),
    examples: sections.flatMap((section) =>
      section.startsWith("@example") ? [section.slice("@example".length).trim()] : []
    ),
    isInternal: /^@internal/m.test(comment)
  }
}

// From the source: the compiler drops it from some declaration files.
const headerOf = (module: string): Doc => {
  const source = Fs.readFileSync(Path.join(root, `src/${module}.ts`), "utf8")
  return docOf(source.slice(0, source.indexOf("*/") + 2).split("\n"))
}

/** The exported declarations of a module; what a namespace re-exports belongs to it. */
const declarationsOf = (file: string): ReadonlyArray<Declaration> => {
  const lines = Fs.readFileSync(file, "utf8").split("\n")
  const bases = new Map<string, string>()
  const imported = new Map<string, string>()
  const declarations: Array<Declaration> = []
  let comment: ReadonlyArray<string> = []
  for (let start = 0; start < lines.length;) {
    let end = start + 1
    const first = lines[start] ?? ""
    if (first.startsWith("/**")) {
      while (end < lines.length && !(lines[end - 1] ?? "").includes("*/")) end++
      comment = lines.slice(start, end)
    } else {
      while (end < lines.length && !/^(\/\*\*|export|declare|import|\/\/#)/.test(lines[end] ?? "")) end++
      const code = lines.slice(start, end).join("\n").trimEnd()
      const [, name] = /^export (?:declare )?(?:abstract )?(?:const|function|class|interface|type) (\w+)/.exec(code) ??
        []
      const [, base] = /^declare const (\w+_base)\b/.exec(code) ?? []
      const [, reexported] = /^export (?:type )?\* from "(.+)\.ts"/.exec(code) ?? []
      const [, names, source] = /^import (?:type )?\{ (.+) \} from "(\..+)\.ts"/.exec(code) ?? []
      const [, passedOn] = /^export \{ (\w+) \}/.exec(code) ?? []
      for (const name of names?.split(", ") ?? []) {
        imported.set(name.replace("type ", ""), Path.join(Path.dirname(file), `${source}.d.ts`))
      }
      const home = imported.get(passedOn ?? "")
      if (passedOn !== undefined && home !== undefined) {
        const own = declarationsOf(home).filter(({ name }) => name === passedOn)
        declarations.push({ name: passedOn, doc: docOf(comment), code: own.map(({ code }) => code).join("\n") })
      }
      if (base !== undefined) bases.set(base, code)
      if (reexported !== undefined) {
        declarations.push(...declarationsOf(Path.join(Path.dirname(file), `${reexported}.d.ts`)))
      }
      if (name !== undefined) {
        const parent = bases.get(/ extends (\w+_base)\b/.exec(code)?.[1] ?? "")
        const doc = docOf(comment)
        if (!doc.isInternal) {
          declarations.push({ name, doc, code: [...(parent === undefined ? [] : [parent]), code].join("\n") })
        }
      }
      comment = []
    }
    start = end
  }
  return declarations
}

const signature = (code: string): string =>
  code.replaceAll(/^export (declare )?/gm, "").replaceAll(/^ +/gm, (indent) => " ".repeat(indent.length / 2))

const page = (module: string): string => {
  const header = headerOf(module)
  const declarations = declarationsOf(Path.join(dist, `${module}.d.ts`))
  const categories = [...new Set(declarations.map(({ doc }) => doc.category))].sort()
  return [
    `# ${Path.basename(module)}`,
    `\`import * as ${Path.basename(module)} from "effect-llm-stream/${module}"\`, since ${header.since}`,
    ...(header.stability === undefined ? [] : [`Stability: ${header.stability}`]),
    header.text,
    ...categories.flatMap((category) => [
      `## ${category}`,
      ...declarations.filter(({ doc }) => doc.category === category).flatMap(({ code, doc, name }) => [
        `### ${name}`,
        doc.text,
        `\`\`\`ts\n${signature(code)}\n\`\`\``,
        ...doc.examples.flatMap((example) => ["Example:", example]),
        `Since ${doc.since}${doc.stability === undefined ? "" : `, ${doc.stability}`}.`
      ])
    ])
  ].join("\n\n") + "\n"
}

const modules = Fs.readdirSync(dist, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll(Path.sep, "/"))
  .filter((file) => /(^|\/)[A-Z]\w*\.d\.ts$/.test(file) && !/^(cli|internal|engine)\//.test(file))
  .map((file) => file.slice(0, -".d.ts".length))
  .sort()
if (modules.length === 0) throw new Error("There are no declarations in dist: run npm run build first")

Fs.rmSync(target, { recursive: true, force: true })
for (const module of modules) {
  const file = Path.join(target, `${module}.md`)
  Fs.mkdirSync(Path.dirname(file), { recursive: true })
  Fs.writeFileSync(file, page(module))
}
const summary = (module: string) => headerOf(module).text.split("\n\n", 1)[0]?.replaceAll("\n", " ") ?? ""
Fs.writeFileSync(
  Path.join(target, "README.md"),
  ["# API reference", ...modules.map((module) => `- [${module}](${module}.md): ${summary(module)}`)].join("\n\n") + "\n"
)
console.log(`${modules.length} modules in ${Path.relative(process.cwd(), target)}`)
