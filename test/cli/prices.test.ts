import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, Path } from "effect"
import { service } from "../../src/cli/prices.ts"
import { CostMetadata, Pricing } from "../../src/index.ts"
import { snapshot } from "../../src/pricing/snapshot.ts"
import { lines, run } from "./harness.ts"

const usage = `data: {"model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],` +
  `"usage":{"prompt_tokens":1000,"completion_tokens":100}}\n\ndata: [DONE]\n\n`
const unnamed = usage.replace(`"model":"gpt-4o",`, "")

const list = {
  date: "2026-11-22",
  tables: [{
    provider: "openai",
    source: "our contract",
    date: "2026-11-22",
    defaults: {},
    models: { "gpt-4o": { input: 2, output: 8 } },
    names: {}
  }]
}

/** Runs the command line beside files of these names and contents. */
const beside = Effect.fnUntraced(
  function*(files: Readonly<Record<string, string>>, args: (path: (name: string) => string) => ReadonlyArray<string>) {
    const fileSystem = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fileSystem.makeTempDirectoryScoped()
    for (const [name, content] of Object.entries(files)) {
      yield* fileSystem.writeFileString(path.join(directory, name), content)
    }
    const outcome = yield* run(args((name) => path.join(directory, name)))
    const written = yield* Effect.option(fileSystem.readFileString(path.join(directory, "out.json")))
    return { ...outcome, written }
  },
  Effect.scoped,
  Effect.provide(NodeServices.layer)
)

const costOf = (stdout: string) => lines(stdout)[0]?.["cost"]

describe("prices", () => {
  it.live("finds models", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["prices", "--provider", "anthropic", "--json", "haiku-5-5"])
      assert.strictEqual(status, 0)
      assert.deepInclude(lines(stdout)[0], { provider: "anthropic", model: "claude-haiku-5-5" })
      assert.strictEqual(lines(stdout).length, 1)
      assert.match((yield* run(["prices", "haiku-5-5"])).stdout, /anthropic\/claude-haiku-5-5 +\$0\.1 +\$0\.01 +\$0\.5/)
    }))

  it.live("says that no price matches, and which providers there are", () =>
    Effect.gen(function*() {
      for (const args of [["no-such-model"], ["--provider", "opnai"]]) {
        assert.deepStrictEqual(yield* run(["prices", ...args]), {
          status: 0,
          stdout: "",
          stderr: "No bundled price matches; the providers are anthropic, azure, bedrock, groq, openai\n"
        })
      }
    }))

  it.live("shows what differs in a list", () =>
    Effect.gen(function*() {
      const { stdout } = yield* beside(
        { "list.json": JSON.stringify(list) },
        (path) => ["prices", "--diff", path("list.json")]
      )
      assert.deepStrictEqual(stdout.split("\n").map((line) => line.replaceAll(/ +/g, " ").trim()), [
        "openai/gpt-4o input $2.5 -> $2",
        "openai/gpt-4o output $10 -> $8",
        ""
      ])
    }))

  it.live("refreshes a file, and leaves it alone when the list can't be right", () =>
    Effect.gen(function*() {
      const refresh = (content: unknown) =>
        beside({ "list.json": JSON.stringify(content) }, (path) => [
          "prices",
          "--refresh",
          path("list.json"),
          "--output",
          path("out.json")
        ])
      const good = yield* refresh(list)
      assert.strictEqual(good.status, 0)
      assert.isTrue(good.written._tag === "Some" && good.written.value.includes("our contract"))
      const bad = yield* refresh({ ...list, tables: [{ ...list.tables[0], models: { "gpt-4o": { input: -1 } } }] })
      assert.strictEqual(bad.status, 2)
      assert.strictEqual(bad.written._tag, "None")
      assert.include(bad.stderr, "list.json")
      const { status, stderr } = yield* beside({ "list.json": JSON.stringify(list) }, (path) => [
        "prices",
        "--refresh",
        path("list.json"),
        "--output",
        path("")
      ])
      assert.strictEqual(status, 2)
      assert.match(stderr, /: cannot be written: is a directory, not a file\n$/)
    }))
})

