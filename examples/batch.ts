/**
 * Ten thousand questions, fifty at a time, with progress. Answers are appended to a file as they come. After a stop,
 * the next run continues where the last one was.
 *
 *     GROQ_API_KEY=… node examples/batch.ts
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Array, Config, Console, Effect, FileSystem, Layer, Schema, Stream } from "effect"
import { ChunkStream, Groq, Provider } from "effect-llm-stream"
import { FetchHttpClient } from "effect/http"

const Line = Schema.fromJsonString(Schema.Struct({ id: Schema.String, content: Schema.String, error: Schema.String }))

export const batch = Effect.fn("batch")(function*(questions: ReadonlyMap<string, string>, file: string) {
  const fs = yield* FileSystem.FileSystem
  const provider = yield* Provider.Provider
  const append = (text: string) => fs.writeFileString(file, text, { flag: "a" })
  const before = (yield* fs.exists(file)) ? yield* fs.readFileString(file) : ""
  // A run that was killed may have left half a line: its question is asked again.
  const lines = Array.getSomes(before.split("\n").map((line) => Schema.decodeOption(Line)(line)))
  if (before !== "" && !before.endsWith("\n")) yield* append("\n")
  const done = new Set(lines.map(({ id }) => id))

  yield* Stream.fromIterable(questions).pipe(
    Stream.filter(([id]) => !done.has(id)),
    Stream.mapEffect(
      ([id, prompt]) =>
        Effect.map(ChunkStream.outcome(provider.stream({ prompt })), ({ content, error }) => ({ id, content, error })),
      { concurrency: 50, unordered: true }
    ),
    // What may work the next time is left to the next run.
    Stream.filter(({ error }) => error?.isRetryable !== true),
    Stream.runForEach(Effect.fnUntraced(function*({ content, error, id }) {
      yield* append(Schema.encodeSync(Line)({ id, content, error: error?.message ?? "" }) + "\n")
      done.add(id)
      if (done.size % 100 === 0) yield* Console.log(`${done.size} of ${questions.size}`)
    }))
  )
  return { done: done.size, left: questions.size - done.size }
})

if (import.meta.main) {
  const GroqLive = Groq.layerConfig({ model: Config.succeed("openai/gpt-oss-20b") }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
  const questions = new Map(
    Array.makeBy(10_000, (n) => [`${n}`, `Is ${n} a prime number? Answer yes or no.`] as const)
  )
  batch(questions, "answers.jsonl").pipe(
    Effect.flatMap(({ done, left }) => Console.log(`${done} answered, ${left} to be asked again`)),
    Effect.provide([GroqLive, NodeServices.layer]),
    NodeRuntime.runMain
  )
}
