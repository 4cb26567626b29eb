/**
 * Streams that no provider should send: what is generated, or recorded, is changed in bytes, in JSON and in order, cut
 * into reads of any size and decoded. Whatever comes, the promises of `docs/reliability.md` hold.
 *
 * Run: `npm run fuzz -- --seconds 60 --seed 1`. A failure names the seed of its case: `npm run fuzz -- --seed S --cases 1`
 * runs it alone. With `--corpus DIR` recorded streams are changed, too. The tests run some cases each time.
 */
import { Schema } from "effect"
import * as Base64 from "effect/encoding/Base64"
import { globSync, readFileSync } from "node:fs"
import { isDeepStrictEqual, parseArgs } from "node:util"
import { parseErrorBody } from "../src/engine/errorBody.ts"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  Bedrock,
  BedrockInvoke,
  ChatResponse,
  type Chunk,
  CostMetadata,
  Groq,
  OpenAi,
  type Protocol,
  ProviderError
} from "../src/index.ts"
import { Answer, Wire } from "../src/testing.ts"
import * as EventStream from "../src/wire/EventStream.ts"

/** Numbers that a seed decides (mulberry32). */
class Random {
  private state: number
  constructor(seed: number) {
    this.state = seed | 0
  }
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % Math.max(limit, 1)
  }
  pick<A>(values: readonly [A, ...ReadonlyArray<A>]): A {
    return values[this.below(values.length)] ?? values[0]
  }
}

/** An event before framing. */
type Payload = unknown

interface Target {
  readonly protocol: Protocol.Protocol<Chunk.Chunk>
  readonly payloads: (answer: Answer.Answer) => ReadonlyArray<Payload>
  /** Frames the text of an event. */
  readonly frame: (text: string, random: Random) => Uint8Array
}

const utf8 = new TextEncoder()

const sse = (text: string, random: Random): Uint8Array =>
  utf8.encode(
    random.below(8) === 0
      ? `event: ${random.pick(["error", "ping", "message_stop", "x"])}\r\ndata: ${
        text.replaceAll("\n", "\r\ndata:")
      }\r\n\r\n`
      : `data: ${text}\n\n`
  )

const frame = (headers: Readonly<Record<string, string>>, body: string): Uint8Array =>
  EventStream.encodeUnsafe({ headers, body: utf8.encode(body) })

const json = { ":content-type": "application/json" }

const payloadsOf = (chunks: ReadonlyArray<{ readonly chunk: unknown }>): ReadonlyArray<Payload> =>
  chunks.map(({ chunk }) => chunk)

const targets: readonly [Target, ...ReadonlyArray<Target>] = [
  { protocol: OpenAi.protocol(), payloads: (answer) => payloadsOf(Answer.openai(answer)), frame: sse },
  { protocol: Groq.protocol(), payloads: (answer) => payloadsOf(Answer.groq(answer)), frame: sse },
  { protocol: AzureOpenAi.protocol(), payloads: (answer) => payloadsOf(Answer.azure(answer)), frame: sse },
  { protocol: AzureInference.protocol(), payloads: (answer) => payloadsOf(Answer.azure(answer)), frame: sse },
  { protocol: Anthropic.protocol(), payloads: (answer) => payloadsOf(Answer.anthropic(answer)), frame: sse },
  {
    protocol: Bedrock.protocol(),
    payloads: (answer) => payloadsOf(Answer.bedrock(answer)),
    frame: (text, random) => {
      const [, type = "x", body = text] = /^\{"(\w+)":(.*)\}$/s.exec(text) ?? []
      return frame(
        random.below(12) === 0
          ? random.pick<Readonly<Record<string, string>>>([
            { ":message-type": "exception", ":exception-type": type },
            { ":message-type": "error", ":error-code": type, ":error-message": body.slice(0, 1000) },
            { ":message-type": "event" }
          ])
          : { ":message-type": "event", ":event-type": type, ...json },
        body
      )
    }
  },
  {
    protocol: BedrockInvoke.protocol(),
    payloads: (answer) => payloadsOf(Answer.bedrockInvoke(answer)),
    frame: (text, random) =>
      frame(
        { ":message-type": "event", ":event-type": random.below(12) === 0 ? "x" : "chunk", ...json },
        random.below(12) === 0 ? text : JSON.stringify({ bytes: Base64.encode(text) })
      )
  }
]

const answers: readonly [Answer.Answer, ...ReadonlyArray<Answer.Answer>] = [
  Answer.make({
    content: "Hello, 🌍 wide \u2028 world!",
    reasoning: "Let me think.",
    usage: { inputTokens: 12, cachedTokens: 4, outputTokens: 9 }
  }),
  Answer.make({
    content: "A",
    toolCalls: [{ name: "f", arguments: "{\"a\":[1,{\"b\":\"}\"}]}" }, { name: "g", arguments: "" }]
  }),
  Answer.make({ refusal: "No.", finishReason: "content_filter" })
]

