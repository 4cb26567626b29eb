import { Arbitrary, Schema } from "effect"
import { type ContentEvent, Usage } from "../../src/index.ts"

const Key = Schema.Literals([0, 1, 2, "content"])
const Id = Schema.Literals(["a", "b", ""])
const Text = Schema.Literals(["", "x", "{\"a\":", "1}", "{}", "null", "[1]"])
const Kind = {
  providerExecuted: Schema.optionalKey(Schema.Boolean),
  providerDefined: Schema.optionalKey(Schema.Boolean)
}
const choice = Schema.optionalKey(Schema.Literals([0, 1]))

/** Any events in any order, as no wire states them. */
export const events: Arbitrary.Arbitrary<ReadonlyArray<ContentEvent.ContentEvent>> = Arbitrary.schema(
  Schema.Array(Schema.Union([
    Schema.Struct({
      type: Schema.tag("response"),
      id: Schema.UndefinedOr(Schema.String),
      model: Schema.UndefinedOr(Schema.String),
      created: Schema.optionalKey(Schema.Number)
    }),
    Schema.Struct({ type: Schema.tag("choice"), choice }),
    Schema.Struct({ type: Schema.Literals(["text", "reasoning"]), choice, key: Key, delta: Text }),
    Schema.Struct({ type: Schema.tag("refusal"), choice, key: Key, delta: Text, provider: Id }),
    Schema.Struct({
      type: Schema.tag("audio"),
      provider: Id,
      id: Schema.UndefinedOr(Schema.String),
      data: Schema.UndefinedOr(Schema.Uint8Array),
      transcript: Schema.UndefinedOr(Text),
      expiresAt: Schema.UndefinedOr(Schema.Number)
    }),
    Schema.Struct({
      type: Schema.tag("annotation"),
      kind: Schema.Literals(["text", "reasoning"]),
      key: Key,
      provider: Id,
      fields: Schema.Record(Schema.String, Schema.Unknown),
      lists: Schema.Record(Schema.Literals(["l", "__proto__"]), Schema.Array(Schema.Unknown))
    }),
    Schema.Struct({
      type: Schema.tag("signature"),
      key: Key,
      provider: Id,
      delta: Text,
      field: Schema.Literals(["signature", "info"]),
      fieldType: Schema.optionalKey(Schema.Literal("thinking"))
    }),
    Schema.Struct({
      type: Schema.tag("tool-call"),
      key: Key,
      id: Id,
      name: Schema.Literals(["t", ""]),
      input: Schema.Unknown,
      custom: Schema.optionalKey(Schema.Boolean),
      ...Kind
    }),
    Schema.Struct({ type: Schema.tag("arguments"), key: Key, delta: Text, ...Kind }),
    Schema.Struct({
      type: Schema.tag("tool-call-piece"),
      choice,
      index: Schema.optionalKey(Schema.Literals([0, 1])),
      id: Schema.optionalKey(Schema.Literals(["a", "b"])),
      name: Schema.optionalKey(Schema.Literals(["t", "u"])),
      arguments: Text,
      custom: Schema.optionalKey(Schema.Boolean)
    }),
    Schema.Struct({
      type: Schema.tag("tool-result"),
      key: Schema.optionalKey(Key),
      id: Id,
      name: Schema.String,
      result: Schema.Unknown,
      isFailure: Schema.Boolean
    }),
    Schema.Struct({ type: Schema.tag("tool-result-piece"), key: Key, items: Schema.Array(Schema.Unknown) }),
    Schema.Struct({ type: Schema.tag("tool-approval-request"), approvalId: Id, callId: Id }),
    Schema.Struct({
      type: Schema.tag("file"),
      key: Key,
      mediaType: Schema.String,
      data: Schema.UndefinedOr(Schema.Uint8Array),
      provider: Id
    }),
    Schema.Struct({
      type: Schema.tag("source"),
      provider: Id,
      url: Schema.optionalKey(Schema.Literals(["https://a.example", "https://a.example/", "no url", ""])),
      document: Schema.optionalKey(Schema.Literals(["a", ""])),
      title: Schema.optionalKey(Text),
      citedText: Schema.optionalKey(Text),
      place: Schema.optionalKey(Schema.Struct({ unit: Schema.Literal("page"), start: Schema.Finite }))
    }),
    Schema.Struct({ type: Schema.tag("end"), key: Key }),
    Schema.Struct({ type: Schema.tag("usage"), provider: Id, usage: Usage.Usage }),
    Schema.Struct({
      type: Schema.tag("finish"),
      choice,
      provider: Id,
      reason: Schema.Literals(["stop", "length", "tool_calls", "content_filter", "pause", "error", "other"]),
      raw: Schema.String
    }),
    Schema.Struct({ type: Schema.tag("details"), provider: Id, fields: Schema.Record(Schema.String, Schema.Unknown) })
  ]))
)
