/**
 * Data from a model: asks the provider in context for JSON that fits a schema, in the way that its API supports, and
 * returns the data, partial while it grows and decoded by the schema at the end.
 *
 * @since 0.2.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Stream from "effect/Stream"
import { codecTransformer, instructions } from "./ai/dialect.ts"
import * as ChatRequest from "./ChatRequest.ts"
import { type ChatResponse, MaxSize } from "./ChatResponse.ts"
import * as ChunkStream from "./ChunkStream.ts"
import * as Cost from "./Cost.ts"
import * as CostMetadata from "./CostMetadata.ts"
import * as Checks from "./engine/checks.ts"
import * as ProviderError from "./errors/providerError.ts"
import { defined } from "./internal/defined.ts"
import { lines } from "./internal/schemaIssues.ts"
import * as Pricing from "./Pricing.ts"
import * as Provider from "./Provider.ts"
import * as StreamedObject from "./StreamedObject.ts"
import * as Usage from "./Usage.ts"

/**
 * How the model is asked for JSON that fits a schema:
 *
 * - `format`: with the API's own field for it (`responseFormat`)
 * - `tool`: with a tool that the model has to call, for models without such a field
 * - `instructions`: in words, for models that have neither
 *
 * @category configuration
 * @since 0.2.0
 */
export type Mode = "format" | "tool" | "instructions"

/**
 * What is asked: a chat request with a schema instead of a format and tools.
 *
 * @category models
 * @since 0.2.0
 */
export interface Request<T, E = T, RD = never, RE = never>
  extends Omit<ChatRequest.ChatRequest, "responseFormat" | "tools" | "toolChoice" | "parallelToolCalls">
{
  /** Schema of the data. Most APIs require an object. */
  readonly schema: Schema.ConstraintCodec<T, E, RD, RE>
  /** Name of the data, for the model. Default: the `identifier` of the schema, else `response`. */
  readonly name?: string | undefined
  /** What the data is, for the model. */
  readonly description?: string | undefined
  /** Default: `format`. */
  readonly mode?: Mode | undefined
  /**
   * Whether the provider should guarantee the schema, if it can. Default: `true` for OpenAI and Azure OpenAI; otherwise
   * the API's own default.
   */
  readonly strict?: boolean | undefined
  /**
   * How often an answer that is not JSON, or does not fit the schema, is sent back with what is wrong, so that the
   * model answers again. Each repair is another paid request. Default: 0.
   */
  readonly repairs?: number | undefined
}

/**
 * The last answer was not the requested data, and the model is asked to repair it: what follows belongs to a new
 * answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface Repair {
  readonly _tag: "Repair"
  /** 1 for the first repair. */
  readonly attempt: number
  /** What was wrong, with the answer. */
  readonly error: StreamedObject.ObjectError
}

/**
 * The data, with all responses, usage and cost.
 *
 * @category models
 * @since 0.2.0
 */
export interface Complete<out T> extends StreamedObject.Complete<T> {
  /** The earlier responses, each of which needed a repair. */
  readonly earlier: ReadonlyArray<ChatResponse>
  /** Of all responses together; `undefined` when none stated any. */
  readonly usage: Usage.Usage | undefined
  /** Of all responses together, at the prices of `Pricing`; `undefined` where the cost of one of them is not known. */
  readonly cost: Cost.Cost | undefined
}

/**
 * What {@link stream} emits: partial data, repairs, and the complete data as the last event.
 *
 * @category models
 * @since 0.2.0
 */
export type Event<T, E> = StreamedObject.PartialObject<E> | Repair | Complete<T>