describe("decode with prices", () => {
  it.live("takes a list, or overrides, before the bundled prices", () =>
    Effect.gen(function*() {
      const decode = (prices: unknown) =>
        Effect.map(
          beside({ "a.sse": usage, "prices.json": JSON.stringify(prices) }, (path) => [
            "decode",
            "--provider",
            "openai",
            "--prices",
            path("prices.json"),
            path("a.sse")
          ]),
          ({ stdout }) => costOf(stdout)
        )
      // 1000 × 2 + 100 × 8; 1000 × 2.50 × 0.5 + 100 × 10 × 0.5
      assert.deepInclude(yield* decode(list), { total: 0.0028, priceDate: "2026-11-22" })
      assert.deepInclude(yield* decode({ openai: { "*": { factor: 0.5 } } }), {
        total: 0.00175,
        overridden: ["openai/gpt-4o"]
      })
    }))

  it.live("takes the model that a recording does not state, and says why there is no cost", () =>
    Effect.gen(function*() {
      const decode = (...args: ReadonlyArray<string>) =>
        Effect.map(
          beside({ "a.sse": unnamed }, (path) => ["decode", "--provider", "openai", ...args, path("a.sse")]),
          ({ stdout }) => lines(stdout)[0]
        )
      const without = yield* decode()
      assert.isNull(without?.["cost"])
      assert.include(JSON.stringify(without?.["costMetadata"]), "does not name its model")
      // 1000 × 2.50 + 100 × 10
      assert.deepInclude((yield* decode("--model", "gpt-4o"))?.["cost"], { total: 0.0035 })
    }))

  it.effect("takes --model for what a response does not state, and on Bedrock for what decides the price", () =>
    Effect.gen(function*() {
      const { complete } = yield* service(Option.none(), Option.some("asked"))
      const model = (provider: string, stated?: string) =>
        complete?.(new CostMetadata.CostMetadata({ provider, ...(stated === undefined ? {} : { model: stated }) }))
          .model
      assert.deepStrictEqual(
        [model("openai"), model("openai", "stated"), model("bedrock"), model("bedrock", "stated")],
        ["asked", "stated", "asked", "asked"]
      )
      const completing = {
        ...Pricing.makeUnsafe({ tables: snapshot }),
        complete: () => new CostMetadata.CostMetadata({ model: "completed" })
      }
      const own = yield* Effect.provideService(service(Option.none(), Option.none()), Pricing.Pricing, completing)
      assert.strictEqual(own.complete?.(new CostMetadata.CostMetadata({})).model, "completed")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("prices as of today", () =>
    Effect.gen(function*() {
      const until = (day: string) => ({ openai: { "gpt-4o": { input: 1, output: 1, until: day } } })
      const decode = (prices: unknown) =>
        Effect.map(
          beside({ "a.sse": usage, "prices.json": JSON.stringify(prices) }, (path) => [
            "decode",
            "--provider",
            "openai",
            "--prices",
            path("prices.json"),
            path("a.sse")
          ]),
          ({ stdout }) => costOf(stdout)
        )
      assert.notDeepEqual(yield* decode(until("2020-01-01")), yield* decode(until("2999-01-01")))
    }))

  it.live("has no cost where nobody counted", () =>
    Effect.gen(function*() {
      const { stdout } = yield* beside({ "a.sse": usage.replace(/,"usage":.*}}/, "}") }, (path) => [
        "decode",
        "--provider",
        "openai",
        path("a.sse")
      ])
      assert.isNull(costOf(stdout))
      assert.include(stdout, "\"costReason\":\"no usage was stated\"")
    }))

  it.live("says what is wrong with a price file", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* beside(
        { "a.sse": usage, "prices.json": JSON.stringify({ openai: { "gpt-4o": { inptu: 2 } } }) },
        (path) => ["decode", "--provider", "openai", "--prices", path("prices.json"), path("a.sse")]
      )
      assert.strictEqual(status, 2)
      assert.match(stderr, /prices\.json.*inptu/)
    }))
})