// What breaks programs: what is no number, no index, no id, no name, too deep, too wide or too long.
const numbers = ["0", "-1", "1.5", "1e999", "-0", "9007199254740993", "4294967296", "450.5", "1e-7"] as const
const texts = ["", "__proto__", "constructor", "\u0000\u001b[31m", "\ud800", "[DONE]", "null", "}", "{\"a\":"] as const

const odd = (random: Random): string => {
  switch (random.below(9)) {
    case 0:
    case 1:
      return random.pick(numbers)
    case 2:
    case 3:
      return JSON.stringify(random.pick(texts))
    case 4:
      return random.pick(["null", "true", "false", "{}", "[]", "[null]", "{\"\":null}"])
    case 5: {
      const levels = random.pick([3, 500, 600, 20_000])
      return "[".repeat(levels) + "]".repeat(levels)
    }
    case 6:
      return JSON.stringify("x".repeat(random.pick([10, 1000, 100_000])))
    case 7:
      return `[${Array.from({ length: random.pick([3, 300, 3000]) }, () => "{}").join(",")}]`
    default:
      return JSON.stringify({ [random.pick(texts)]: 1, type: "error", error: { message: "m", code: 1.5 } })
  }
}

const hole = "\u0001hole\u0001"

/** The payload's JSON with one value, chosen at random, replaced or left out. */
const mutateJson = (payload: Payload, random: Random): string => {
  let count = 0
  const measure = JSON.stringify(payload, (_, value) => {
    count++
    return value
  })
  if (measure === undefined) return odd(random)
  const at = random.below(count)
  const isGone = random.below(5) === 0
  let position = 0
  const text = JSON.stringify(payload, (_, value) => position++ === at ? isGone ? undefined : hole : value) ??
    odd(random)
  return text.replace(JSON.stringify(hole), () => odd(random))
}

const mutateBytes = (bytes: Uint8Array, random: Random): Uint8Array => {
  const at = random.below(bytes.length)
  switch (random.below(4)) {
    case 0: {
      const changed = bytes.slice()
      changed[at] = random.below(256)
      return changed
    }
    case 1:
      return bytes.slice(0, at)
    case 2:
      return Wire.concat([bytes.slice(0, at), bytes.slice(at + 1 + random.below(20))])
    default:
      return Wire.concat([bytes.slice(0, at), bytes.slice(random.below(at), at), bytes.slice(at)])
  }
}

const reorder = <A>(items: ReadonlyArray<A>, random: Random): ReadonlyArray<A> => {
  const at = random.below(items.length)
  const to = random.below(items.length)
  const item = items[at]
  if (item === undefined) return items
  const others = random.below(2) === 0 ? items : items.filter((_, i) => i !== at)
  return [...others.slice(0, to), item, ...others.slice(to)]
}

const bodyOf = (target: Target, random: Random): Uint8Array => {
  let payloads = target.payloads(random.pick(answers))
  while (random.below(3) === 0) payloads = reorder(payloads, random)
  const changed = new Set(Array.from({ length: random.below(4) }, () => random.below(payloads.length)))
  let body = Wire.concat(
    payloads.map((payload, i) =>
      target.frame(changed.has(i) ? mutateJson(payload, random) : JSON.stringify(payload), random)
    )
  )
  if (target.frame === sse && random.below(4) > 0) body = Wire.concat([body, sse("[DONE]", random)])
  while (random.below(3) === 0) body = mutateBytes(body, random)
  return body
}

const readsOf = (body: Uint8Array, random: Random): ReadonlyArray<Uint8Array> => {
  const reads: Array<Uint8Array> = []
  const size = random.pick([1, 7, 100, 5000])
  for (let at = 0; at < body.length;) {
    const end = at + 1 + random.below(size)
    reads.push(body.subarray(at, end))
    at = end
  }
  return reads
}

interface Decoded {
  readonly chunks: ReadonlyArray<Chunk.Chunk>
  readonly failure: ProviderError.Reason | undefined
}

const decode = (
  protocol: Protocol.Protocol<Chunk.Chunk>,
  reads: ReadonlyArray<Uint8Array>,
  framing: "body" | "lines"
): Decoded => {
  const decoder = protocol[framing]({ model: "m", requestId: "r" })
  const chunks: Array<Chunk.Chunk> = []
  for (const read of reads) {
    if (decoder.failure !== undefined || decoder.done) break
    chunks.push(...decoder.push(read))
  }
  if (decoder.failure === undefined && !decoder.done) chunks.push(...decoder.end())
  return { chunks, failure: decoder.failure }
}

