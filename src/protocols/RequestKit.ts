/**
 * Building blocks of request formats. A format of your own that uses them refuses, ignores and names things as the
 * bundled ones do.
 *
 * {@link make} makes a format from a table with the treatment of each field, and a function that encodes the rest.
 * {@link walk} walks over a prompt in which user and assistant take turns, as a {@link wire} says. The others encode files,
 * tools, calls, results, and a provider's own options.
 *
 * @stability unstable
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../ChatRequest.ts"
import { defined } from "../internal/defined.ts"
import { place } from "../internal/place.ts"
import { type Encoding, type Fields, unless } from "./request/encoding.ts"
import { type Media, media } from "./request/files.ts"
import type { Treatment, Treatments } from "./request/format.ts"
import { ownOptions } from "./request/options.ts"
import { argumentsOf, type IdRule, resultText, toolParameters } from "./request/tools.ts"
import { contents, type Piece, type Unit, type Wire } from "./request/walk.ts"

export * from "./request/encoding.ts"
export * from "./request/files.ts"
export * from "./request/format.ts"
export * from "./request/options.ts"
export * from "./request/rawFields.ts"
export * from "./request/tools.ts"
export * from "./request/walk.ts"

/**
 * How an API writes the parts of a prompt where each is one object.
 *
 * @category models
 * @since 0.2.0
 */
export interface PartFields {
  /** The key of the provider's own options on parts. */
  readonly key: string
  /** Schema of these options. They are added to the object of their part; any other is refused. */
  readonly options: Schema.ConstraintDecoder<Fields>
  /** A text of the user or the assistant, or an instruction. */
  readonly text: (text: string) => Fields
  /** A file of either, in the request itself. Default: refused. */
  readonly data?: ((media: Extract<Media, { readonly base64: string }>) => Fields) | undefined
  /** A file of either, at its address. Default: refused. */
  readonly url?: ((media: Extract<Media, { readonly url: string }>) => Fields) | undefined
  /** Reasoning that has options of the provider, such as a signature. Without them it is left out. */
  readonly reasoning: (text: string) => Fields
  readonly call: (call: { readonly id: string; readonly name: string; readonly args: Fields }) => Fields
  readonly result: (result: {
    readonly id: string
    readonly name: string
    readonly isFailure: boolean
    /** What the tool returned; `undefined` where it gave texts and files for the model instead. */
    readonly output: string | undefined
    /** Those texts and files. */
    readonly parts: ReadonlyArray<Fields>
  }) => Fields
  /** What the API takes as the id of a call. Default: any text. */
  readonly ids?: IdRule | undefined
}

/**
 * Makes the wire of an API that writes each part of a prompt as one object. Files, arguments and results are read, and
 * options of the provider's own are checked and added; an empty text without any is not sent.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Result, Schema } from "effect"
 *
 * const wire = RequestKit.wire({
 *   key: "acme",
 *   options: Schema.Struct({ signature: Schema.optionalKey(Schema.String) }),
 *   text: (text) => ({ text }),
 *   data: ({ base64, mediaType }) => ({ file: base64, mediaType }),
 *   reasoning: (thought) => ({ thought }),
 *   call: ({ args, id, name }) => ({ call: { id, name, args } }),
 *   result: ({ id, output }) => ({ result: { id, output } })
 * })
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Hi" }))
 * RequestKit.blocks(Result.getOrThrow(RequestKit.walk(request, wire)).turns[0]?.units) // [{ text: "Hi" }]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const wire = (
  { call, data, ids, key, options, reasoning, result, text, url }: PartFields
): Wire<Fields> => {
  const own = ownOptions(options)
  const leftOut = `reasoning without options of ${key} can't be sent back`
  const piece = (stated: Prompt.ProviderOptions, path: string, fields: Fields): Encoding<Piece<Fields>> =>
    Result.map(own(stated, key, path), (own) => ({ blocks: [{ ...fields, ...own }] }))
  const filePiece = (part: Prompt.FilePart, path: string) =>
    Result.flatMap(
      media(part, path),
      (media) => {
        const fields = "url" in media ? url?.(media) : data?.(media)
        return fields === undefined
          ? Result.fail(`${path}: the API takes no files ${"url" in media ? "by their address" : "in a request"}`)
          : piece(part.options, path, fields)
      }
    )
  const self: Wire<Fields> = {
    key,
    ids,
    instruction: text,
    text: (part, path) =>
      Result.map(piece(part.options, path, text(part.text)), ({ blocks }) => ({
        blocks: part.text === "" && !part.options[key] ? [] : blocks
      })),
    file: filePiece,
    ownFile: filePiece,
    reasoning: (part, path) =>
      Result.map(
        piece(part.options, path, reasoning(part.text)),
        (piece) => part.options[key] ? piece : { blocks: [], leftOut }
      ),
    call: (part, path, id) =>
      Result.flatMap(
        argumentsOf(part, path),
        (args) => piece(part.options, path, call({ id, name: part.name, args }))
      ),
    result: ({ modelOutput, ...part }, path, id) =>
      Result.gen(function*() {
        const within = yield* contents(modelOutput ?? [], `${path}.modelOutput`, self)
        const output = modelOutput === undefined ? yield* resultText(part, path) : undefined
        const { isFailure, name } = part
        return yield* piece(part.options, path, result({ id, name, isFailure, output, parts: blocks(within) }))
      })
  }
  return self
}

/**
 * The blocks of a turn, or of the instructions, in one list.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 *
 * RequestKit.blocks([{ path: "prompt[0].content[0]", blocks: ["a", "b"] }]) // ["a", "b"]
 * ```
 *
 * @category destructors
 * @since 0.2.0
 */
export const blocks = <Block>(units: ReadonlyArray<Unit<Block>> = []): ReadonlyArray<Block> =>
  units.flatMap(({ blocks }) => blocks)

/**
 * What a format does with several fields, where it is the same for all or follows from their names.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 *
 * RequestKit.treated(["topP"], (name) => ({ field: `settings.${name}` })) // { topP: { field: "settings.topP" } }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const treated = <const Name extends keyof Treatments>(
  names: ReadonlyArray<Name>,
  treatment: (name: Name) => Treatment
): Partial<Treatments> => Object.fromEntries(names.map((name) => [name, treatment(name)]))

const noOptions = ownOptions(Schema.Struct({}))

/**
 * The tools of a request, for an API that guarantees nothing of arguments and has no options of its own on tools: either
 * is refused. The parameters are those of {@link toolParameters}, in the field that is named.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Result } from "effect"
 *
 * const request = Result.getOrThrow(
 *   ChatRequest.normalize({ prompt: "Hi", tools: [{ name: "now", parameters: {} }] })
 * )
 * const tools = Result.getOrThrow(RequestKit.tools(request, "acme"))
 * tools[0] // { "name": "now", "parameters": { "type": "object", "properties": {} } }
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const tools = (
  { tools = [] }: ChatRequest.Normalized,
  key: string,
  field = "parameters"
): Encoding<ReadonlyArray<Fields>> =>
  Result.all(tools.map((tool, index) =>
    Result.gen(function*() {
      const path = place(["tools", index])
      yield* unless(tool.strict ? `${path}.strict: the API does not guarantee arguments` : undefined)
      yield* noOptions(tool.options, key, path)
      const { description, name } = tool
      return defined({ name, description: description || undefined, [field]: yield* toolParameters(tool, path) })
    })
  ))
