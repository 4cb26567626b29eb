import * as McpClient from "effect/ai/McpClient"
import { isMcpClientError, McpClientError, TransportError } from "effect/ai/McpClientError"
import * as McpProtocol from "effect/ai/McpProtocol"
import type * as McpSchema from "effect/ai/McpSchema"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import { isPlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as CommandLine from "effect/process/CommandLine"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { concat } from "../internal/bytes.ts"
import * as Files from "./files.ts"
import { withoutKeys } from "./printable.ts"
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
 * The tools of MCP servers, each started by its command. They stop with the scope. No server is waited for longer than
 * `timeout`, neither when it starts nor when it is called.
 *
 * @internal
 */
export const connect = Effect.fnUntraced(function*(
  commands: ReadonlyArray<string>,
  timeout: Duration.Duration
): Effect.fn.Return<Tools, Failed, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope> {
  const servers = yield* Effect.forEach(commands, (command) => server(command, timeout), { concurrency: "unbounded" })
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
      tools: Object.fromEntries(servers.flatMap(({ toolkit }) => Object.entries(toolkit.tools))),
      handle: (name, params, id, options) => {
        const owner = owners.get(name)
        return owner === undefined
          ? Effect.die(new Error(`There is no tool ${name}`))
          : Effect.map(
            owner.toolkit.handle(name, params, id, options),
            // Its result may be nested so deeply that it can't be written.
            Stream.catchDefect(() => Stream.fail(transportError("The result can't be read")))
          )
      }
    },
    isRisky: (name) => {
      const { destructiveHint = true, readOnlyHint = false } = owners.get(name)?.annotations.get(name) ?? {}
      return !readOnlyHint && destructiveHint
    }
  }
})

interface Server {
  /** As it may be shown. */
  readonly command: string
  readonly toolkit: Toolkit
  readonly annotations: ReadonlyMap<string, McpSchema.ToolAnnotations | undefined>
}

// Most servers speak the first one, some only the second one.
const protocols = [McpProtocol.v2025_11_25, McpProtocol.v2026_07_28] as const

