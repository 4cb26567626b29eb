import { assert, describe, it } from "@effect/vitest"
import { Layer, Schema } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Documentation from "./support/documentation.ts"
import { root, run } from "./support/process.ts"

describe("Documentation", () => {
  const examples = [...Documentation.guides(), ...Documentation.sources()].flatMap(Documentation.examples)

  it("has examples that all compile, each as a module of its own", async () => {
    assert.deepStrictEqual(await Documentation.typeCheck(examples), [])
  })

  for (const example of examples.filter(Documentation.statesValues)) {
    it(`tells the values of ${example.file}:${example.line} right`, async () => {
      for (const { actual, expected, line } of await Documentation.evaluate(example)) {
        assert.deepStrictEqual(actual, expected, `${example.file}:${line}`)
      }
    })
  }

  it("links to files and headings that exist", () => {
    const broken = Documentation.guides().flatMap((guide) =>
      Array.from(Documentation.read(guide).matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target)
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => {
          const [path = "", heading] = target.split("#")
          const file = path === "" ? guide : Path.join(Path.dirname(guide), path)
          return !Fs.existsSync(Path.join(root, file)) ||
            heading !== undefined && !Documentation.headingsOf(file).includes(heading)
        })
        .map((target) => `${guide}: ${target}`)
    )
    assert.deepStrictEqual(broken, [])
  })

  it("names every module that is unstable, and no other", () => {
    const [, list = ""] = Documentation.read("docs/stability.md").split(
      /^## .*@stability unstable.*$|^## Stored data$/m
    )
    const named = Array.from(list.matchAll(/`((?:\w+\/)?[A-Z]\w+)`/g), ([, name]) => `src/${name}.ts`)
    assert.sameMembers(
      named,
      Documentation.sources().filter((file) => /^ \* @stability unstable$/m.test(Documentation.read(file)))
    )
  })

  it("has a reference with every export, which a command writes", async () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "api-"))
    const { output, status } = await run(process.execPath, ["scripts/api-reference.ts", folder])
    assert.strictEqual(status, 0, output)
    const missing = Documentation.publicModules().filter((file) => /\/[A-Z]\w+\.ts$/.test(file)).flatMap((file) => {
      const page = Fs.readFileSync(Path.join(folder, file.replace(/^src\/(.*)\.ts$/, "$1.md")), "utf8")
      return Documentation.exportsOf(file)
        .filter(({ doc, name }) => !doc.includes("@internal") && !page.includes(`### ${name}\n`))
        .map(({ name }) => `${file}: ${name}`)
    })
    Fs.rmSync(folder, { recursive: true })
    assert.deepStrictEqual(missing, [])
  })

  // The rule. A module opens with what it is for and the version it came with. Every export has a doc comment of at
  // least a sentence, with exactly one `@category` and one `@since`. An export that does something (a function, a class
  // or a layer) has an `@example`, except the reasons of an error: the error itself shows how they are caught. Types,
  // schemas that are not classes, and tables do without: the example of what takes or gives them shows them. So do the
  // functions that every provider's module has in the same form: `OpenAi` shows each of them, once for all.
  for (const file of Documentation.publicModules()) {
    it(`covers every export of ${file}`, async () => {
      const module: Readonly<Record<string, unknown>> = await import(Path.join(root, file))
      const exports = Documentation.exportsOf(file)
      const needsExample = ({ doc, kind, name }: Documentation.Export) => {
        const value = module[name]
        return isLikeOpenAi(file, name)
          ? false
          : kind === "class"
          ? !doc.includes("@category reasons")
          : kind !== "type" && kind !== "interface" && (Layer.isLayer(value) || isFunction(value))
      }
      assert.deepStrictEqual([
        ...faults(file, Documentation.headerOf(file), ["@since"]),
        ...exports.filter(({ doc }) => !doc.includes("@internal")).flatMap((exported) => [
          ...faults(`${file}:${exported.line} ${exported.name}`, exported.doc, ["@category", "@since"]),
          ...(needsExample(exported) && !exported.doc.includes("@example")
            ? [`${file}:${exported.line} ${exported.name} needs an @example`]
            : [])
        ])
      ], [])
      const seen = new Set(exports.map(({ name }) => name))
      assert.deepStrictEqual(Object.keys(module).filter((name) => !seen.has(name)), [], "exports that were not seen")
    })
  }
})

const isLikeOpenAi = (file: string, name: string): boolean =>
  /^src\/(anthropic|azure|bedrock|groq|openai)\//.test(file) && file !== "src/openai/OpenAi.ts" &&
  ["config", "layerConfig", "make", "protocol"].includes(name)

const isFunction = (u: unknown): boolean => typeof u === "function" && !Schema.isSchema(u)

const faults = (at: string, doc: string, tags: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [description = ""] = doc.replaceAll(/\{@link (\w+)\}/g, "$1").split(/^@/m)
  return [
    ...(/[.:!?]\)?(\s|$)/.test(description) ? [] : [`${at} needs a sentence`]),
    ...tags.filter((tag) => doc.split("\n").filter((line) => line.startsWith(tag)).length !== 1)
      .map((tag) => `${at} needs one ${tag}`)
  ]
}
