/**
 * How the work grows with the input: each case is run at sizes over two decades, and the exponent of its growth has to
 * be that of linear work, whatever a provider sends.
 *
 * Run: `node bench/growth.ts`. The tests run the same cases over smaller sizes.
 */
import { Effect, Redacted, Schema } from "effect"
import { Prompt } from "effect/ai"
import * as ChatEvent from "../src/ChatEvent.ts"
import * as Input from "../src/cli/batch/input.ts"
import { clean } from "../src/engine/redaction.ts"
import {
  Anthropic,
  AnthropicChunk,
  AzureOpenAi,
  Bedrock,
  ChatCompletions,
  ChatRequest,
  ChatResponse,
  type Chunk,
  Converse,
  Groq,
  Messages,
  OpenAi,
  OpenAiChunk,
  OpenAiResponses,
  OpenAiResponsesChunk,
  PromptTemplate,
  Protocol,
  ProviderError,
  StreamedObject
} from "../src/index.ts"
import * as PartialJson from "../src/PartialJson.ts"
import * as Parts from "../src/Parts.ts"
import * as PricingRefresh from "../src/PricingRefresh.ts"
import { claudeSchema } from "../src/protocols/request/claudeSchema.ts"
import * as JsonSchemas from "../src/protocols/request/schema.ts"
import * as ResponseParts from "../src/ResponseParts.ts"
import * as EventStream from "../src/wire/EventStream.ts"
import * as Sse from "../src/wire/Sse.ts"
import { type Case, cases as servers } from "./growthServers.ts"

const utf8 = new TextEncoder()

const repeat = <A>(count: number, make: (i: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, i) => make(i))

const bytesOf = (pieces: ReadonlyArray<string>): Uint8Array => utf8.encode(pieces.join(""))

const readsOf = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> =>
  repeat(Math.ceil(bytes.length / size), (i) => bytes.subarray(i * size, (i + 1) * size))

const event = (payload: object): string => `data: ${JSON.stringify(payload)}\n\n`

/** Decodes a body in reads of a size. */
const decode =
  <C>(protocol: Protocol.Protocol<C>, body: Uint8Array, readSize = 65_536, framing: "body" | "lines" = "body") =>
  () => {
    const decoder = protocol.body({}, framing === "lines" ? Protocol.lines : undefined)
    let chunks = 0
    for (const read of readsOf(body, readSize)) chunks += decoder.push(read).length
    return chunks + decoder.end().length
  }

const delta = (delta: object, index = 0) => ({ choices: [{ index, delta }] })

const text = { choices: [{ index: 0, delta: { content: " word" }, finish_reason: null }], id: "id", model: "model" }

const toolCall = (call: object) => delta({ tool_calls: [call] })

const openAi: (payload: object) => Chunk.Chunk = Schema.decodeUnknownSync(OpenAiChunk.FromPayload)

const frame = (payload: object, type = "contentBlockDelta") =>
  EventStream.encodeUnsafe({
    headers: { ":event-type": type, ":content-type": "application/json", ":message-type": "event" },
    body: utf8.encode(JSON.stringify(payload))
  })

const concat = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

/** Takes a response after every chunk, or only at the end. */
const accumulate = (chunks: ReadonlyArray<Chunk.Chunk>, every: boolean) => () => {
  const accumulator = ChatResponse.accumulator()
  let length = 0
  for (const chunk of chunks) {
    accumulator.add(chunk)
    if (every) length += accumulator.response().content.length
  }
  return length + accumulator.response().toolCalls.length
}

/** The parts of the stream, and of its response. */
const parts = (chunks: ReadonlyArray<Chunk.Chunk>) => () => {
  const decoder = Parts.chunkDecoder()
  let count = 0
  for (const chunk of chunks) count += decoder.push([chunk]).length
  return count + decoder.end().length + ResponseParts.encoded(ChatResponse.fromChunks(chunks)).length
}

/** The events of the stream. */
const events = (chunks: ReadonlyArray<Chunk.Chunk>) => () => {
  const decoder = ChatEvent.decoder()
  const out: Array<ChatEvent.ChatEvent> = []
  for (const chunk of chunks) decoder.push(chunk, out)
  decoder.end(out)
  return out.length
}

/** The lines of a batch's file. */
const linesOf = (file: Uint8Array): number => {
  let count = 0
  const read = (buffer: Uint8Array, position: number) => {
    const some = file.subarray(position, position + buffer.length)
    buffer.set(some)
    return some.length
  }
  for (const some of Input.pieces(read)) count += some.length
  return count
}

