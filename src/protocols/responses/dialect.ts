/**
 * How hosts of the Responses API take schemas and tools.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type * as Provider from "../../Provider.ts"

/**
 * How hosts of the Responses API take schemas, and the tools that OpenAI defines: the `dialect` of a
 * `Provider.Definition`.
 *
 * @category constants
 * @since 0.2.0
 */
export const dialect: Provider.Dialect = {
  strict: true,
  tools: {
    prefix: "openai",
    fields: (tools) => ({ tools: tools.map(({ args, type }) => ({ type, ...args })) }),
    choice: ({ args, type }) => [args["name"], args["server_label"]].find(Predicate.isString) ?? type
  },
  previousResponse: "previous_response_id"
}
