/**
 * Background responses: they keep running when the connection breaks, so a stream can be resumed.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../../ChatRequest.ts"
import type { Caller } from "../../engine/caller.ts"
import * as Checks from "../../engine/checks.ts"
import { type Call, planCall } from "../../engine/planCall.ts"
import * as Protocol from "../../engine/protocol.ts"
import type { Started } from "../../engine/transport.ts"
import * as ProviderError from "../../errors/providerError.ts"
import type * as Provider from "../../Provider.ts"
import { isUnexplained } from "../../wire/fault.ts"
import * as JsonEvent from "../../wire/jsonEvent.ts"
import type { ResponsesChunk } from "./chunk.ts"
import type { ResponsesProtocol } from "./events.ts"
import type { Memory, Position, Remembered } from "./memory.ts"
import type { Response } from "./payload.ts"

/**
 * A host of the Responses API as a value.
 *
 * @category models
 * @since 0.2.0
 */
export interface Definition<C> extends Provider.Definition<C> {
  readonly protocol: ResponsesProtocol<C>
}

/**
 * The position to resume a background response at.
 *
 * @category models
 * @since 0.2.0
 */
export interface Resume extends Position {
  /** The requested model, for costs; for Azure, the deployment. Default: that of the layer. */
  readonly model?: string | undefined
  /** The `include` of the request; the rest of the stream needs it again: `reasoning.encrypted_content`, … */
  readonly include?: ReadonlyArray<string> | undefined
}

/**
 * How often a stream resumes by itself.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface ResumeOptions {
  /** Maximum number of times that one stream is resumed; `Infinity` for no limit. Default: 5. */
  readonly times?: number | undefined
  /**
   * The pause before each attempt. The schedule's input is the error that cut the stream off; when the schedule ends,
   * the stream fails. Default: half a second, doubled each time, with jitter.
   */
  readonly schedule?: Schedule.Schedule<unknown, ProviderError.ProviderError> | undefined
}

/**
 * What only a host does whose responses run in the background.
 *
 * @internal
 */
export interface Background<out C> {
  readonly resume: (from: Resume) => Chunks<C>
  /** A request whose stream resumes by itself. */
  readonly kept: (
    request: ChatRequest,
    options: ResumeOptions | undefined
  ) => Effect.Effect<Chunks<C>, ProviderError.ProviderError>
  /** The rest of a stream, which resumes by itself. */
  readonly resumed: (from: Resume, options: ResumeOptions | undefined) => Chunks<C>
  readonly cancel: (id: string) => Effect.Effect<Response, ProviderError.ProviderError>
}

/**
 * What every program of the wire has loaded. This module has it from there: bundlers put into a file of its own whatever is
 * imported by two that are not loaded together.
 *
 * @internal
 */
export interface Loaded {
  readonly at: (position?: Position) => Memory
  readonly response: Schema.Codec<Response>
}

