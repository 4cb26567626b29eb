import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, Path, Schema, Stream } from "effect"
import { Response as AiResponse } from "effect/ai"
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import * as Answer from "../../src/testing/Answer.ts"
import * as Arbitraries from "../../src/testing/Arbitraries.ts"
import * as Wire from "../../src/testing/Wire.ts"
import { Chunk, lines, Response, run, start } from "./harness.ts"

const sse = (...data: ReadonlyArray<string>): string => data.map((data) => `data: ${data}\n\n`).join("")

const first = `{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"Hel"}}]}`
const second = `{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"lo"}}]}`
const finish = `{"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"future":[1,null]}`
const usage = `{"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,` +
  `"prompt_tokens_details":{"cached_tokens":200}}}`

const hello = sse(first, second, finish, usage, "[DONE]")

/** Writes recordings and decodes them, and whatever else is named. */
const decoding = Effect.fnUntraced(
  function*(
    files: Readonly<Record<string, string | Uint8Array>>,
    ...args: ReadonlyArray<string>
  ) {
    const fileSystem = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fileSystem.makeTempDirectoryScoped()
    const paths: Array<string> = []
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(directory, name)
      yield* fileSystem.writeFile(file, typeof content === "string" ? new TextEncoder().encode(content) : content)
      paths.push(file)
    }
    const outcome = yield* run(["decode", "--provider", "openai", ...args, ...paths])
    return { ...outcome, paths }
  },
  Effect.provide(NodeServices.layer)
)

const expected: Omit<typeof Response.Type, "cost" | "costMetadata"> = {
  provider: "openai",
  id: "chatcmpl-1",
  model: "gpt-4o-2024-08-06",
  content: "Hello",
  reasoning: "",
  refusal: "",
  toolCalls: [],
  finishReasons: ["stop"],
  commonFinishReasons: ["stop"],
  usage: { inputTokens: 1000, cachedTokens: 200, cacheWriteTokens: null, outputTokens: 100, reasoningTokens: null },
  audio: null,
  chunks: 4,
  error: null
}

const PartLine = Schema.Struct({
  file: Schema.String,
  part: Schema.optionalKey(AiResponse.StreamPart()),
  error: Schema.optionalKey(Schema.Struct({ reason: Schema.String }))
})

