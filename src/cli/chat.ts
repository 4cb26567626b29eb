import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as Terminal from "effect/Terminal"
import type * as ChatRequest from "../ChatRequest.ts"
import { defined } from "../internal/defined.ts"
import { nearest } from "../internal/nearest.ts"
import type * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import type * as Answer from "./answer.ts"
import * as Conversation from "./conversation.ts"
import * as CliCost from "./cost.ts"
import { answerText, complain, print } from "./output.ts"
import * as Prices from "./prices.ts"
import * as Providers from "./providers.ts"
import * as Selected from "./selected.ts"
import * as Spinner from "./spinner.ts"
import { Failed, providerFailed, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"
import * as Toolbox from "./toolbox.ts"
import * as Typing from "./typing.ts"

/** @internal */
export interface Input extends Selected.Input, Toolbox.Input {
  readonly system: Option.Option<string>
  readonly maxTokens: Option.Option<number>
  readonly temperature: Option.Option<number>
  readonly model: Option.Option<string>
  readonly prices: Option.Option<string>
  readonly history: Option.Option<string>
}

type Environment = Stdio.Stdio | FileSystem.FileSystem | Path.Path

/** @internal */
export const chat = Effect.fn("cli.chat")(function*(
  input: Input
): Effect.fn.Return<
  void,
  Failed | PlatformError,
  Environment | HttpClient.HttpClient | Terminal.Terminal | ChildProcessSpawner.ChildProcessSpawner
> {
  const file = Option.getOrUndefined(input.history)
  const stored = file === undefined ? undefined : yield* Conversation.read(file)
  const before = stored === undefined ? undefined : Providers.find(stored.provider)
  if (stored !== undefined && before === undefined && Option.isNone(input.provider)) {
    return yield* wrongUsage(
      `${file}: provider: ${Text.excerpt(JSON.stringify(stored.provider))} is not ${Providers.expected()}`
    )
  }
  const { definition, row } = yield* Selected.selected({
    ...input,
    provider: Option.orElse(input.provider, () => Option.fromUndefinedOr(before))
  })
  const provider = yield* Provider.make(definition)
  const pricing = yield* Prices.service(input.prices, Option.none())
  // The stored model belongs to the stored provider.
  const model = Option.getOrUndefined(input.model) ?? (row === before ? stored?.model : undefined) ?? row.model
  const system = Option.getOrUndefined(input.system) ?? stored?.system
  const { model: _model, system: _system, ...rest } = stored ?? Conversation.make(row.id)
  const conversation: Conversation.Conversation = {
    ...rest,
    provider: row.id,
    ...defined({ model, system })
  }
  const settings = defined({
    maxTokens: Option.getOrUndefined(input.maxTokens),
    temperature: Option.getOrUndefined(input.temperature)
  })
  yield* Effect.scoped(Effect.flatMap(
    Toolbox.open(input),
    (ask) => converse({ ask, provider, pricing, settings, file }, conversation)
  ))
})

interface Fixed {
  readonly ask: Toolbox.Ask
  readonly provider: Provider.Service
  readonly pricing: Pricing.Service
  readonly settings: Omit<ChatRequest.Normalized, "prompt">
  /** Where the conversation is kept. */
  readonly file: string | undefined
}

interface Command {
  readonly usage: string
  readonly description: string
  readonly run: (argument: string) => Effect.Effect<void, Failed | PlatformError, Environment>
}

const converse = Effect.fnUntraced(function*(
  { ask, file, pricing, provider, settings }: Fixed,
  start: Conversation.Conversation
): Effect.fn.Return<void, Failed | PlatformError, Environment | Terminal.Terminal | Scope.Scope> {
  const stdio = yield* Stdio.Stdio
  const typing = (yield* stdio.stdinIsTerminal) && (yield* stdio.stdoutIsTerminal)
    ? yield* Typing.terminal
    : yield* Typing.lines
  let conversation = start
  /** The message that has no answer. */
  let unanswered: string | undefined
  let problem: Failed | undefined
  let isOver = false
  const said = start.prompt.filter(({ role }) => role === "user").map(Conversation.textOf)

  const tell = (text: string): Effect.Effect<void, never, Stdio.Stdio> =>
    Effect.flatMap(typing.columns, (columns) => complain(`${Text.wrapped(text, columns)}\n`))

  /** Changes the conversation, and the file with it. */
  const change = (next: Conversation.Conversation): Effect.Effect<void, never, Environment> =>
    Effect.suspend(() => {
      conversation = next
      if (file === undefined) return Effect.void
      return Effect.catch(Conversation.write(file, next), (failed) => {
        problem = failed
        return tell(`${failed.message}`)
      })
    })

  const conclude = (text: string, user: Prompt.UserMessage, answer: Answer.Answer, isStopped: boolean) =>
    Effect.suspend(() => {
      const { all, last } = answer.responses()
      const spent = all.reduce((sum, response) => Conversation.spend(sum, response, pricing), conversation)
      const message = answer.isOver() || last.error !== undefined ? undefined : Conversation.kept(last, isStopped)
      const steps = answer.prompt()?.content
      unanswered = steps === undefined && message === undefined ? text : undefined
      return change(
        unanswered === undefined
          ? {
            ...spent,
            prompt: [...steps ?? [...conversation.prompt, user], ...(message === undefined ? [] : [message])]
          }
          : spent
      )
    })

  const answer = Effect.fnUntraced(function*(
    text: string
  ): Effect.fn.Return<void, PlatformError, Environment | Scope.Scope> {
    problem = undefined
    const user = Prompt.userMessage({ content: [Prompt.textPart({ text })] })
    const { model, prompt, system } = conversation
    const removeSpinner = yield* Spinner.start
    const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
    const coming = yield* ask(
      provider,
      {
        ...settings,
        ...defined({ model, system }),
        prompt: Prompt.fromMessages([...prompt, user])
      },
      (call) => Effect.andThen(removeSpinner, Effect.provideContext(typing.confirm(call), context))
    )
    const isStopped = yield* answerText(coming.items, removeSpinner).pipe(
      Stream.onFirst(() => removeSpinner),
      Stream.run(stdio.stdout()),
      Effect.as(false),
      Effect.raceFirst(Effect.as(typing.stop, true)),
      // Keeps the partial answer when the whole program ends here.
      Effect.onError(() => conclude(text, user, coming, true))
    )
    yield* removeSpinner
    const { all, last } = coming.responses()
    const printed = last.content + last.refusal
    if (isStopped && printed !== "" && !printed.endsWith("\n")) yield* print("\n")
    if (last.error !== undefined) {
      problem = providerFailed
      yield* tell(Text.lineFromError(last.error))
    }
    if (coming.isOutOfSteps()) yield* tell("The model wants more steps; --max-steps allows more")
    yield* conclude(text, user, coming, isStopped)
    if (all.some(({ chunks }) => chunks > 0)) {
      yield* tell(
        `${isStopped ? "stopped" : Text.finish(last)} | tokens ${Text.tokens(all)} | cost ${
          CliCost.text(all, pricing)
        } | so far ${Conversation.total(conversation)}`
      )
    }
    if (unanswered !== undefined && typing.isTerminal) {
      yield* tell("There is no answer to keep; /retry sends the message again")
    }
  }, Effect.scoped)

  const commands: Readonly<Record<string, Command>> = {
    help: {
      usage: "/help",
      description: "lists the commands",
      run: () =>
        tell(
          Text.table(Object.values(commands).map(({ description, usage }) => [usage, description])) + help
        )
    },
    exit: {
      usage: "/exit",
      description: "leaves the chat, as Ctrl-D does",
      run: () =>
        Effect.sync(() => {
          isOver = true
        })
    },
    new: {
      usage: "/new, /clear",
      description: "starts a new conversation; the totals keep counting",
      run: () => {
        unanswered = undefined
        return change({ ...conversation, prompt: [] })
      }
    },
    undo: {
      usage: "/undo",
      description: "removes the last message and its answer",
      run: () => {
        if (unanswered !== undefined) {
          unanswered = undefined
          return tell("Removed the message that had no answer")
        }
        const undone = Conversation.undo(conversation)
        return undone === undefined
          ? tell("There is nothing to remove")
          : Effect.andThen(change(undone.before), tell(`Removed: ${Text.excerpt(undone.said)}`))
      }
    },
    retry: {
      usage: "/retry",
      description: "sends the last message again and replaces its answer",
      run: () => {
        if (unanswered !== undefined) return answer(unanswered)
        const undone = Conversation.undo(conversation)
        return undone === undefined
          ? tell("There is no message to send again")
          : Effect.andThen(change(undone.before), answer(undone.said))
      }
    },
    model: {
      usage: "/model [M]",
      description: "switches to another model; without M, shows the current one",
      run: (model) =>
        model === "" ? tell(conversation.model ?? "The provider's default model") : change({ ...conversation, model })
    },
    system: {
      usage: "/system [S]",
      description: "sets the instructions; - removes them; without S, shows them",
      run: (system) => {
        const { system: before, ...rest } = conversation
        return system === "" ? tell(before ?? "None") : change(system === "-" ? rest : { ...rest, system })
      }
    },
    history: {
      usage: "/history",
      description: "shows the conversation",
      run: () =>
        complain(
          conversation.prompt.map((message) =>
            `${message.role}${Conversation.isStopped(message) ? " (stopped)" : ""}: ${Conversation.textOf(message)}\n`
          ).join("")
        )
    },
    cost: {
      usage: "/cost",
      description: "shows tokens and cost so far",
      run: () => tell(Conversation.total(conversation))
    },
    save: {
      usage: "/save FILE",
      description: "writes the conversation to a file, for --history",
      run: (to) =>
        to === ""
          ? tell("/save needs a FILE")
          : Conversation.read(to).pipe(
            Effect.andThen(Conversation.write(to, conversation)),
            Effect.andThen(tell(`Saved to ${to}`)),
            Effect.catch((failed) => tell(`${failed.message}`))
          )
    }
  }
  const aliases: Readonly<Record<string, string>> = { clear: "new", quit: "exit" }

  const command = (line: string): Effect.Effect<void, Failed | PlatformError, Environment> => {
    const [, name = "", argument = ""] = /^(\S*)\s*(.*)$/s.exec(line) ?? []
    const known = Object.hasOwn(aliases, name) ? aliases[name] ?? name : name
    if (Object.hasOwn(commands, known)) return commands[known]?.run(argument.trim()) ?? Effect.void
    const meant = nearest(name, Object.keys(commands))
    return tell(
      `There is no /${name}${
        meant === undefined ? "." : `; did you mean /${meant}?`
      } /help lists the commands. To send a message that begins with a slash, type two.`
    )
  }

  if (typing.isTerminal) {
    const name = [conversation.provider, ...(conversation.model === undefined ? [] : [conversation.model])].join(" ")
    yield* tell(`${name}: /help lists the commands. Ctrl-C stops an answer, Ctrl-D leaves.`)
    if (said.length > 0) yield* tell(`Continuing after ${said.length} of your messages: /history shows them.`)
  }
  while (!isOver) {
    const message = yield* typing.next(said)
    if (message === undefined) break
    if (message.trim() === "") continue
    said.push(message)
    yield* message.startsWith("//")
      ? answer(message.slice(1))
      : message.startsWith("/")
      ? command(message.slice(1))
      : answer(message)
  }
  if (problem !== undefined) return yield* new Failed({ status: 1, message: undefined })
})

const help =
  "A message continues on the next line after \\ and Enter, Ctrl-J or Alt-Enter. To send a message that begins " +
  "with a slash, type two. Ctrl-C stops an answer, or leaves if nothing is typed."
