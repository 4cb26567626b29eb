/**
 * A request format from its parts.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as ChatRequest from "../../ChatRequest.ts"
import * as ProviderError from "../../errors/providerError.ts"
import { defined } from "../../internal/defined.ts"
import { own } from "../../internal/own.ts"
import type * as RequestFormat from "../../RequestFormat.ts"
import { type Encoding, type Fields, unless } from "./encoding.ts"
import type { OwnOptions } from "./options.ts"
import { merge, rawFields, type Shape } from "./rawFields.ts"

/**
 * What a format does with a field of a request: it encodes it, it writes it as it is into a field of the body (`top_k`, or
 * `inferenceConfig.topP` for a field of a field), it leaves it out and says so, or it refuses it. The reason follows the
 * field's name: `seed: the API takes none`.
 *
 * @category models
 * @since 0.2.0
 */
export type Treatment =
  | "encoded"
  | { readonly field: string }
  | { readonly ignored: string }
  | { readonly refused: string }

/**
 * What a format does with each field, apart from the model, the prompt and the provider's own options, which every format
 * takes.
 *
 * @category models
 * @since 0.2.0
 */
export type Treatments = Readonly<
  Record<Exclude<keyof ChatRequest.Normalized, "model" | "prompt" | "options">, Treatment>
>

/**
 * What is known beside the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface Context {
  readonly model: string
  /** The provider's own fields of the request. They are merged into the body by themselves. */
  readonly raw: Fields
  /** Their place, for messages. */
  readonly path: string
}

/**
 * What a request becomes, before the provider's own fields are merged into it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Draft {
  /** Fields of the body; one that is `undefined` is not there. */
  readonly body: Fields
  /** Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** What is left out beside the fields that {@link Treatments} leave out: a sentence each, its place first. */
  readonly ignored?: ReadonlyArray<string> | undefined
  /** The provider's own fields that are to be merged into the body. Default: all of them. */
  readonly raw?: Fields | undefined
}

/**
 * What a format is made of.
 *
 * @category models
 * @since 0.2.0
 */
export interface Parts {
  /** The format's name, such as `generate-content`. */
  readonly name: string
  /** The provider's name, for messages. */
  readonly provider: string
  /** The provider's own fields in a request's `options`. */
  readonly options: OwnOptions
  /** What becomes of each field of a request. One that is not named, such as one of a later version, is refused. */
  readonly fields: Partial<Treatments>
  /** How the provider's own fields are merged into the body. */
  readonly shape: Shape
  /** What the API takes that others don't. Default: nothing. */
  readonly allowances?: ((raw: Fields) => ChatRequest.Allowances) | undefined
  /** Encodes what the treatments call `encoded`; fails with a sentence that begins with a place in the request. */
  readonly encode: (request: ChatRequest.Normalized, context: Context) => Encoding<Draft>
}

/**
 * Makes a format. What holds for every API is checked before the format encodes, and a provider's own fields are merged
 * after. The message of a failure begins with the provider's name. Never throws.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Result, Schema } from "effect"
 *
 * const format = RequestKit.make({
 *   name: "acme-chat",
 *   provider: "acme",
 *   options: { keys: ["acme"], schema: Schema.Struct({}) },
 *   fields: { seed: { ignored: "the API takes none" }, maxTokens: { field: "limit" } },
 *   shape: { names: [], content: ["turns"], objects: {} },
 *   encode: ({ prompt }, { model }) => Result.succeed({ body: { model, turns: prompt.content.length } })
 * })
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", seed: 1, maxTokens: 50 }))
 * const { body, ignored } = Result.getOrThrow(format.encode(request, "acme-1"))
 * body // { "model": "acme-1", "turns": 1, "limit": 50 }
 * ignored // ["seed: the API takes none"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (
  { allowances = () => ({}), encode, fields, name, options, provider, shape }: Parts
): RequestFormat.RequestFormat => {
  const read = rawFields(options, shape.names)
  const encoded = (request: ChatRequest.Normalized, model: string) =>
    Result.gen(function*() {
      const { fields: own, path } = yield* read(request)
      yield* unless(
        "stream" in own && own["stream"] !== true
          ? `${path}.stream: answers are streamed, and that can't be turned off`
          : undefined
      )
      yield* Result.mapError(ChatRequest.check(request, allowances(own)), ({ message }) => message)
      const treated = yield* treat(request, fields)
      const { body, headers = {}, ignored = [], raw = own } = yield* encode(request, { model, raw: own, path })
      return {
        body: yield* merge(treated.written.reduce(put, defined(body)), raw, shape, path),
        headers,
        ignored: [...treated.ignored, ...ignored]
      }
    })
  const refuse = (message: string) => new ProviderError.InvalidRequest({ message: `${provider}: ${message}` })
  return {
    name,
    encode: (request, model) => {
      try {
        return Result.mapError(encoded(request, model), refuse)
      } catch (error) {
        // A value that is nested too deeply to be walked through is all that is left.
        return Result.fail(
          refuse(`the request can't be encoded: ${error instanceof Error ? error.message : "unreadable"}`)
        )
      }
    }
  }
}

type Written = readonly [path: ReadonlyArray<string>, value: unknown]

// What is written as it is, and what is left out, with the reasons; fails at the first field that is refused.
const treat = (
  { model: _model, options: _options, prompt: _prompt, ...asked }: ChatRequest.Normalized,
  treatments: Partial<Treatments>
): Encoding<{
  readonly written: ReadonlyArray<Written>
  readonly ignored: ReadonlyArray<string>
}> => {
  const known: Readonly<Record<string, Treatment>> = treatments
  const written: Array<Written> = []
  const ignored: Array<string> = []
  for (const [name, value] of Object.entries(asked)) {
    const treatment = own(known, name)
    // An empty list, or an object without fields, asks for nothing.
    const isEmpty = Predicate.isObjectOrArray(value) && Object.keys(value).length === 0
    if (treatment === "encoded" || value === undefined || isEmpty) continue
    if (treatment === undefined) return Result.fail(`${name}: the format has nothing for it`)
    if ("refused" in treatment) return Result.fail(`${name}: ${treatment.refused}`)
    if ("ignored" in treatment) ignored.push(`${name}: ${treatment.ignored}`)
    else written.push([treatment.field.split("."), value])
  }
  return Result.succeed({ written, ignored })
}

const put = (body: Fields, [[name = "", ...path], value]: Written): Fields => {
  const inner = body[name]
  return { ...body, [name]: path.length === 0 ? value : put(Predicate.isObject(inner) ? inner : {}, [path, value]) }
}
