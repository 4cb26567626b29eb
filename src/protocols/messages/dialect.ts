/**
 * How hosts of the Messages format take schemas and tools.
 *
 * @since 0.2.0
 */
import type * as Provider from "../../Provider.ts"

/**
 * How hosts of the Messages format take schemas, and the tools that Anthropic defines: the `dialect` of a
 * `Provider.Definition`.
 *
 * @category constants
 * @since 0.2.0
 */
export const dialect: Provider.Dialect = {
  schemas: "anthropic",
  tools: {
    prefix: "anthropic",
    fields: (tools) => ({ tools: tools.map(({ args, name, type }) => ({ type, name, ...args })) }),
    choice: ({ name }) => name
  }
}
