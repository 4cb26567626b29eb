import * as Context from "effect/Context"

/**
 * The version of the command line.
 *
 * @internal
 */
export const Version: Context.Reference<string> = Context.Reference("effect-llm-stream/cli/Version", {
  defaultValue: () => "unknown"
})
