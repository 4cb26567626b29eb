import * as Array from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import { printable, withoutAddresses, withoutKeys } from "./printable.ts"
import * as Providers from "./providers.ts"
import { Version } from "./version.ts"

const name = "llm-stream"

const provider = Flag.String("provider").pipe(
  Flag.withMetavar("P"),
  Flag.withDescription(`Provider: ${Providers.providers.map((row) => row.id).join(", ")}`),
  Flag.filterMap((id) => Option.fromUndefinedOr(Providers.find(id)), Providers.expected)
)

const decodeDuration = Schema.decodeUnknownOption(Schema.DurationFromString)

const units: Readonly<Record<string, string>> = { ms: "millis", s: "seconds", m: "minutes", h: "hours" }

/**
 * A duration on the command line: `30 seconds`, or in short `500ms`, `30s`, `2m`, `1h`.
 */
const duration = (text: string): Option.Option<Duration.Duration> => {
  const [, value, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(text) ?? []
  return decodeDuration(Object.hasOwn(units, unit) ? `${value} ${units[unit]}` : text).pipe(
    Option.filter((duration) => Duration.isGreaterThan(duration, Duration.zero))
  )
}

const expectedDuration = () => "a duration above 0 such as 500ms, 30s or \"2 minutes\""

/** So much in a time: `500/1m`. */
const rate = (text: string) => {
  const [, amount = "", every = ""] = /^(\d+)\/(.+)$/.exec(text) ?? []
  const count = Number(amount)
  return Option.map(
    Option.filter(duration(every), () => Number.isSafeInteger(count) && count > 0),
    (every) => ({ amount: count, every })
  )
}

type Breaker = "off" | { readonly failures: number; readonly openFor: Duration.Duration }

const breaker = (text: string): Option.Option<Breaker> =>
  text === "off"
    ? Option.some("off")
    : Option.map(rate(text), ({ amount, every }) => ({ failures: amount, openFor: every }))

const fallback = (text: string) => {
  const [, id = "", model = ""] = /^([^:]*):(.*)$/s.exec(text) ?? []
  return Option.map(
    Option.filter(Option.fromUndefinedOr(Providers.find(id)), () => model.trim() !== ""),
    (row) => ({ row, model })
  )
}

const usd = (text: string) =>
  Option.filter(BigDecimal.fromString(/^(?:\d+|\d*\.\d+)$/.test(text) ? text : ""), BigDecimal.isPositive)

/** Of a flag that is given several times, the last one counts. */
const latest = <A>(flag: Flag.Flag<A>): Flag.Flag<Option.Option<A>> => Flag.map(Flag.atLeast(flag, 0), Array.last)

const or = <A>(byDefault: A) => (flag: Flag.Flag<A>): Flag.Flag<A> =>
  Flag.map(latest(flag), Option.getOrElse(() => byDefault))

const prices = Flag.String("prices").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription("Prices to use before the bundled ones: a price list, or overrides by provider and model"),
  latest
)

