import * as Effect from "effect/Effect"
import * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as Struct from "effect/Struct"
import * as ProviderError from "../errors/providerError.ts"
import { place } from "../internal/place.ts"
import { schemaIssues } from "../internal/schemaIssues.ts"
import * as StreamedObject from "../StreamedObject.ts"
import type { Item } from "./answer.ts"
import { inTime } from "./inTime.ts"
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
  /** A line with the partial object; `""` when it is unchanged, or was shown recently for its size. */
  readonly partial: () => string
  /** The whole object, when the answer has ended well. */
  readonly end: Effect.Effect<Schema.Json, StreamedObject.ObjectError>
}

/** How much may be printed of partial objects for each character of the answer, so that it takes linear time. */
const charactersPerCharacter = 16

/** @internal */
export const reader = (schema: Schema.JsonObject): Reader => {
  const check = checkOf(schema)
  // A schema with known fields would drop the other fields that a JSON Schema allows.
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

/** How long an answer may be checked. A pattern or a union can take exponential time, and the model writes the text. */
const longestCheck = 2000

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
    // Shows the object as it came: a check may change it.
    (decode) => (value) => {
      let issues: ReadonlyArray<StreamedObject.Issue> = []
      const check = () => {
        issues = Result.match(decode(value), { onSuccess: () => [], onFailure: schemaIssues })
      }
      return inTime(check, longestCheck)
        ? issues
        : [{ message: `The check takes longer than ${longestCheck / 1000} seconds`, path: [] }]
    }
  )

/**
 * The reason why the answer is not an object, as JSON.
 *
 * @internal
 */
export const fromError = ({ message, reason }: StreamedObject.ObjectError) => ({
  reason: reason._tag,
  message,
  issues: reason._tag === "SchemaMismatch" ? reason.issues : null
})

// ---------------------------------------------------------------------------------------------------------------------
// Schemas
// ---------------------------------------------------------------------------------------------------------------------

const Type = Schema.Literals(["null", "boolean", "object", "array", "number", "integer", "string"])
const Regex = Schema.String.check(
  Schema.makeFilter((source) =>
    Result.isSuccess(Result.try(() => new RegExp(source))) || "Expected a regular expression"
  )
)
const Keywords: Schema.Decoder<unknown> = Schema.suspend(() => Schema.Union([Schema.Boolean, Schema.Struct(keywords)]))
const ByName = Schema.Record(Schema.String, Keywords)
const List = Schema.Array(Keywords)

const keywords = Struct.map({
  type: Schema.Union([Type, Schema.Array(Type)]),
  enum: Schema.Array(Schema.Unknown),
  const: Schema.Unknown,
  $ref: Schema.String,
  properties: ByName,
  patternProperties: ByName,
  $defs: ByName,
  definitions: ByName,
  required: Schema.Array(Schema.String),
  additionalProperties: Keywords,
  items: Schema.Union([Keywords, List]),
  prefixItems: List,
  anyOf: List,
  oneOf: List,
  allOf: List,
  not: Keywords,
  pattern: Regex,
  minimum: Schema.Number,
  maximum: Schema.Number,
  minLength: Schema.Number,
  maxLength: Schema.Number,
  minItems: Schema.Number,
  maxItems: Schema.Number
}, Schema.optionalKey)

const decodeSchema = Schema.decodeUnknownResult(Schema.Struct(keywords))
const isJsonObject = Schema.is(Schema.JsonObject)

/**
 * A JSON Schema, if its keywords have valid values.
 *
 * @internal
 */
export const schemaOf = (json: unknown): Result.Result<Schema.JsonObject, ProviderError.InvalidRequest> => {
  const refuse = (message: string) => Result.fail(new ProviderError.InvalidRequest({ message }))
  if (!isJsonObject(json) || Array.isArray(json)) return refuse("a JSON Schema is an object")
  const names = Object.keys(json)
  if (names.length > 0 && !names.some((name) => Object.hasOwn(keywords, name) || name.startsWith("$"))) {
    return refuse(`not a JSON Schema: it has none of ${Object.keys(keywords).slice(0, 5).join(", ")}, …`)
  }
  const checked = Result.try(() => decodeSchema(json))
  if (Result.isFailure(checked)) return refuse("nested too deeply")
  return Result.match(checked.success, {
    onSuccess: () => Result.succeed(json),
    onFailure: (error) => {
      const [{ message, path } = { message: "not a JSON Schema", path: [] }] = schemaIssues(error)
      const given = path.reduce<unknown>((value, key) => Object(value)[key], json)
      const not = given === undefined ? "" : `, not ${Text.excerpt(JSON.stringify(given))}`
      return refuse(`${place(path)}: ${Text.excerpt(message)}${not}`)
    }
  })
}
