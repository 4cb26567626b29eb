import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { AnyChunk } from "../AnyChunk.ts"
import * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import type * as ProviderError from "../ProviderError.ts"

/**
 * Text in letters and digits that nobody guesses: 128 random bits.
 *
 * @internal
 */
export const token: Effect.Effect<string> = Effect.sync(() => hex(crypto.getRandomValues(new Uint8Array(16))))

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** Equal JSON values have equal texts: keys are sorted, and numbers are spelled in one way. */
const canonical = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(canonical).join(",")}]`
    : Predicate.isObject(value)
    ? `{${
      Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, value]) =>
        `${JSON.stringify(key)}:${canonical(value)}`
      ).join(",")
    }}`
    : JSON.stringify(value) ?? "null"

const encode = Schema.encodeResult(Schema.toCodecJson(ChatRequest.Normalized))

/** The JSON of a request: what it is compared by, and what can be sent. @internal */
export const toJson = (request: ChatRequest.ChatRequest): Result.Result<unknown, ProviderError.InvalidRequest> =>
  Result.map(ChatRequest.normalize(request), (normalized) => Result.getOrThrow(encode(normalized)))

/**
 * The hash of a request. The id goes into it: equal prompts of two answers don't look equal in the store.
 *
 * @internal
 */
export const hash = (id: string, json: unknown): Effect.Effect<string> => {
  const text = new TextEncoder().encode(canonical([id, json]))
  return Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", text)),
    (digest) => hex(new Uint8Array(digest))
  )
}

/** @internal */
export const chunkCodec = (schema: Schema.Codec<Chunk, unknown> = AnyChunk): Schema.Codec<Chunk, unknown> =>
  Schema.toCodecJson(schema)
