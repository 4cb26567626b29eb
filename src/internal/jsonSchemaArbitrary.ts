import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { lazy } from "./lazy.ts"

interface Drawn {
  readonly kind: "object" | "list" | "text" | "union" | "ref" | "empty" | "bounded"
  readonly fields: { readonly city?: Drawn; readonly unit?: Drawn; readonly days?: Drawn }
  readonly optional: boolean
  readonly closed: boolean
}

const field = () => Schema.optionalKey(Schema.suspend(drawn))

const drawn: () => Schema.Codec<Drawn> = lazy(() =>
  Schema.Struct({
    kind: Schema.Literals(["object", "list", "text", "union", "ref", "empty", "bounded"]),
    fields: Schema.Struct({ city: field(), unit: field(), days: field() }),
    optional: Schema.Boolean,
    closed: Schema.Boolean
  })
)

const schemaOf = ({ closed, fields, kind, optional }: Drawn): Schema.JsonObject => {
  const members = Object.values(fields).map(schemaOf)
  const object = (): Schema.JsonObject => ({
    type: "object",
    properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)])),
    required: optional ? [] : Object.keys(fields),
    ...(closed ? { additionalProperties: false } : {})
  })
  switch (kind) {
    case "object":
      return object()
    case "list":
      return { type: "array", items: members[0] ?? { type: "string" } }
    case "text":
      return { type: "string", description: "A text" }
    case "union":
      return { anyOf: [...members, { type: "null" }] }
    case "ref":
      return { $ref: "#/$defs/Named", $defs: { Named: object() } }
    case "empty":
      return {}
    case "bounded":
      return { type: "integer", minimum: 1, maximum: 10 }
  }
}

/**
 * Draws JSON Schemas: mostly of the kinds that some API takes, some of which another does not.
 *
 * @internal
 */
export const toCodecArbitrary = (): SchemaAST.Link =>
  new SchemaAST.Link(
    drawn().ast,
    SchemaTransformation.transform<Schema.JsonObject, Drawn>({
      decode: schemaOf,
      encode: () => ({ kind: "empty", fields: {}, optional: false, closed: false })
    })
  )
