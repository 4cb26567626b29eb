/**
 * What the secrets of a request look like in a text. `redaction.ts` cuts them out; it is loaded when a text may hold one.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import { concat } from "../internal/bytes.ts"

/**
 * A shorter secret is not looked for: it would be found in any text.
 *
 * @internal
 */
export const least = 4

/** Without what may be written otherwise in an encoded secret, and what may stand between its characters. */
const bare = (text: string): string =>
  text.replace(/[\s+,/:_-]/g, "").replace(/[A-F]/g, (letter) => letter.toLowerCase())

const begins = new WeakMap<Redacted.Redacted, ReadonlyArray<string>>()

/** How a secret begins in a text, as it is and as it may be encoded. */
const beginsOf = (secret: Redacted.Redacted): ReadonlyArray<string> => {
  const known = begins.get(secret)
  if (known !== undefined) return known
  const value = Redacted.value(secret)
  const made = value.length < least
    ? []
    : [value, ...encodings(value)].map((text) => bare(text.slice(0, least)))
  begins.set(secret, made)
  return made
}

/**
 * The bytes of a secret in hexadecimal, and in base64: that has three forms by where in a group of three bytes the secret
 * starts. What it shares with others stays. None for a short secret.
 *
 * @internal
 */
export const encodings = (value: string): ReadonlyArray<string> => {
  const bytes = new TextEncoder().encode(value)
  if (bytes.length < 2 * least) return []
  return [
    Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    ...[0, 1, 2].map((before) =>
      Base64.encode(concat([new Uint8Array(before), bytes])).slice(
        Math.ceil(before * 4 / 3),
        Math.floor((before + bytes.length) * 4 / 3)
      )
    )
  ]
}

/**
 * Whether a value may hold one of the secrets, in its texts, its numbers or the names of its fields: something begins like
 * one, or is escaped.
 *
 * @internal
 */
export const mayHold = (value: unknown, secrets: ReadonlyArray<Redacted.Redacted>): boolean => {
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flat().some((each) => mayHold(each, secrets))
  }
  const text = String(value)
  const found = bare(text)
  return /[\\%&]/.test(text) || secrets.some((secret) => beginsOf(secret).some((begin) => found.includes(begin)))
}

/**
 * What stands where a secret was.
 *
 * @internal
 */
export const redacted = "<redacted>"

/**
 * Makes something of values, by what cuts the secrets out of each. That is loaded when one may hold any; without it, nothing
 * of such a value is told.
 *
 * @internal
 */
export const cleaned = <A>(
  secrets: ReadonlyArray<Redacted.Redacted>,
  seldom: Effect.Effect<
    { readonly cleanAll: (value: unknown, secrets: ReadonlyArray<Redacted.Redacted>) => unknown } | undefined
  >,
  make: (clean: (value: unknown) => unknown) => A
): Effect.Effect<A> => {
  let isClean = true
  const made = make((value) => {
    if (!mayHold(value, secrets)) return value
    isClean = false
    return Array.isArray(value) ? [redacted] : redacted
  })
  return isClean ? Effect.succeed(made) : Effect.map(
    seldom,
    (seldom) => seldom === undefined ? made : make((value) => seldom.cleanAll(value, secrets))
  )
}

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

/**
 * A part of an address, or the text as it is where it can't be decoded.
 *
 * @internal
 */
export const decoded = (part: string): string => {
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
