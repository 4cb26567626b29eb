import * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import type { ChatResponse } from "../ChatResponse.ts"
import { place } from "../internal/place.ts"
import { schemaIssues } from "../internal/schemaIssues.ts"
import * as PartialJson from "../PartialJson.ts"
import * as Text from "./text.ts"

/**
 * Why an answer is not the object that was asked for:
 *
 * - `refusal`: the model refuses
 * - `content_filter`, `length`: the answer was cut off
 * - `invalid_json`: it is not JSON
 * - `schema`: it is, but does not fit the schema
 */
type Kind = "refusal" | "content_filter" | "length" | "invalid_json" | "schema"

/** @internal */
export interface Problem {
  readonly kind: Kind
  readonly message: string
}

/** @internal */
export interface Reader {
  /** Why the object is only checked to be JSON; `undefined` when it is checked against its schema. */
  readonly unchecked: string | undefined
  /** The object that a response holds. */
  readonly read: (response: ChatResponse) => Result.Result<Schema.Json, Problem>
}

/**
 * Reads answers that are objects of a JSON Schema.
 *
 * @internal
 */
export const reader = (schema: Schema.JsonObject): Reader => {
  const check = checkOf(schema)
  return {
    unchecked: Result.isFailure(check) ? check.failure : undefined,
    read: (response) =>
      Result.gen(function*() {
        const cut = cutOf(response)
        if (cut?.kind === "refusal") return yield* Result.fail(cut)
        const parser = PartialJson.make()
        parser.push(response.content)
        const json = yield* Result.mapError(
          parser.end(),
          ({ message }): Problem =>
            cut === undefined ? { kind: "invalid_json", message } : { ...cut, message: `${cut.message}. ${message}` }
        )
        return Result.isFailure(check) ? json : yield* check.success(json)
      })
  }
}

/**
 * Reads an object while it grows: what there is of it after each piece, or `undefined` when it is as it was.
 *
 * @internal
 */
export const growing = (): (piece: string) => Schema.Json | undefined => {
  // All of a snapshot is printed.
  const parser = PartialJson.make({ charge: "all" })
  let last: Schema.Json | undefined
  return (piece) => {
    parser.push(piece)
    const snapshot = parser.snapshot()
    if (snapshot === last) return undefined
    last = snapshot
    return snapshot
  }
}

const cutOf = ({ commonFinishReasons, content, refusal }: ChatResponse): Problem | undefined => {
  if (refusal !== "" && content === "") {
    return { kind: "refusal", message: `The model refuses: ${Text.excerpt(refusal)}` }
  }
  switch (commonFinishReasons[0]) {
    case "content_filter":
      return { kind: "content_filter", message: "The answer was cut off by a content filter" }
    case "length":
      return { kind: "length", message: "The answer was cut off at the output limit" }
    default:
      return undefined
  }
}

type Check = (json: Schema.Json) => Result.Result<Schema.Json, Problem>

const checkOf = (schema: Schema.JsonObject): Result.Result<Check, string> =>
  Result.map(
    Result.try({
      try: () => {
        const isOld = String(schema["$schema"] ?? "").includes("draft-0") || Object.hasOwn(schema, "definitions")
        const document = isOld ? JsonSchema.fromSchemaDraft07(schema) : JsonSchema.fromSchemaDraft2020_12(schema)
        const imported = SchemaRepresentation.fromJsonSchemaDocument(document, { patterns: "apply" })
        return Schema.decodeUnknownResult(Schema.make<Schema.Codec<unknown>>(imported.ast), {
          errors: "all",
          onExcessProperty: "error"
        })
      },
      catch: (cause) => Text.oneLine(cause instanceof Error ? cause.message : String(cause))
    }),
    (decode) => (json) =>
      // The object is what came, not what a check made of it.
      Result.mapBoth(decode(json), {
        onSuccess: () => json,
        onFailure: (error): Problem => {
          const [issue, ...others] = schemaIssues(error)
          const at = issue === undefined || issue.path.length === 0 ? "" : `${place(issue.path)}: `
          const more = others.length === 0 ? "" : `, and ${others.length} more`
          return {
            kind: "schema",
            message: `The answer does not fit the schema: ${at}${Text.oneLine(issue?.message ?? "not valid")}${more}`
          }
        }
      })
  )