/** Who is asked, and how. */
const asking = {
  provider: provider.pipe(latest),
  model: Flag.String("model").pipe(
    Flag.withAlias("m"),
    Flag.withMetavar("M"),
    Flag.withDescription("The provider's model id. Default: depends on the provider"),
    Flag.filter((model) => model.trim() !== "", () => "the id of a model"),
    latest
  ),
  maxTokens: Flag.Int("max-tokens").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Maximum number of tokens to generate, reasoning included"),
    Flag.filter((tokens) => tokens > 0, () => "above 0"),
    latest
  ),
  temperature: Flag.Finite("temperature").pipe(
    Flag.withMetavar("T"),
    Flag.withDescription("Sampling temperature, 0 to 2"),
    Flag.filter((temperature) => temperature >= 0 && temperature <= 2, () => "0 to 2"),
    latest
  ),
  baseUrl: Flag.String("base-url").pipe(
    Flag.withMetavar("U"),
    Flag.withDescription("Address of the provider, or of a host that speaks its format"),
    latest
  ),
  system: Flag.String("system").pipe(
    Flag.withAlias("s"),
    Flag.withMetavar("S"),
    Flag.withDescription("Instructions to the model"),
    latest
  ),
  idleTimeout: Flag.String("idle-timeout").pipe(
    Flag.withMetavar("D"),
    Flag.withDescription("Longest wait between two reads, such as 30s or \"2 minutes\". Default: 2 minutes"),
    Flag.filterMap(duration, expectedDuration),
    latest
  ),
  maxRetries: Flag.Int("max-retries").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Further attempts while no chunk has arrived. Default: 2"),
    Flag.filter((retries) => retries >= 0, () => "0 or more"),
    latest
  ),
  prices,
  tools: Flag.String("tools").pipe(
    Flag.withMetavar("COMMAND"),
    Flag.withDescription("Command that starts an MCP server whose tools the model may call; may be repeated"),
    Flag.atLeast(0)
  ),
  toolTimeout: Flag.String("tool-timeout").pipe(
    Flag.withMetavar("D"),
    Flag.withDescription("Longest wait for an MCP server to start, and for each call of a tool. Default: 1 minute"),
    Flag.filterMap(duration, expectedDuration),
    Flag.withDefault(Duration.minutes(1))
  ),
  maxSteps: Flag.Int("max-steps").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Maximum number of responses to one prompt, with tools run in between. Default: 20"),
    Flag.filter((steps) => steps > 0, () => "above 0"),
    Flag.withDefault(20)
  ),
  yes: Flag.Boolean("yes").pipe(
    Flag.withAlias("y"),
    Flag.withDescription("Run all tools without asking, even those that may change or destroy something"),
    Flag.withDefault(false)
  )
}

const askCommand = Command.make("ask", {
  ...asking,
  request: Flag.String("request").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("The whole request as JSON, instead of PROMPT; - is standard input"),
    Flag.optional
  ),
  uiMessages: Flag.String("ui-messages").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription(
      "What a chat client has sent, instead of PROMPT: AI SDK or AG-UI; - is standard input, and .jsonl has one in each line"
    ),
    Flag.optional
  ),
  trustClient: Flag.Boolean("trust-client").pipe(
    Flag.withDescription("Believe all of --ui-messages, also what no server has sealed"),
    Flag.withDefault(false)
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Print the request that would be sent, and send nothing"),
    Flag.withDefault(false)
  ),
  images: Flag.String("image").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Image to send before the prompt: a file or a URL; may be repeated"),
    Flag.atLeast(0)
  ),
  files: Flag.String("file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Document or sound to send before the prompt: a file or a URL; may be repeated"),
    Flag.atLeast(0)
  ),
  schema: Flag.String("schema").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("JSON Schema that the answer has to fit; the answer is printed when it is complete"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription(
      "Print one JSON object per line: chunks, tool calls, partial objects, then the response or the error"
    ),
    Flag.withDefault(false)
  ),
  prompt: Argument.String("PROMPT").pipe(
    Argument.withDescription("What to ask, in quotes; piped text comes before it, and - reads standard input alone"),
    Argument.optional
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("./ask.ts")), ({ ask }) => ask(input))).pipe(
  Command.withDescription("Ask a model and print its answer as it arrives")
)

const chatCommand = Command.make("chat", {
  ...asking,
  history: Flag.String("history").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Keep the conversation in a file, and continue the one that is there"),
    Flag.optional
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("./chat.ts")), ({ chat }) => chat(input))).pipe(
  Command.withDescription("Talk to a model in the terminal, or send it the lines of standard input one by one")
)

