/**
 * What the secrets of a request look like in a text. `redaction.ts` cuts them out; it is loaded when a text may hold one.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import { concat } from "../internal/bytes.ts"
import type * as ProviderError from "../ProviderError.ts"
import { rebuild } from "./reason.ts"

/**
 * A shorter secret is not looked for: it would be found in any text.
 *
 * @internal
 */
export const least = 4

/**
 * What a secret looks like in a text.
 *
 * @internal
 */
export interface Form {
  readonly text: string
  /** What stands for characters of the text as well. */
  readonly others: Readonly<Record<string, string>>
  /** A pattern of what may stand between the characters, after each `step` of them; empty where nothing may. */
  readonly between: string
  readonly step: number
  /** Its first characters in a text without escapes: mostly there is none, and that is found soon. */
  readonly begin: RegExp
}

/**
 * A character of a form, for a class of a regular expression.
 *
 * @internal
 */
export const written = (character: string, others: Form["others"]): string =>
  (character + (others[character] ?? "")).replaceAll(/[^\w\x80-\uffff]/g, "\\$&")

const formOf = (text: string, others: Form["others"], between = "", step = 1): Form => ({
  text,
  others,
  between,
  step,
  begin: new RegExp(
    Array.from(
      { length: least },
      (_, at) => `[${written(text.charAt(at), others)}]${between !== "" && (at + 1) % step === 0 ? `${between}*` : ""}`
    ).join("")
  )
})

const forms = new WeakMap<Redacted.Redacted, ReadonlyArray<Form>>()

/** @internal */
export const formsOf = (secret: Redacted.Redacted): ReadonlyArray<Form> => {
  const known = forms.get(secret)
  if (known !== undefined) return known
  const value = Redacted.value(secret)
  const made = value.length < least ? [] : [plain(value), ...encodings(value)]
  forms.set(secret, made)
  return made
}

// In the query of a URL, a blank may be a plus.
const plain = (value: string): Form => formOf(value, { " ": "+" })

/** Base64 has three forms by where in a group of three bytes the secret starts. What it shares with others stays. */
const encodings = (value: string): ReadonlyArray<Form> => {
  const bytes = new TextEncoder().encode(value)
  if (bytes.length < 2 * least) return []
  const hexadecimal = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  const base64 = [0, 1, 2].map((before) =>
    Base64.encode(concat([new Uint8Array(before), bytes])).slice(
      Math.ceil(before * 4 / 3),
      Math.floor((before + bytes.length) * 4 / 3)
    )
  )
  return [
    formOf(hexadecimal, { a: "A", b: "B", c: "C", d: "D", e: "E", f: "F" }, "[\\s:,-]", 2),
    // The second alphabet is the one for URLs.
    ...base64.map((text) => formOf(text, { "+": "-", "/": "_" }, "\\s"))
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
  return /[\\%&]/.test(text) || secrets.some((secret) => formsOf(secret).some(({ begin }) => begin.test(text)))
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
 * A reason whose texts are others: whatever the provider may have echoed.
 *
 * @internal
 */
export const scrub = (
  reason: ProviderError.Reason,
  cleaned: (value: unknown) => unknown
): ProviderError.Reason => {
  const changed: Record<string, unknown> = {}
  // The message of an error is not an enumerable property.
  for (const [key, value] of Object.entries({ ...reason, message: reason.message })) {
    const isScrubbed = key !== "_tag" && (typeof value === "string" || key === "details" || key === "path")
    const other = isScrubbed ? cleaned(value) : value
    if (other !== value) changed[key] = other
  }
  return Object.keys(changed).length === 0 ? reason : rebuild(reason, changed)
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
