import * as Prompt from "effect/ai/Prompt"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaTransformation from "effect/SchemaTransformation"

const few = <S extends Schema.Constraint>(schema: S) => Schema.Array(schema).check(Schema.isMaxLength(2))

const file = () =>
  Schema.Struct({
    mediaType: Schema.Literals([
      "image/png",
      "image/jpeg",
      "image/tiff",
      "image/*",
      "application/pdf",
      "text/plain",
      "audio/mpeg",
      "audio/wav",
      "video/mp4"
    ]),
    data: Schema.Union([
      Schema.Uint8Array,
      Schema.Literals(["aGVsbG8=", "data:image/png;base64,aGVsbG8=", "https://example.com/a.png", "no base64"]),
      Schema.URL
    ]),
    fileName: Schema.optionalKey(Schema.String)
  })

const content = () => Schema.Union([Schema.Struct({ text: Schema.String }), file()])

const round = () =>
  Schema.Struct({
    system: Schema.optionalKey(Schema.String),
    user: few(content()),
    reasoning: Schema.optionalKey(Schema.String),
    text: Schema.optionalKey(Schema.String),
    calls: few(Schema.Struct({
      name: Schema.Literals(["get_weather", "search"]),
      params: Schema.JsonObject,
      result: Schema.Json,
      isFailure: Schema.Boolean,
      modelOutput: Schema.optionalKey(few(content()))
    }))
  })

type Round = ReturnType<typeof round>["Type"]

const parts = (content: ReadonlyArray<Round["user"][number]>) =>
  content.map((part) => "text" in part ? Prompt.textPart(part) : Prompt.filePart(part))

const messages = (rounds: ReadonlyArray<Round>): Prompt.Prompt =>
  Prompt.fromMessages(rounds.flatMap(({ calls, reasoning, system, text, user }, i): ReadonlyArray<Prompt.Message> => {
    const id = (j: number) => `call_${i}_${j}`
    return [
      ...(system === undefined ? [] : [Prompt.systemMessage({ content: system })]),
      ...(i > 0 && user.length === 0 ? [] : [
        Prompt.userMessage({ content: [...(i === 0 ? [Prompt.textPart({ text: "Hello" })] : []), ...parts(user)] })
      ]),
      ...(reasoning === undefined && text === undefined && calls.length === 0 ? [] : [
        Prompt.assistantMessage({
          content: [
            ...(reasoning === undefined ? [] : [Prompt.reasoningPart({ text: reasoning })]),
            ...(text === undefined ? [] : [Prompt.textPart({ text })]),
            ...calls.map(({ name, params }, j) =>
              Prompt.toolCallPart({ id: id(j), name, params, providerExecuted: false })
            )
          ]
        })
      ]),
      ...(calls.length === 0 ? [] : [
        Prompt.toolMessage({
          content: calls.map(({ isFailure, modelOutput, name, result }, j) =>
            Prompt.toolResultPart({
              id: id(j),
              name,
              isFailure,
              result,
              providerExecuted: false,
              ...(modelOutput === undefined ? {} : { modelOutput: parts(modelOutput) })
            })
          )
        })
      ])
    ]
  }))

/**
 * Draws conversations that hold together: every call has its result, media are of kinds that exist.
 *
 * @internal
 */
export const toCodecArbitrary = (): SchemaAST.Link =>
  new SchemaAST.Link(
    Schema.toType(Schema.Array(round()).check(Schema.isMinLength(1), Schema.isMaxLength(3))).ast,
    SchemaTransformation.transform({ decode: messages, encode: (): ReadonlyArray<Round> => [] })
  )
