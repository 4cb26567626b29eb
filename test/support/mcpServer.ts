/**
 * An MCP server over standard input and output, for tests of the command line. `MCP_VERSION` narrows the versions that it
 * speaks.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as McpProtocol from "effect/ai/McpProtocol"
import * as McpServer from "effect/ai/McpServer"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const toolkit = Toolkit.make(
  Tool.make("add", {
    description: "Adds two numbers",
    parameters: Schema.Struct({ a: Schema.Finite, b: Schema.Finite }),
    success: Schema.String
  }).annotate(Tool.Readonly, true),
  Tool.make("forget", {
    description: "Forgets all",
    parameters: Schema.Struct({ what: Schema.String }),
    success: Schema.String
  }).annotate(Tool.Destructive, true),
  Tool.make("crash", { description: "Ends the server", success: Schema.String }).annotate(Tool.Destructive, false),
  Tool.make("wait", { description: "Never ends", success: Schema.String }).annotate(Tool.Readonly, true)
)

const handlers = toolkit.toLayer({
  add: ({ a, b }) => Effect.succeed(`The sum is ${a + b}\u001b[31m`),
  forget: ({ what }) => Effect.succeed(`Forgot ${what}`),
  wait: () => Effect.never,
  crash: () =>
    Effect.sync(() => {
      process.stderr.write("Out of cheese\n")
      process.exit(3)
    })
})

const version = process.env["MCP_VERSION"]

McpServer.layerStdio({
  name: "fixture",
  version: "1.0.0",
  protocols: version === "2026-07-28"
    ? [McpProtocol.v2026_07_28]
    : version === "2024-11-05"
    ? [McpProtocol.v2024_11_05]
    : [McpProtocol.v2025_11_25],
  registrations: McpServer.toolkit(toolkit).pipe(Layer.provide(handlers))
}).pipe(Layer.provide(NodeStdio.layer), Layer.launch, NodeRuntime.runMain)
