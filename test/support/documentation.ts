/**
 * Reads the project's documentation: the code blocks of the guides and of the source's doc comments, and what the doc
 * comment of each public export says. Line by line, which is enough as dprint gives the source one shape.
 */
import * as Fs from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { bin, root, run } from "./process.ts"

export interface Example {
  /** Path from the project's root. */
  readonly file: string
  /** Line of the opening fence, from 1. */
  readonly line: number
  readonly code: string
}

const files = (folder: string, extension: string): ReadonlyArray<string> =>
  Fs.readdirSync(Path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(extension))
    .map((file) => Path.posix.join(folder, file.replaceAll(Path.sep, "/")))
    .sort()

export const read = (file: string): string => Fs.readFileSync(Path.join(root, file), "utf8")

export const guides = (): ReadonlyArray<string> => [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "llms.txt",
  ...files("examples", ".md"),
  // The API reference is generated from the sources.
  ...files("docs", ".md").filter((file) => !file.startsWith("docs/api/"))
]

export const sources = (): ReadonlyArray<string> => files("src", ".ts")

/**
 * The modules with exports for users: what the `exports` of package.json let through, which are named as namespaces are,
 * and what the namespaces of `protocols/` are made of.
 */
export const publicModules = (): ReadonlyArray<string> =>
  sources().filter((file) => /\/[A-Z]\w+\.ts$/.test(file) && !/^export \* from/m.test(read(file)) || isInside(file))

const isInside = (file: string): boolean =>
  /^src\/protocols\/(?!request\/(?:claude|claudeSchema|openai|schema)\.ts)\w+\/\w+\.ts$|^src\/errors\/|^src\/engine\/(?:decode|protocol)\.ts$/
    .test(file)

/** Every ```ts block of a file. */
export const examples = (file: string): ReadonlyArray<Example> => {
  const found: Array<Example> = []
  let open: { readonly line: number; readonly indent: string; readonly code: Array<string> } | undefined
  for (const [index, text] of read(file).split("\n").entries()) {
    if (open === undefined) {
      const indent = /^(\s*(?:\* )?)```ts$/.exec(text)?.[1]
      if (indent !== undefined) open = { line: index + 1, indent, code: [] }
    } else if (text.trim().replace(/^\* ?/, "") === "```") {
      found.push({ file, line: open.line, code: open.code.join("\n") })
      open = undefined
    } else {
      open.code.push(text.slice(open.indent.length))
    }
  }
  return found
}

/** The heading that an example of a guide stands under. */
export const headingOf = ({ file, line }: Example): string =>
  read(file).split("\n").slice(0, line).findLast((text) => /^#+ /.test(text))?.replace(/^#+ /, "") ?? ""

/** What links to the headings of a guide end in. */
export const headingsOf = (file: string): ReadonlyArray<string> =>
  Array.from(
    read(file).matchAll(/^#+ (.+)$/gm),
    ([, heading = ""]) => heading.toLowerCase().replace(/[^\w\s-]/g, "").replaceAll(" ", "-")
  )

/** The compiler's complaints about the examples, at the lines where the examples stand. */
export const typeCheck = async (examples: ReadonlyArray<Example>): Promise<ReadonlyArray<string>> => {
  const folder = freshFolder("types")
  const options = {
    extends: Path.join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: true,
      // An example may end in a value that nothing uses.
      noUnusedLocals: false,
      rootDir: root,
      types: ["node"],
      paths: {
        "effect-llm-stream": [Path.join(root, "dist/index.d.ts")],
        "effect-llm-stream/*": [Path.join(root, "dist/*.d.ts")]
      }
    },
    include: ["*.ts"]
  }
  Fs.writeFileSync(Path.join(folder, "tsconfig.json"), JSON.stringify(options))
  const homes = new Map(examples.map((example) => {
    const name = `${example.file.replaceAll("/", "__")}__${example.line}.ts`
    // The blank lines give the compiler the line numbers of the file where the example stands.
    Fs.writeFileSync(Path.join(folder, name), `${"\n".repeat(example.line)}${example.code}\nexport {}\n`)
    return [name, example.file]
  }))
  const compiler = await run(process.execPath, [bin("effect-tsgo"), "get-exe-path"])
  const { output, status } = await run(compiler.output.trim(), ["--pretty", "false", "-p", folder])
  Fs.rmSync(folder, { recursive: true })
  const complaints = output.split("\n").filter((line) => /(: |^)(error|warning) /.test(line))
  if (status !== 0 && complaints.length === 0) throw new Error(`The compiler failed: ${output}`)
  return complaints.map((line) =>
    line.replace(/^(.*?)\((\d+),(\d+)\): /, (_, path: string, row: string, column: string) => {
      const home = homes.get(Path.basename(path))
      return `${home ?? Path.relative(root, Path.resolve(root, path))}:${row}:${column}: `
    })
  )
}

export interface Statement {
  readonly line: number
  readonly actual: unknown
  readonly expected: unknown
}

// `expression // value`, where the value is written as JSON or JavaScript would write it.
const statement = /^(\S.*?);? \/\/ (undefined|true|false|-?\d[\d.e-]*|"(?:[^"\\]|\\.)*"|\[.*\]|\{.*\})$/

