/**
 * Writes `dist/node`: the built modules joined into few files, which Node takes in place of them. Finding and linking a
 * file costs Node more than what is in it, and the barrel reaches some 160. Bundlers take the modules, of which they can
 * leave out more. Part of `npm run build`; by itself: `node scripts/bundle.ts`.
 */
import { groupBy } from "effect/Array"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { rolldown } from "rolldown"

const dist = Path.join(import.meta.dirname, "../dist")
Fs.rmSync(Path.join(dist, "node"), { recursive: true, force: true })

const { exports }: { readonly exports: Readonly<Record<string, unknown>> } = JSON.parse(
  Fs.readFileSync(Path.join(dist, "../package.json"), "utf8")
)
const hidden = Object.keys(exports).filter((path) => exports[path] === null).map((path) =>
  new RegExp(`^${path.replace("./", "").replace("*", ".*")}$`)
)

const modules = Fs.readdirSync(dist, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.replaceAll(Path.sep, "/").slice(0, -3))
  .filter((name) => name === "index" || hidden.every((path) => !path.test(name)))

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

const barrel = loadedBy("index")
const providers = modules.filter((name) => /^(?:anthropic|azure|bedrock|groq|openai)\//.test(name)).map(loadedBy)
  .filter((files) => files.has(Path.join(dist, "Provider.js")))
const streams = loadedBy("ChunkStream")

/**
 * The files that the modules of the barrel are joined in: one for what the same providers need, one for what the
 * operators of streams need beside, and one for the rest. Those that most need come first, as a file takes along what its
 * modules need and no file before it has.
 */
const groups = groupBy(Array.from(barrel).slice(1), (file) => {
  const users = providers.flatMap((files, index) => files.has(file) ? [index] : [])
  return users.length > 0 ? users.join() : streams.has(file) ? "streams" : "barrel"
})
const rank = (users: string): number => users === "barrel" ? 0 : users === "streams" ? 1 : 1 + users.split(",").length

const bundle = await rolldown({
  input: Object.fromEntries(modules.map((name) => [name, Path.join(dist, `${name}.js`)])),
  external: /^[^./]/,
  platform: "neutral",
  treeshake: false
})
await bundle.write({
  dir: Path.join(dist, "node"),
  chunkFileNames: "internal/[name]-[hash].js",
  comments: false,
  codeSplitting: {
    groups: Object.entries(groups).map(([users, files], index) => ({
      name: rank(users) > 1 ? `providers-${index}` : users,
      test: (file: string) => files.includes(file),
      priority: rank(users)
    }))
  }
})