/**
 * Asks for data and returns it when it is complete. Sends one request, and one more for each repair.
 *
 * Fails with the `ProviderError` of a request, or with an `ObjectError` that says what is wrong with the answer.
 *
 * @example
 * ```ts
 * import { OpenAi, StructuredOutput } from "effect-llm-stream"
 * import { Effect, Layer, Schema } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const Invoice = Schema.Struct({ number: Schema.String, total: Schema.Finite })
 *
 * const program = StructuredOutput.generate({ prompt: "Invoice 17: 119 euros", schema: Invoice }).pipe(
 *   Effect.map(({ value }) => value.total)
 * )
 *
 * const runnable = program.pipe(
 *   Effect.provide(OpenAi.layerConfig().pipe(Layer.provide(FetchHttpClient.layer)))
 * )
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const generate = <T, E, RD, RE>(
  request: Request<T, E, RD, RE>
): Effect.Effect<
  Complete<T>,
  ProviderError.ProviderError | StreamedObject.ObjectError,
  Provider.Provider | RD
> =>
  Effect.gen(function*() {
    const { ask, repairs, ...prepare } = yield* prepared(request)
    const maxSize = yield* MaxSize
    const earlier: Array<ChatResponse> = []
    let prompt: Prompt.Prompt = prepare.prompt
    while (true) {
      const decoder = StreamedObject.decoder(request.schema, { ...ask.reading, maxSize })
      yield* Stream.runForEachArray(ask.send(prompt, earlier), (chunks) =>
        Effect.suspend(() => {
          chunks.forEach(decoder.add)
          return decoder.failure === undefined ? Effect.void : Effect.fail(decoder.failure)
        }))
      const end = yield* Effect.result(decoder.end)
      if (Result.isSuccess(end)) return yield* completed(end.success, earlier)
      if (earlier.length >= repairs || !isRepairable(end.failure)) return yield* withEarlier(end.failure, earlier)
      earlier.push(end.failure.response)
      prompt = repaired(prompt, end.failure)
    }
  })

/**
 * Asks for data and streams it as it grows. Sends one request, and one more for each repair.
 *
 * Fails with the `ProviderError` of a request, or with an `ObjectError` that says what is wrong with the answer, after
 * the partial data that came before. Interrupting the stream, or taking only part of it, closes the connection.
 *
 * @example
 * ```ts
 * import { StructuredOutput } from "effect-llm-stream"
 * import { Console, Effect, Schema, Stream } from "effect"
 *
 * const Recipe = Schema.Struct({ title: Schema.String, steps: Schema.Array(Schema.String) })
 *
 * const program = StructuredOutput.stream({ prompt: "A recipe for bread", schema: Recipe, repairs: 1 }).pipe(
 *   Stream.runForEach((event) => {
 *     switch (event._tag) {
 *       case "Partial":
 *         return Console.log(event.value.title, event.value.steps?.length)
 *       case "Repair":
 *         return Console.log("again:", event.error.message)
 *       case "Complete":
 *         return Console.log(event.value.steps.join("\n"))
 *     }
 *   })
 * )
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const stream = <T, E, RD, RE>(
  request: Request<T, E, RD, RE>
): Stream.Stream<
  Event<T, E>,
  ProviderError.ProviderError | StreamedObject.ObjectError,
  Provider.Provider | RD
> =>
  Stream.unwrap(Effect.map(prepared(request), ({ ask, prompt, repairs }) => {
    const attempt = (
      prompt: Prompt.Prompt,
      earlier: ReadonlyArray<ChatResponse>
    ): Stream.Stream<Event<T, E>, ProviderError.ProviderError | StreamedObject.ObjectError, RD> =>
      ChunkStream.object(ask.send(prompt, earlier), request.schema, ask.reading).pipe(
        Stream.mapEffect((event): Effect.Effect<Event<T, E>> =>
          event._tag === "Partial" ? Effect.succeed(event) : completed(event, earlier)
        ),
        Stream.catchTag("ObjectError", (error) =>
          earlier.length >= repairs || !isRepairable(error)
            ? Stream.fail(withEarlier(error, earlier))
            : Stream.concat(
              Stream.make<[Repair]>({ _tag: "Repair", attempt: earlier.length + 1, error }),
              Stream.suspend(() => attempt(repaired(prompt, error), [...earlier, error.response]))
            ))
      )
    return attempt(prompt, [])
  }))

/**
 * A request for a list.
 *
 * @category models
 * @since 0.2.0
 */
export interface ElementsRequest<T, E = T, RD = never, RE = never> extends Omit<Request<T, E, RD, RE>, "repairs"> {
  /** Schema of an element. */
  readonly schema: Schema.ConstraintCodec<T, E, RD, RE>
}

