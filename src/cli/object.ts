import * as Effect from "effect/Effect"
import * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import { schemaIssues } from "../internal/schemaIssues.ts"
import * as StreamedObject from "../StreamedObject.ts"
import type { Item } from "./answer.ts"
import * as Json from "./json.ts"
import * as Text from "./text.ts"

/**
 * Reads an answer that is an object.
 *
 * @internal
 */
export interface Reader {
  /** Why the object is only checked to be JSON; `undefined` when it is checked against its schema. */
  readonly unchecked: string | undefined
  /** Reads what comes. Each step is an object of its own, and the last one counts. */
  readonly add: (item: Item) => void
  /** A line with what there is of the object; `""` when it is as it was, or was shown not long ago for its size. */
  readonly partial: () => string
  /** The whole object, when the answer has ended well. */
  readonly end: Effect.Effect<Schema.Json, StreamedObject.ObjectError>
}

/** How much may be printed of partial objects for each character of the answer, so that it takes linear time. */
const charactersPerCharacter = 16

/** @internal */
export const reader = (schema: Schema.JsonObject): Reader => {
  const check = checkOf(schema)
  // A schema of its own would leave out what a JSON Schema allows and does not name.
  let decoder = StreamedObject.decoder(Schema.Unknown)
  let isOver = false
  let credit = 0
  let lastLength = 0
  return {
    unchecked: Result.isFailure(check) ? check.failure : undefined,
    add: (item) => {
      if (item._tag === "Step") isOver = true
      if (item._tag !== "Chunk") return
      if (isOver) {
        decoder = StreamedObject.decoder(Schema.Unknown)
        isOver = false
        lastLength = 0
      }
      decoder.add(item.chunk)
      credit += charactersPerCharacter * item.chunk.content.length
    },
    partial: () => {
      if (credit < lastLength) return ""
      const partial = decoder.partial()
      if (partial === undefined) return ""
      const line = Json.line({ type: "object", partial: partial.value })
      lastLength = line.length
      credit -= lastLength
      return line
    },
    end: Effect.suspend(() => decoder.end).pipe(
      Effect.flatMap(({ response, value }) => {
        const issues = Result.isSuccess(check) ? check.success(value) : []
        return issues.length === 0
          ? Effect.succeed(asJson(value))
          : Effect.fail(
            new StreamedObject.ObjectError({
              reason: new StreamedObject.SchemaMismatch({ issues }),
              text: response.content,
              response
            })
          )
      })
    )
  }
}

const asJson = Schema.decodeUnknownSync(Schema.Json)

type Check = (value: unknown) => ReadonlyArray<StreamedObject.Issue>

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
    // The object is what came, not what a check makes of it.
    (decode) => (value) => Result.match(decode(value), { onSuccess: () => [], onFailure: schemaIssues })
  )

/**
 * Why there is no object, as JSON.
 *
 * @internal
 */
export const fromError = ({ message, reason }: StreamedObject.ObjectError) => ({
  reason: reason._tag,
  message,
  issues: reason._tag === "SchemaMismatch" ? reason.issues : null
})