const responses: (payload: object) => Chunk.Chunk = Schema.decodeUnknownSync(OpenAiResponsesChunk.FromPayload)

const chunksOf: Readonly<Record<string, (size: number) => ReadonlyArray<Chunk.Chunk>>> = {
  "pieces of text": (size) => repeat(size, () => openAi(text)),
  "pieces of text, Anthropic": (size) =>
    repeat(size, () =>
      new AnthropicChunk({
        chunk: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "word" } }
      })),
  "pieces of text, Responses": (size) =>
    repeat(
      size,
      () => responses({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "a" })
    ),
  "calls, Responses": (size) =>
    repeat(size, (output_index) => {
      const item = { type: "function_call", call_id: `call_${output_index}`, name: "f", arguments: "{}" }
      return responses({ type: "response.output_item.added", output_index, item })
    }),
  "citations": (size) =>
    repeat(size, (i) => {
      const annotation = { type: "url_citation", url: `https://a.example/${i}`, title: "A" }
      return responses({ type: "response.output_text.annotation.added", output_index: 0, annotation })
    }),
  "pieces of a signature": (size) =>
    repeat(size, () =>
      new AnthropicChunk({
        chunk: { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "a" } }
      })),
  "choices": (size) => repeat(size, (index) => openAi(delta({ content: "a" }, index))),
  "choices, the last first": (size) => repeat(size, (i) => openAi(delta({ content: "a" }, size - i))),
  "finished choices": (size) => repeat(size, (index) => openAi({ choices: [{ index, finish_reason: "stop" }] })),
  "tool calls": (size) =>
    repeat(size, (i) => openAi(toolCall({ index: i, id: `call_${i}`, function: { name: "f", arguments: "{}" } }))),
  "tool calls without ids": (size) =>
    repeat(size, (i) => openAi(toolCall({ index: i, function: { name: "f", arguments: "{}" } }))),
  "tool calls at one index": (size) =>
    repeat(size, (i) => openAi(toolCall({ index: 0, id: `call_${i}`, function: { name: "f", arguments: "{}" } }))),
  "tool calls without ids or index": (size) =>
    repeat(size, () => openAi(toolCall({ function: { name: "f", arguments: "{}" } }))),
  "pieces of one call": (size) =>
    repeat(size, (i) => openAi(toolCall({ index: 0, id: "call", function: { arguments: `{"x":${i}}` } }))),
  "pieces of one call without an id, each of which looks like its end": (size) =>
    repeat(
      size,
      (i) => openAi(toolCall({ index: 0, function: { name: "f", arguments: i === 0 ? "{\"a\":[{}" : `,{"x":${i}}` } }))
    ),
  "pieces of audio": (size) => repeat(size, () => openAi(delta({ audio: { data: "AQID", transcript: "a" } })))
}

const stated = (table: ProviderError.Table, text: string) => (size: number) => {
  const message = text.repeat(Math.ceil(size / text.length))
  return () => ProviderError.classify({ message }, table)
}

/** Reads a text in pieces of ten characters, and takes a snapshot after each. */
const grow = (text: string) => () => {
  const parser = PartialJson.parser()
  let taken = 0
  let last: Schema.Json | undefined
  for (let at = 0; at < text.length; at += 10) {
    parser.push(text.slice(at, at + 10))
    const snapshot = parser.snapshot()
    if (snapshot !== last) taken++
    last = snapshot
  }
  return [taken, parser.end()]
}

const nested = (size: number, open: string, close: string): string =>
  Array.from({ length: Math.ceil(size / 512 / open.length) }, () => `${open.repeat(500)}1${close.repeat(500)}`).join(
    ","
  )

/** Reads an answer in pieces of ten characters as an object. */
const growObject = (schema: Schema.Codec<unknown, unknown>, text: string) => {
  const chunks = repeat(
    Math.ceil(text.length / 10),
    (i) => openAi(delta({ content: text.slice(10 * i, 10 * i + 10) }))
  )
  return () => {
    const decoder = StreamedObject.decoder(schema)
    let partials = 0
    for (const chunk of chunks) {
      decoder.add(chunk)
      if (decoder.partial() !== undefined) partials++
    }
    return [partials, Effect.runSyncExit(decoder.end)]
  }
}