/**
 * Asks for a list and streams its elements, each as soon as it is complete. Sends one request.
 *
 * Fails as {@link stream} does, after the elements that came before.
 *
 * @example
 * ```ts
 * import { StructuredOutput } from "effect-llm-stream"
 * import { Console, Schema, Stream } from "effect"
 *
 * const Task = Schema.Struct({ title: Schema.String, hours: Schema.Finite })
 *
 * const program = StructuredOutput.elements({ prompt: "Plan a garden", schema: Task }).pipe(
 *   Stream.runForEach(({ hours, title }) => Console.log(`${title}: ${hours} h`))
 * )
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const elements = <T, E, RD, RE>(
  request: ElementsRequest<T, E, RD, RE>
): Stream.Stream<T, ProviderError.ProviderError | StreamedObject.ObjectError, Provider.Provider | RD> =>
  Stream.unwrap(
    Effect.gen(function*() {
      const { schema, ...rest } = yield* known(request)
      // APIs take objects only.
      const { ask, prompt } = yield* prepared({ ...rest, schema: Schema.Struct({ elements: Schema.Array(schema) }) })
      return ChunkStream.elements(ask.send(prompt, []), schema, { ...ask.reading, path: ["elements"] })
    })
  )

/**
 * A schema, and how the model is asked for it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Asked<T, E = T, RD = never, RE = never>
  extends Pick<Request<T, E, RD, RE>, "schema" | "name" | "description" | "mode" | "strict" | "repairs">
{}

interface Ask {
  readonly send: (
    prompt: Prompt.Prompt,
    earlier: ReadonlyArray<ChatResponse>
  ) => ReturnType<Provider.Service["stream"]>
  /** How the answer is read. */
  readonly reading: StreamedObject.Options
}

interface Prepared {
  readonly ask: Ask
  readonly prompt: Prompt.Prompt
  readonly repairs: number
}

/** The request, with a schema. */
const known = <Asked extends { readonly schema: unknown }>(
  request: Asked
): Effect.Effect<Asked, ProviderError.ProviderError, Provider.Provider> =>
  Effect.flatMap(Provider.Provider, ({ name }) =>
    Effect.mapError(
      Effect.fromResult(Result.flatMap(
        Checks.copied(request, "request"),
        (request) => Result.map(schemaOf(request.schema), () => request)
      )),
      (message) => Checks.refused(name, message)
    ))

const schemaOf = <S>(schema: S) => Checks.given("schema", "a schema of Effect", () => schema, Schema.isSchema)

const prepared = <T, E, RD, RE>(
  request: Request<T, E, RD, RE>
): Effect.Effect<Prepared, ProviderError.ProviderError, Provider.Provider> =>
  Effect.gen(function*() {
    const provider = yield* Provider.Provider
    const { description, mode, name, schema, strict, ...rest } = yield* known(request)
    const { prompt, repairs, ...fields } = yield* Effect.mapError(
      Effect.fromResult(checked(rest)),
      (message) => Checks.refused(provider.name, message)
    )
    const { instructions, reading, tool, ...format } = yield* asking(
      provider,
      { description, mode, name, schema, strict }
    )
    const { system } = fields
    const asked = {
      ...format,
      ...(instructions === undefined
        ? undefined
        : { system: system === undefined ? instructions : `${system}\n\n${instructions}` })
    }
    const choice = tool === undefined ? undefined : { tools: [tool], toolChoice: { tool: tool.name } }
    return {
      repairs,
      prompt,
      ask: {
        send: (prompt, earlier) =>
          withSpent(Stream.mapError(provider.stream({ ...fields, ...asked, ...choice, prompt }), withHint), earlier),
        reading
      }
    }
  })

/**
 * The `responseFormat` of a plain chat request for data, and how its answer is read.
 *
 * @category models
 * @since 0.2.0
 */
export interface Format extends Pick<ChatRequest.ChatRequest, "responseFormat"> {
  /** The options of `ChunkStream.object` and `ChunkStream.elements` for the answer. */
  readonly reading: StreamedObject.Options
}

