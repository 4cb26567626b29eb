import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { bin, root, run } from "./support/process.ts"

// `SMOKE_RUNTIMES` adds executables (node, bun, deno) to those that are always tried, separated as in `PATH`.
const runtimes = await Promise.all(
  [
    process.execPath,
    ...machineNode(),
    ...(process.env["SMOKE_RUNTIMES"] ?? "").split(Path.delimiter).filter((path) => path !== "")
  ].map(async (path) => {
    const name = Path.basename(path)
    const version = /\d+\.\d+\.\d+/.exec(await succeed(path, ["--version"]))?.[0]
    return { path, name, version }
  })
)

describe("Package", { timeout: 60_000 }, () => {
  const temporary = Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-llm-stream-"))
  const project = Path.join(temporary, "project")
  const consumer = Path.join(temporary, "consumer")
  const installed = Path.join(consumer, "node_modules/effect-llm-stream")
  let tarball = ""

  beforeAll(async () => {
    Fs.mkdirSync(project)
    for (const name of ["src", "package.json", "tsconfig.json", "README.md", "LICENSE"]) {
      Fs.cpSync(Path.join(root, name), Path.join(project, name), { recursive: true })
    }
    Fs.symlinkSync(Path.join(root, "node_modules"), Path.join(project, "node_modules"))
    await succeed("npm", ["run", "-s", "build"], project)
    const packed = await succeed("npm", ["pack", "--silent", "--ignore-scripts"], project)
    tarball = Path.join(project, packed.trim().split("\n").at(-1) ?? "")

    Fs.mkdirSync(consumer)
    const { devDependencies } = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8"))
    Fs.writeFileSync(
      Path.join(consumer, "package.json"),
      JSON.stringify({
        private: true,
        type: "module",
        dependencies: { "effect": devDependencies.effect, "effect-llm-stream": `file:${tarball}` }
      })
    )
    await succeed("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"], consumer)
  }, 120_000)

  afterAll(() => Fs.rmSync(temporary, { recursive: true, force: true }))

  it("passes publint", async () => {
    await succeed(process.execPath, [bin("publint"), "run", tarball, "--strict"])
  })

  it("has types that every resolution of an ES module finds", async () => {
    await succeed(process.execPath, [bin("attw"), tarball, "--profile", "esm-only", "--no-color", "--no-emoji"])
  })

  it("holds sources, what they compile to, and nothing else", () => {
    const strange = filesOf(installed).filter((file) =>
      !/^(LICENSE|README\.md|package\.json|src\/.*\.ts|src\/pricing\/LICENSE-.*\.txt|dist\/.*\.(js|d\.ts)(\.map)?)$/
        .test(file)
    )
    assert.deepStrictEqual(strange, [])
    const modules = filesOf(Path.join(root, "src")).filter((file) => file.endsWith(".ts"))
      .map((file) => file.replace(/\.ts$/, ".js"))
    assert.includeMembers(filesOf(Path.join(installed, "dist")), modules)
  })

  it("mentions no path of the machine that built it", () => {
    const mentions = filesOf(installed).filter((file) => {
      const text = Fs.readFileSync(Path.join(installed, file), "utf8")
      return [root, temporary, `${Os.homedir()}/`].some((path) => text.includes(path))
    })
    assert.deepStrictEqual(mentions, [])
  })

  it("needs Node only for the command line and the part of the testing kit that says so", () => {
    const dist = Path.join(installed, "dist")
    const forNode =
      /^(?! \*).*\b(?:from|import|import\()\s*"(?:node:|@effect\/platform-node|[^"]*\/(?:bin|Node\w+)\.js)/m
    const needing = filesOf(dist).filter((file) =>
      file.endsWith(".js") && forNode.test(Fs.readFileSync(Path.join(dist, file), "utf8"))
    )
    assert.includeMembers(needing, ["bin.js", "testing/NodeReplayServer.js"])
    assert.deepStrictEqual(needing.filter((file) => !/^(bin\.js$|cli\/|testing\/Node)/.test(file)), [])
  })

  describe("in a project that installs it", () => {
    beforeAll(async () => {
      Fs.copyFileSync(Path.join(root, "test/package/main.ts"), Path.join(consumer, "main.ts"))
      // Without `skipLibCheck`: the declarations themselves have to hold.
      const compilerOptions = {
        target: "ES2022",
        lib: ["ES2023", "DOM", "DOM.Iterable"],
        module: "NodeNext",
        strict: true,
        exactOptionalPropertyTypes: true,
        types: []
      }
      Fs.writeFileSync(Path.join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }))
      await succeed(process.execPath, [bin("tsc"), "-p", "."], consumer)
    }, 60_000)

    for (const { name, path, version } of runtimes) {
      it(`compiles, and runs on ${name} ${version}`, async () => {
        // No permission is given to Deno: the package needs none.
        const args = name === "deno" ? ["run", "--no-prompt", "--node-modules-dir=manual"] : []
        assert.deepStrictEqual(JSON.parse(await succeed(path, [...args, "main.js"], consumer)), {
          decoded: ["Grüße, 🌍!", ["stop"], 13],
          // Per million tokens $0.15 in, $0.075 cached, $0.60 out.
          streamed: ["Grüße, 🌍!", 3, (7 * 0.15 + 2 * 0.075 + 4 * 0.6) / 1e6],
          failed: [true, "RateLimited", true],
          signed: ["Grüße", 7, true],
          scripted: "Hello",
          chunk: ["", 2]
        })
      })
    }

    it("has the command llm-stream", async () => {
      const help = await succeed(Path.join(consumer, "node_modules/.bin/llm-stream"), ["--help"], consumer)
      for (const command of ["ask", "decode", "demo"]) assert.include(help, command)
    })

    for (const { name, path, version } of runtimes.filter(({ name }) => name === "node")) {
      it(`decodes a recording with the command on ${name} ${version}`, async () => {
        const recording = Path.join(consumer, "recording.sse")
        Fs.writeFileSync(
          recording,
          `data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`
        )
        const args = ["node_modules/effect-llm-stream/dist/bin.js", "decode", "--provider", "openai", recording]
        const { content, finishReasons, usage } = JSON.parse(await succeed(path, args, consumer))
        assert.deepStrictEqual([content, finishReasons, usage], ["Hi", ["stop"], null])
      })
    }

    it("hides what is internal", async () => {
      for (const path of ["internal/open", "cli/main", "bin", "index"]) {
        const { output, status } = await run(
          process.execPath,
          ["-e", `import("effect-llm-stream/${path}").catch((error) => console.log(error.code))`],
          { cwd: consumer }
        )
        assert.deepStrictEqual([path, status, output.trim()], [path, 0, "ERR_PACKAGE_PATH_NOT_EXPORTED"])
      }
    })
  })
})

async function succeed(command: string, args: ReadonlyArray<string>, cwd = root): Promise<string> {
  const { output, status } = await run(command, args, { cwd })
  assert.strictEqual(status, 0, `${command} ${args.join(" ")}\n${output}`)
  return output
}

const filesOf = (folder: string): Array<string> =>
  Fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => Path.relative(folder, Path.join(entry.parentPath, entry.name)).replaceAll(Path.sep, "/"))

// The Node that the machine itself has, which may be older than the one that the project's scripts run on.
function machineNode(): ReadonlyArray<string> {
  const found = (process.env["PATH"] ?? "").split(Path.delimiter)
    .map((folder) => Path.join(folder, "node"))
    .find((path) => Fs.existsSync(path) && !Fs.realpathSync(path).includes("node_modules"))
  return found === undefined || Fs.realpathSync(found) === Fs.realpathSync(process.execPath) ? [] : [found]
}