/** JSON texts of about so many characters. */
const texts: Readonly<Record<string, (size: number) => string>> = {
  "a long string": (size) => JSON.stringify({ text: "word ".repeat(size / 5) }),
  "a string of escapes": (size) => `["${"\\ud83d\\ude00".repeat(size / 12)}"]`,
  "a list of objects": (size) =>
    JSON.stringify({ list: repeat(size / 50, (id) => ({ id, name: `n${id}`, tags: [] })) }),
  "a list of numbers": (size) => JSON.stringify(repeat(size / 7, (i) => i)),
  "an object of many keys": (size) => JSON.stringify(Object.fromEntries(repeat(size / 12, (i) => [`key${i}`, i]))),
  "deep lists": (size) => `[${nested(size, "[", "]")}]`,
  "deep objects": (size) => `[${nested(size, "{\"a\":", "}")}]`,
  "a long number": (size) => `[${"1".repeat(size)}]`,
  "space": (size) => `[${"\n ".repeat(size / 2)}]`
}

const Item = Schema.Struct({ id: Schema.Int, name: Schema.String, tags: Schema.Array(Schema.String) })

interface Tree {
  readonly next?: Tree
  readonly name: string
}

const Tree = Schema.Struct({
  next: Schema.optionalKey(Schema.suspend((): Schema.Codec<Tree> => Tree)),
  name: Schema.String
})

interface Choice {
  readonly child?: Choice
}

/** No tag tells its members apart. */
const Choice: Schema.Codec<Choice> = Schema.Union([
  Schema.Struct({ a: Schema.String, child: Schema.optionalKey(Schema.suspend(() => Choice)) }),
  Schema.Struct({ b: Schema.String, child: Schema.optionalKey(Schema.suspend(() => Choice)) }),
  Schema.Struct({ child: Schema.optionalKey(Schema.suspend(() => Choice)), c: Schema.optionalKey(Schema.String) })
])

/** Objects in one another, so many levels in all, with what is in the innermost one. */
const choices = (levels: number, leaf: string): string => {
  const deepest = Math.min(levels, 400)
  const value = `${"{\"other\":1,\"child\":".repeat(deepest)}${leaf}${"}".repeat(deepest)}`
  return `[${repeat(levels / deepest, () => value).join(",")}]`
}

/** Schemas, the smallest size, and JSON texts of about so many characters for them. */
const objects: Readonly<
  Record<string, readonly [schema: Schema.Codec<unknown, unknown>, size: number, make: (size: number) => string]>
> = {
  "a long string": [
    Schema.Struct({ text: Schema.String }),
    3_000,
    (size) => JSON.stringify({ text: "word ".repeat(size / 5) })
  ],
  "a long string that the schema does not have": [
    Schema.Struct({}),
    3_000,
    (size) => JSON.stringify({ text: "word ".repeat(size / 5) })
  ],
  "a list of objects": [
    Schema.Struct({ list: Schema.Array(Item) }),
    3_000,
    (size) => JSON.stringify({ list: repeat(size / 50, (id) => ({ id, name: `n${id}`, tags: [] })) })
  ],
  "a list of objects, one of two": [
    Schema.Array(Schema.Union([Schema.Struct({ id: Schema.String }), Item])),
    3_000,
    (size) => JSON.stringify(repeat(size / 50, (id) => ({ id, name: `n${id}`, tags: [] })))
  ],
  "a record": [
    Schema.Record(Schema.String, Schema.Int),
    3_000,
    (size) => JSON.stringify(Object.fromEntries(repeat(size / 12, (i) => [`key${i}`, i])))
  ],
  "levels of a union": [Schema.Array(Choice), 50, (size) => choices(size, "{\"b\":\"text\"}")],
  "levels of a union, the last one wrong": [
    Schema.Array(Choice),
    50,
    (size) => choices(size, "{\"a\":1,\"b\":1,\"c\":1}")
  ],
  "levels of a union, cut off in a text": [
    Schema.Array(Choice),
    50,
    (size) => choices(size, "{\"other\":\"text").replace(/}*]$/, "")
  ],
  "items that are all wrong": [
    Schema.Array(Schema.Union([Item, Tree])),
    3_000,
    (size) => JSON.stringify(repeat(size / 50, (id) => ({ id, name: id, tags: {} })))
  ],
  "a tuple as a transformer has it written": [
    Schema.TupleWithRest(Schema.Tuple([Schema.Int]), [Schema.Int]),
    3_000,
    (size) => JSON.stringify({ 0: 0, __rest__: repeat(size / 7, (i) => i) })
  ],
  "trees": [
    Schema.Array(Tree),
    3_000,
    (size) =>
      `[${
        repeat(size / 3000, () => `${"{\"next\":".repeat(150)}{"name":"x"}${",\"name\":\"x\"}".repeat(150)}`).join(",")
      }]`
  ]
}

