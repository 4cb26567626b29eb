#!/usr/bin/env node
/**
 * The command line's entry point. Its platform, `@effect/platform-node`, is an optional peer dependency: when it is not
 * installed, one line says so.
 *
 * @since 0.1.0
 */
import { readFileSync } from "node:fs"
import { stripVTControlCharacters } from "node:util"

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

const args = process.argv.slice(2)
const isHelp = ["--help", "-h"].includes(args.at(-1) ?? "")

/** The output of `--version` and `--help` without loading the command line; `undefined` for anything else. */
const known = (): string | undefined => {
  if (args.length === 1 && ["--version", "-v"].includes(args[0] ?? "")) return `${name} v${version}\n`
  if (!isHelp || args.length > 2) return undefined
  try {
    // Written by the build, so there is none beside the sources.
    const texts: Readonly<Record<string, string>> = JSON.parse(
      readFileSync(new URL("help.json", import.meta.url), "utf8")
    )
    const key = args.length === 1 ? "" : args[0] ?? ""
    const text = Object.hasOwn(texts, key) ? texts[key] : undefined
    return text === undefined || process.stdout.isTTY && process.stdout.hasColors()
      ? text
      : stripVTControlCharacters(text)
  } catch {
    return undefined
  }
}

const text = known()
if (text !== undefined) {
  process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") return
    console.error(`${name}: standard output cannot be written: ${message}`)
    process.exitCode = 1
  })
  process.stdout.write(text)
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
