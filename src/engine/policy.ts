import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type * as Types from "effect/Types"
import * as Auth from "../Auth.ts"
import type { Chunk } from "../Chunk.ts"
import * as Checks from "./checks.ts"
import type { CommonOptions, Definition, Policy } from "./definition.ts"
import * as GivenOptions from "./givenOptions.ts"
import type * as Transport from "./transport.ts"

/** @internal */
export const none: Policy = {}

/**
 * What calls state in place of what their layers do.
 *
 * @internal
 */
export const CurrentPolicy: Context.Reference<Policy> = Context.Reference<Policy>(
  "effect-llm-stream/Provider/CurrentPolicy",
  { defaultValue: () => none }
)

const usualPolicy: Transport.Policy = {
  firstByteTimeout: Duration.minutes(4),
  idleTimeout: Duration.minutes(2),
  contentTimeout: Duration.infinity,
  totalTimeout: Duration.infinity,
  maxRetryDelay: Duration.seconds(60),
  maxRetries: 2,
  propagateTrace: false
}

const durations = ["firstByteTimeout", "idleTimeout", "contentTimeout", "totalTimeout", "maxRetryDelay"] as const

const refusals = new WeakMap<Policy, string>()

/**
 * The definition of a provider by its options. Callers without types may give wrong ones: then it refuses all
 * requests. `harmless` are any right ones.
 *
 * @internal
 */
export const definitionOf = <Options extends CommonOptions, D extends Definition<Chunk>>(
  options: Options,
  harmless: Options,
  define: (options: Options) => D
): D => {
  const checked = GivenOptions.checked(options)
  if (Result.isSuccess(checked)) return define(checked.success)
  const refused: CommonOptions = {}
  refusals.set(refused, checked.failure)
  return { ...define(harmless), auth: Auth.none, options: refused }
}

/**
 * The policy with what is stated in place of what is usual.
 *
 * @internal
 */
export const toPolicy = (
  stated: Policy,
  usual: Transport.Policy = usualPolicy
): Result.Result<Transport.Policy, string> => {
  const refusal = refusals.get(stated)
  if (refusal !== undefined) return Result.fail(refusal)
  const { maxRetries = usual.maxRetries, propagateTrace = usual.propagateTrace } = stated
  const retries = Checks.count("maxRetries", maxRetries, { unlimited: true })
  if (Result.isFailure(retries)) return Result.fail(retries.failure)
  const policy: Types.Mutable<Transport.Policy> = { ...usual, maxRetries: retries.success, propagateTrace }
  for (const name of durations) {
    const value = stated[name]
    if (value === undefined) continue
    const duration = Checks.duration(name, value, { zero: name === "maxRetryDelay" })
    if (Result.isFailure(duration)) return Result.fail(duration.failure)
    policy[name] = duration.success
  }
  return Result.succeed(policy)
}
