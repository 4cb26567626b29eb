import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import { place } from "../../internal/place.ts"
import type { Encoding, Fields } from "./encoding.ts"
import type { Media } from "./files.ts"
import type { MetadataLimits } from "./openaiFields.ts"
import { ownOptions } from "./options.ts"
import { asEffort, type Effort } from "./reasoning.ts"
import { knownToReason } from "./reasons.ts"
import * as JsonSchemas from "./schema.ts"
import { toolName, toolParameters } from "./tools.ts"

/**
 * Which limit the metadata of a request break, as a sentence; `undefined` when they keep to all.
 *
 * @internal
 */
export const metadataProblem = (
  { metadata = {} }: ChatRequest.Normalized,
  limits: MetadataLimits | undefined
): string | undefined => {
  if (limits === undefined) return undefined
  const { label: most, pairs, text: mostText } = limits
  const entries = Object.entries(metadata)
  if (entries.length > pairs) return `metadata: ${entries.length} pairs, at most ${pairs} are taken`
  const long = entries.find(([label, text]) => label.length > most || text.length > mostText)
  return long &&
    `${place(["metadata", long[0].slice(0, 80)])}: labels have at most ${most} characters, their texts ${mostText}`
}

/**
 * The reasoning that a request asks for, as an effort. A budget says that the model is to reason, so one that does not is
 * refused here; an effort may be an option of many requests, and the provider answers.
 *
 * @internal
 */
export const reasoning = (
  { reasoning }: ChatRequest.Normalized,
  model: string,
  taken: ((model: string) => ReadonlyArray<string> | undefined) | undefined
): Encoding<Effort> =>
  reasoning === undefined
    ? Result.succeed({ ignored: [] })
    : reasoning.budgetTokens !== undefined && reasoning.effort === undefined && knownToReason(model) === false
    ? Result.fail(`reasoning.budgetTokens: ${model} does not reason`)
    : Result.succeed(asEffort(reasoning, model, taken?.(model)))

const noOptions = ownOptions(Schema.Struct({}))

/**
 * The tools of a request, as functions.
 *
 * @internal
 */
export const functionTools = (
  { tools = [] }: ChatRequest.Normalized,
  { isPlain, key, maxName }: { readonly key: string; readonly isPlain: boolean; readonly maxName: number }
): Encoding<ReadonlyArray<Fields>> =>
  Result.all(tools.map((tool, index) =>
    Result.gen(function*() {
      const { description, name, options, strict } = tool
      const path = place(["tools", index])
      yield* toolName(name, `${path}.name`, maxName)
      yield* noOptions(options, key, path)
      const schema = yield* toolParameters(tool, path, isPlain)
      const parameters = strict === true ? yield* JsonSchemas.strict(schema, `${path}.parameters`) : schema
      return defined({ name, description: description || undefined, parameters, strict })
    })
  ))

// OpenAI and Groq refuse JSON mode without the word in some text.
const saysJson = ({ prompt, system = "" }: ChatRequest.Normalized): boolean =>
  [
    system,
    ...prompt.content.flatMap((message) =>
      message.role === "system"
        ? [message.content]
        : message.content.flatMap((part) =>
          part.type === "text"
            ? [part.text]
            : part.type === "tool-result"
            ? [JSON.stringify(part.result) ?? ""]
            : []
        )
    )
  ].some((text) => /json/i.test(text))

/**
 * The form of an answer, `undefined` for text: JSON mode, or a schema with its name. `needsWord` says that the host gives
 * JSON only when it is mentioned.
 *
 * @internal
 */
export const answerFormat = (
  request: ChatRequest.Normalized,
  needsWord: boolean
): Encoding<{ readonly type: "json_object" | "json_schema"; readonly schema?: Fields } | undefined> => {
  const { responseFormat } = request
  if (responseFormat === undefined || responseFormat === "text") return Result.succeed(undefined)
  if (responseFormat === "json") {
    return needsWord && !saysJson(request)
      ? Result.fail("responseFormat: the API gives JSON only when some text of the prompt has the word JSON in it")
      : Result.succeed({ type: "json_object" })
  }
  const { description, name = "response", schema, strict } = responseFormat
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
    return Result.fail("responseFormat.name: 1 to 64 letters, digits, _ and - are taken")
  }
  return Result.map(
    strict === true
      ? JsonSchemas.strict(schema, "responseFormat.schema")
      : Result.succeed(JsonSchemas.inlineRoot(schema)),
    (schema) => ({ type: "json_schema", schema: defined({ name, description, schema, strict }) })
  )
}

/** @internal */
export const dataUrl = (media: Media): string =>
  "url" in media ? media.url : `data:${media.mediaType};base64,${media.base64}`

/**
 * The address of an image, or its data as one.
 *
 * @internal
 */
export const imageUrl = (media: Media, types: ReadonlyArray<string> | undefined, path: string): Encoding<string> => {
  const { mediaType } = media
  const isOpen = mediaType === "image/*"
  return isOpen && !("url" in media)
    ? Result.fail(`${path}.mediaType: the type of the image is not known`)
    : !isOpen && types?.includes(mediaType) === false
    ? Result.fail(`${path}.mediaType: images of type ${mediaType} are not taken, but ${types.join(", ")}`)
    : Result.succeed(dataUrl(media))
}

/**
 * Why an address of a file is not taken, as a sentence; `undefined` when it is.
 *
 * @internal
 */
export const addressProblem = (media: Media, path: string): string | undefined =>
  "url" in media && !/^https?:/i.test(media.url)
    ? `${path}.data: a file is taken by http(s) address or as data, not from ${place([media.url.slice(0, 80)])}`
    : undefined

/** @internal */
export const documentName = ({ fileName }: Media): string =>
  fileName === undefined || fileName === "" ? "document.pdf" : fileName
