import * as Schema from "effect/Schema"

const Ttl = Schema.Literals(["5m", "1h"])

/**
 * Anthropic's mark on what a prompt is cached up to.
 *
 * @internal
 */
export const CacheControl = Schema.Struct({ type: Schema.Literal("ephemeral"), ttl: Schema.optionalKey(Ttl) })

/**
 * Bedrock's.
 *
 * @internal
 */
export const CachePoint = Schema.Struct({ type: Schema.Literal("default"), ttl: Schema.optionalKey(Ttl) })

/**
 * A mark and its place in the request.
 *
 * @internal
 */
export interface Mark {
  readonly path: string
  readonly ttl?: "5m" | "1h" | undefined
}

/**
 * What is wrong with the marks of a request, in the order in which the provider reads them: tools, system, messages.
 *
 * @internal
 */
export const problem = (marks: ReadonlyArray<Mark>): string | undefined => {
  const [, , , , fifth] = marks
  if (fifth !== undefined) return `${fifth.path}: at most 4 cache markers are taken, this is the fifth`
  const short = marks.findIndex(({ ttl }) => ttl !== "1h")
  const late = marks.find(({ ttl }, index) => ttl === "1h" && short !== -1 && index > short)
  return late === undefined
    ? undefined
    : `${late.path}: a cache marker of 1h has to come before those of 5m, in the order of tools, system and messages`
}
