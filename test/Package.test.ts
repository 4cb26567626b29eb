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

describe("Package", () => {
  const temporary = Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-llm-stream-"))
  const project = Path.join(temporary, "project")
  const consumer = Path.join(temporary, "consumer")
  const installed = Path.join(consumer, "node_modules/effect-llm-stream")
  const manifest = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8"))
  const command = "node_modules/effect-llm-stream/dist/bin.js"
  // Installed with the rest, and hidden until it is asked for: the declarations have to hold without it.
  const optional = Path.join(consumer, "node_modules/@effect")
  const hidden = Path.join(temporary, "hidden")
  let tarball = ""

  beforeAll(async () => {
    Fs.mkdirSync(project)
    const { devDependencies, files, peerDependencies } = manifest
    for (const name of [...files, "package.json", "README.md", "LICENSE"]) {
      if (Fs.existsSync(Path.join(root, name))) {
        Fs.cpSync(Path.join(root, name), Path.join(project, name), { recursive: true })
      }
    }
    // Built by what runs before the tests, as by what runs before packing.
    assert.strictEqual(manifest.scripts.prepack, "npm run -s build")
    const packed = await succeed("npm", ["pack", "--silent", "--ignore-scripts"], project)
    tarball = Path.join(project, packed.trim().split("\n").at(-1) ?? "")

    Fs.mkdirSync(consumer)
    Fs.writeFileSync(
      Path.join(consumer, "package.json"),
      JSON.stringify({
        private: true,
        type: "module",
        dependencies: { "effect": devDependencies.effect, "effect-llm-stream": `file:${tarball}` },
        devDependencies: { "@effect/platform-node": peerDependencies["@effect/platform-node"] }
      })
    )
    await succeed("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"], consumer)
    Fs.renameSync(optional, hidden)
  })

  afterAll(() => Fs.rmSync(temporary, { recursive: true, force: true }))

  it("passes publint", async () => {
    await succeed(process.execPath, [bin("publint"), "run", tarball, "--strict"])
  })

  it("has types that every resolution of an ES module finds", async () => {
    await succeed(process.execPath, [bin("attw"), tarball, "--profile", "esm-only", "--no-color", "--no-emoji"])
  })

  it("holds sources, what they compile to, what is written about them, and nothing else", () => {
    const strange = filesOf(installed).filter((file) =>
      !/^(LICENSE|package\.json|llms\.txt|\w+\.md|docs\/.*\.(md|svg|png)|examples\/.*\.(md|ts|json|html)|src\/.*\.ts|src\/pricing\/LICENSE-.*\.txt|dist\/help\.json|dist\/.*\.(js|d\.ts)(\.map)?)$/
        .test(file)
    )
    assert.deepStrictEqual(strange, [])
    const modules = filesOf(Path.join(root, "src")).filter((file) => file.endsWith(".ts"))
      .map((file) => file.replace(/\.ts$/, ".js"))
    assert.includeMembers(filesOf(Path.join(installed, "dist")), modules)
  })

  it("holds what its documents link to", () => {
    const dead = filesOf(installed).filter((file) => file.endsWith(".md")).flatMap((file) =>
      Array.from(
        Fs.readFileSync(Path.join(installed, file), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)/g),
        ([, target = ""]) => Path.join(Path.dirname(file), target)
      ).filter((target) => !Fs.existsSync(Path.join(installed, target))).map((target) => `${file} -> ${target}`)
    )
    assert.deepStrictEqual(dead, [])
  })

  it("brings nothing along but what signs requests", () => {
    const lock = JSON.parse(Fs.readFileSync(Path.join(consumer, "package-lock.json"), "utf8"))
    const packages: ReadonlyArray<[string, { readonly devOptional?: true }]> = Object.entries(lock.packages)
    assert.deepStrictEqual(
      packages.filter(([path, { devOptional }]) => path !== "" && devOptional !== true).map(([path]) =>
        path.replace("node_modules/", "")
      ),
      ["@smithy/core", "@smithy/signature-v4", "@smithy/types", "effect", "effect-llm-stream", "tslib"]
    )
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
      /^(?! \*).*\b(?:from|import|import\()\s*"(?:node:|@effect\/platform-node|[^"]*\/(?:bin|NodeReplay\w+)\.js)/m
    const needing = filesOf(dist).filter((file) =>
      file.endsWith(".js") && forNode.test(Fs.readFileSync(Path.join(dist, file), "utf8"))
    )
    assert.includeMembers(needing, ["bin.js", "testing/NodeReplayServer.js"])
    const others = needing.filter((file) => !/^(bin\.js$|cli\/|(?:node\/)?testing\/Node)/.test(file))
    // What Node alone is given may load a package when it is needed.
    assert.deepStrictEqual(
      others.filter((file) =>
        !file.startsWith("node/") ||
        forNode.test(
          Fs.readFileSync(Path.join(dist, file), "utf8").replaceAll(
            /^import \{ createRequire.* from "node:module";$/gm,
            ""
          )
        )
      ),
      []
    )
  })

  it("has declarations that one can read", () => {
    const dist = Path.join(installed, "dist")
    const sizes = filesOf(dist).filter((file) => file.endsWith(".d.ts")).map((file) => ({
      file,
      size: withoutComments(Fs.readFileSync(Path.join(dist, file), "utf8")).length
    }))
    assert.deepStrictEqual(sizes.filter(({ size }) => size > 30_000), [])
    const sum = (files: typeof sizes) => files.reduce((sum, { size }) => sum + size, 0)
    // What a program imports by its path alone is read by those who do.
    assert.isBelow(
      sum(sizes.filter(({ file }) => !/^(?:batch|log|middleware|stores|testing|ui)\/|^Batch\./.test(file))),
      350_000
    )
    assert.isBelow(sum(sizes), 500_000)
  })

  // The oldest and the newest compiler, each with a resolution and strictness of its own: what one between them refuses,
  // one of them does. Without `skipLibCheck`: the declarations themselves have to hold.
  const compiling = (compiler: string, files: ReadonlyArray<string>, options: object): ReadonlyArray<string> => {
    for (const file of files) Fs.copyFileSync(Path.join(root, "test/package", file), Path.join(consumer, file))
    const compilerOptions = {
      target: "es2022",
      lib: ["es2023", "dom", "dom.iterable"],
      strict: true,
      skipLibCheck: false,
      types: [],
      ...options
    }
    const project = `tsconfig.${compiler}.json`
    Fs.writeFileSync(Path.join(consumer, project), JSON.stringify({ compilerOptions, files }))
    return [Path.join(root, "node_modules", compiler, "bin/tsc"), "-p", project]
  }

  it(`compiles with TypeScript ${manifest.devDependencies["typescript-5.7"].replace(/^.*@/, "")}, as Node resolves`, async () => {
    const options = { module: "nodenext", declaration: true, outDir: "consumer-oldest" }
    await succeed(process.execPath, compiling("typescript-5.7", ["consumer.ts"], options), consumer)
  })

  describe("in a project that installs it", () => {
    beforeAll(async () => {
      const options = { module: "esnext", moduleResolution: "bundler", exactOptionalPropertyTypes: true }
      await succeed(process.execPath, compiling("typescript", ["consumer.ts", "main.ts"], options), consumer)
    })

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

    it("says which package the command line needs, when it is not installed", async () => {
      for (const { path } of runtimes.filter(({ name }) => name !== "deno")) {
        const missing = await run(path, [command, "demo"], { cwd: consumer })
        assert.deepStrictEqual(missing, {
          status: 2,
          output: "llm-stream: the command line needs @effect/platform-node, which is not installed: " +
            `npm install "@effect/platform-node@${manifest.peerDependencies["@effect/platform-node"]}"\n`
        })
      }
    })

    it("states its version without it", async () => {
      assert.strictEqual(
        await succeed(process.execPath, [command, "--version"], consumer),
        `llm-stream v${manifest.version}\n`
      )
    })

    describe("with the package that the command line needs", () => {
      beforeAll(() => Fs.renameSync(hidden, optional))

      it("has the command llm-stream", async () => {
        const help = await succeed(Path.join(consumer, "node_modules/.bin/llm-stream"), ["--help"], consumer)
        for (const command of ["ask", "decode", "demo"]) assert.include(help, command)
      })

      for (const flag of ["--version", "-v"]) {
        it(`answers ${flag} as the command line itself does`, async () => {
          const [quick, whole] = await Promise.all(
            [[flag], ["ask", flag]].map((args) => succeed(process.execPath, [command, ...args], consumer))
          )
          assert.strictEqual(quick, whole)
        })
      }

      for (const { name, path, version } of runtimes.filter(({ name }) => name === "node")) {
        it(`decodes a recording with the command on ${name} ${version}`, async () => {
          const recording = Path.join(consumer, "recording.sse")
          Fs.writeFileSync(
            recording,
            `data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`
          )
          const args = [command, "decode", "--provider", "openai", recording]
          const { content, finishReasons, usage } = JSON.parse(await succeed(path, args, consumer))
          assert.deepStrictEqual([content, finishReasons, usage], ["Hi", ["stop"], null])
        })
      }
    })

    it("does not evaluate AWS's signer until something is signed", async () => {
      const loaded = await succeed(
        process.execPath,
        [
          "--input-type=module",
          "-e",
          `import { createRequire } from "node:module"
           await import("effect-llm-stream")
           console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)))`
        ],
        consumer
      )
      assert.notInclude(loaded, "signature-v4")
    })

    it("hides what is internal, and nothing else", async () => {
      const modules = filesOf(Path.join(installed, "dist")).filter((file) =>
        file.endsWith(".js") && !file.startsWith("node/")
      )
        .map((file) => file.replace(/\.js$/, ""))
      const reached = await succeed(
        process.execPath,
        [
          "--input-type=module",
          "-e",
          `const reached = (path) => { try { return import.meta.resolve("effect-llm-stream/" + path) } catch { return undefined } }
           console.log(JSON.stringify(${JSON.stringify(modules)}.filter((path) => reached(path) !== undefined)))`
        ],
        consumer
      )
      assert.deepStrictEqual(JSON.parse(reached), modules.filter(isPublic))
    })
  })
})

// Modules of users are namespaces, and named so; price tables are data.
const isPublic = (module: string): boolean =>
  !/^(cli|engine|internal)\//.test(module) && /^(testing$|pricing\/(?!table$)|.*\/[A-Z][^/]*$|[A-Z][^/]*$)/.test(module)

async function succeed(command: string, args: ReadonlyArray<string>, cwd = root): Promise<string> {
  const { output, status } = await run(command, args, { cwd })
  assert.strictEqual(status, 0, `${command} ${args.join(" ")}\n${output}`)
  return output
}

const withoutComments = (declarations: string): string =>
  declarations.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "").replaceAll(/\n\s*\n/g, "\n")

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
