import * as McpClient from "effect/ai/McpClient"
import { isMcpClientError, type McpClientError } from "effect/ai/McpClientError"
import * as McpProtocol from "effect/ai/McpProtocol"
import type * as McpSchema from "effect/ai/McpSchema"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import { isPlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as CommandLine from "effect/process/CommandLine"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Failed, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"
import { Version } from "./version.ts"

/** The tools of a server, with their handlers. */
type Toolkit = Effect.Success<ReturnType<typeof McpClient.toolkit>>

/** @internal */
export interface Tools {
  readonly toolkit: Toolkit
  /** Whether a tool may change or destroy something, as far as its server says. */
  readonly isRisky: (name: string) => boolean
}

/**
 * The tools of MCP servers, each started by its command. They stop with the scope.
 *
 * @internal
 */
export const connect = Effect.fnUntraced(function*(
  commands: ReadonlyArray<string>
): Effect.fn.Return<Tools, Failed, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope> {
  const servers = yield* Effect.forEach(commands, server, { concurrency: "unbounded" })
  const owners = new Map<string, Server>()
  for (const server of servers) {
    for (const name of Object.keys(server.toolkit.tools)) {
      const owner = owners.get(name)
      if (owner !== undefined) {
        return yield* wrongUsage(
          `--tools: ${JSON.stringify(owner.command)} and ${
            JSON.stringify(server.command)
          } have a tool of the same name, ${name}`
        )
      }
      owners.set(name, server)
    }
  }
  return {
    toolkit: {
      tools: Object.assign({}, ...servers.map(({ toolkit }) => toolkit.tools)),
      handle: (name, params, id, options) => {
        const owner = owners.get(name)
        return owner === undefined
          ? Effect.die(new Error(`There is no tool ${name}`))
          : owner.toolkit.handle(name, params, id, options)
      }
    },
    isRisky: (name) => {
      const { destructiveHint = true, readOnlyHint = false } = owners.get(name)?.annotations.get(name) ?? {}
      return !readOnlyHint && destructiveHint
    }
  }
})

interface Server {
  readonly command: string
  readonly toolkit: Toolkit
  readonly annotations: ReadonlyMap<string, McpSchema.ToolAnnotations | undefined>
}

// Most servers speak the first one, some only the second one.
const protocols = [McpProtocol.v2025_11_25, McpProtocol.v2026_07_28] as const

const server = Effect.fnUntraced(function*(
  command: string
): Effect.fn.Return<Server, Failed, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope> {
  const named = `--tools ${JSON.stringify(command)}`
  // Words as a shell reads them, though no shell runs.
  const parsed = yield* Effect.mapError(
    Effect.fromResult(CommandLine.template(Object.assign([command], { raw: [command] }))),
    ({ message }) => wrongUsage(`${named}: ${message.replace(/ in template part \d+$/, "")}`)
  )
  const [program, ...args] = parsed.map(String)
  if (program === undefined) return yield* wrongUsage(`${named}: no command`)
  const scope = yield* Effect.scope
  const version = yield* Version

  /** What the server said last on its standard error, which is often why it does not work. */
  let lastWords = ""
  const isSilent = yield* Latch.make(true)
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const listening = ChildProcessSpawner.make((command) =>
    Effect.map(Effect.tap(spawner.spawn(command), isSilent.close), (handle) =>
      ChildProcessSpawner.makeHandle({
        ...handle,
        stderr: handle.stderr.pipe(
          Stream.tap((bytes) =>
            Effect.sync(() => {
              lastWords = (lastWords + utf8.decode(bytes)).slice(-1000)
            })
          ),
          Stream.ensuring(isSilent.open)
        )
      }))
  )

  const open = Effect.fnUntraced(function*(protocol: typeof protocols[number]) {
    // A server that speaks another version is stopped before the next try.
    const own = yield* Scope.fork(scope)
    const connected = Effect.gen(function*() {
      const transport = yield* McpClient.stdio({ command: ChildProcess.make(program, args), protocol })
      const client = yield* Effect.provideService(
        McpClient.make({ name: "llm-stream", version }),
        McpClient.Transport,
        transport
      )
      const tools = yield* client.listTools()
      return {
        command,
        toolkit: yield* McpClient.toolkit(client),
        annotations: new Map(tools.map(({ annotations, name }) => [name, annotations]))
      }
    })
    return yield* connected.pipe(
      // A server that ends may still be about to say why.
      Effect.tapError(({ reason }) =>
        reason._tag === "TransportError" ? Effect.timeoutOption(isSilent.await, "1 second") : Effect.void
      ),
      Effect.provideService(Scope.Scope, own),
      Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, listening),
      Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
    )
  })

  const speaksOther = ({ reason }: McpClientError): boolean =>
    reason._tag === "UnsupportedError" || reason._tag === "ProtocolError" && reason.code !== undefined
  const problem = (error: McpClientError): Failed => {
    const cause = "cause" in error.reason ? error.reason.cause : undefined
    const isMissing = isPlatformError(cause) && cause.reason._tag === "NotFound"
    const last = Text.oneLine(lastWords.trimEnd().split("\n").findLast((line) => line.trim() !== "") ?? "")
    return wrongUsage(
      isMissing
        ? `${named}: no such command`
        : `${named}: ${Text.oneLine(error.reason.message)}${last === "" ? "" : `: ${Text.excerpt(last)}`}`
    )
  }
  const [first, second] = protocols
  return yield* open(first).pipe(
    Effect.catchIf(
      speaksOther,
      () =>
        Effect.mapError(
          open(second),
          () => wrongUsage(`${named}: speaks neither MCP ${first.protocolVersion} nor ${second.protocolVersion}`)
        )
    ),
    Effect.mapError((error) => isMcpClientError(error) ? problem(error) : error)
  )
})

const utf8 = new TextDecoder()
