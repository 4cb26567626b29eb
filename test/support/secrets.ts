/** A secret, the places that a caller has for it, hosts that repeat it, and what a reader would find of it. */
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import {
  Anthropic,
  AwsCredentials,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  BedrockInvoke,
  type Chunk,
  Groq,
  OpenAi,
  OpenAiResponses,
  type Provider
} from "../../src/index.ts"

export const secret = "sk-S3cr3t/T0ken+0123456789=wXyZ~end"

/** The ways to write it that a reader could undo. */
const forms: Readonly<Record<string, (text: string) => string>> = {
  raw: (text) => text,
  json: (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3).replaceAll("/", "\\/"),
  url: encodeURIComponent,
  base64: (text) => Buffer.from(text).toString("base64"),
  "base64, after a user": (text) => Buffer.from(`user:${text}`).toString("base64"),
  "base64, for URLs": (text) => Buffer.from(`:${text}`).toString("base64url"),
  hexadecimal: (text) => Buffer.from(text).toString("hex")
}

/** All of them, as a host that keeps nothing to itself would repeat them. */
export const echo = Object.values(forms).map((write) => write(secret)).join(" | ")

const model = "anthropic.claude-haiku-4-5-20251001-v1:0"
const region = "us-east-1"
const key = { apiKey: Redacted.make(secret) }

export interface Place extends Provider.CommonOptions {
  readonly base?: string
  /** Of the options of all providers. */
  readonly credentials?: object
}

const at = ({ base = "https://models.example/v1", credentials = key, ...options }: Place) => {
  const own = { ...options, ...credentials, model, maxRetries: 1, maxRetryDelay: 0 }
  return { own, base }
}

export const providers: Readonly<Record<string, (place: Place) => Provider.Definition<Chunk.Chunk>>> = {
  openai: (place) => OpenAi.define({ ...at(place).own, baseUrl: at(place).base }),
  "openai-responses": (place) => OpenAiResponses.define({ ...at(place).own, baseUrl: at(place).base }),
  anthropic: (place) => Anthropic.define({ ...at(place).own, baseUrl: at(place).base }),
  groq: (place) => Groq.define({ ...at(place).own, baseUrl: at(place).base }),
  azure: (place) => AzureOpenAi.define({ ...at(place).own, endpoint: at(place).base }),
  "azure-responses": (place) => AzureResponses.define({ ...at(place).own, endpoint: at(place).base }),
  "azure-inference": (place) => AzureInference.define({ ...at(place).own, endpoint: at(place).base }),
  bedrock: (place) => Bedrock.define({ ...at(place).own, endpoint: at(place).base, region }),
  "bedrock-invoke": (place) => BedrockInvoke.define({ ...at(place).own, endpoint: at(place).base, region })
}

const other = { apiKey: Redacted.make("another-key-0123") }

const places: Readonly<Record<string, Place>> = {
  "a key": {},
  "a key in blanks": { credentials: { apiKey: Redacted.make(` ${secret}\n`) } },
  "a redacted header": { credentials: other, headers: { "x-gateway": Redacted.make(`Basic ${secret}`) } },
  "a header whose name says it": { credentials: other, headers: { "X-Gateway-Key": secret, Cookie: `sid=${secret}` } },
  "an authorization of one's own": { credentials: other, headers: { Authorization: `Bearer ${secret}` } },
  "the query of the address": {
    credentials: other,
    base: `https://models.example/v1?code=${encodeURIComponent(secret)}`
  },
  "the whole query": { credentials: other, base: `https://models.example/v1?${encodeURIComponent(secret)}` },
  "the path of the address": { credentials: other, base: `https://models.example/${encodeURIComponent(secret)}/v1` }
}

export const placesOf: Readonly<Record<string, Readonly<Record<string, Place>>>> = Object.fromEntries(
  Object.keys(providers).map((id) => [id, {
    ...places,
    ...(id.startsWith("azure") ? { "a token": { credentials: { token: Effect.succeed(Redacted.make(secret)) } } } : {}),
    ...(id.startsWith("bedrock")
      ? {
        "a secret access key": {
          credentials: { credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make(secret) } }
        },
        "an access key id": { credentials: { credentials: { accessKeyId: secret, secretAccessKey: "other-secret" } } },
        "a session token": {
          credentials: {
            credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "other-secret", sessionToken: secret }
          }
        },
        "a key that an effect gives": {
          credentials: { credentials: Effect.succeed(AwsCredentials.fromApiKeyUnsafe(secret)) }
        }
      }
      : {})
  }])
)

