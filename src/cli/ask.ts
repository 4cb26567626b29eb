import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as Terminal from "effect/Terminal"
import type * as ChatRequest from "../ChatRequest.ts"
import * as ChatResponse from "../ChatResponse.ts"
import type * as Chunk from "../Chunk.ts"
import * as ProviderError from "../errors/providerError.ts"
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as Answer from "./answer.ts"
import * as Json from "./json.ts"
import * as CliObject from "./object.ts"
import { answerText, complain, print, shown } from "./output.ts"
import * as Prices from "./prices.ts"
import * as Request from "./request.ts"
import * as Selected from "./selected.ts"
import * as Spinner from "./spinner.ts"
import { type Failed, providerFailed, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"
import * as Toolbox from "./toolbox.ts"
import * as Typing from "./typing.ts"

/** @internal */
export interface Input extends Request.Input, Selected.Input, Toolbox.Input {
  readonly json: boolean
  readonly dryRun: boolean
  readonly uiMessages: Option.Option<string>
  readonly trustClient: boolean
  readonly model: Option.Option<string>
  readonly prices: Option.Option<string>
}

type Environment =
  | Stdio.Stdio
  | FileSystem.FileSystem
  | Path.Path
  | Terminal.Terminal
  | ChildProcessSpawner.ChildProcessSpawner

/** @internal */
export const ask = Effect.fn("cli.ask")(function*(
  input: Input
): Effect.fn.Return<
  void,
  Failed | PlatformError,
  Environment | HttpClient.HttpClient
> {
  const { definition, name, row } = yield* Selected.selected(input)
  const model = { asked: Option.getOrUndefined(input.model), fallback: row.model }
  const fail = (reason: ProviderError.Reason) =>
    refused(input, new ProviderError.ProviderError({ provider: name, reason, emitted: false }))
  const turns = Option.isNone(input.uiMessages) ? [] : yield* fromClient(input.uiMessages.value, input)
  if (Option.isSome(input.uiMessages) && input.dryRun) {
    const shown = yield* Effect.forEach(turns, (turn) =>
      Effect.gen(function*() {
        const { ignored, prompt } = yield* Effect.fromResult(turn)
        return yield* show(input, definition, yield* Request.complete({ prompt }, input, model), ignored)
      }).pipe(Effect.catchTag("InvalidRequest", fail), Effect.catchTag("Failed", Effect.succeed)))
    const failed = shown.find((status) => status !== undefined)
    return failed === undefined ? undefined : yield* failed
  }
  const [turn] = turns
  const request = yield* Effect.catchTag(
    turn === undefined
      ? Request.make(input, model)
      : Effect.flatMap(Effect.fromResult(turn), ({ prompt }) => Request.complete({ prompt }, input, model)),
    "InvalidRequest",
    fail
  )
  if (input.tools.length > 0) {
    if (input.dryRun) return yield* wrongUsage("--dry-run starts nothing: leave out --tools")
    if (request.tools !== undefined) return yield* wrongUsage("--tools: the request has tools of its own")
  }
  if (input.dryRun) return yield* show(input, definition, request)
  const pricing = yield* Prices.service(input.prices, Option.none())
  const provider = yield* Provider.make(definition)
  yield* Effect.scoped(Effect.provideService(answer(input, provider, request), Pricing.Pricing, pricing))
})

const fromClient = Effect.fnUntraced(function*(file: string, input: Input) {
  const { files, images, prompt, request, trustClient } = input
  if (Option.isSome(prompt) || Option.isSome(request) || images.length > 0 || files.length > 0) {
    return yield* wrongUsage(
      "--ui-messages holds the whole conversation: leave out PROMPT, --request, --image and --file"
    )
  }
  const Ui = yield* Effect.promise(() => import("./ui.ts"))
  if (Ui.isLines(file) && !input.dryRun) return yield* wrongUsage("--ui-messages with several bodies needs --dry-run")
  return yield* Ui.turns(file, trustClient)
})

/** What is said of a request that was not sent. */
const refused = (
  { json, dryRun }: Input,
  error: ProviderError.ProviderError
): Effect.Effect<never, Failed | PlatformError, Stdio.Stdio> =>
  Effect.gen(function*() {
    if (json || dryRun) {
      const pricing = yield* Pricing.current
      const response = Json.fromResponse(ChatResponse.accumulator().response(error), error.provider, pricing)
      yield* print(Json.line({ type: "error", error: response.error, response }))
    } else {
      yield* complain(Text.fromError(error))
    }
    return yield* providerFailed
  })

const show = (
  input: Input,
  definition: Provider.Definition<Chunk.Chunk>,
  request: ChatRequest.Normalized,
  before: ReadonlyArray<string> = []
): Effect.Effect<void, Failed | PlatformError, Stdio.Stdio> =>
  Effect.matchEffect(Provider.prepare(definition, request), {
    onFailure: (error) => refused(input, error),
    onSuccess: ({ ignored, ...sent }) =>
      print(Json.line({ type: "request", request: sent, ignored: [...before, ...ignored] }))
  })

/** The lines of `--json`, except the last ones. */
const jsonLines = <E, R>(
  items: Stream.Stream<Answer.Item, E, R>,
  object: CliObject.Reader | undefined
): Stream.Stream<string, E, R> =>
  Stream.map(items, (item) => {
    switch (item._tag) {
      case "Chunk":
        return Json.line({ type: "chunk", ...Json.fromChunk(item.chunk) }) + (object?.partial() ?? "")
      case "ToolCall": {
        const { id, name, params, problem } = item
        return Json.line({ type: "tool_call", id, name, params, problem })
      }
      case "ToolResult": {
        const { id, isFailure, name, result } = item
        return Json.line({ type: "tool_result", id, name, isFailure, result })
      }
      case "Step":
        return ""
    }
  })

const answer = Effect.fnUntraced(function*(
  input: Input,
  provider: Provider.Service,
  request: ChatRequest.Normalized
): Effect.fn.Return<void, Failed | PlatformError, Environment | Scope.Scope> {
  const stdio = yield* Stdio.Stdio
  const pricing = yield* Pricing.current
  const hasTools = input.tools.length > 0
  const confirm = yield* Typing.confirm
  const ask = yield* Toolbox.open(input)
  const removeSpinner = yield* Spinner.start
  const { isOutOfSteps, items: coming, millisToFirstChunk, responses } = yield* ask(
    provider,
    request,
    (call) => Effect.andThen(removeSpinner, confirm(call))
  )
  const object = Option.isSome(input.schema) && typeof request.responseFormat === "object"
    ? CliObject.reader(request.responseFormat.schema)
    : undefined
  if (object?.unchecked !== undefined && !input.json) {
    yield* complain(`The answer is only checked to be JSON, as the schema cannot be: ${object.unchecked}\n`)
  }
  const items = object === undefined ? coming : Stream.map(coming, (item) => {
    object.add(item)
    return item
  })
  const output = input.json
    ? jsonLines(items, object)
    : object === undefined
    ? answerText(items, removeSpinner)
    // It is printed once it is whole.
    : Stream.drain(answerText(items, removeSpinner))
  yield* output.pipe(
    Stream.filter((text) => text !== ""),
    Stream.onFirst(() => removeSpinner),
    Stream.run(stdio.stdout())
  )
  yield* removeSpinner
  const came = responses()
  const { last } = came
  const result = last.error === undefined && object !== undefined ? yield* Effect.result(object.end) : undefined
  const problem = result !== undefined && Result.isFailure(result) ? CliObject.fromError(result.failure) : undefined
  if (input.json) {
    const response = Json.fromResponse(last, provider.name, pricing)
    const total = hasTools ? { total: Json.total(came, isOutOfSteps(), pricing) } : undefined
    yield* print(
      (result === undefined ? "" : Json.line({
        type: "object",
        ...(Result.isSuccess(result) ? { object: result.success } : { error: problem }),
        ...(object?.unchecked === undefined ? undefined : { unchecked: object.unchecked })
      })) + Json.line(
        response.error === null
          ? { type: "response", response, ...total }
          : { type: "error", error: response.error, response, ...total }
      )
    )
  } else {
    if (object !== undefined) {
      yield* print(
        result !== undefined && Result.isSuccess(result)
          ? Json.pretty(result.success)
          : yield* shown(last.content + last.refusal)
      )
    }
    yield* complain(
      // The calls that run are told when they run.
      (hasTools ? "" : Text.toolCalls(last)) + (last.error === undefined ? "" : Text.fromError(last.error)) +
        (problem === undefined ? "" : `${provider.name}: ${problem.reason}: ${Text.oneLine(problem.message)}\n`) +
        (isOutOfSteps() ? `The model wants more than ${input.maxSteps} steps; --max-steps allows more\n` : "") +
        (last.chunks === 0 && came.all.length === 1 && last.error !== undefined
          ? ""
          : Text.summary(came, millisToFirstChunk(), pricing))
    )
  }
  if (last.error !== undefined || problem !== undefined) return yield* providerFailed
})
