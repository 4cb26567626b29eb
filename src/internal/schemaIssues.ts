import * as SchemaIssue from "effect/SchemaIssue"

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
