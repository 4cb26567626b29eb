import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { problems } from "../scripts/release-check.ts"
import { root } from "./support/process.ts"

const read = (file: string) => Fs.readFileSync(Path.join(root, file), "utf8")

const complete = {
  version: "1.2.3",
  repository: { type: "git", url: "git+https://host.example/a.git" },
  bugs: "https://host.example/a/issues",
  homepage: "https://host.example/a"
}
const changelog = "# Changelog\n\n## [1.2.3]\n"

describe("Release", () => {
  it("is let through when the manifest, the changelog and the tag agree", () => {
    assert.deepStrictEqual(problems(complete, changelog, "v1.2.3"), [])
  })

  for (const field of ["repository", "bugs", "homepage"] as const) {
    for (const value of [undefined, "", " ", null, {}, { url: "" }]) {
      it(`is refused while ${field} is ${JSON.stringify(value)}`, () => {
        const [problem = "", ...others] = problems({ ...complete, [field]: value }, changelog, "v1.2.3")
        assert.include(problem, `\`${field}\``)
        assert.deepStrictEqual(others, [])
      })
    }
  }

  it("is refused with another tag, and without a section of the changelog", () => {
    assert.lengthOf(problems(complete, changelog, "v1.2.4"), 1)
    assert.lengthOf(problems(complete, changelog, "1.2.3"), 1)
    assert.lengthOf(problems(complete, "# Changelog\n\n## [1.2]\n", "v1.2.3"), 1)
  })

  it("has its version in the manifest, the lockfile and the changelog", () => {
    const { version }: { readonly version: string } = JSON.parse(read("package.json"))
    const lock: { readonly version: string } = JSON.parse(read("package-lock.json"))
    assert.strictEqual(lock.version, version)
    assert.include(read("CHANGELOG.md"), `\n## [${version}]`)
  })
})