const reference = (i: number) => ({ $ref: `#/$defs/d${i}` })

/** JSON Schemas of a size. */
const schemas: Readonly<Record<string, (size: number) => Schema.JsonObject>> = {
  "definitions, each used twice by the one before": (size) => ({
    type: "object",
    properties: { a: reference(0) },
    $defs: Object.fromEntries(repeat(size, (i) => {
      const properties = i + 1 < size ? { a: reference(i + 1), b: reference(i + 1) } : {}
      return [`d${i}`, { type: "object", properties, additionalProperties: false }]
    }))
  }),
  "references at the root": (size) => ({
    ...reference(0),
    $defs: Object.fromEntries(repeat(size, (i) => [`d${i}`, i + 1 < size ? reference(i + 1) : { type: "object" }]))
  }),
  "properties": (size) => ({
    type: "object",
    properties: Object.fromEntries(repeat(size, (i) => [`p${i}`, { type: "string" }])),
    required: repeat(size, (i) => `p${i}`),
    additionalProperties: false
  }),
  "levels": (size) => {
    // A thousand would come near to the end of the stack.
    const deepest = Math.min(size, 250)
    let schema: Schema.JsonObject = { type: "string" }
    for (let level = 0; level < deepest; level++) schema = { type: "array", items: schema }
    const names = repeat(size / deepest, (i) => `p${i}`)
    return {
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, schema])),
      required: names,
      additionalProperties: false
    }
  }
}

/** What is done with a JSON Schema before it is sent. */
const schemaWork: Readonly<Record<string, (schema: Schema.JsonObject) => unknown>> = {
  normalized: (schema) => ChatRequest.normalize({ prompt: "Hi", responseFormat: { schema } }),
  parameters: (schema) => JsonSchemas.parameters(schema, ""),
  strict: (schema) => JsonSchemas.strict(schema, ""),
  "for Claude": (schema) => claudeSchema(schema, "")
}

/** A schema whose parts are used twice at each level. */
const shared = (levels: number): Schema.Codec<unknown> => {
  let schema: Schema.Codec<unknown> = Schema.Struct({ leaf: Schema.String })
  for (let level = 0; level < levels; level++) schema = Schema.Struct({ a: schema, b: schema })
  return schema
}

const message = (text: string) => Prompt.makeMessage("user", { content: [Prompt.textPart({ text })] })

/** What a prompt is made of. */
const templates: Readonly<Record<string, (size: number) => PromptTemplate.Value>> = {
  "a text of many lines": (size) => "line\n".repeat(size),
  "a list": (size) => repeat(size, (i) => i),
  "a list of lists": (size) => repeat(size, (i) => [i]),
  "parts": (size) => repeat(size, () => Prompt.textPart({ text: "a" })),
  "a conversation": (size) => repeat(size, () => message("a"))
}

