/**
 * Streams that no provider should send: what is generated, or recorded, is changed in bytes, in JSON and in order, cut
 * into reads of any size and decoded. Whatever comes, the promises of `docs/reliability.md` hold.
 *
 * Run: `npm run fuzz -- --seconds 60 --seed 1`. A failure names the seed of its case: `npm run fuzz -- --seed S --cases 1`
 * runs it alone. With `--corpus DIR` recorded streams are changed as well. The tests run some cases each time.
 *
 * Then the properties of the tests are tried with that seed: `LLM_STREAM_SEED=S npx vitest run FILE` tries those of a file
 * again. Without `--seed` it is a random one.
 */
import { Effect, Redacted, Result, Schema } from "effect"
import * as Base64 from "effect/encoding/Base64"
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { isDeepStrictEqual, parseArgs } from "node:util"
import { line } from "../src/cli/json.ts"
import { clean } from "../src/engine/reason.ts"
import { parseErrorBody } from "../src/engine/seldom.ts"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  BedrockInvoke,
  ChatRequest,
  ChatResponse,
  type Chunk,
  CostMetadata,
  Groq,
  OpenAi,
  OpenAiResponses,
  Protocol,
  type Provider,
  ProviderError,
  RequestFormat
} from "../src/index.ts"
import * as Parts from "../src/Parts.ts"
import { Answer, Wire } from "../src/testing.ts"
import * as EventStream from "../src/wire/EventStream.ts"
import { tableOf } from "../src/wire/explain.ts"
import * as Sse from "../src/wire/Sse.ts"

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
  readonly payloads: (answer: Answer.Answer, random: Random) => ReadonlyArray<Payload>
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

// The Responses API tells by type what an item is and what became of it: each has events that no other has.
const itemTypes = [
  "message",
  "reasoning",
  "function_call",
  "custom_tool_call",
  "web_search_call",
  "file_search_call",
  "code_interpreter_call",
  "image_generation_call",
  "mcp_call",
  "mcp_list_tools",
  "mcp_approval_request",
  "tool_search_call",
  "tool_search_output",
  "shell_call",
  "shell_call_output",
  "local_shell_call",
  "apply_patch_call",
  "apply_patch_call_output",
  "computer_call",
  "compaction",
  "type_to_come"
] as const

const itemOf = (type: typeof itemTypes[number], id: string) => ({
  type,
  id,
  call_id: `call_${id}`,
  name: "f",
  status: "completed",
  arguments: "{\"a\":1}",
  input: "text",
  output: type.endsWith("call_output") ? [{ type: "logs", logs: "x" }] : "y",
  action: { type: "search", query: "q", command: ["ls"] },
  operation: { type: "update_file", path: "p", diff: "d" },
  queries: ["q"],
  code: "1 + 1",
  result: "AQID",
  server_label: "s",
  tools: [{ name: "f" }],
  encrypted_content: "e",
  summary: type === "reasoning" ? [{ type: "summary_text", text: "s" }] : [],
  content: type === "message"
    ? [
      {
        type: "output_text",
        text: "a",
        annotations: [{ type: "url_citation", url: "https://a.example/", title: "t", start_index: 0, end_index: 1 }]
      },
      { type: "refusal", refusal: "b" }
    ]
    : [{ type: "reasoning_text", text: "c" }]
})

const pieceTypes = [
  "output_text",
  "refusal",
  "reasoning_text",
  "reasoning_summary_text",
  "function_call_arguments",
  "custom_tool_call_input",
  "mcp_call_arguments",
  "code_interpreter_call_code",
  "audio",
  "audio.transcript",
  "type_to_come"
] as const

