/**
 * Writes the `--help` text of each command beside the built command line, so that printing it does not load the command
 * line.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliOutput from "effect/cli/CliOutput"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Stdio from "effect/Stdio"
import { commands, main } from "./main.ts"

const help = (args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const console = yield* Console.Console
    yield* Effect.provideService(main(""), Console.Console, {
      ...console,
      log: (...words) => lines.push(words.join(" "))
    })
    return `${lines.join("\n")}\n`
  }).pipe(
    Effect.provide(Layer.mergeAll(
      NodeServices.layer,
      FetchHttpClient.layer,
      Stdio.layerTest({ args: Effect.succeed([...args, "--help"]) }),
      CliOutput.layer(CliOutput.defaultFormatter({ colors: true }))
    ))
  )

Effect.gen(function*() {
  const texts: Record<string, string> = { "": yield* help([]) }
  for (const name of commands) texts[name] = yield* help([name])
  const files = yield* FileSystem.FileSystem
  yield* files.writeFileString("dist/help.json", JSON.stringify(texts))
}).pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain())