export const cases: ReadonlyArray<Case> = [
  ...Object.entries(schemas).flatMap(([name, make]) =>
    Object.entries(schemaWork).map(([work, run]): Case => ({
      name: `schema, ${work}: ${name}`,
      size: 10,
      prepare: (size) => {
        const schema = make(size)
        return () => run(schema)
      }
    }))
  ),
  {
    name: "schema, written: parts that are used twice",
    size: 5,
    prepare: (size) => () => ChatRequest.normalize({ prompt: "Hi", tools: [{ name: "f", parameters: shared(size) }] })
  },
  {
    name: "prices: the models of a list",
    size: 20,
    prepare: (size) => {
      const models = Object.fromEntries(repeat(size, (i) => [`model${i}`, { input: 1, output: 2 }]))
      const table = { provider: "openai", source: "a test", date: "2026-11-22", defaults: {}, models, names: {} }
      const text = JSON.stringify({ date: table.date, tables: [table] })
      return () => Effect.runSync(PricingRefresh.parse(text, "a test"))
    }
  },
  ...Object.entries(templates).map(([name, make]): Case => ({
    name: `template: ${name}`,
    size: 200,
    prepare: (size) => {
      const value = make(size)
      return () => PromptTemplate.prompt`SYSTEM: Be brief.\n${value}`
    }
  })),
  {
    name: "decode: events, in large reads",
    size: 500,
    prepare: (size) => decode(OpenAi.protocol(), bytesOf(repeat(size, () => event(text))))
  },
  {
    name: "decode: events, a few bytes a read",
    size: 20,
    prepare: (size) => decode(OpenAi.protocol(), bytesOf(repeat(size, () => event(text))), 3)
  },
  {
    name: "decode: the size of an event",
    size: 20_000,
    prepare: (size) => decode(OpenAi.protocol(), bytesOf([event(delta({ content: "x".repeat(size) }))]), 4096)
  },
  {
    name: "decode: the size of an event, byte by byte",
    size: 5_000,
    prepare: (size) => decode(OpenAi.protocol(), bytesOf([event(delta({ content: "x".repeat(size) }))]), 1)
  },
  {
    name: "decode: the lines of an event",
    size: 5_000,
    prepare: (size) => {
      const body = bytesOf(["data: {\"choices\":[\n", ...repeat(size, () => "data:\n"), "data: ]}\n\n"])
      return decode(OpenAi.protocol(), body)
    }
  },
  {
    name: "decode: comments",
    size: 5_000,
    prepare: (size) => decode(OpenAi.protocol(), bytesOf(repeat(size, () => ": ping\n\n")))
  },
  {
    name: "decode: the choices of an event",
    size: 500,
    prepare: (size) =>
      decode(OpenAi.protocol(), bytesOf([event({ choices: repeat(size, (index) => ({ index, delta: {} })) })]))
  },
  {
    name: "decode: the nesting of an event",
    size: 1_000,
    prepare: (size) => decode(OpenAi.protocol(), bytesOf([`data: {"x":${"[".repeat(size)}${"]".repeat(size)}}\n\n`]))
  },
  {
    name: "decode: an event that is no JSON",
    size: 20_000,
    prepare: (size) => decode(OpenAi.protocol(), bytesOf([`data: {"a":${"\"\\".repeat(size)}\n\n`]))
  },
  {
    name: "decode: the content blocks of a message",
    size: 500,
    prepare: (size) =>
      decode(
        Anthropic.protocol(),
        bytesOf(repeat(size, (index) =>
          event({ type: "content_block_start", index, content_block: { type: "text", text: "" } })))
      )
  },
  {
    name: "decode: frames",
    size: 500,
    prepare: (size) =>
      decode(
        Bedrock.protocol(),
        concat(repeat(size, () => frame({ contentBlockIndex: 0, delta: { text: "word" } })))
      )
  },
  {
    name: "decode: frames with headers that differ",
    size: 200,
    prepare: (size) => decode(Bedrock.protocol(), concat(repeat(size, (i) => frame({}, `type${i}`))))
  },
  {
    name: "decode: the size of a frame, a few bytes a read",
    size: 5_000,
    prepare: (size) => decode(Bedrock.protocol(), frame({ contentBlockIndex: 0, delta: { text: "x".repeat(size) } }), 7)
  },
  {
    name: "decode: the size of a line",
    size: 20_000,
    prepare: (size) =>
      decode(Groq.protocol(), bytesOf([JSON.stringify(delta({ content: "x".repeat(size) }))]), 512, "lines")
  },
  {
    name: "decode: lines, a few bytes a read",
    size: 50,
    prepare: (size) => decode(Groq.protocol(), bytesOf(repeat(size, () => `${JSON.stringify(text)}\n`)), 3, "lines")
  },
  {
    name: "Sse: the size of a comment, in small reads",
    size: 20_000,
    prepare: (size) => {
      const reads = readsOf(bytesOf([":", "x".repeat(size), "\n\n"]), 64)
      return () => {
        const decoder = Sse.decoder()
        for (const read of reads) decoder.push(read)
      }
    }
  },
  ...Object.entries(texts).map(([name, make]): Case => ({
    name: `partial JSON: ${name}, in pieces of ten characters`,
    size: 5_000,
    prepare: (size) => grow(make(size))
  })),
  ...Object.entries(objects).map(([name, [schema, size, make]]): Case => ({
    name: `object: ${name}, in pieces of ten characters`,
    size,
    prepare: (size) => growObject(schema, make(size))
  })),
  ...Object.entries(chunksOf).flatMap(([name, make]): ReadonlyArray<Case> => [
    { name: `accumulate: ${name}`, size: 100, prepare: (size) => accumulate(make(size), true) },
    { name: `response: ${name}`, size: 100, prepare: (size) => accumulate(make(size), false) },
    { name: `parts: ${name}`, size: 100, prepare: (size) => parts(make(size)) },
    { name: `events: ${name}`, size: 100, prepare: (size) => events(make(size)) }
  ]),
  {
    name: "batch: the lines of a file",
    size: 5_000,
    prepare: (size) => {
      const file = bytesOf(repeat(size, (i) => `{"id":"${i}"}\n`))
      return () => linesOf(file)
    }
  },
  {
    name: "batch: the length of a line",
    size: 100_000,
    prepare: (size) => {
      const file = utf8.encode("a".repeat(size))
      return () => linesOf(file)
    }
  },
  {
    name: "decode: the items of a response",
    size: 200,
    prepare: (size) => {
      const item = { type: "message", id: "msg", content: [{ type: "output_text", text: "a" }] }
      const done = (output_index: number) => event({ type: "response.output_item.done", output_index, item })
      const end = event({ type: "response.completed", response: { output: repeat(size, () => item) } })
      return decode(OpenAiResponses.protocol(), bytesOf([...repeat(size, done), end]))
    }
  },
  ...["sk-", "\\", "%25", "&quot;", "a", "c2st", "5c"].map((text): Case => ({
    name: `redact: ${text}`,
    size: 1_000,
    prepare: (size) => {
      const long = text.repeat(Math.ceil(size / text.length))
      return () => clean(long, [Redacted.make(`sk-${"a".repeat(40)}`), Redacted.make("\\".repeat(8))])
    }
  })),
  ...Object.entries({ ChatCompletions, AzureOpenAi, Messages, Converse, Groq }).flatMap(([name, { errors }]) =>
    ["triggering ", "content management policy ", "input is too long ", "prompt ", "a"].map((text): Case => ({
      name: `classify: ${name}, a message of ${JSON.stringify(text)}`,
      size: 10_000,
      prepare: stated(errors, text)
    }))
  ),
  ...servers
]

