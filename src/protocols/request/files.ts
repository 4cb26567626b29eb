/**
 * Files of a prompt.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { Encoding } from "./encoding.ts"

/**
 * A file of a prompt in the one form that formats look at: its bytes in base64, or its address.
 *
 * @category models
 * @since 0.2.0
 */
export type Media = {
  /** The media type in lower case, without parameters, under its usual name; `*` stays where nothing tells the subtype. */
  readonly mediaType: string
  readonly fileName: string | undefined
} & ({ readonly base64: string } | { readonly url: string })

/**
 * Reads a file part: base64 or a `data:` URL or another URL as text, bytes, or a `URL`. Where the part's media type leaves
 * the subtype open (`image/*`), the data says it, if they can.
 *
 * Fails with a sentence when the data are none of these, or contradict the media type. Nothing is downloaded.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Prompt } from "effect/ai"
 * import { Result } from "effect"
 *
 * const part = Prompt.filePart({ mediaType: "image/*", data: "iVBORw0KGgo=" })
 * Result.getOrThrow(RequestKit.media(part, "prompt[0].content[1]")).mediaType // "image/png"
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const media = (part: Prompt.FilePart, path: string): Encoding<Media> => {
  const { data, fileName } = part
  const stated = canonicalType(part.mediaType)
  if (!/^[\w.+-]+\/[\w.+*-]+$/.test(stated)) return Result.fail(`${path}.mediaType: not a media type`)
  if (data instanceof Uint8Array) return bytes(Base64.encode(data), stated, fileName, path)
  const text = typeof data === "string" ? data.trim() : data.href
  if (/^data:/i.test(text)) {
    return Result.flatMap(
      dataUrl(text, path),
      ({ base64, mediaType }) =>
        mediaType === undefined || mediaType === stated || isWildcard(stated) && sameKind(mediaType, stated)
          ? bytes(base64, mediaType ?? stated, fileName, path)
          : Result.fail(`${path}.mediaType: ${part.mediaType}, but the data URL says ${mediaType}`)
    )
  }
  return /^[a-z][a-z0-9+.-]*:/i.test(text)
    ? Result.succeed({ url: text, mediaType: stated, fileName })
    : bytes(text, stated, fileName, path)
}

const bytes = (
  base64: string,
  mediaType: string,
  fileName: string | undefined,
  path: string
): Encoding<Media> => {
  if (base64 === "") return Result.fail(`${path}.data: the file is empty`)
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    return Result.fail(`${path}.data: neither base64 nor a URL`)
  }
  const found = isWildcard(mediaType) ? sniff(base64) : undefined
  return Result.succeed({
    base64,
    mediaType: found !== undefined && sameKind(found, mediaType) ? found : mediaType,
    fileName
  })
}

const dataUrl = (
  text: string,
  path: string
): Encoding<{ readonly base64: string; readonly mediaType: string | undefined }> => {
  const [, type = "", content = ""] = /^data:([^,]*),(.*)$/is.exec(text) ?? []
  const mediaType = type.split(";")[0] === "" ? undefined : canonicalType(type)
  if (/;base64$/i.test(type)) return Result.succeed({ base64: content, mediaType })
  return Result.try({
    try: () => ({ base64: Base64.encode(decodeURIComponent(content)), mediaType }),
    catch: () => `${path}.data: not a data URL`
  })
}

const aliases: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "audio/mp3": "audio/mpeg",
  "audio/x-wav": "audio/wav",
  "audio/wave": "audio/wav",
  "audio/vnd.wave": "audio/wav"
}

const canonicalType = (type: string): string => {
  const bare = (type.split(";")[0] ?? "").trim().toLowerCase()
  return aliases[bare] ?? bare
}

const isWildcard = (type: string): boolean => type.endsWith("/*")

const sameKind = (a: string, b: string): boolean => a.split("/")[0] === b.split("/")[0]

const signatures: ReadonlyArray<readonly [start: RegExp, type: string]> = [
  [/^\x89PNG\r\n/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^GIF8[79]a/, "image/gif"],
  [/^RIFF[^]{4}WEBP/, "image/webp"],
  [/^RIFF[^]{4}WAVE/, "audio/wav"],
  [/^(?:ID3|\xff[\xf2\xf3\xfa\xfb])/, "audio/mpeg"],
  [/^%PDF-/, "application/pdf"]
]

// The media type that the first bytes of a file tell, among those that APIs take; `undefined` when they tell nothing.
const sniff = (base64: string): string | undefined => {
  const head = Result.getOrUndefined(Base64.decode(base64.slice(0, 24)))
  if (head === undefined) return undefined
  const start = String.fromCharCode(...head)
  return signatures.find(([signature]) => signature.test(start))?.[1]
}