/** @internal */
export const make = <C extends ResponsesChunk>(
  definition: Definition<C>,
  caller: Caller<C>,
  { at, response }: Loaded
): Background<C> => {
  const provider = definition.protocol.provider
  const check = JsonEvent.check(Schema.toType(response))
  const refuse = (message: string) => Checks.refused(provider, `${provider}: ${message}`)

  const call = <D>(call: Call<D>, clock?: Started) =>
    caller.send(Effect.suspend(() => Effect.fromResult(planCall(definition, call))), call, clock)

  const open = (position: Position, from: Omit<Resume, keyof Position>, clock?: Started) => {
    const refusal = refusalOf(position)
    return refusal !== undefined ? Stream.fail(refuse(refusal)) : call({
      method: "GET",
      address: (url) => {
        const address = below(url, position.id)
        address.searchParams.set("stream", "true")
        if (position.startingAfter !== undefined) {
          address.searchParams.set("starting_after", String(position.startingAfter))
        }
        for (const include of from.include ?? []) address.searchParams.append("include[]", include)
        return address
      },
      model: from.model,
      protocol: definition.protocol.resumed(position),
      hasContent: ({ hasOutput }) => hasOutput
    }, clock)
  }

  const continued = (
    chunks: Chunks<C>,
    memory: Memory,
    from: Omit<Resume, keyof Position>,
    options: ResumeOptions | undefined,
    clock: Started
  ) =>
    keep(provider, chunks, memory, options, (id, startingAfter) => {
      const position: Remembered = {
        id,
        startingAfter,
        memory: () => Object.assign(at(), structuredClone({ ...memory }))
      }
      return open(position, from, clock)
    })

  return {
    resume: (from) => open(from, from),
    kept: Effect.fnUntraced(function*(request, options) {
      const body = yield* caller.body(request)
      if (body["background"] !== true) {
        return yield* refuse(
          "only a background response can be resumed: the raw options of the request have no `background: true`"
        )
      }
      const clock = { at: undefined }
      const include = Array.isArray(body["include"]) ? body["include"].map(String) : undefined
      const from = { model: caller.service.target?.(request)?.model, include }
      return continued(caller.stream(request, clock), at(), from, options, clock)
    }),
    resumed: (from, options) => {
      const clock = { at: undefined }
      return continued(open(from, from, clock), at(from), from, options, clock)
    },
    cancel: (id) => {
      const refusal = refusalOf({ id })
      return refusal !== undefined ? Effect.fail(refuse(refusal)) : Stream.runHead(call({
        method: "POST",
        address: (url) => below(url, id, "/cancel"),
        model: undefined,
        protocol: wholeResponse(definition.protocol, check),
        hasContent: () => () => true
        // An empty body is a failure already.
      })).pipe(Effect.map(Option.getOrElse((): Response => ({}))))
    }
  }
}

/** The reason why a position can't be resumed at. */
const refusalOf = ({ id, startingAfter }: Position): string | undefined =>
  typeof id !== "string" || /^\.{0,2}$/.test(id)
    ? "`id` has to be the id of a response"
    : startingAfter !== undefined && !(Number.isSafeInteger(startingAfter) && startingAfter >= 0)
    ? `\`startingAfter\` has to be the number of an event, 0 or more and whole, not ${String(startingAfter)}`
    : undefined

const below = (url: URL, id: string, rest = ""): URL => {
  const address = new URL(url)
  address.pathname += `/${encodeURIComponent(id)}${rest}`
  return address
}

/** A body that is one response as JSON. */
const wholeResponse = <C>(
  { errors, failure, headers, provider }: Protocol.Protocol<C>,
  check: JsonEvent.Check<Response>
): Protocol.Protocol<Response> =>
  Protocol.make<string, Response>({
    provider,
    framing: {
      contentTypes: ["application/json"],
      make: () => {
        const utf8 = new TextDecoder()
        const pieces: Array<string> = []
        let size = 0
        return {
          push: (read) => {
            const piece = utf8.decode(read, { stream: true })
            size += piece.length
            if (size <= Protocol.maxLineSize) pieces.push(piece)
            return []
          },
          end: () => [[...pieces, utf8.decode()].join("")],
          get failure() {
            return size > Protocol.maxLineSize
              ? { message: `The body is longer than the limit of ${Protocol.maxLineSize} characters` }
              : undefined
          }
        }
      },
      fromLine: (line) => line
    },
    events: () => {
      let done = false
      return {
        event: (text, out) => {
          const json = JsonEvent.parse(text, 0)
          const response = json === undefined || isUnexplained(json) ? json : check(json, text, 0)
          if (isUnexplained(response)) return response
          if (response !== undefined) {
            done = true
            out.push(response)
          }
          return undefined
        },
        get done() {
          return done
        },
        end: () => new ProviderError.IncompleteStream({ message: "The body is empty where a response was expected" })
      }
    },
    errors,
    headers,
    failure
  })

const pauses = Schedule.jittered(Schedule.exponential("500 millis"))

type Chunks<C> = Stream.Stream<C, ProviderError.ProviderError>

const isCutOff = ({ reason }: ProviderError.ProviderError): boolean =>
  reason._tag === "Network" || reason._tag === "IncompleteStream" ||
  reason._tag === "Timeout" && reason.kind !== "total"