const check: (condition: boolean, promise: string) => asserts condition = (condition, promise) => {
  if (!condition) throw new Error(promise)
}

const isReason = Schema.is(ProviderError.Reason)
const isResponse = Schema.is(ChatResponse.ChatResponse)

const use = (chunk: object): void => {
  for (
    let proto: object | null = chunk;
    proto !== null && proto !== Object.prototype;
    proto = Object.getPrototypeOf(proto)
  ) {
    for (const { get } of Object.values(Object.getOwnPropertyDescriptors(proto))) get?.call(chunk)
  }
}

/** Checks every promise on one body. */
const verify = (protocol: Protocol.Protocol<Chunk.Chunk>, body: Uint8Array, random: Random): void => {
  const framing = random.below(10) === 0 ? "lines" : "body"
  const whole = decode(protocol, [body], framing)
  const split = decode(protocol, readsOf(body, random), framing)
  const [first, second] = [JSON.stringify(whole), JSON.stringify(split)]
  check(first === second, `the reads' boundaries make no difference: ${first.slice(-500)} ${second.slice(-500)}`)
  const accumulator = ChatResponse.accumulator()
  const metadata = CostMetadata.accumulator()
  for (const chunk of whole.chunks) {
    use(chunk)
    accumulator.add(chunk)
    metadata.add(chunk)
    accumulator.response()
  }
  const response = accumulator.response()
  check(isResponse(response), "a response is valid by its schema")
  check(
    isDeepStrictEqual({ ...response }, { ...ChatResponse.fromChunks(whole.chunks) }),
    "responses on the way make no difference"
  )
  JSON.stringify(response)
  if (whole.failure !== undefined) {
    check(isReason(whole.failure), "a failure is one of the reasons")
    check(JSON.stringify(whole.failure).length < 70_000, "a failure is of bounded size")
    check(!whole.failure.message.includes("cannot be decoded"), `no decoder throws: ${whole.failure.message}`)
  }
  const stated = parseErrorBody(new TextDecoder().decode(body.subarray(0, 65_536)))
  if (stated !== undefined) {
    check(isReason(ProviderError.classify(stated, protocol.errors)), "an error body has a reason")
  }
  check(Object.keys(Object.prototype).length === 0, "no prototype is changed")
}

/** A recorded body, and how to decode it. */
export interface Recording {
  readonly protocol: Protocol.Protocol<Chunk.Chunk>
  readonly body: Uint8Array
}

/** Runs the case of a seed; throws when a promise is broken. */
export const run = (seed: number, recordings: ReadonlyArray<Recording> = []): void => {
  const random = new Random(seed)
  const recording = random.below(2) === 0 ? recordings[random.below(recordings.length)] : undefined
  if (recording !== undefined) {
    let body = recording.body
    do body = mutateBytes(body, random)
    while (random.below(3) === 0)
    return verify(recording.protocol, body, random)
  }
  const target = random.pick(targets)
  verify(target.protocol, bodyOf(target, random), random)
}

const folders: Readonly<Record<string, Protocol.Protocol<Chunk.Chunk>>> = {
  openai: OpenAi.protocol(),
  groq: Groq.protocol(),
  azure: AzureOpenAi.protocol(),
  "azure-inference": AzureInference.protocol(),
  anthropic: Anthropic.protocol(),
  bedrock: Bedrock.protocol(),
  "bedrock-invoke": BedrockInvoke.protocol()
}

/** The recordings below a directory with a folder for each provider; large ones are left out. */
export const recordingsIn = (directory: string): ReadonlyArray<Recording> =>
  Object.entries(folders).flatMap(([folder, protocol]) =>
    globSync(`${folder}/**/*.{sse,eventstream}`, { cwd: directory }).flatMap((file) => {
      const body = Uint8Array.from(readFileSync(`${directory}/${file}`))
      return body.length > 100_000 ? [] : [{ protocol, body }]
    })
  )

const isMain = process.argv[1] !== undefined && import.meta.url.endsWith("/bench/fuzz.ts") &&
  process.argv[1].endsWith("fuzz.ts")

if (isMain) {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "10" },
      seed: { type: "string", default: String(Date.now() % 1e9) },
      cases: { type: "string", default: "Infinity" },
      corpus: { type: "string" }
    }
  })
  const recordings = values.corpus === undefined ? [] : recordingsIn(values.corpus)
  const first = Number(values.seed)
  const end = performance.now() + 1000 * Number(values.seconds)
  let seed = first
  for (; performance.now() < end && seed - first < Number(values.cases); seed++) {
    try {
      run(seed, recordings)
    } catch (error) {
      console.error(`Broken by --seed ${seed} --cases 1:`, error)
      process.exit(1)
    }
  }
  console.log(`${seed - first} cases from seed ${first}, ${recordings.length} recordings: all promises held`)
}