const server = Effect.fnUntraced(function*(
  command: string,
  timeout: Duration.Duration
): Effect.fn.Return<Server, Failed, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope> {
  const shown = withoutKeys(command)
  const named = `--tools ${JSON.stringify(shown)}`
  // Splits words as a shell does, without running one.
  const parsed = yield* Effect.mapError(
    Effect.fromResult(CommandLine.template(Object.assign([command], { raw: [command] }))),
    ({ message }) => wrongUsage(`${named}: ${message.replace(/ in template part \d+$/, "")}`)
  )
  const [program, ...args] = parsed.map(String)
  if (program === undefined) return yield* wrongUsage(`${named}: no command`)
  const scope = yield* Effect.scope
  const version = yield* Version
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner

  /** The end of the server's standard error, which often says why it does not work. */
  let lastWords = ""

  const open = Effect.fnUntraced(function*(protocol: typeof protocols[number]) {
    lastWords = ""
    // A server that speaks another version is stopped before the next try.
    const own = yield* Scope.fork(scope)
    const isSilent = yield* Latch.make(true)
    let ended: Effect.Effect<string> | undefined
    let stop: Effect.Effect<void> = Effect.void
    const listening = ChildProcessSpawner.make((command) =>
      Effect.map(Effect.tap(spawner.spawn(command), isSilent.close), (handle) => {
        stop = Effect.ignore(
          Effect.raceFirst(handle.exitCode, Effect.delay(handle.kill({ forceKillAfter: patience }), patience))
        )
        ended = Effect.match(handle.exitCode, {
          onFailure: ({ cause, message }) =>
            `The server was ended by ${/SIG[A-Z0-9]+/.exec(`${cause} ${message}`)?.[0] ?? "a signal"}`,
          onSuccess: (code) => `The server ended with exit code ${code}`
        })
        return ChildProcessSpawner.makeHandle({
          ...handle,
          stdout: wholeLines(handle.stdout),
          stderr: handle.stderr.pipe(
            Stream.tap((bytes) =>
              Effect.sync(() => {
                lastWords = (lastWords + utf8.decode(bytes)).slice(-10_000)
              })
            ),
            Stream.ensuring(isSilent.open)
          )
        })
      })
    )
    // The exit code and the last lines of standard error come just after the end.
    const howItEnded = (error: McpClientError): Effect.Effect<McpClientError> =>
      error.reason._tag !== "TransportError" || ended === undefined ? Effect.succeed(error) : Effect.map(
        Effect.timeoutOption(Effect.tap(ended, isSilent.await), patience),
        Option.match({ onNone: () => error, onSome: transportError })
      )
    const bounded = <A>(request: Effect.Effect<A, McpClientError>): Effect.Effect<A, McpClientError> =>
      request.pipe(
        Effect.catch((error) => Effect.flatMap(howItEnded(error), Effect.fail)),
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(transportError(`The server did not answer within ${Duration.format(timeout)}`))
        })
      )
    const connected = Effect.gen(function*() {
      const transport = yield* McpClient.stdio({
        command: ChildProcess.make(program, args),
        protocol,
        maxMessageBytes: longestLine
      })
      // At the end the client closes the server's input, and would wait five seconds for its exit.
      yield* Effect.addFinalizer(() => Effect.forkDetach(stop))
      const client = yield* Effect.provideService(
        McpClient.make({ name: "llm-stream", version, timeout: Duration.sum(timeout, patience) }),
        McpClient.Transport,
        {
          ...transport,
          request: (message, tool) => bounded(transport.request(message, tool))
        }
      )
      const tools = yield* client.listTools()
      return {
        command: shown,
        toolkit: yield* McpClient.toolkit({ ...client, listTools: () => Effect.succeed(tools) }),
        annotations: new Map(tools.map(({ annotations, name }) => [name, annotations]))
      }
    })
    return yield* connected.pipe(
      Effect.provideService(Scope.Scope, own),
      Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, listening),
      Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
    )
  })

  const speaksOther = ({ reason }: McpClientError): boolean =>
    reason._tag === "UnsupportedError" || reason._tag === "ProtocolError" && reason.code !== undefined
  const problem = ({ reason }: McpClientError): Failed => {
    const cause = "cause" in reason ? reason.cause : undefined
    const why = isPlatformError(cause)
      ? cause.reason._tag === "NotFound" ? ["no such command"] : [reason.message, Files.reasonOf(cause)]
      : [reason.message, ...(cause instanceof Error ? [cause.message] : [])]
    return wrongUsage([named, ...why, ...telling(lastWords)].map(Text.excerpt).join(": "))
  }
  const [first, second] = protocols
  return yield* open(first).pipe(
    Effect.catchIf(
      (error) => isMcpClientError(error) && speaksOther(error),
      () =>
        Effect.mapError(open(second), (error) =>
          speaksOther(error)
            ? wrongUsage(`${named}: speaks neither MCP ${first.protocolVersion} nor ${second.protocolVersion}`)
            : problem(error))
    ),
    Effect.mapError((error) => isMcpClientError(error) ? problem(error) : error)
  )
})

/** How long a server that has gone may take to say why. */
const patience = Duration.seconds(1)

const longestLine = 16 * 1024 * 1024

/**
 * The bytes in pieces that end with a line: the client searches all that it has of a line with each piece. A line that is
 * too long is handed on as it comes, for the client to refuse.
 *
 * @internal
 */
export const wholeLines = <E, R>(self: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Uint8Array, E, R> =>
  Stream.suspend(() => {
    const held: Array<Uint8Array> = []
    let size = 0
    return Stream.map(self, (bytes) => {
      size += bytes.length
      const end = size > longestLine ? bytes.length : bytes.lastIndexOf(10) + 1
      if (end > 0) size = bytes.length - end
      const pieces = end > 0 ? [...held.splice(0), bytes.subarray(0, end)] : []
      held.push(bytes.subarray(end))
      return concat(pieces)
    })
  })

const transportError = (description: string): McpClientError =>
  new McpClientError({ reason: new TransportError({ description }) })

/** The lines that tell what went wrong, among stack traces and hints, if there are any; else the last one. */
const telling = (text: string): ReadonlyArray<string> => {
  const lines = text.split("\n").map(Text.oneLine).filter((line) => line !== "")
  const errors = lines.filter((line) => /error|exception|panic|fatal/i.test(line) && !/^at |[{(]$/.test(line))
  const chosen = errors.length === 0 ? lines.slice(-1) : errors.slice(0, 2)
  return chosen.length === 0 ? [] : [chosen.join("; ")]
}

const utf8 = new TextDecoder()
