import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * What a schema found wrong, and where.
 *
 * @internal
 */
export const schemaIssues = (
  error: Schema.SchemaError
): ReadonlyArray<{ readonly message: string; readonly path: ReadonlyArray<string | number> }> =>
  format(error.issue).issues.map(({ message, path = [] }) => ({
    message,
    path: path.map((segment) => {
      const key = typeof segment === "object" ? segment.key : segment
      return typeof key === "number" ? key : String(key)
    })
  }))
