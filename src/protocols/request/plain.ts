/**
 * Requests of texts and limits alone.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type * as ChatRequest from "../../ChatRequest.ts"

type Role = "system" | "user" | "assistant"

/**
 * What one message says, in texts that are not blank.
 *
 * @internal
 */
export interface Said {
  readonly role: Role
  readonly texts: ReadonlyArray<string>
}

/**
 * A request that holds texts and limits alone, as most do: it needs no format of its own, but a few lines for each API.
 *
 * @internal
 */
export interface Plain {
  readonly system: string | undefined
  /** One at least. */
  readonly messages: ReadonlyArray<Said>
  /** In the order of the request. */
  readonly numbers: { readonly [name in "maxTokens" | "temperature" | "topP"]?: number }
}

/**
 * Reads a request, as `ChatRequest.normalize` would; `undefined` for one that holds anything else, which the whole format
 * reads then, and refuses in its own words. Never throws, and reads nothing that can be read only once.
 *
 * @internal
 */
export const read = (request: ChatRequest.ChatRequest): Plain | undefined => {
  try {
    return fieldsOf(request)
  } catch {
    return undefined
  }
}

const fieldsOf = (request: unknown): Plain | undefined => {
  if (!Predicate.isObject(request)) return undefined
  const numbers: { -readonly [name in keyof Plain["numbers"]]: Plain["numbers"][name] } = {}
  let system: string | undefined
  let messages: ReadonlyArray<Said> | undefined
  for (const [name, value] of Object.entries(request)) {
    if (value === undefined) continue
    switch (name) {
      case "model":
        if (typeof value !== "string") return undefined
        break
      case "system":
        if (!isText(value)) return undefined
        system = value
        break
      case "prompt":
        messages = messagesOf(value)
        break
      case "maxTokens":
        if (typeof value !== "number" || !Number.isSafeInteger(value) || value <= 0) return undefined
        numbers.maxTokens = value
        break
      case "temperature":
      case "topP":
        if (typeof value !== "number" || !(value >= 0 && value <= 1)) return undefined
        numbers[name] = value
        break
      default:
        return undefined
    }
  }
  return messages && { system, messages, numbers }
}

const isText = (u: unknown): u is string => typeof u === "string" && u.trim() !== ""

// `Prompt.isPrompt` would load all the schemas of prompts.
const isPrompt = Predicate.hasProperty("~effect/ai/Prompt")

const messagesOf = (prompt: unknown): ReadonlyArray<Said> | undefined => {
  if (typeof prompt === "string") return isText(prompt) ? [{ role: "user", texts: [prompt] }] : undefined
  const content: unknown = isPrompt(prompt) && "content" in prompt ? prompt.content : prompt
  return Array.isArray(content) ? allOf(content, saidOf) : undefined
}

const saidOf = (message: unknown): Said | undefined => {
  if (!Predicate.isObject(message) || !isWithoutOptions(message)) return undefined
  const { content, role }: { readonly content?: unknown; readonly role?: unknown } = message
  if (role !== "system" && role !== "user" && role !== "assistant") return undefined
  if (isText(content)) return { role, texts: [content] }
  const texts = role !== "system" && Array.isArray(content) ? allOf(content, textOf) : undefined
  return texts && { role, texts }
}

const textOf = (part: unknown): string | undefined => {
  if (!Predicate.isObject(part) || !isWithoutOptions(part)) return undefined
  const { text, type }: { readonly text?: unknown; readonly type?: unknown } = part
  return type === "text" && isText(text) ? text : undefined
}

const isWithoutOptions = ({ options }: { readonly options?: unknown }): boolean =>
  options === undefined || Predicate.isObject(options) && Object.keys(options).length === 0

/** `undefined` unless there are values, and all of them are of use. */
const allOf = <A>(
  values: ReadonlyArray<unknown>,
  read: (value: unknown) => A | undefined
): ReadonlyArray<A> | undefined => {
  const all: Array<A> = []
  for (const value of values) {
    const one = read(value)
    if (one === undefined) return undefined
    all.push(one)
  }
  return all.length === 0 ? undefined : all
}

/**
 * The conversation as formats take it in which user and assistant take turns, and the instructions apart; `undefined`
 * where it does not begin and end with the user.
 *
 * @internal
 */
export const turns = ({ messages, system }: Plain): {
  readonly system: ReadonlyArray<string>
  readonly turns: ReadonlyArray<Said>
} | undefined => {
  const instructions = system === undefined ? [] : [system]
  const joined: Array<{ readonly role: Role; readonly texts: Array<string> }> = []
  for (const { role, texts } of messages) {
    const last = joined.at(-1)
    const into = role === "system" ? instructions : last?.role === role ? last.texts : undefined
    if (into === undefined) joined.push({ role, texts: [...texts] })
    else for (const text of texts) into.push(text)
  }
  return joined.length > 0 && joined[0]?.role === "user" && joined.at(-1)?.role === "user"
    ? { system: instructions, turns: joined }
    : undefined
}

/**
 * One text as it is, more of them as blocks.
 *
 * @internal
 */
export const contentOf = (texts: ReadonlyArray<string>): unknown =>
  texts.length === 1 ? texts[0] : texts.map((text) => ({ type: "text", text }))
