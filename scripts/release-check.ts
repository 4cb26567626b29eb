/**
 * Whether a tag may be published: the manifest names the publisher's places, and tag, manifest and changelog agree.
 *
 *     node scripts/release-check.ts v0.2.0
 */
import * as Fs from "node:fs"

export interface Manifest {
  readonly version: string
  readonly [field: string]: unknown
}

const isFilledIn = (value: unknown): boolean =>
  typeof value === "string"
    ? value.trim() !== ""
    : typeof value === "object" && value !== null && "url" in value && isFilledIn(value.url)

/** What stands in the way of publishing `tag`; empty when nothing does. */
export const problems = (manifest: Manifest, changelog: string, tag: string): ReadonlyArray<string> => [
  ...["repository", "bugs", "homepage"].filter((field) => !isFilledIn(manifest[field])).map((field) =>
    `package.json: \`${field}\` is not filled in; CONTRIBUTING.md, "Release", says by whom`
  ),
  ...(tag === `v${manifest.version}` ? [] : [`The tag is ${tag}, the version in package.json ${manifest.version}`]),
  ...(changelog.includes(`\n## [${manifest.version}]`) ? [] : [`CHANGELOG.md has no section for ${manifest.version}`])
]

if (import.meta.main) {
  const read = (file: string) => Fs.readFileSync(new URL(`../${file}`, import.meta.url), "utf8")
  const found = problems(JSON.parse(read("package.json")), read("CHANGELOG.md"), process.argv[2] ?? "")
  for (const problem of found) process.stderr.write(`${problem}\n`)
  process.exitCode = found.length === 0 ? 0 : 1
}
