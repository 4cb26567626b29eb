import * as Prompt from "effect/ai/Prompt"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { ChatResponse } from "../ChatResponse.ts"
import { place } from "../internal/place.ts"
import { schemaIssues } from "../internal/schemaIssues.ts"
import * as Pricing from "../Pricing.ts"
import { type Failed, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"

const format = "effect-llm-stream/chat"

/**
 * A conversation as a file keeps it. `prompt`, `model` and `system` are those of a request.
 *
 * @internal
 */
export const Conversation = Schema.Struct({
  format: Schema.tag(format),
  version: Schema.tag(1),
  /** As `--provider` names it. */
  provider: Schema.String,
  model: Schema.optionalKey(Schema.String),
  system: Schema.optionalKey(Schema.String),
  prompt: Schema.Array(Prompt.Message),
  /** Tokens of all answers, those taken back included. */
  usage: Schema.Struct({
    inputTokens: Schema.Natural,
    cachedTokens: Schema.Natural,
    outputTokens: Schema.Natural
  }),
  cost: Schema.Struct({
    /** USD of all answers that have a known price. */
    usd: Schema.BigDecimalFromString,
    /** How many answers have none. */
    unknown: Schema.Natural
  })
})

/** @internal */
export type Conversation = typeof Conversation.Type

/** @internal */
export const make = (provider: string): Conversation =>
  Conversation.make({
    provider,
    prompt: [],
    usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0 },
    cost: { usd: BigDecimal.fromBigInt(0n), unknown: 0 }
  })

/**
 * Adds what an answer took, whether it is kept or not.
 *
 * @internal
 */
export const spend = (
  self: Conversation,
  { chunks, costMetadata, usage }: ChatResponse,
  pricing: Pricing.Service
): Conversation => {
  if (chunks === 0) return self
  const cost = usage === undefined ? undefined : Pricing.costWith(costMetadata, pricing)
  return {
    ...self,
    usage: {
      inputTokens: self.usage.inputTokens + (usage?.inputTokens ?? 0),
      cachedTokens: self.usage.cachedTokens + (usage?.cachedTokens ?? 0),
      outputTokens: self.usage.outputTokens + (usage?.outputTokens ?? 0)
    },
    cost: cost !== undefined && Result.isSuccess(cost)
      ? { ...self.cost, usd: BigDecimal.sum(self.cost.usd, cost.success.total) }
      : { ...self.cost, unknown: self.cost.unknown + 1 }
  }
}

/**
 * The conversation without its last exchange, and what the user said in it; `undefined` when there is none.
 *
 * @internal
 */
export const undo = (self: Conversation): { readonly before: Conversation; readonly said: string } | undefined => {
  const at = self.prompt.findLastIndex(({ role }) => role === "user")
  const message = self.prompt[at]
  return message === undefined
    ? undefined
    : { before: { ...self, prompt: self.prompt.slice(0, at) }, said: textOf(message) }
}

// Beside the options of the providers, which don't see it.
const ownOptions = "effect-llm-stream"
const stopped: Prompt.ProviderOptions = { [ownOptions]: { stopped: true } }

/**
 * The message that is kept of an answer: all that the provider wants back of a whole one, the text of one that was
 * stopped, with a mark. `undefined` when there is nothing to keep.
 *
 * @internal
 */
export const kept = (response: ChatResponse, isStopped: boolean): Prompt.AssistantMessage | undefined => {
  const { message } = response
  const content = isStopped ? message.content.filter((part) => part.type === "text") : message.content
  if (content.length === 0) return undefined
  return isStopped ? Prompt.assistantMessage({ content, options: { ...message.options, ...stopped } }) : message
}

/** @internal */
export const isStopped = ({ options }: Prompt.Message): boolean => Predicate.hasProperty(options[ownOptions], "stopped")

/**
 * What a message says.
 *
 * @internal
 */
export const textOf = ({ content }: Prompt.Message): string =>
  typeof content === "string"
    ? content
    : content.map((part) => part.type === "text" ? part.text : `[${part.type}]`).filter((text) =>
      text !== "[reasoning]"
    ).join("")

/**
 * Tokens and USD so far.
 *
 * @internal
 */
export const total = ({ cost, usage }: Conversation): string =>
  `input ${usage.inputTokens}, cached ${usage.cachedTokens}, output ${usage.outputTokens}, cost $${
    BigDecimal.format(cost.usd)
  }${cost.unknown === 0 ? "" : ` and ${cost.unknown} ${cost.unknown === 1 ? "answer" : "answers"} of unknown cost`}`

// ---------------------------------------------------------------------------------------------------------------------
// File
// ---------------------------------------------------------------------------------------------------------------------

const fromJsonText = Schema.decodeUnknownResult(Schema.fromJsonString(Conversation))
const toJson = Schema.encodeEffect(Conversation)

/**
 * Reads a file; `undefined` when there is none. A file that holds something else is an error, so that it is never
 * overwritten.
 *
 * @internal
 */
export const read = Effect.fnUntraced(function*(
  file: string
): Effect.fn.Return<Conversation | undefined, Failed, FileSystem.FileSystem | Path.Path> {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const text = yield* files.readFileString(file).pipe(
    Effect.catchReason(
      "PlatformError",
      "NotFound",
      () =>
        Effect.flatMap(
          Effect.orElseSucceed(files.exists(path.dirname(path.resolve(file))), () => true),
          (exists) => exists ? Effect.undefined : Effect.fail(wrongUsage(`${file}: no such directory`))
        )
    ),
    Effect.catchTag("PlatformError", (error) => Effect.fail(wrongUsage(`${file}: ${reasonOf(error)}`)))
  )
  if (text === undefined) return undefined
  return yield* Effect.mapError(Effect.fromResult(fromJsonText(text)), (error) => {
    const [issue] = schemaIssues(error)
    const at = issue === undefined || issue.path.length === 0 ? "" : `${place(issue.path)}: `
    return wrongUsage(
      `${file}: not a conversation that \`chat\` has saved (${at}${Text.oneLine(issue?.message ?? "not valid")})`
    )
  })
})

/**
 * Writes a file whole or not at all: a crash leaves what it was before.
 *
 * @internal
 */
export const write = Effect.fnUntraced(
  function*(file: string, conversation: Conversation) {
    const files = yield* FileSystem.FileSystem
    const text = `${JSON.stringify(yield* Effect.orDie(toJson(conversation)), undefined, 2)}\n`
    // What a link points to is written, not the link.
    const target = yield* Effect.orElseSucceed(files.realPath(file), () => file)
    const temporary = `${target}.${(yield* Random.nextIntBetween(0, 2 ** 32)).toString(36)}.tmp`
    yield* files.writeFileString(temporary, text, { flag: "wx", mode: 0o600 }).pipe(
      Effect.andThen(files.rename(temporary, target)),
      Effect.onError(() => Effect.ignore(files.remove(temporary)))
    )
  },
  // Whoever stops the program stops it after a write, not within.
  Effect.uninterruptible,
  (effect, file) => Effect.mapError(effect, (error) => wrongUsage(`${file}: cannot be written: ${reasonOf(error)}`))
)

const reasonOf = ({ cause, message, reason }: PlatformError): string =>
  reason._tag === "PermissionDenied" ? "permission denied" : cause instanceof Error ? cause.message : message
