import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as Provider from "../Provider.ts"
import * as Answer from "./answer.ts"
import type { Failed } from "./status.ts"

/**
 * The flags that say which tools there are, and how they run.
 *
 * @internal
 */
export interface Input {
  /** The commands of MCP servers. */
  readonly tools: ReadonlyArray<string>
  /** Longest wait for a server to start, and for each of its answers. */
  readonly toolTimeout: Duration.Duration
  /** Most responses. */
  readonly maxSteps: number
  /** Whether every tool may run without a question. */
  readonly yes: boolean
}

/** @internal */
export type Ask = (
  provider: Provider.Service,
  request: ChatRequest.Normalized,
  confirm: Answer.Confirm
) => Effect.Effect<Answer.Answer>

/**
 * Answers requests by one response, or by several with tools run in between. The tools' servers stop with the scope.
 *
 * @internal
 */
export const open = Effect.fnUntraced(function*(
  { maxSteps, toolTimeout, tools: commands, yes }: Input
): Effect.fn.Return<Ask, Failed, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope> {
  if (commands.length === 0) return (provider, request) => Answer.ofOne(provider.stream(request))
  const [Mcp, Tools] = yield* Effect.promise(() => Promise.all([import("./mcp.ts"), import("./tools.ts")]))
  const tools = yield* Mcp.connect(commands, toolTimeout)
  return (provider, request, confirm) =>
    Tools.ask(provider, request, { tools, maxSteps, approve: yes ? () => Effect.succeed(true) : confirm })
})