/**
 * A schema in the form in which the provider in context takes and guarantees it, for a chat request of your own: an optional
 * field is sent as one that may be `null`, a record as a list of pairs. `reading` decodes the answer back. Fails with an
 * `InvalidRequest` when the API can't express the schema.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider, StructuredOutput } from "effect-llm-stream"
 * import { Effect, Schema, Stream } from "effect"
 *
 * const Person = Schema.Struct({ name: Schema.String, born: Schema.optionalKey(Schema.Date) })
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   const { reading, responseFormat } = yield* StructuredOutput.format({ schema: Person })
 *   return yield* provider.stream({ prompt: "Who was Ada Lovelace?", responseFormat }).pipe(
 *     ChunkStream.object(Person, reading),
 *     Stream.runLast
 *   )
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const format = <T, E, RD, RE>(
  asked: Omit<Asked<T, E, RD, RE>, "mode" | "repairs">
): Effect.Effect<Format, ProviderError.ProviderError, Provider.Provider> =>
  Effect.flatMap(
    Provider.Provider,
    (provider) =>
      Effect.map(
        asking(provider, { ...asked, mode: "format" }),
        ({ reading, responseFormat }) => ({ reading, responseFormat })
      )
  )

/** What a request says to ask for an object, and how the answer is read. */
interface Asking extends Pick<ChatRequest.ChatRequest, "responseFormat"> {
  /** What the model is told besides. */
  readonly instructions?: string
  /** The tool that the model has to call. */
  readonly tool?: ChatRequest.ToolDefinition
  readonly reading: StreamedObject.Options
}

/**
 * How a provider is asked for an object.
 *
 * @internal
 */
export const asking = Effect.fnUntraced(function*<T, E, RD, RE>(
  provider: Provider.Service,
  asked: Omit<Asked<T, E, RD, RE>, "repairs">
): Effect.fn.Return<Asking, ProviderError.ProviderError> {
  const { description, mode: wanted = "format", schema, strict = provider.dialect?.strict } = asked
  const refuse = (message: string) => Checks.refused(provider.name, message)
  const mode = yield* Effect.mapError(
    Effect.fromResult(Checks.word("mode", wanted, ["format", "tool", "instructions"])),
    refuse
  )
  yield* Effect.mapError(Effect.fromResult(schemaOf(schema)), refuse)
  yield* Effect.mapError(Effect.fromResult(Checks.given("name", "a text", () => asked.name, Checks.isText)), refuse)
  const transformer = codecTransformer(provider)
  const written = tried(() => transformer(schema).jsonSchema)
  // Words can say any schema.
  const isPlain = mode === "instructions" && Result.isFailure(written)
  const jsonSchema = yield* Effect.mapError(
    Effect.fromResult(isPlain ? tried(() => ChatRequest.jsonSchemaOf(schema, "schema")) : written),
    (problem) => refuse(`schema: ${isPlain ? problem : `${problem}. ${takesAny}`}`)
  )
  if (!isJsonObject(jsonSchema)) return yield* refuse("schema: its JSON Schema holds more than JSON")
  const name = nameOf(asked)
  const format = defined({ name, description, strict })
  const reading = { codecTransformer: isPlain ? undefined : transformer }
  switch (mode) {
    case "format":
      return { reading, responseFormat: { ...format, schema: jsonSchema } }
    case "tool":
      return { reading: { ...reading, tool: name }, tool: { ...format, name, parameters: jsonSchema } }
    case "instructions":
      return { reading, instructions: instructions(jsonSchema) }
  }
})

const takesAny = "`mode: \"instructions\"` takes any schema"

/** Says which mode takes a schema that the provider's request format refuses. */
const withHint = (error: ProviderError.ProviderError): ProviderError.ProviderError =>
  error.reason._tag === "InvalidRequest" &&
    /(^|: )(responseFormat\.schema|tools\[0\]\.parameters)\b/.test(error.reason.message)
    ? Checks.refused(error.provider, `${error.reason.message}. ${takesAny}`)
    : error

/** What is thrown, without the name of the module that throws it. */
const tried = (write: () => unknown): Result.Result<unknown, string> =>
  Result.mapError(
    Result.try(write),
    (error) => (error instanceof Error ? error.message : String(error)).replace(/^\w+StructuredOutput: |\.$/g, "")
  )

const isJsonObject = Schema.is(Schema.JsonObject)

