/**
 * The events of an answer for a browser, as server-sent events: what a server sends, and what a client reads.
 *
 * Text, reasoning, refusals, sound, files, sources, tool calls and the end are sent. Prices and the results of tools
 * stay on the server unless the options ask for them; the conversation always does.
 *
 * @since 0.2.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChatEvent from "./ChatEvent.ts"
import * as Given from "./content/given.ts"
import { type Cost, toJson } from "./Cost.ts"
import * as Checks from "./engine/checks.ts"
import { isProviderError } from "./errors/providerError.ts"
import { lazy } from "./internal/lazy.ts"
import { logged, plain, tagOf } from "./internal/sent.ts"
import type * as StreamedObject from "./StreamedObject.ts"
import type * as StructuredOutput from "./StructuredOutput.ts"
import type * as ToolLoop from "./ToolLoop.ts"
import { Usage } from "./Usage.ts"
import * as Sse from "./wire/Sse.ts"

const totals = {
  /** Absent where the provider stated none. */
  usage: Schema.optionalKey(Usage),
  /** USD. Absent unless costs are asked for, and where the price of the model is not known. */
  cost: Schema.optionalKey(Schema.Finite)
}

/**
 * Schema of the end of a response, as it is sent.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Finish = Schema.Struct({ ...ChatEvent.Finish.fields, ...totals }).annotate({
  identifier: "ServerSentFinish"
})

/**
 * The end of a response, as it is sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface Finish extends Schema.Schema.Type<typeof Finish> {}

/**
 * Schema of the end of a `ToolLoop`, as it is sent: without the conversation.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Done = Schema.TaggedStruct("Done", {
  /** Why the loop ended, see `ToolLoop.DoneReason`. */
  reason: Schema.String,
  /** Number of responses. */
  steps: Schema.Natural,
  ...totals
}).annotate({ identifier: "ServerSentDone" })

/**
 * The end of a `ToolLoop`, as it is sent: without the conversation.
 *
 * @category models
 * @since 0.2.0
 */
export interface Done extends Schema.Schema.Type<typeof Done> {}

/**
 * Schema of a failure, as it is sent.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Failure = Schema.TaggedStruct("Failure", {
  /** The tag of the reason, such as `RateLimited`. Messages stay on the server: they may not be meant for users. */
  reason: Schema.String,
  /** Seconds after which the provider asks to try again; absent where it does not say. */
  retryAfter: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "ServerSentFailure" })

/**
 * A failure, as it is sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface Failure extends Schema.Schema.Type<typeof Failure> {}

/**
 * An event as it is sent, told apart by `_tag`.
 *
 * @category models
 * @since 0.2.0
 */
export type ServerSentEvent = Exclude<ChatEvent.ChatEvent, ChatEvent.Finish> | Finish | Done | Failure

const members = [...ChatEvent.contents, Finish, Done, Failure] as const

/**
 * Schema of an event as it is sent.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ServerSentEvent: Schema.Codec<ServerSentEvent, unknown> = Schema.Union(members)

/**
 * The options of {@link encode}.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** Whether the results of tools are sent. Default: `false`. */
  readonly toolResults?: boolean | undefined
  /** Whether `Finish` and `Done` state the cost. Default: `false`. */
  readonly costs?: boolean | undefined
  /** How often a comment is sent, so that proxies keep the connection open. Default: 15 seconds. */
  readonly heartbeat?: Duration.Input | undefined
}

/** What a response, or a loop with or without an output, emits. */
type Event = ToolLoop.Event | StreamedObject.ObjectEvent<unknown, unknown> | StructuredOutput.Repair

/**
 * The body of a response of type `text/event-stream`. Each event is named after its `_tag` and has its JSON as data; the
 * last one is `End`. The steps of a `ToolLoop` and its output stay on the server.
 *
 * A failure is logged as a warning, and becomes a {@link Failure} before the end. Values that JSON can't hold
 * are sent as text (`NaN`, `1n`) or left out (functions).
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider, ServerSentEvents } from "effect-llm-stream"
 * import { Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 *
 * const chat = (prompt: string) =>
 *   Effect.map(Provider.Provider, ({ stream }) =>
 *     HttpServerResponse.stream(
 *       ServerSentEvents.encode(ChunkStream.events(stream({ prompt }))),
 *       ServerSentEvents.responseOptions
 *     ))
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const encode = <E, R>(
  self: Stream.Stream<Event, E, R>,
  options: Options = {}
): Stream.Stream<Uint8Array, never, R> => {
  const known = checked(options)
  const heartbeat = Result.isSuccess(known) ? known.success.heartbeat : Duration.infinity
  const refused = (message: string) => Checks.refused("ServerSentEvents", message)
  const shown: Stream.Stream<string, unknown, R> = Result.match(known, {
    onFailure: (message) => Stream.fail(refused(message)),
    onSuccess: (options) =>
      Stream.suspend(() => {
        let isBroken = false
        return Given.streamOf(self).pipe(
          Stream.map((event) => {
            const text = Result.getOrUndefined(Result.try(() => written(sent(event, options))))
            isBroken = text === undefined
            return text ?? ""
          }),
          Stream.takeUntil(() => isBroken),
          Stream.filter((text) => text !== ""),
          Stream.concat(Stream.suspend(() =>
            isBroken
              ? Stream.fail(refused("an event of the stream can't be sent: it is none, or it threw"))
              : Stream.empty
          ))
        )
      })
  })
  const events = shown.pipe(
    Stream.tapError(logged),
    Stream.catch((error) => Stream.make(written(failureOf(error)))),
    Stream.concat(Stream.make(Sse.encode({ event: "End", data: `{"_tag":"End"}` })))
  )
  return Stream.encodeText(
    Duration.isFinite(heartbeat)
      ? Stream.merge(events, Stream.as(Stream.drop(Stream.tick(heartbeat), 1), ":\n\n"), { haltStrategy: "left" })
      : events
  )
}

const checked = (options: Options) =>
  Result.gen(function*() {
    const { heartbeat = Duration.seconds(15), ...chosen } = yield* Checks.copied(options)
    return { ...chosen, heartbeat: yield* Checks.duration("heartbeat", heartbeat) }
  })

/**
 * Headers that keep proxies from buffering the events.
 *
 * @category constants
 * @since 0.2.0
 */
