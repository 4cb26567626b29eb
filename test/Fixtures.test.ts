import { assert, describe, it } from "@effect/vitest"
import { Effect, Equal, Schema } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { root } from "./support/process.ts"
import { stored } from "./support/stored.ts"

const folder = Path.join(root, "test/fixtures")
const read = (release: string, name: string): unknown =>
  JSON.parse(Fs.readFileSync(Path.join(folder, release, `${name}.json`), "utf8"))

// Made by `node scripts/fixtures.ts` of each release, and never changed after it.
describe("Fixtures", () => {
  const releases = Fs.readdirSync(folder)

  it("are there for this release", () => {
    const { version }: { readonly version: string } = JSON.parse(
      Fs.readFileSync(Path.join(root, "package.json"), "utf8")
    )
    assert.include(releases, version.split(".").slice(0, 2).join("."))
  })

  for (const release of releases) {
    for (const [name, schema] of Object.entries(stored)) {
      it.effect(`reads ${name} that ${release} stored, and writes them again without a loss`, () =>
        Effect.gen(function*() {
          const codec = Schema.Array(schema)
          const decoded = yield* Schema.decodeUnknownEffect(codec)(read(release, name))
          assert.isNotEmpty(decoded)
          const again = yield* Schema.encodeUnknownEffect(codec)(decoded)
          assert.isTrue(Equal.equals(yield* Schema.decodeUnknownEffect(codec)(again), decoded))
        }))
    }
  }
})