const decodeCommand = Command.make("decode", {
  provider,
  chunks: Flag.Boolean("chunks").pipe(
    Flag.withDescription("Print one line per chunk instead of one per response"),
    Flag.withDefault(false)
  ),
  model: Flag.String("model").pipe(
    Flag.withMetavar("M"),
    Flag.withDescription("The requested model, for prices, if the recording does not state it"),
    Flag.optional
  ),
  prices,
  parts: Flag.Boolean("parts").pipe(
    Flag.withDescription("Print one line per part of the content, as effect/ai encodes it"),
    Flag.withDefault(false)
  ),
  ui: Flag.Literals("ui", ["ai-sdk", "ag-ui"]).pipe(
    Flag.withDescription("Print the body that a server sends to a chat client"),
    Flag.optional
  ),
  files: Argument.String("FILE").pipe(
    Argument.withDescription(
      "Recorded body (.sse, .eventstream), or .jsonl with one payload per line; - is standard input"
    ),
    Argument.variadic({ min: 1 })
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("./decode.ts")), ({ decode }) => decode(input))).pipe(
  Command.withDescription("Decode recorded response bodies to JSON, without a network")
)

const pricesCommand = Command.make("prices", {
  provider: Flag.String("provider").pipe(
    Flag.withMetavar("P"),
    Flag.withDescription("Only prices of openai, anthropic, bedrock, groq or azure"),
    Flag.optional
  ),
  diff: Flag.String("diff").pipe(
    Flag.withMetavar("LIST"),
    Flag.withDescription("Show where a price list differs: a file or a URL"),
    Flag.optional
  ),
  refresh: Flag.String("refresh").pipe(
    Flag.withMetavar("LIST"),
    Flag.withDescription("Read a price list from a file or a URL, check it, and write it to --output"),
    Flag.optional
  ),
  output: Flag.String("output").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Where --refresh writes the list"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON object per line"), Flag.withDefault(false)),
  search: Argument.String("SEARCH").pipe(
    Argument.withDescription("Part of a provider's name or a model's id"),
    Argument.optional
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("./prices.ts")), ({ prices }) => prices(input))).pipe(
  Command.withDescription("Show, search, compare and refresh the prices of models")
)

const demoCommand = Command.make(
  "demo",
  {},
  () => Effect.flatMap(Effect.promise(() => import("./demo.ts")), ({ demo }) => demo())
).pipe(
  Command.withDescription(
    "Stream from every provider, without a key or a network; a provider whose key is set is called for real"
  )
)

const store = Flag.String("store").pipe(Flag.withMetavar("S"))

const perMinute = (name: string, what: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(`The same, ${what} a minute`),
    Flag.filter((count) => count > 0, () => "above 0"),
    latest
  )

const time = (name: string, description: string, byDefault: Duration.Duration) =>
  Flag.String(name).pipe(
    Flag.withMetavar("D"),
    Flag.withDescription(description),
    Flag.filterMap(duration, expectedDuration),
    or(byDefault)
  )

const { baseUrl, idleTimeout, maxTokens, model, system, temperature } = asking

