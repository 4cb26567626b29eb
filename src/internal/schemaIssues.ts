import * as SchemaIssue from "effect/SchemaIssue"
import { place } from "./place.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

interface Found {
  readonly message: string
  readonly path: ReadonlyArray<string | number>
}

/**
 * The issues that a schema found, with their places. An issue that several members of a union share appears once.
 *
 * @internal
 */
export const schemaIssues = (error: { readonly issue: SchemaIssue.Issue }): ReadonlyArray<Found> => {
  const out: Array<Found> = []
  const seen = new Set<SchemaIssue.Issue>()
  const visit = (issue: SchemaIssue.Issue, above: ReadonlyArray<string | number>): void => {
    if (seen.has(issue)) return
    seen.add(issue)
    if (issue._tag === "Encoding") return visit(issue.issue, above)
    if (issue._tag === "Pointer") return visit(issue.issue, [...above, ...issue.path.map(segmentOf)])
    if (issue._tag === "Composite" || issue._tag === "AnyOf" && issue.issues.length > 0) {
      for (const each of issue.issues) visit(each, above)
      return
    }
    for (const { message, path = [] } of format(issue).issues) {
      out.push({
        message,
        path: [...above, ...path.map((each) => segmentOf(typeof each === "object" ? each.key : each))]
      })
    }
  }
  visit(error.issue, [])
  return out
}

const segmentOf = (key: PropertyKey): string | number => typeof key === "number" ? key : String(key)

/** How many issues a model is told. In a long list, each element may be wrong in the same way. */
const maxTold = 20

/**
 * What a model is told of issues.
 *
 * @internal
 */
export const lines = (issues: ReadonlyArray<Found>): ReadonlyArray<string> =>
  issues.slice(0, maxTold).map(({ message, path }) => `${path.length === 0 ? "the value" : place(path)}: ${message}`)
