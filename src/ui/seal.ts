/**
 * What a server vouches for in a history that a client keeps, and the seal on it.
 *
 * A record is sealed as a text, so that no client and no database changes it: they pass it on as it is. The first field of
 * the text is the version of the format.
 */
import * as Prompt from "effect/ai/Prompt"
import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { lazy } from "../internal/lazy.ts"

/** Schema of a {@link Record}. */
const Record = Schema.Struct({
  /** A response as it is in the next request. */
  message: Schema.optionalKey(Prompt.AssistantMessage),
  /** The server answers the calls of the message. Absent where the client does. */
  isLoop: Schema.optionalKey(Schema.Literal(true)),
  /** The calls of it that the client answers all the same. */
  clients: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Results of calls that the server answered. */
  results: Schema.optionalKey(Schema.Array(Prompt.ToolResultPart)),
  /** The calls that the server asked approval for. */
  approvals: Schema.optionalKey(Schema.Array(Prompt.ToolApprovalRequestPart)),
  /** Calls of the provider whose results were shown before the response had ended. */
  shown: Schema.optionalKey(Schema.Array(Schema.String))
})

/**
 * What a server says that it sent.
 *
 * @internal
 */
export interface Record extends Schema.Schema.Type<typeof Record> {}

const codec = lazy(() => Schema.fromJsonString(Schema.toCodecJson(Record)))
const encode = lazy(() => Schema.encodeSync(codec()))
const decode = lazy(() => Schema.decodeOption(codec()))

const written = Option.liftThrowable((record: Record): string => encode()(record))

const version = "1"

const utf8 = new TextEncoder()

const layer = Mac.layerWebCrypto.pipe(Layer.provide(SecureRandom.layerWebCrypto))

/** A scope is sealed along: a history of another scope has no seal. */
const signed = (scope: string | undefined, json: string) =>
  utf8.encode(`effect-llm-stream/ui ${version} ${JSON.stringify(scope ?? null)} ${json}`)

/**
 * The record under a seal, or without one where there is no key; `undefined` for a record that can't be written, as its
 * values are nested too deeply.
 *
 * @internal
 */
export const seal = (
  record: Record,
  key: Mac.Key | undefined,
  scope: string | undefined
): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    const json = Option.getOrUndefined(written(record))
    if (json === undefined) return undefined
    if (key === undefined) return `${version}.0.${json}`
    const mac = yield* Mac.Mac
    return `${version}.${Base64Url.encode(yield* mac.sign(key, signed(scope, json)))}.${json}`
  }).pipe(Effect.provide(layer), Effect.orDie)

/**
 * The record under a seal that one of the keys made; none where another key, another scope or nobody did.
 *
 * @internal
 */
export const open = (
  sealed: string,
  keys: ReadonlyArray<Mac.Key>,
  scope: string | undefined
): Effect.Effect<Option.Option<Record>> =>
  Effect.gen(function*() {
    const { json, tag } = parts(sealed)
    if (tag === undefined) return Option.none()
    const mac = yield* Mac.Mac
    const data = signed(scope, json)
    for (const key of keys) if (yield* mac.verify(key, tag, data)) return decode()(json)
    return Option.none()
  }).pipe(Effect.provide(layer), Effect.orDie)

/**
 * The record under a seal that is not looked at.
 *
 * @internal
 */
export const read = (sealed: string): Option.Option<Record> => decode()(parts(sealed).json)

const parts = (sealed: string): { readonly tag: Uint8Array | undefined; readonly json: string } => {
  const [, stated, tag = "", json = ""] = /^(\w+)\.([\w-]+)\.(.*)$/s.exec(sealed) ?? []
  return { tag: stated === version ? Result.getOrUndefined(Base64Url.decode(tag)) : undefined, json }
}

/**
 * A key of a secret.
 *
 * @internal
 */
export const key = (secret: string | Uint8Array): Effect.Effect<Mac.Key> =>
  Effect.orDie(Mac.key(Mac.hmacSha256, typeof secret === "string" ? utf8.encode(secret) : secret))