const batchCommand = Command.make("batch", {
  provider: asking.provider,
  model,
  maxTokens,
  temperature,
  baseUrl,
  system,
  idleTimeout,
  prices,
  fallbacks: Flag.String("fallback").pipe(
    Flag.withMetavar("P:M"),
    Flag.withDescription("Provider and model to ask when those before can't answer; may be repeated"),
    Flag.filterMap(fallback, () => `PROVIDER:MODEL, with ${Providers.expected()}`),
    Flag.atLeast(0)
  ),
  concurrency: Flag.Int("concurrency").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Requests at a time, of each process. Default: 8"),
    Flag.filter((count) => count > 0, () => "above 0"),
    or(8)
  ),
  maxRetries: Flag.Int("max-retries").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Attempts of a line after one at each target, before its first content. Default: 2"),
    Flag.filter((retries) => retries >= 0, () => "0 or more"),
    latest
  ),
  attemptTimeout: time(
    "attempt-timeout",
    "Longest attempt, the first byte included. Default: 10m",
    Duration.minutes(10)
  ),
  rate: Flag.String("rate").pipe(
    Flag.withMetavar("N/D"),
    Flag.withDescription("Requests to a target in any time so long, such as 500/1m, from all processes"),
    Flag.filterMap(rate, () => "a whole number above 0 and a duration, such as 500/1m"),
    latest
  ),
  rpm: perMinute("rpm", "requests"),
  tokenRate: Flag.String("token-rate").pipe(
    Flag.withMetavar("N/D"),
    Flag.withDescription("Tokens at a target in any time so long, such as 90000/1m, from all processes"),
    Flag.filterMap(rate, () => "a whole number above 0 and a duration, such as 90000/1m"),
    latest
  ),
  tpm: perMinute("tpm", "tokens"),
  maxWait: time(
    "max-wait",
    "Longest pause that a provider may ask for; one that asks for more is not asked again. Default: 10m",
    Duration.minutes(10)
  ),
  maxCost: Flag.String("max-cost").pipe(
    Flag.withMetavar("USD"),
    Flag.withDescription("What the batch may cost, in all runs and processes"),
    Flag.filterMap(usd, () => "an amount of USD above 0, such as 2.50"),
    latest
  ),
  breaker: Flag.String("breaker").pipe(
    Flag.withMetavar("N/D"),
    Flag.withDescription("Failures in a row that stop a target, and for how long; or off. Default: 5/30s"),
    Flag.filterMap(breaker, () => "a whole number above 0 and a duration, such as 5/30s, or off"),
    latest
  ),
  cache: Flag.Boolean("cache").pipe(
    Flag.withDescription("Ask equal requests once, in all batches of the store"),
    Flag.withDefault(false)
  ),
  store: store.pipe(
    Flag.withDescription("sqlite:FILE, redis://…, postgres://… or memory:. Default: sqlite:OUT.store"),
    latest
  ),
  batch: Flag.String("batch").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("Names the batch in the store. Default: the name of the file IN"),
    Flag.filter((name) => name !== "", () => "a name"),
    latest
  ),
  lease: time("lease", "How long a process that died keeps its lines. Default: 30s", Duration.seconds(30)),
  ordered: Flag.Boolean("ordered").pipe(
    Flag.withDescription("Put OUT into the order of IN at the end"),
    Flag.withDefault(false)
  ),
  retryFailed: Flag.Boolean("retry-failed").pipe(
    Flag.withDescription("Ask the lines again that failed in earlier runs"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the report as one line of JSON"),
    Flag.withDefault(false)
  ),
  input: Argument.String("IN").pipe(
    Argument.withDescription("File of lines {\"id\": …, \"request\": …}, with requests as --request of ask reads them")
  ),
  output: Argument.String("OUT").pipe(
    Argument.withDescription("File that the answers are added to, one line of JSON for each id")
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("./batch.ts")), ({ batch }) => batch(input))).pipe(
  Command.withDescription("Ask thousands of requests from a file; the same command again goes on where it stopped")
)

const ledgerCommand = Command.make("ledger", {
  store: store.pipe(Flag.withDescription("sqlite:FILE, redis://… or postgres://…")),
  batch: Flag.String("batch").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("Only the attempts of this batch"),
    Flag.optional
  ),
  user: Flag.String("user").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("Only the attempts of this user"),
    Flag.optional
  ),
  since: Flag.Date("since").pipe(
    Flag.withDescription("Only attempts that started then or later: 2026-11-23 (UTC) or 2026-11-23T08:00Z"),
    Flag.optional
  ),
  until: Flag.Date("until").pipe(Flag.withDescription("Only attempts that started before then"), Flag.optional),
  by: Flag.Literals("by", ["user", "batch", "model", "day"]).pipe(
    Flag.withDescription("Print sums in place of attempts"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON object per line"), Flag.withDefault(false))
}, (input) => Effect.flatMap(Effect.promise(() => import("./ledger.ts")), ({ ledger }) => ledger(input))).pipe(
  Command.withDescription("Show every attempt of the batches in a store, and what they cost")
)