/** A response with items of any type, announced, in pieces and whole, or only some of that. */
const responsesPayloads = (random: Random): ReadonlyArray<Payload> => {
  const events: Array<Record<string, unknown>> = []
  const output: Array<unknown> = []
  const response = { id: "resp", model: "m", status: "in_progress", output: [] }
  if (random.below(4) > 0) events.push({ type: "response.created", response })
  for (let index = 0; index <= random.below(4); index++) {
    const place = { output_index: random.below(8) === 0 ? random.pick([0, -1, 1e9]) : index, item_id: `item_${index}` }
    const item = itemOf(random.pick(itemTypes), place.item_id)
    output.push(item)
    if (random.below(3) > 0) events.push({ type: "response.output_item.added", ...place, item })
    for (let count = random.below(4); count > 0; count--) {
      const type = `response.${random.pick(pieceTypes)}`
      const at = { ...place, content_index: random.below(3), summary_index: random.below(3) }
      if (random.below(4) > 0) events.push({ type: `${type}.delta`, ...at, delta: "AQ==" })
      if (random.below(2) > 0) {
        events.push({ type: `${type}.done`, ...at, text: "t", refusal: "r", arguments: "{}", input: "i" })
      }
      if (random.below(4) === 0) {
        const part = { type: random.pick(["output_text", "refusal", "summary_text", "type_to_come"]), text: "p" }
        const kind = random.pick(["content_part", "reasoning_summary_part"])
        events.push({ type: `response.${kind}.${random.pick(["added", "done"])}`, ...at, part })
      }
    }
    if (random.below(4) > 0) events.push({ type: "response.output_item.done", ...place, item })
  }
  const end = random.pick(["completed", "completed", "incomplete", "failed", "in_progress"])
  events.push({
    type: `response.${end}`,
    response: {
      ...response,
      status: end,
      output: random.below(2) === 0 ? output : [],
      usage: { input_tokens: 3, output_tokens: 4, input_tokens_details: { cached_tokens: 1 } },
      ...(end === "incomplete" ? { incomplete_details: { reason: "max_output_tokens" } } : undefined),
      ...(end === "failed" ? { error: { code: "server_error", message: "m" } } : undefined)
    }
  })
  const first = random.pick([0, 7])
  return random.below(3) === 0
    ? events
    : events.map((event, i) => ({ ...event, sequence_number: i + (random.below(40) === 0 ? 0 : first) }))
}