export const headers = { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" } as const

/**
 * The type of the body and the {@link headers}, as `HttpServerResponse.stream` takes them.
 *
 * @category constants
 * @since 0.2.0
 */
export const responseOptions = { contentType: "text/event-stream", headers } as const

const sent = (event: Event, { costs = false, toolResults = false }: Options): ServerSentEvent | undefined => {
  switch (event._tag) {
    case "Finish": {
      const { cost, ...rest } = event
      return { ...rest, ...(costs ? spent(cost) : undefined) }
    }
    case "Done": {
      const { _tag, cost, reason, steps, usage } = event
      return { _tag, reason, steps, ...(usage && { usage }), ...(costs ? spent(cost) : undefined) }
    }
    case "ToolCall":
    case "ToolApprovalRequest":
      return { ...event, params: plain(event.params) }
    case "ToolResult":
      return toolResults ? { ...event, result: plain(event.result) } : undefined
    case "Step":
    case "Partial":
    case "Complete":
    case "Repair":
      return undefined
    default:
      return event
  }
}

const spent = (cost: Cost | undefined) => cost === undefined ? undefined : { cost: toJson(cost).total }

const failureOf = (error: unknown): Failure => {
  // Looking at an error may throw.
  const known = Result.try(() => isProviderError(error) ? error.retryAfter : undefined)
  const retryAfter = Result.getOrUndefined(known)
  return {
    _tag: "Failure",
    reason: tagOf(error),
    ...(retryAfter === undefined ? undefined : { retryAfter: Duration.toSeconds(retryAfter) })
  }
}

const written = (event: ServerSentEvent | undefined): string =>
  event === undefined ? "" : Sse.encode({ event: event._tag, data: encodeJson()(event) })

// A program without a browser does not pay for it.
const encodeJson = lazy(() => Schema.encodeSync(Schema.fromJsonString(Schema.toCodecJson(ServerSentEvent))))

const decodeJson = lazy(() => Schema.decodeUnknownOption(Schema.fromJsonString(Schema.toCodecJson(ServerSentEvent))))

/**
 * The body could not be read to its end:
 *
 * - `incomplete`: it ended before its `End`, as the connection was cut
 * - `malformed`: an event is not what its name says
 * - `tooLarge`: an event is larger than 64 Mi characters
 *
 * @example
 * ```ts
 * import { ServerSentEvents } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = ServerSentEvents.decode(Stream.empty).pipe(
 *   Stream.runDrain,
 *   Effect.catchTag("ServerSentEventsError", ({ reason }) => Console.log(reason)) // "incomplete"
 * )
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class ServerSentEventsError extends Schema.TaggedError<ServerSentEventsError>()("ServerSentEventsError", {
  reason: Schema.Literals(["incomplete", "malformed", "tooLarge"]),
  /** The name of the event that is malformed. */
  event: Schema.optionalKey(Schema.String)
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return {
      incomplete: "The server-sent events ended early",
      malformed: `A server-sent event is not a ${this.event}`,
      tooLarge: "A server-sent event is too large"
    }[this.reason]
  }
}

/**
 * Reads a body that {@link encode} made, in a browser or anywhere else. Events of names that this version does not know
 * are left out. Fails with {@link ServerSentEventsError} where the body can't be read, after the events that came before.
 *
 * @example
 * ```ts
 * import { ServerSentEvents } from "effect-llm-stream"
 * import { Console, Stream } from "effect"
 *
 * const show = (body: Stream.Stream<Uint8Array>) =>
 *   ServerSentEvents.decode(body).pipe(
 *     Stream.runForEach((event) => event._tag === "Text" ? Console.log(event.delta) : Console.log(event._tag))
 *   )
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const decode = <E, R>(
  self: Stream.Stream<Uint8Array, E, R>
): Stream.Stream<ServerSentEvent, E | ServerSentEventsError, R> =>
  Stream.suspend(() => {
    const decoder = Sse.decoder()
    let hasEnded = false
    let failure: ServerSentEventsError | undefined
    const read = (bytes: Uint8Array) => {
      const events: Array<ServerSentEvent> = []
      for (const { data, event = "" } of decoder.push(bytes)) {
        if (failure !== undefined || hasEnded) break
        hasEnded = event === "End"
        if (!tags.has(event)) continue
        const decoded = decodeJson()(data)
        if (Option.isSome(decoded)) events.push(decoded.value)
        else failure = new ServerSentEventsError({ reason: "malformed", event })
      }
      if (decoder.failure !== undefined) failure ??= new ServerSentEventsError({ reason: "tooLarge" })
      return { events, isLast: hasEnded || failure !== undefined }
    }
    return self.pipe(
      Stream.map(read),
      Stream.takeUntil(({ isLast }) => isLast),
      Stream.flatMap(({ events }) => Stream.fromArray(events)),
      Stream.concat(Stream.suspend(() =>
        hasEnded && failure === undefined
          ? Stream.empty
          : Stream.fail(failure ?? new ServerSentEventsError({ reason: "incomplete" }))
      ))
    )
  })

const tags: ReadonlySet<string> = new Set(members.map((member) => member.fields._tag.schema.literal))
