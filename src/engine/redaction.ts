import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import { concat } from "../internal/bytes.ts"
import { lazy } from "../internal/lazy.ts"
import type * as ProviderError from "../ProviderError.ts"
import { rebuild } from "./reason.ts"

/** A shorter secret is not looked for: it would be found in any text. */
const least = 4

/**
 * Cuts the caller's secrets out of a text, and the start of one at its end, where the text itself was cut. A character
 * counts however it is written: as it is, or escaped for JSON (also when that is within JSON again), a URL or HTML. The
 * bytes of a secret count in hexadecimal and in base64, also where that encodes more than the secret.
 *
 * @internal
 */
export const clean = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string => {
  let out = text
  for (const secret of secrets) {
    const { encodings, written } = soughtOf(secret)
    for (const form of written) out = without(out, form)
    if (encoded.test(out)) { for (const form of encodings()) out = without(out, form) }
  }
  return out
}

/** The forms that a secret is looked for in. */
interface Sought {
  readonly written: ReadonlyArray<string>
  readonly encodings: () => ReadonlyArray<string>
}

const nothing: Sought = { written: [], encodings: () => [] }

// Found once: most secrets are those of all requests of a provider.
const sought = new WeakMap<Redacted.Redacted, Sought>()

const soughtOf = (secret: Redacted.Redacted): Sought => {
  const known = sought.get(secret)
  if (known !== undefined) return known
  const value = Redacted.value(secret)
  const made = value.length < least ? nothing : {
    written: plain.test(value) ? [value] : formsOf(value),
    encodings: lazy(() => encodingsOf(value))
  }
  sought.set(secret, made)
  return made
}

/** A text without characters that begin an escape or take several bytes in a URL. */
const plain = /^[^\\%&\x80-\uffff]*$/

/** The escapes of such characters, the longest first. */
const formsOf = (value: string): ReadonlyArray<string> => {
  const json = (text: string) => JSON.stringify(text).slice(1, -1)
  return [...new Set([json(json(value)), url(url(value)), json(value), url(value), value])]
}

// Not `encodeURIComponent`, which throws at half a character.
const url = (text: string): string => {
  const { searchParams } = new URL("http://a/")
  searchParams.set("", text)
  return searchParams.toString().slice(1).replaceAll("+", "%20")
}

/** A text that may hold bytes of a secret, encoded. */
const encoded = /[\w+/%\\-]{10}/

/** Base64 has three forms by where in a group of three bytes the secret starts. What it shares with others stays. */
const encodingsOf = (value: string): ReadonlyArray<string> => {
  const bytes = new TextEncoder().encode(value)
  if (bytes.length < 2 * least) return []
  const hexadecimal = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  const base64 = [0, 1, 2].map((before) =>
    Base64.encode(concat([new Uint8Array(before), bytes])).slice(
      Math.ceil(before * 4 / 3),
      Math.floor((before + bytes.length) * 4 / 3)
    )
  )
  const forUrls = base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))
  return [...new Set([hexadecimal, hexadecimal.toUpperCase(), ...base64, ...forUrls])]
}

const redacted = "<redacted>"

const without = (text: string, secret: string): string => {
  if (!escapes.test(text) && !text.includes(secret.slice(0, least))) return text
  const last = text.endsWith("…") ? text.length - 1 : text.length
  let out = ""
  let done = 0
  const first = secret.charAt(0)
  for (let at = 0; at < last; at++) {
    if (text.charAt(at) !== first && !escapes.test(text.charAt(at))) continue
    const end = endOf(text, at, last, secret)
    if (end === undefined) continue
    out += text.slice(done, at) + redacted
    done = end
    at = end - 1
  }
  return done === 0 ? text : out + text.slice(done)
}

/** The end of the secret that starts here; `undefined` if none does. Its own characters may begin escapes. */
const endOf = (text: string, start: number, last: number, secret: string): number | undefined => {
  let places: ReadonlySet<number> = new Set([start])
  let isCut = false
  for (let length = 0; length < secret.length; length++) {
    const character = secret.charAt(length)
    const next = new Set<number>()
    for (const at of places) {
      const found = at < last ? text.charAt(at) : ""
      if (found === character) next.add(at + 1)
      const escape = escapes.test(found) ? escapeAt(text, at) : undefined
      if (escape?.character === character) next.add(escape.end)
      // The text may be cut within an escape.
      const isOpen = found === "" || escapes.test(found) && escape === undefined && last - at < longestEscape
      if (isOpen && length >= least) isCut = true
    }
    if (next.size === 0) return isCut ? last : undefined
    places = next
  }
  return Math.max(...places)
}

const escapes = /[\\%&]/

const longestEscape = 12

const names: Readonly<Record<string, string>> = { quot: "\"", amp: "&", lt: "<", gt: ">", apos: "'" }