const checked = <Fields extends Pick<Request<unknown>, "prompt" | "repairs">>(
  { prompt, repairs = 0, ...fields }: Fields
) =>
  Result.gen(function*() {
    return {
      ...fields,
      // Read once: a repair needs it again.
      prompt: yield* Result.mapError(ChatRequest.promptOf(prompt), ({ message }) => message),
      repairs: yield* Checks.count("repairs", repairs)
    }
  })

const nameOf = ({ name, schema }: Pick<Request<unknown, unknown, unknown, unknown>, "name" | "schema">): string =>
  (name ?? SchemaAST.resolveIdentifier(schema.ast) ?? "response").replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64)

const completed = <T>(
  complete: StreamedObject.Complete<T>,
  earlier: ReadonlyArray<ChatResponse>
): Effect.Effect<Complete<T>> =>
  Effect.map(totals([...earlier, complete.response]), (totals) => ({ ...complete, earlier, ...totals }))

/** What responses used and cost together. */
const totals = (
  responses: ReadonlyArray<{
    readonly usage?: Usage.Usage | undefined
    readonly costMetadata: CostMetadata.CostMetadata
  }>
): Effect.Effect<{ readonly usage: Usage.Usage | undefined; readonly cost: Cost.Cost | undefined }> => {
  const usages = responses.flatMap(({ usage }) => usage === undefined ? [] : [usage])
  const stated = responses.filter(({ costMetadata }) => CostMetadata.isStated(costMetadata))
  return Effect.map(Effect.forEach(stated, ({ costMetadata }) => Effect.option(Pricing.cost(costMetadata))), (all) => {
    const costs = Arr.getSomes(all)
    return {
      usage: usages.length === 0 ? undefined : usages.reduce((sum, usage) => Usage.sum(sum, usage)),
      // A sum that leaves out what is not known would be too low.
      cost: costs.length < responses.length ? undefined : Cost.sumAll(costs)
    }
  })
}

/** A failure of the provider then says what all responses used, also the one that failed. */
const withSpent = (
  self: ReturnType<Provider.Service["stream"]>,
  earlier: ReadonlyArray<ChatResponse>
): ReturnType<Provider.Service["stream"]> =>
  Stream.suspend(() => {
    const metadata = CostMetadata.accumulator()
    let isSeen = false
    return self.pipe(
      Stream.map((chunk) => {
        isSeen = true
        metadata.add(chunk)
        return chunk
      }),
      Stream.catch((error) => {
        const stated = isSeen ? [{ usage: metadata.usage(), costMetadata: metadata.metadata() }] : []
        return Stream.fromEffect(Effect.flatMap(
          totals([...earlier, ...stated]),
          (totals) => Effect.fail(ProviderError.withSpent(error, totals))
        ))
      })
    )
  })

/** @internal */
export const withEarlier = (
  error: StreamedObject.ObjectError,
  earlier: ReadonlyArray<ChatResponse>
): StreamedObject.ObjectError =>
  earlier.length === 0
    ? error
    : new StreamedObject.ObjectError({ reason: error.reason, text: error.text, response: error.response, earlier })

/**
 * Whether the model can mend it: it knows no better when it refused, and was not done when it was cut off.
 *
 * @internal
 */
export const isRepairable = ({ reason }: StreamedObject.ObjectError): boolean =>
  reason._tag === "InvalidJson" || reason._tag === "SchemaMismatch"

/**
 * What a model is told that is to mend its answer.
 *
 * @internal
 */
export const correction = ({ reason }: StreamedObject.ObjectError): string => {
  const problems = reason._tag === "SchemaMismatch"
    ? lines(reason.issues)
    : [reason.message]
  return `This is not the JSON that was asked for:\n${
    problems.map((problem) => `- ${problem}`).join("\n")
  }\nAnswer again, with the whole JSON, corrected, and nothing else.`
}

/** The conversation with an answer, and with what is wrong with it. */
const repaired = (prompt: Prompt.RawInput, error: StreamedObject.ObjectError): Prompt.Prompt =>
  Prompt.fromMessages([
    ...Prompt.make(prompt).content,
    Prompt.assistantMessage({ content: [Prompt.textPart({ text: error.text })] }),
    Prompt.userMessage({ content: [Prompt.textPart({ text: correction(error) })] })
  ])
