import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Predicate, Scope, Stream } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { afterAll, beforeAll, vi } from "vitest"
import * as Documentation from "./support/documentation.ts"
import { services, world } from "./support/world.ts"

// The programs that the guides show, run as they stand against all providers, which a server plays. Elsewhere: recipes, each
// with what comes of it, in `Recipes.test.ts`; what states its values in `Documentation.test.ts`.

/** Programs that can't end well here, and why. */
const exceptions: Readonly<Record<string, string>> = {
  "docs/providers/openai-compatible.md: A local server": "This test has no network",
  "docs/telemetry.md: Agents and tools": "its handlers are left out",
  "docs/tools.md: Tools of an MCP server": "This test has no network"
}

/** Tries for long before it says that no server is there. */
const patient = "docs/resumable.md: In a program"

const isTest = ({ code }: Documentation.Example) => code.includes("from \"@effect/vitest\"")

const all = Documentation.guides().flatMap(Documentation.examples)
const examples = all.filter((example) =>
  example.file !== "docs/recipes.md" && !Documentation.statesValues(example) && !isTest(example) &&
  !/^declare /m.test(example.code) && `${example.file}: ${Documentation.headingOf(example)}` !== patient
)

type World = Layer.Success<ReturnType<typeof services>>

// Layers are left to the programs that have them.
const isProgram = (value: unknown): value is Effect.Effect<unknown, unknown, World> =>
  Effect.isEffect(value) && !Layer.isLayer(value) && !Predicate.hasProperty(value, "tools")

const isStream = (value: unknown): value is Stream.Stream<unknown, unknown, World> => Stream.isStream(value)

/** What can be run of what an example declares. */
const programsOf = (names: Readonly<Record<string, unknown>>) =>
  Object.values(names).flatMap((value) => isStream(value) ? [Stream.runDrain(value)] : isProgram(value) ? [value] : [])

// Programs that run as they are imported read the environment of the process, once for all of them.
const scope = Scope.makeUnsafe()
const { environment } = await Effect.runPromise(Scope.provide(world, scope))
const complaints: Array<unknown> = []

// Where they write their files.
const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "guides-"))
const home = process.cwd()

beforeAll(() => {
  process.chdir(folder)
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  vi.spyOn(process.stdout, "write").mockReturnValue(true)
  vi.spyOn(console, "log").mockReturnValue()
  vi.spyOn(console, "error").mockImplementation((...complaint) => complaints.push(...complaint))
})
afterAll(() => {
  process.chdir(home)
  Fs.rmSync(folder, { recursive: true, force: true })
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  return Effect.runPromise(Scope.close(scope, Exit.void))
})

describe("the guides", () => {
  for (const example of examples) {
    it.live(`have programs that run: ${example.file}:${example.line}`, () =>
      Effect.gen(function*() {
        const why = exceptions[`${example.file}: ${Documentation.headingOf(example)}`]
        const names = yield* Effect.promise(() => Documentation.load<Readonly<Record<string, unknown>>>(example))
        for (const program of programsOf(names)) {
          const exit = yield* Effect.exit(Effect.provide(program, services(environment)))
          const failure = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
          if (why === undefined) assert.strictEqual(failure, "")
          else assert.notStrictEqual(failure, "")
        }
        assert.deepStrictEqual(complaints, [])
      }))
  }

  // Their own tests.
  describe("have tests", async () => {
    for (const example of all.filter(isTest)) await Documentation.load(example)
  })

  it("have exceptions that they need", () => {
    const places = new Set(examples.map((example) => `${example.file}: ${Documentation.headingOf(example)}`))
    for (const place of Object.keys(exceptions)) assert.isTrue(places.has(place), place)
  })
})