/** The CPU time of one run, in microseconds. That of a thread alone is counted too coarsely for short runs. */
const cost = async (run: () => unknown): Promise<number> => {
  const start = process.cpuUsage()
  await run()
  const { system, user } = process.cpuUsage(start)
  // The clock's own resolution.
  return Math.max(user + system, 50)
}

/** The multiple of a case's size up to which its work is looked at: two decades, so that a constant factor counts little. */
const decades = 100

/** What an exponent may be: sorting, garbage and caches count for something, but no work is quadratic. */
export const limit = 1.6

/**
 * The exponent of a case's growth: 1 for linear work, 2 for quadratic. It is that of two decades, or what it is from there
 * on where that is less: work that fits the caches in the small run looks steeper than it is, what is quadratic is so
 * further on as well. The large run is repeated while it is over the limit, for the machine may have been in the way once.
 */
export const exponent = async ({ prepare, size }: Case, multiple: number = decades): Promise<number> => {
  const small = prepare(size)
  const large = prepare(size * multiple)
  // Compiled before it is measured.
  for (let i = 0; i < 5; i++) await small()
  const least = await leastCost(small, 8)
  let found = Number.POSITIVE_INFINITY
  for (let round = 0; round < 4 && found > limit; round++) {
    found = Math.min(found, exponentOf(await cost(large) / least, multiple))
  }
  if (found <= limit) return found
  const further = await leastCost(prepare(size * multiple * 4), 2)
  return Math.min(found, exponentOf(further / await leastCost(large, 2), 4))
}

const exponentOf = (times: number, multiple: number): number => Math.log(times) / Math.log(multiple)

const leastCost = async (run: () => unknown, rounds: number): Promise<number> => {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < rounds; i++) least = Math.min(least, await cost(run))
  return least
}

const isMain = process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split(/[\\/]/).at(-1) ?? "-")

if (isMain) {
  console.log(`Node ${process.version}\n\n| case | size | exponent over two decades |\n|---|---:|---:|`)
  let failed = false
  for (const each of cases) {
    const found = await exponent(each)
    if (found > limit) failed = true
    console.log(`| ${each.name} | ${each.size} | ${found.toFixed(2)}${found > limit ? " (!)" : ""} |`)
  }
  if (failed) process.exitCode = 1
}