describe("decode", () => {
  it.live("prints the response of each recording, one JSON object a line", () =>
    Effect.gen(function*() {
      const { paths, status, stderr, stdout } = yield* decoding({
        "a.sse": hello,
        "b.jsonl": [first, second, finish, usage].join("\n")
      })
      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
      const all = lines(stdout)
      assert.deepStrictEqual(all.map(({ file }) => file), paths)
      for (const response of all) {
        assert.deepStrictEqual(Object.keys(response), ["file", ...Object.keys(Response.fields)])
        const { cost, costMetadata, ...rest } = Schema.decodeUnknownSync(Response)(response)
        assert.deepStrictEqual(rest, expected)
        assert.strictEqual(cost?.total, 0.00325)
        assert.include(costMetadata, { provider: "openai", inputTokens: 1000, serviceTier: null })
      }
    }))

  it.live("prints each chunk with --chunks, the payload as it was", () =>
    Effect.gen(function*() {
      const { paths, status, stdout } = yield* decoding({ "a.sse": hello }, "--chunks")
      assert.strictEqual(status, 0)
      const all = lines(stdout).map(({ file, ...chunk }) => {
        assert.strictEqual(file, paths[0])
        assert.deepStrictEqual(Object.keys(chunk), Object.keys(Chunk.fields))
        return Schema.decodeUnknownSync(Chunk)(chunk)
      })
      assert.deepStrictEqual(
        all.map(({ chunk }) => chunk),
        [first, second, finish, usage].map((data) => JSON.parse(data))
      )
      assert.deepStrictEqual(all.map(({ content }) => content), ["Hel", "lo", "", ""])
      assert.deepStrictEqual(all.map(({ cachedTokens }) => cachedTokens), [null, null, null, 200])
    }))

  it.live("prints each part with --parts, and after a failure the error", () =>
    Effect.gen(function*() {
      const recordings = { "cut.sse": sse(first), "whole.sse": hello }
      const { paths, status, stdout } = yield* decoding(recordings, "--parts")
      assert.strictEqual(status, 1)
      const all = lines(stdout).map((line) => Schema.decodeUnknownSync(PartLine)(line))
      const ofFile = (path: string | undefined) =>
        all.flatMap(({ error, file, part }) => file === path ? [part?.type ?? error?.reason] : [])
      assert.deepStrictEqual(
        ofFile(paths[0]),
        ["response-metadata", "text-start", "text-delta", "IncompleteStream"]
      )
      assert.deepStrictEqual(
        ofFile(paths[1]),
        ["response-metadata", "text-start", "text-delta", "text-delta", "text-end", "finish"]
      )
    }))

  it.live("prints audio as base64", () =>
    Effect.gen(function*() {
      const audio = `{"choices":[{"index":0,"delta":{"audio":{"id":"audio_1","data":"AAECAw==","transcript":"ah"}}}]}`
      const expiry = `{"choices":[{"index":0,"delta":{"audio":{"expires_at":1767229200}}}]}`
      const recording = { "a.jsonl": [audio, expiry].join("\n") }
      assert.include(lines((yield* decoding(recording, "--chunks")).stdout)[0], {
        audio: "AAECAw==",
        audioTranscript: "ah"
      })
      assert.deepPropertyVal(lines((yield* decoding(recording)).stdout)[0], "audio", {
        byteLength: 4,
        transcript: "ah"
      })
    }))

  it.live("reads standard input for -, printing chunks before its end", () =>
    Effect.gen(function*() {
      const printed = yield* Deferred.make<void>()
      const stdin = Stream.make(sse(first)).pipe(
        Stream.concat(Stream.fromEffect(Effect.as(Deferred.await(printed), sse(second, finish, "[DONE]")))),
        Stream.encodeText
      )
      const { status, stdout } = yield* run(["decode", "--provider", "openai", "--chunks", "-"], {
        stdin,
        onStdout: () => Deferred.doneUnsafe(printed, Effect.void)
      })
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(lines(stdout).map(({ content, file }) => [file, content]), [
        ["-", "Hel"],
        ["-", "lo"],
        ["-", ""]
      ])
    }))

  it.live("prints what had come, the error, and the other recordings when one is cut off, and exits with 1", () =>
    Effect.gen(function*() {
      const recordings = { "cut.sse": sse(first), "broken.sse": sse(first, "{"), "whole.sse": hello }
      const { status, stderr, stdout } = yield* decoding(recordings)
      assert.deepStrictEqual({ status, stderr }, { status: 1, stderr: "" })
      const [cut, broken, whole] = lines(stdout).map((json) => Schema.decodeUnknownSync(Response)(json))
      assert.deepStrictEqual([cut?.content, broken?.content, whole?.content], ["Hel", "Hel", "Hello"])
      assert.deepStrictEqual([cut?.error?.reason, broken?.error?.reason, whole?.error], [
        "IncompleteStream",
        "MalformedEvent",
        null
      ])
      assert.strictEqual(cut?.error?.emitted, true)
    }))

  it.live("keeps to chunks on standard output with --chunks, and tells of the error on standard error", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* decoding({ "cut.sse": sse(first), "whole.sse": hello }, "--chunks")
      assert.strictEqual(status, 1)
      assert.lengthOf(lines(stdout), 5)
      assert.match(stderr, /cut\.sse: openai: IncompleteStream: /)
    }))

  it.live.skipIf(!existsSync("/dev/fd"))("reads a pipe that a shell names", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const pipe = `${yield* fileSystem.makeTempDirectoryScoped()}/pipe`
      execFileSync("mkfifo", [pipe])
      const fiber = yield* Effect.forkChild(fileSystem.writeFileString(pipe, hello))
      const { status, stdout } = yield* run(["decode", "--provider", "openai", pipe])
      yield* Fiber.join(fiber)
      assert.strictEqual(status, 0)
      assert.include(lines(stdout)[0], { content: "Hello" })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live.skipIf(process.platform !== "linux")(
    "can be interrupted while it waits for a pipe",
    () =>
      Effect.gen(function*() {
        const fileSystem = yield* FileSystem.FileSystem
        const pipe = `${yield* fileSystem.makeTempDirectoryScoped()}/pipe`
        execFileSync("mkfifo", [pipe])
        const { child, exited, opened } = start(["decode", "--provider", "openai", pipe])
        yield* opened(pipe)
        child.kill("SIGINT")
        assert.strictEqual((yield* exited).status, 130)
      }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("decodes the rest when a file cannot be read, and exits with 2", () =>
    Effect.gen(function*() {
      const { paths, status, stderr, stdout } = yield* decoding({ "a.sse": hello }, "no-such-file.sse", "src")
      assert.strictEqual(status, 2)
      assert.deepStrictEqual(lines(stdout).map(({ file }) => file), paths)
      assert.match(stderr, /no-such-file\.sse: no such file\n/)
      assert.match(stderr, /src: is a directory, not a file\n/)
    }))

  for (const args of [[], ["--chunks"]]) {
    it.live(`asks whether a recording without a chunk is the provider's (${args.join() || "responses"})`, () =>
      Effect.gen(function*() {
        const recording = { "anthropic.sse": sse(`"message_start"`), "cut.sse": sse(first), "a.sse": hello }
        const { paths, status, stderr } = yield* decoding(recording, ...args)
        assert.strictEqual(status, 1)
        assert.deepStrictEqual(stderr.split("\n").filter((line) => line.includes("is it a recording")), [
          `llm-stream decode: ${paths[0]}: no chunk in it; is it a recording of openai?`
        ])
      }))
  }

  it.live("finds nothing in an empty file but an incomplete stream", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* decoding({ "empty.sse": "" })
      assert.strictEqual(status, 1)
      assert.include(lines(stdout)[0], { id: null, content: "", usage: null, chunks: 0 })
    }))

  it.effect.prop("prints what the answer adds up to", [Arbitraries.answer()], ([answer]) =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["decode", "--provider", "openai", "-"], {
        stdin: Stream.fromIterable(Wire.encode(Wire.openai, Answer.openai(answer)))
      })
      assert.strictEqual(status, 0)
      const { content, reasoning, refusal, toolCalls } = Schema.decodeUnknownSync(Response)(lines(stdout)[0])
      assert.deepStrictEqual({ content, reasoning, refusal, toolCalls }, { ...Answer.expected(answer)[0] })
    }), { arbitrary: { runs: 25 } })
})
