import type * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"
import { schemaIssues } from "../internal/schemaIssues.ts"

/**
 * Why a command ends with another exit status than 0: 1 when a provider failed, 2 for wrong usage.
 *
 * @internal
 */
export class Failed extends Data.TaggedError("Failed")<{
  readonly status: 1 | 2
  /** The text for standard error; `undefined` when it has been written. */
  readonly message: string | undefined
}> {}

/** @internal */
export const wrongUsage = (message: string): Failed => new Failed({ status: 2, message })

/** @internal */
export const providerFailed: Failed = new Failed({ status: 1, message: undefined })

/**
 * A variable that is missing or has an invalid value.
 *
 * @internal
 */
export const wrongConfiguration = ({ cause, message }: Config.ConfigError): Failed =>
  wrongUsage(
    Schema.isSchemaError(cause)
      ? schemaIssues(cause)
        .map(({ message, path }) => `${path.join(".")} is not set, or not valid (${message})`)
        .join("; ")
      : message
  )
