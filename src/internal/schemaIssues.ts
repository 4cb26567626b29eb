import * as SchemaIssue from "effect/SchemaIssue"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

interface Found {
  readonly message: string
  readonly path: ReadonlyArray<string | number>
}

/**
 * What a schema found wrong, and where. An issue that several members of a union share is told once.
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
