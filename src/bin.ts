#!/usr/bin/env node
/**
 * The command line's entry point. What it runs on, `@effect/platform-node`, is an optional peer dependency: when it is
 * not installed, one line says so.
 *
 * @since 0.1.0
 */
import { readFileSync } from "node:fs"

interface Manifest {
  readonly version: string
  readonly peerDependencies: Readonly<Record<string, string>>
}

const name = "llm-stream"
const platform = "@effect/platform-node"

const { peerDependencies, version }: Manifest = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8")
)

const isMissing = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_MODULE_NOT_FOUND" &&
  String(error).includes(platform)

const [flag = "", ...others] = process.argv.slice(2)
if (["--version", "-v"].includes(flag) && others.length === 0) {
  // What the command line itself would print, without loading it.
  process.stdout.on("error", ({ message }) => {
    console.error(`${name}: standard output cannot be written: ${message}`)
    process.exitCode = 1
  })
  process.stdout.write(`${name} v${version}\n`)
} else {
  import("./cli/node.ts").then(({ start }) => start(version), (error: unknown) => {
    if (!isMissing(error)) throw error
    console.error(
      `${name}: the command line needs ${platform}, which is not installed: npm install "${platform}@${
        peerDependencies[platform]
      }"`
    )
    process.exitCode = 2
  })
}