const subcommands = [
  askCommand,
  chatCommand,
  batchCommand,
  ledgerCommand,
  decodeCommand,
  pricesCommand,
  demoCommand
] as const

/** @internal */
export const commands: ReadonlyArray<string> = subcommands.map(({ name }) => name)

const command = Command.make(name).pipe(
  Command.withDescription("Streamed chat completions from the command line"),
  Command.withSubcommands(subcommands)
)

/** What would work in the place of what is wrong. */
const hint = (error: CliError.NonShowHelpErrors, path: string): string => {
  switch (error._tag) {
    case "UnexpectedArgument":
      return path === `${name} ask` ? ". Put the whole PROMPT in quotes" : ""
    case "UnknownSubcommand":
      return error.suggestions.length === 0 ? `. To ask a model: ${name} ask "PROMPT"` : ""
    case "MissingOption":
      return error.option === "provider" ? `, ${Providers.expected()}` : ""
    case "InvalidValue": {
      const meant = error.option === "provider" ? Providers.nearest(error.value) : undefined
      return meant === undefined ? "" : `; did you mean ${meant}?`
    }
    default:
      return ""
  }
}

const presenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function*(event) {
    if (event._tag !== "InvalidInvocation") return yield* CliOutput.defaultPresenter.present(event)
    const path = event.commandPath.join(" ")
    const messages = event.errors.map((error) =>
      `${path}: ${printable(withoutKeys(error.message))}${hint(error, path)}`
    )
    yield* Console.error([...messages, `Run '${path} --help' to see how it is used.`].join("\n"))
  })
}

// Starts a new line: a spinner may stand on this one.
const logger = Effect.map(
  Stdio.Stdio.use(({ stderrIsTerminal }) => stderrIsTerminal),
  (isTerminal) =>
    Logger.withConsoleError(
      Logger.make(({ message }) =>
        `${isTerminal ? "\r\u001b[2K" : ""}${printable(`${name}: ${Array.ensure(message).join(" ")}`)}`
      )
    )
)

const output = Layer.mergeAll(
  CliOutput.layerPresenter(presenter),
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
  Logger.layer([logger])
)

/**
 * Runs the command line; succeeds with the exit status.
 *
 * @internal
 */
export const main = (
  version: string
): Effect.Effect<0 | 1 | 2, never, Command.Environment | HttpClient.HttpClient> =>
  Command.run(command, { version }).pipe(
    Effect.as(0 as const),
    Effect.catchTags({
      Failed: ({ message, status }) =>
        message === undefined
          ? Effect.succeed(status)
          : Effect.as(Console.error(printable(`${name}: ${withoutAddresses(message)}`)), status),
      // Nobody reads any more, as in `| head`.
      PlatformError: (error) =>
        isBrokenPipe(error.cause)
          ? Effect.succeed(0 as const)
          : Effect.as(Console.error(unwritten(causeOf(error))), 1 as const)
    }),
    // Any other failure is wrong usage, which the presenter has told.
    Effect.catch(() => Effect.succeed(2 as const)),
    // Strings have a maximum length, and JSON is up to six times as long as the text in it.
    Effect.catchDefect((defect) =>
      Effect.as(
        Console.error(
          defect instanceof RangeError
            ? `${name}: what came is too large to be printed: ${defect.message}`
            : printable(`${name}: internal error: ${defect instanceof Error ? defect.stack : String(defect)}`)
        ),
        1 as const
      )
    ),
    Effect.provide(output),
    Effect.provideService(Version, version),
    // A user who waits at a terminal wants to know of retries.
    Effect.provideService(References.MinimumLogLevel, "Debug")
  )

/**
 * The message when the disk is full.
 *
 * @internal
 */
export const unwritten = (cause: string): string => `${name}: standard output cannot be written: ${cause}`

const causeOf = ({ cause, message }: PlatformError): string => cause instanceof Error ? cause.message : message

/** @internal */
export const isBrokenPipe = (cause: unknown): boolean => Predicate.hasProperty(cause, "code") && cause.code === "EPIPE"