/** Reads of a body; the text is cut in two in the middle of what is repeated. */
const body = (text: string, end: (controller: ReadableStreamDefaultController<Uint8Array>) => void) => {
  const bytes = new TextEncoder().encode(text)
  const middle = text.indexOf(secret) + 10
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(bytes.subarray(0, middle))
      controller.enqueue(bytes.subarray(middle))
      end(controller)
    }
  })
}

const whole = (controller: ReadableStreamDefaultController<Uint8Array>) => controller.close()

export type Answer = (contentType: string) => Response | Promise<Response>

const json = JSON.stringify({
  type: "error",
  message: echo,
  request_id: echo,
  error: { message: `Wrong key: ${echo}`, code: secret, type: echo, param: secret, details: { [secret]: [echo] } }
})

const html = `<html><body>${echo}</body></html>`

const refusal = (status: number): Answer => () =>
  new Response(body(json, whole), {
    status,
    headers: {
      "content-type": "application/json",
      "x-request-id": secret,
      "x-amzn-errortype": secret,
      "retry-after-ms": "1"
    }
  })

const stream = (text: string, end = whole): Answer => (contentType) =>
  new Response(body(text, end), {
    headers: { "content-type": contentType, "x-request-id": secret, "request-id": secret, "x-amzn-requestid": secret }
  })

export const failures: Readonly<Record<string, Answer>> = {
  ...Object.fromEntries([400, 401, 403, 404, 429, 500, 529].map((status) => [`status ${status}`, refusal(status)])),
  "a page": () => new Response(body(html, whole), { status: 502, headers: { "content-type": "text/html" } }),
  "a page with status 200": () =>
    new Response(body(html, whole), { headers: { "content-type": `text/html;x=${secret}` } }),
  "another content type": () => new Response(body(html, whole), { headers: { "content-type": `text/${secret}` } }),
  "JSON with status 200": () => new Response(body(json, whole), { headers: { "content-type": "application/json" } }),
  "a redirect": () =>
    new Response(null, {
      status: 302,
      headers: { location: `https://elsewhere.example/?key=${encodeURIComponent(secret)}` }
    }),
  "an error event": stream(`event: error\ndata: ${json}\n\n`),
  "a nameless error event": stream(`data: ${json}\n\n`),
  "an event that is no JSON": stream(`data: {"a": ${echo}\n\n`),
  "an event of another shape": stream(`data: ${JSON.stringify({ choices: echo, type: echo })}\n\n`),
  "bytes that are no event": stream(`${echo}\n`),
  "a stream that breaks": stream(`: ${secret}\n\n`, (controller) => controller.error(new Error(`reset: ${echo}`))),
  "no connection": () =>
    Promise.reject(new TypeError(`fetch failed: ${echo}`, { cause: new Error(`getaddrinfo ENOTFOUND ${echo}`) })),
  "no TLS": () =>
    Promise.reject(
      new TypeError("fetch failed", {
        cause: Object.assign(new Error(`self-signed certificate: ${echo}`), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
      })
    ),
  "a proxy": () => Promise.reject(Object.assign(new Error(`Proxy https://user:${secret}@proxy`), { code: secret }))
}

export const contentTypeOf = ({ protocol }: Provider.Definition<Chunk.Chunk>): string => protocol.contentTypes[0] ?? ""

/** Runs with a host that answers every request so, whichever fiber sends it. */
export const answering = (contentType: string, answer: Answer) => {
  const client = Effect.map(
    HttpClient.HttpClient,
    HttpClient.transformResponse(Effect.provideService(FetchHttpClient.Fetch, async () => answer(contentType)))
  )
  return Effect.provide(Layer.provide(Layer.effect(HttpClient.HttpClient, client), FetchHttpClient.layer))
}

/** What a reader would find there. */
export const foundIn = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.flatMap((text) =>
    Object.entries(forms).flatMap(([form, write]) => {
      const place = text.indexOf(write(secret))
      return place < 0 ? [] : [`${form}: …${text.slice(Math.max(0, place - 80), place + 60)}…`]
    })
  )