/** Whether an example says what an expression evaluates to. Those that do are run, and held to it. */
export const statesValues = (example: Example): boolean =>
  example.code.split("\n").some((line) => statement.test(line)) && !/^declare /m.test(example.code)

/** Runs an example; gives what its expressions evaluated to beside what it says of them. */
export const evaluate = async (example: Example): Promise<ReadonlyArray<Statement>> => {
  const code = stripTypeScriptTypes(example.code).split("\n").map((line, index) => {
    const [, expression, value] = statement.exec(line.trimEnd()) ?? []
    return expression === undefined
      ? line
      : `statements.push({ line: ${example.line + index + 1}, actual: (${expression}), expected: (${value}) })`
  }).join("\n")
  const module = await imported<{ readonly statements: ReadonlyArray<Statement> }>(
    `export const statements = []\n${code}\n`
  )
  return module.statements
}

/** Imports an example as a module that exports what it declares; `change` is for what a test can't have as it stands. */
export const load = <Names>(example: Example, change = (code: string): string => code): Promise<Names> =>
  imported(change(stripTypeScriptTypes(example.code)).replace(/^(const|class) /gm, "export $1 "))

/** Imports code that knows the package by its name. */
const imported = async <Names>(code: string): Promise<Names> => {
  const folder = freshFolder("run")
  try {
    const file = Path.join(folder, "example.mjs")
    Fs.writeFileSync(
      file,
      code.replace(
        /(from\s+)"effect-llm-stream(?:\/([^"]+))?"/g,
        (_, from: string, module = "index") =>
          `${from}${JSON.stringify(pathToFileURL(Path.join(root, `src/${module}.ts`)).href)}`
      )
    )
    return await import(/* @vite-ignore */ pathToFileURL(file).href)
  } finally {
    Fs.rmSync(folder, { recursive: true })
  }
}

export interface Export {
  readonly line: number
  readonly kind: string
  readonly name: string
  /** The doc comment without its frame, `""` when there is none. */
  readonly doc: string
}

/** What a module exports by declaring or naming it, each with its doc comment. */
export const exportsOf = (file: string): ReadonlyArray<Export> => {
  const lines = read(file).split("\n")
  return lines.flatMap((text, index) => {
    const [, types] = /^export type \* from "(.+)"$/.exec(text) ?? []
    if (types !== undefined) return exportsOf(Path.join(Path.dirname(file), types))
    const [, kind = "const", declared, named] =
      /^export (?:(?:declare |abstract |async )*(const|let|function\*?|class|interface|type|namespace) (\w+)|\{ (\w+) \})/
        .exec(text) ?? []
    const name = declared ?? named
    return name === undefined ? [] : [{ line: index + 1, kind, name, doc: docBefore(lines, index) }]
  })
}

/** The doc comment at the head of a module. */
export const headerOf = (file: string): string => {
  const lines = read(file).split("\n")
  return lines[0] === "/**" ? docBefore(lines, lines.indexOf(" */") + 1) : ""
}

const docBefore = (lines: ReadonlyArray<string>, declaration: number): string => {
  // A note to the linter may stand between.
  const index = lines[declaration - 1]?.startsWith("// oxlint-") === true ? declaration - 1 : declaration
  if (lines[index - 1]?.endsWith("*/") !== true) return ""
  const start = lines.slice(0, index).findLastIndex((line) => line.startsWith("/**"))
  return lines.slice(start, index).map((line) => line.replace(/^(\/\*\*| \*\/| \* ?)/, "").replace(/ ?\*\/$/, ""))
    .join("\n").trim()
}

/** A folder inside the project, so that `effect` is found; below `node_modules`, so that nothing else looks at it. */
export const freshFolder = (name: string): string => {
  const cache = Path.join(root, "node_modules/.cache/effect-llm-stream")
  Fs.mkdirSync(cache, { recursive: true })
  return Fs.mkdtempSync(Path.join(cache, `${name}-`))
}
