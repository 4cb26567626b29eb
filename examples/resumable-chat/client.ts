/**
 * Follows an answer of `server.ts` to its end, whatever becomes of the connection, or begins it with a request:
 *
 *     node examples/resumable-chat/client.ts http://localhost:3000/answers/a1 request.json
 *
 * The text goes to standard output, once; the end goes to standard error, as JSON.
 */
// By module, so that it starts at once.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ChatRequest from "effect-llm-stream/ChatRequest"
import * as StreamLogClient from "effect-llm-stream/log/StreamLogClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"

const [url = "", file] = process.argv.slice(2)

const request = file === undefined
  ? undefined
  : Result.getOrThrow(ChatRequest.fromJson(JSON.parse(Fs.readFileSync(file, "utf8"))))

const exit = (code: number) =>
  Effect.sync(() => {
    process.exitCode = code
  })

const program = StreamLogClient.follow(url, { request }).pipe(
  Stream.runForEach((received) =>
    received._tag === "Chunks"
      ? Effect.sync(() => {
        for (const { content } of received.chunks) process.stdout.write(content)
      })
      : Effect.andThen(Console.error(JSON.stringify(received.end)), exit(received.end._tag === "Done" ? 0 : 1))
  ),
  Effect.catchTag(
    "ClientError",
    ({ message, reason }) => Effect.andThen(Console.error(message), exit(reason === "Refused" ? 2 : 3))
  ),
  Effect.provide(FetchHttpClient.layer)
)

NodeRuntime.runMain(program)