const targets: readonly [Target, ...ReadonlyArray<Target>] = [
  { protocol: OpenAi.protocol(), payloads: (answer) => payloadsOf(Answer.openai(answer)), frame: sse },
  { protocol: Groq.protocol(), payloads: (answer) => payloadsOf(Answer.groq(answer)), frame: sse },
  { protocol: AzureOpenAi.protocol(), payloads: (answer) => payloadsOf(Answer.azure(answer)), frame: sse },
  { protocol: AzureInference.protocol(), payloads: (answer) => payloadsOf(Answer.azure(answer)), frame: sse },
  { protocol: Anthropic.protocol(), payloads: (answer) => payloadsOf(Answer.anthropic(answer)), frame: sse },
  { protocol: OpenAiResponses.protocol(), payloads: (_, random) => responsesPayloads(random), frame: sse },
  {
    protocol: AzureResponses.protocol(),
    payloads: (answer, random) =>
      random.below(2) === 0 ? payloadsOf(Answer.azureResponses(answer)) : responsesPayloads(random),
    frame: sse
  },
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

const bodyOf = (target: Target, payloadsOf: ReadonlyArray<Payload>, random: Random): Uint8Array => {
  let payloads = payloadsOf
  while (random.below(3) === 0) payloads = reorder(payloads, random)
  const changed = new Set(Array.from({ length: random.below(4) }, () => random.below(payloads.length)))
  const body = Wire.concat(
    payloads.map((payload, i) =>
      target.frame(changed.has(i) ? mutateJson(payload, random) : JSON.stringify(payload), random)
    )
  )
  return target.frame === sse && random.below(4) > 0 ? Wire.concat([body, sse("[DONE]", random)]) : body
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
  const decoder = protocol.body({ model: "m", requestId: "r" }, framing === "lines" ? Protocol.lines : undefined)
  const chunks: Array<Chunk.Chunk> = []
  for (const read of reads) {
    if (decoder.failure !== undefined || decoder.done) break
    chunks.push(...decoder.push(read))
  }
  if (decoder.failure === undefined && !decoder.done) chunks.push(...decoder.end())
  const { failure } = decoder
  return { chunks, failure: failure && Effect.runSync(Protocol.reason(failure)) }
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

const definitions: ReadonlyArray<Provider.Definition<Chunk.Chunk>> = [
  OpenAi.define({}),
  OpenAiResponses.define({}),
  Anthropic.define({}),
  Groq.define({}),
  Bedrock.define({ region: "us-east-1" }),
  BedrockInvoke.define({ region: "us-east-1" }),
  AzureOpenAi.define({ endpoint: "https://a.example" }),
  AzureResponses.define({ endpoint: "https://a.example" }),
  AzureInference.define({ endpoint: "https://a.example" })
]

const [format, ...others] = await Promise.all(
  definitions.map(({ format }) => Effect.runPromise(RequestFormat.load(format)))
)
check(format !== undefined, "there are formats")
const formats = [format, ...others] as const

// With the first failures they would be loaded while a case waits, and so would Claude's for Bedrock, by the first that it states.
const claude = BedrockInvoke.protocol().body({})
const stated = Base64.encode("{\"type\":\"error\",\"error\":{\"message\":\"m\"}}")
claude.push(frame({ ":message-type": "event", ":event-type": "chunk" }, JSON.stringify({ bytes: stated })))
check(claude.failure !== undefined, "an error is a failure")
await Effect.runPromise(Protocol.reason(claude.failure))
await Promise.all(targets.map(({ protocol }) => Effect.runPromise(tableOf(protocol.errors))))

/** Checks what is said of the content as parts, of the stream and of the response, and as a message of the next request. */
const verifyParts = (
  { chunks, failure }: Decoded,
  response: ChatResponse.ChatResponse,
  random: Random
): void => {
  const decoder = Parts.chunkDecoder()
  const parts = [...decoder.push(chunks), ...failure === undefined ? decoder.end() : decoder.cut()]
  const open = new Set<string>()
  const seen = new Set<string>()
  for (const part of parts) {
    Parts.fromEncoded(part)
    const [, kind, step] = /^(text|reasoning|tool-params)-(start|delta|end)$/.exec(part.type) ?? []
    if (kind === undefined || !("id" in part)) continue
    const block = `${kind} ${part.id}`
    if (step === "start") {
      check(!seen.has(String(part.id)), "the ids of blocks are unique")
      seen.add(String(part.id))
      open.add(block)
    }
    check(open.has(block), "pieces are between the start and the end of their block")
    if (step === "end") open.delete(block)
  }
  if (failure === undefined) {
    check(open.size === 0, "all blocks end")
    check(["finish", "error"].includes(parts.at(-1)?.type ?? ""), "the finish is last")
  }
  check(parts.filter(({ type }) => type === "finish").length <= 1, "there is one finish")
  line({ parts })
  check(Array.isArray(response.parts), "a response has parts")
  const { message } = response
  if (random.below(4) === 0) {
    const prompt = [{ role: "user", content: [{ type: "text", text: "a" }] }, message] as const
    const format = random.pick(formats)
    JSON.stringify(Result.flatMap(ChatRequest.normalize({ prompt }), (request) => format.encode(request, "m")))
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
  line(response)
  verifyParts(whole, response, random)
  if (whole.failure !== undefined) {
    check(isReason(whole.failure), "a failure is one of the reasons")
    check(JSON.stringify(whole.failure).length < 70_000, "a failure is of bounded size")
    check(!whole.failure.message.includes("cannot be decoded"), `no decoder throws: ${whole.failure.message}`)
    const { message } = whole.failure
    const secret = message.slice(random.below(message.length)).slice(0, 40)
    const shown = clean(whole.failure, [Redacted.make(secret)])
    check(isReason(shown), "a failure without secrets is one of the reasons")
    check(
      secret.length < 4 || "<redacted>".includes(secret) || !shown.message.includes(secret),
      `a failure shows no secret: ${JSON.stringify([message, secret, shown.message])}`
    )
  }
  const stated = parseErrorBody(new TextDecoder().decode(body.subarray(0, 65_536)))
  if (stated !== undefined) {
    const table = Effect.runSync(tableOf(protocol.errors))
    check(isReason(ProviderError.classify(stated, table)), "an error body has a reason")
  }
  check(Object.keys(Object.prototype).length === 0, "no prototype is changed")
}

/** A recorded body, and how to decode it. */
export interface Recording {
  readonly target: Target
  readonly body: Uint8Array
  /** Its events, where it could be read. */
  readonly payloads: ReadonlyArray<Payload>
}

const mutated = (body: Uint8Array, random: Random, least: number): Uint8Array => {
  let mutated = body
  for (let i = 0; i < least || random.below(3) === 0; i++) mutated = mutateBytes(mutated, random)
  return mutated
}

/** Runs the case of a seed; throws when a promise is broken. */
export const run = (seed: number, recordings: ReadonlyArray<Recording> = []): void => {
  const random = new Random(seed)
  const recording = random.below(2) === 0 ? recordings[random.below(recordings.length)] : undefined
  const { protocol } = recording?.target ?? random.pick(targets)
  const target = targets.find((target) => target.protocol === protocol) ?? targets[0]
  if (recording !== undefined && (recording.payloads.length === 0 || random.below(2) === 0)) {
    return verify(protocol, mutated(recording.body, random, 1), random)
  }
  const payloads = recording?.payloads ?? target.payloads(random.pick(answers), random)
  verify(protocol, mutated(bodyOf(target, payloads, random), random, 0), random)
}

const folders: ReadonlyArray<string> = [
  "openai",
  "groq",
  "azure",
  "azure-inference",
  "anthropic",
  "openai-responses",
  "azure-responses",
  "bedrock",
  "bedrock-invoke"
]

const parsed = (text: string): Payload => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const recordedPayloads = (body: Uint8Array, isSse: boolean): ReadonlyArray<Payload> => {
  if (isSse) {
    const decoder = Sse.decoder()
    return [...decoder.push(body), ...decoder.end()].flatMap(({ data }) => parsed(data) ?? [])
  }
  return EventStream.decodeAll(body).messages.flatMap(({ body, headers }) => {
    const json = parsed(new TextDecoder().decode(body))
    const type = headers[":event-type"]
    if (type !== "chunk") return json === undefined || type === undefined ? [] : [{ [type]: json }]
    const bytes = typeof json === "object" && json !== null && "bytes" in json ? json.bytes : undefined
    return typeof bytes === "string" ? parsed(Buffer.from(bytes, "base64").toString()) ?? [] : []
  })
}

/** The recordings below a directory with a folder for each provider; large ones are left out. */
export const recordingsIn = (directory: string): ReadonlyArray<Recording> =>
  folders.flatMap((folder, i) => {
    const target = targets[i]
    if (target === undefined) return []
    return readdirSync(`${directory}/${folder}`, { recursive: true, encoding: "utf8" }).flatMap((file) => {
      if (!/\.(sse|eventstream)$/.test(file)) return []
      const body = Uint8Array.from(readFileSync(`${directory}/${folder}/${file}`))
      return body.length > 100_000
        ? []
        : [{ target, body, payloads: recordedPayloads(body, file.endsWith(".sse")) }]
    })
  })

const isMain = /fuzz\.\w+$/.test(process.argv[1] ?? "") &&
  import.meta.url.endsWith(`/${basename(process.argv[1] ?? "")}`)

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
  if (values.cases === "Infinity") {
    const files = readdirSync("test", { recursive: true, encoding: "utf8" }).map((file) => `test/${file}`)
      .filter((file) => file.endsWith(".test.ts") && readFileSync(file, "utf8").includes(".prop("))
    console.log(`Properties with LLM_STREAM_SEED=${first}`)
    const { status } = spawnSync("npx", ["vitest", "run", "--reporter=minimal", ...files], {
      env: { ...process.env, LLM_STREAM_SEED: String(first) },
      stdio: "inherit"
    })
    process.exit(status ?? 1)
  }
}