/** Whether the error concerns the resume alone, not the response itself. */
const isRefusal = ({ reason }: ProviderError.ProviderError): boolean =>
  reason._tag !== "MalformedEvent" && reason._tag !== "Timeout"

const tellRefusal = ({ provider, reason, status }: ProviderError.ProviderError): Effect.Effect<void> =>
  Effect.logWarning(
    `${provider}: the response can't be resumed: ${reason._tag}${status === undefined ? "" : ` (HTTP ${status})`}`
  )

/** Continues a stream that is cut off, as long as the options allow it. `memory` is of what came before it. */
const keep = <C extends ResponsesChunk>(
  provider: string,
  first: Chunks<C>,
  memory: Memory,
  options: ResumeOptions | undefined,
  rest: (id: string, startingAfter: number) => Chunks<C>
): Chunks<C> =>
  Stream.unwrap(Effect.gen(function*() {
    const { schedule = pauses, times: stated = 5 } = { ...options }
    const times = yield* Effect.mapError(
      Effect.fromResult(Checks.count("times", stated, { unlimited: true })),
      (message) => Checks.refused(provider, message)
    )
    const step = yield* Schedule.toStep(schedule)
    let emitted = false
    let resumes = 0
    const resumed = Effect.fnUntraced(function*(error: ProviderError.ProviderError) {
      const { id, number } = memory
      if (resumes >= times || id === undefined || number === undefined) return yield* Effect.fail(error)
      // Events with invalid numbers can't be resumed after.
      if (refusalOf({ id, startingAfter: number }) !== undefined) return yield* Effect.fail(error)
      const now = yield* Clock.currentTimeMillis
      const [, pause] = yield* Pull.catchDone(step(now, error), () => Effect.fail(error))
      resumes++
      yield* tell(error, { provider, id, number, resumes, pause })
      yield* Effect.sleep(pause)
      return kept(rest(id, number), error)
    })
    /** `cutOff` is the error that made the stream resume. */
    const kept = (chunks: Chunks<C>, cutOff?: ProviderError.ProviderError): Chunks<C> => {
      let isRefused = cutOff !== undefined
      return chunks.pipe(
        Stream.mapArray((chunks) => {
          emitted = true
          isRefused = false
          for (const { chunk } of chunks) memory.see(chunk)
          return chunks
        }),
        Stream.catch((error) =>
          isCutOff(error)
            ? Stream.unwrap(resumed(error))
            : isRefused && cutOff !== undefined && isRefusal(error)
            ? Stream.fromEffect(Effect.andThen(tellRefusal(error), Effect.fail(cutOff)))
            : Stream.fail(error)
        )
      )
    }
    return Stream.mapError(kept(first), (error) =>
      error.emitted === emitted
        ? error
        : new ProviderError.ProviderError({ provider: error.provider, reason: error.reason, emitted }))
  }))

const resumesMetric = Metric.counter("llm_stream_resumes", {
  description: "Streams of background responses that were resumed, by provider and reason",
  incremental: true
})

// Without the provider's own words, which a terminal may take for commands.
const tell = (
  error: ProviderError.ProviderError,
  at: {
    readonly provider: string
    readonly id: string
    readonly number: number
    readonly resumes: number
    readonly pause: Duration.Duration
  }
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { number, pause, provider, resumes } = at
    const reason = error.reason._tag
    yield* Metric.update(Metric.withAttributes(resumesMetric, { provider, reason }), 1)
    yield* Effect.logInfo(
      `${provider}: ${reason} after event ${number}, resume ${resumes} in ${Math.round(Duration.toMillis(pause))} ms`
    )
    const span = yield* Effect.option(Effect.currentSpan)
    const clock = yield* Clock.Clock
    if (Option.isSome(span)) {
      span.value.event("llm_stream.resume", clock.currentTimeNanosUnsafe(), {
        "error.type": reason,
        "gen_ai.response.id": at.id,
        "llm_stream.starting_after": number,
        "llm_stream.resumes": resumes
      })
    }
  })
