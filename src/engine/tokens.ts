import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { ChatRequest } from "../ChatRequest.ts"
import { defined } from "../internal/defined.ts"
import * as Checks from "./checks.ts"
import { plainRequest } from "./requestJson.ts"

/**
 * What of a request is counted.
 *
 * @internal
 */
export interface Request {
  readonly prompt: unknown
  readonly system?: string | undefined
  readonly tools?: unknown
  readonly responseFormat?: unknown
  readonly maxTokens?: number | undefined
}

/** @internal */
export interface Options {
  /** Tokens of a text. Default: {@link approximate}. */
  readonly tokens?: ((text: string) => number) | undefined
  /** Most tokens to generate, where the request states none. */
  readonly maxTokens?: number | undefined
}

/**
 * A third of the UTF-8 bytes, rounded up.
 *
 * @internal
 */
export const approximate = (text: string): number =>
  Math.ceil(
    (text.length * 3 <= bytes.length ? encoder.encodeInto(text, bytes).written : encoder.encode(text).length) / 3
  )

const encoder = new TextEncoder()

// The bytes of most texts: to allocate them takes longer than to write them.
const bytes = new Uint8Array(4096)

// Formats add tokens around a message or a tool: role, separators, names.
const tokensPerItem = 8

/**
 * The tokens of a request, before it is sent.
 *
 * @internal
 */
export interface Counts {
  readonly found: Texts
  readonly inputTokens: number
  readonly outputTokens: number | undefined
}

/**
 * Finds what of a request is counted, when it is first asked for.
 *
 * @internal
 */
export type Found = () => Result.Result<Texts, string>

/** @internal */
export const found = (request: Request): Found => {
  let known: Result.Result<Texts, string> | undefined
  return () => known ??= Result.flatMap(Checks.given("request", "a request", () => find(request)), identity)
}

const find = (request: Request): Result.Result<Texts, string> => {
  const { prompt, responseFormat, system, tools }: Partial<Request> = { ...request }
  if (prompt === undefined || prompt === null) return Result.fail("`prompt` is missing")
  // Toolkits and schemas have more in them than what is sent.
  return tools === undefined && responseFormat === undefined
    ? Result.succeed(textsOf([system, prompt], []))
    : Result.mapBoth(plainRequest({ prompt: "-", ...defined({ tools, responseFormat }) } as ChatRequest), {
      onFailure: ({ message }) => message,
      onSuccess: ({ responseFormat: format, tools: declared }) => textsOf([system, prompt], [declared, format])
    })
}

/**
 * Counts what a request is made of; a sentence when a number is wrong.
 *
 * @internal
 */
export const count = (
  request: Request,
  options: Options,
  texts: Found = found(request)
): Result.Result<Counts, string> => {
  const found = texts()
  if (Result.isFailure(found)) return Result.fail(found.failure)
  const read: Result.Result<Partial<Options>, string> = Checks.copied(options)
  if (Result.isFailure(read)) return Result.fail(read.failure)
  const { maxTokens: longest, tokens: tokensOf = approximate } = read.success
  const counted = Result.flatMap(
    Checks.given(
      "tokens",
      "a function that gives a number",
      () => found.success.texts.reduce((sum, text) => sum + Math.ceil(tokensOf(text)), 0)
    ),
    (counted) => Checks.count("tokens", counted)
  )
  const outputTokens = request.maxTokens ?? longest
  return Result.flatMap(counted, (counted) =>
    Result.map(
      outputTokens === undefined ? Result.succeed(undefined) : Checks.count("maxTokens", outputTokens),
      (outputTokens) => ({
        found: found.success,
        inputTokens: counted + found.success.items * tokensPerItem,
        outputTokens
      })
    ))
}

/**
 * The cache mark of a value as JSON; `""` without one.
 *
 * @internal
 */
export const cachingIn = (own: unknown): string => {
  const json = JSON.stringify(own) ?? ""
  return /"(?:prompt_)?cache_?(?:control|point|breakpoint|options)/i.test(json) ? json : ""
}

/** @internal */
export interface Texts {
  readonly texts: ReadonlyArray<string>
  readonly items: number
  readonly files: number
  /** What asks for a cache. */
  readonly caching: string
}

/** The texts in messages, and in schemas, of which the names of fields are text too. */
const textsOf = (messages: ReadonlyArray<unknown>, schemas: ReadonlyArray<unknown>): Texts => {
  const texts: Array<string> = []
  let items = 0
  let files = 0
  let caching = ""
  const visit = (value: unknown, isSchema: boolean): void => {
    if (typeof value === "string") texts.push(value)
    else if (typeof value === "number" || typeof value === "boolean") texts.push(String(value))
    else if (Array.isArray(value)) value.forEach((element) => visit(element, isSchema))
    else if (value instanceof Uint8Array || value instanceof URL) files++
    else if (Predicate.isObject(value)) {
      if (Predicate.hasProperty(value, "type") && value.type === "file") {
        files++
        return
      }
      if (!isSchema && "content" in value) items++
      for (const [key, field] of Object.entries(value)) {
        if (isSchema) texts.push(key)
        if (key === "options") caching += cachingIn(field)
        if (isSchema || !/^(?:type|role|options)$/.test(key)) visit(field, isSchema)
      }
    }
  }
  for (const message of messages) {
    if (typeof message === "string") items++
    visit(message, false)
  }
  for (const schema of schemas) visit(schema, true)
  return { texts, items, files, caching }
}
