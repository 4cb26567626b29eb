/**
 * Parts of request bodies that the hosts of this format share.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields, type Word, word } from "../../internal/exact.ts"
import { nullish, open } from "../../internal/open.ts"

/**
 * A JSON schema that the answer has to match.
 *
 * @category models
 * @since 0.2.0
 */
export interface JsonSchemaFormat {
  /** Letters, digits, `_` and `-`; at most 64 characters. */
  readonly name: string
  /** What the answer is, for the model. */
  readonly description?: string
  /** JSON Schema. */
  readonly schema?: { readonly [key: string]: unknown }
  /** Whether the answer has to match exactly; takes a subset of JSON Schema only. */
  readonly strict?: boolean | null
}

const JsonSchemaFormat: Exact<JsonSchemaFormat> = exactFields(open({
  name: Schema.String,
  description: Schema.optionalKey(Schema.String),
  schema: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  strict: nullish(Schema.Boolean)
}))

/**
 * The form of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponseFormat {
  /** `text`, `json_object` or `json_schema`. */
  readonly type: Word<"text" | "json_object" | "json_schema">
  /** With `json_schema`: the schema. */
  readonly json_schema?: JsonSchemaFormat
}

/**
 * Schema of the form of the answer. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ResponseFormat: Exact<ResponseFormat> = exactFields(open({
  type: word("text", "json_object", "json_schema"),
  json_schema: Schema.optionalKey(JsonSchemaFormat)
}))