/** The character that is escaped here, and where its escape ends. */
const escapeAt = (text: string, at: number): { readonly character: string; readonly end: number } | undefined => {
  escape.lastIndex = at
  const match = escape.exec(text)
  if (match === null) return undefined
  const [whole, unicode, simple, percent, hex, decimal, name] = match
  const code = unicode ?? percent ?? hex
  const character = code !== undefined
    ? String.fromCharCode(Number.parseInt(code, 16))
    : decimal !== undefined
    ? String.fromCharCode(Number(decimal))
    : simple ?? (name === undefined ? "" : names[name.toLowerCase()] ?? "")
  return { character, end: at + whole.length }
}

// Backslashes double with every level of JSON within JSON, and so do percent signs, as `%25`.
const escape =
  /\\{1,15}(?:u([\da-f]{4})|([^u]))|%(?:25){0,3}([\da-f]{2})|&(?:#x([\da-f]{1,4})|#(\d{1,5})|(quot|amp|lt|gt|apos));/giy

/**
 * What may be secret in an address: user and password, the query but for its version, and what in the path looks like a key
 * and is not the model or the deployment.
 *
 * @internal
 */
export const ofUrl = (address: string, model?: string): ReadonlyArray<Redacted.Redacted> => {
  if (!URL.canParse(address)) return []
  const { password, pathname, searchParams, username } = new URL(address)
  const query = Array.from(searchParams).flatMap(([name, value]) =>
    /version$/i.test(name) ? [] : value === "" ? [name] : [value]
  )
  const keys = pathname.replace(/\/deployments\/[^/]+/, "").split("/").map(decoded).filter((part) =>
    part.length >= 16 && /[\dA-Z]/.test(part) && (model === undefined || !part.includes(model))
  )
  return [username, password].map(decoded).concat(query.filter((part) => part.length >= 8), keys).map((part) =>
    Redacted.make(part)
  )
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/**
 * Whether a header holds a credential, by its name.
 *
 * @internal
 */
export const isSecretName = (name: string): boolean =>
  /auth|cookie|credential|passw|secret|(?:^|[^a-z])(?:(?:api)?key|token|signature|sig|jwt)(?:$|[^a-z])/i.test(name)

/**
 * What is secret in the value of a header that holds a credential: also without the scheme of that, such as `Bearer`.
 *
 * @internal
 */
export const ofHeader = (value: string): ReadonlyArray<Redacted.Redacted> =>
  [value, value.replace(/^[a-z]+ +/i, "")].map((secret) => Redacted.make(secret))

/**
 * What is secret in a caller's headers: those given as such, and those whose name says it.
 *
 * @internal
 */
export const ofHeaders = (
  headers: Readonly<Record<string, string | Redacted.Redacted>>
): ReadonlyArray<Redacted.Redacted> =>
  Object.entries(headers).flatMap(([name, value]) =>
    typeof value !== "string" ? ofHeader(Redacted.value(value)) : isSecretName(name) ? ofHeader(value) : []
  )

/**
 * Cuts the caller's secrets out of everything that the provider may have echoed.
 *
 * @internal
 */
export const scrub = (
  reason: ProviderError.Reason,
  secrets: ReadonlyArray<Redacted.Redacted>
): ProviderError.Reason => {
  const changed: Record<string, unknown> = {}
  // The message of an error is not an enumerable property.
  for (const [key, value] of Object.entries({ ...reason, message: reason.message })) {
    const isScrubbed = key !== "_tag" && (typeof value === "string" || key === "details" || key === "path")
    const cleaned = isScrubbed ? cleanAll(value, secrets) : value
    if (cleaned !== value) changed[key] = cleaned
  }
  return Object.keys(changed).length === 0 ? reason : rebuild(reason, changed)
}

// Returns the same value when nothing has to be cut. It comes from JSON, and is nested only as deep as events may be.
const cleanAll = (value: unknown, secrets: ReadonlyArray<Redacted.Redacted>): unknown => {
  if (typeof value === "string") return clean(value, secrets)
  if (typeof value !== "object" || value === null) {
    // A secret of digits.
    const text = String(value)
    return typeof value === "number" && clean(text, secrets) !== text ? redacted : value
  }
  if (Array.isArray(value)) {
    const cleaned = value.map((item) => cleanAll(item, secrets))
    return cleaned.every((item, at) => item === value[at]) ? value : cleaned
  }
  const entries = Object.entries(value)
  const cleaned = entries.map(([key, item]) => [clean(key, secrets), cleanAll(item, secrets)] as const)
  return cleaned.every(([key, item], at) => key === entries[at]?.[0] && item === entries[at]?.[1])
    ? value
    : Object.fromEntries(cleaned)
}
