import * as Prompt from "effect/ai/Prompt"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type { ChatResponse } from "../ChatResponse.ts"
import { place } from "../internal/place.ts"
import { schemaIssues } from "../internal/schemaIssues.ts"
import * as PartialJson from "../PartialJson.ts"
import type * as Pricing from "../Pricing.ts"
import * as CliCost from "./cost.ts"
import * as Files from "./files.ts"
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
    /** USD of all answers that have a known price. A large exponent is refused: it would ask for as many digits. */
    usd: Schema.String.check(Schema.isPattern(/^\d{1,20}(\.\d{1,40})?(e-?\d{1,2})?$/)).pipe(
      Schema.decodeTo(Schema.BigDecimalFromString)
    ),
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
  response: ChatResponse,
  pricing: Pricing.Service
): Conversation => {
  const { chunks, usage } = response
  if (chunks === 0) return self
  const { cost } = CliCost.total([response], pricing)
  return {
    ...self,
    usage: {
      inputTokens: plus(self.usage.inputTokens, usage?.inputTokens),
      cachedTokens: plus(self.usage.cachedTokens, usage?.cachedTokens),
      outputTokens: plus(self.usage.outputTokens, usage?.outputTokens)
    },
    cost: cost !== undefined
      ? { ...self.cost, usd: BigDecimal.sum(self.cost.usd, cost.total) }
      : { ...self.cost, unknown: plus(self.cost.unknown, 1) }
  }
}

// The counts of a host may add up to more than a file can hold.
const plus = (a: number, b = 0): number => Math.min(a + b, Number.MAX_SAFE_INTEGER)

/**
 * The conversation without its last exchange, and the user's message in it; `undefined` without an exchange.
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

// Providers ignore options under other keys.
const ownOptions = "effect-llm-stream"
const stopped: Prompt.ProviderOptions = { [ownOptions]: { stopped: true } }

/**
 * The message that is kept of an answer: the whole message of a finished one, the text of a stopped one, with a mark.
 * `undefined` when nothing is worth keeping.
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
 * The text of a message.
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

const fromJson = Schema.decodeUnknownResult(Conversation)
const toJson = Schema.encodeEffect(Conversation)

/**
 * A file's info, links followed; `undefined` when it does not exist. A device may never end, and a pipe keeps nothing.
 */
const infoOf = Effect.fnUntraced(
  function*(file: string) {
    if (file === "") return yield* wrongUsage("The name of the file is empty")
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const info = yield* Effect.catchReason(files.stat(file), "PlatformError", "NotFound", () => Effect.undefined)
    if (info?.type === "File") return info
    const directory = path.dirname(path.resolve(file))
    const problem = info !== undefined
      ? info.type === "Directory" ? "is a directory, not a file" : "is not a regular file"
      : (yield* Effect.isSuccess(files.readLink(file)))
      ? "a link to a file that does not exist"
      : (yield* Effect.orElseSucceed(files.exists(directory), () => true))
      ? undefined
      : "no such directory"
    return problem === undefined ? undefined : yield* wrongUsage(`${file}: ${problem}`)
  },
  (effect, file) =>
    Effect.catchTag(effect, "PlatformError", (error) => Effect.fail(wrongUsage(`${file}: ${Files.reasonOf(error)}`)))
)

/**
 * Reads a file; `undefined` when there is none. A file that holds something else is an error, so that it is never
 * overwritten.
 *
 * @internal
 */
export const read = Effect.fnUntraced(function*(
  file: string
): Effect.fn.Return<Conversation | undefined, Failed, FileSystem.FileSystem | Path.Path> {
  if ((yield* infoOf(file)) === undefined) return undefined
  const text = yield* Files.text(file)
  const unusable = (problem: string) => wrongUsage(`${file}: not a conversation that \`chat\` has saved (${problem})`)
  const json = yield* Effect.mapError(Effect.fromResult(PartialJson.parse(text)), unusable)
  return yield* Effect.mapError(Effect.fromResult(fromJson(json)), (error) => {
    const [issue] = schemaIssues(error)
    const at = issue === undefined || issue.path.length === 0 ? "" : `${place(issue.path)}: `
    return unusable(`${at}${Text.excerpt(issue?.message ?? "not valid")}`)
  })
})

/**
 * Writes a file completely or not at all: a crash leaves the old one. Only its owner can read a new file.
 *
 * @internal
 */
export const write = Effect.fnUntraced(
  function*(file: string, conversation: Conversation) {
    const files = yield* FileSystem.FileSystem
    const info = yield* infoOf(file)
    const text = `${JSON.stringify(yield* toJson(conversation), undefined, 2)}\n`
    // Writes the target of a link, not the link.
    const target = info === undefined ? file : yield* files.realPath(file)
    if (info !== undefined) yield* files.access(target, { writable: true })
    const temporary = `${target}.${(yield* Random.nextIntBetween(0, 2 ** 32)).toString(36)}.tmp`
    yield* files.writeFileString(temporary, text, { flag: "wx", mode: 0o600 }).pipe(
      Effect.andThen(info === undefined ? Effect.void : files.chmod(temporary, info.mode & 0o777)),
      Effect.andThen(files.rename(temporary, target)),
      Effect.onError(() => Effect.ignore(files.remove(temporary)))
    )
  },
  // Whoever stops the program stops it after a write, not within.
  Effect.uninterruptible,
  (effect, file) =>
    Effect.mapError(effect, (error) =>
      error._tag === "Failed"
        ? error
        : wrongUsage(
          `${file}: cannot be written: ${error._tag === "PlatformError" ? Files.reasonOf(error) : error.message}`
        ))
)
