import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import { place } from "../../internal/place.ts"
import { claudeSchema } from "./claudeSchema.ts"
import type { Encoding, Fields } from "./encoding.ts"
import type { Treatments } from "./format.ts"
import * as Reasoning from "./reasoning.ts"
import { isBlank, type Turn } from "./walk.ts"

/**
 * What becomes of the fields of a request in the formats that were made for Claude.
 *
 * @internal
 */
export const fields = {
  system: "encoded",
  maxTokens: "encoded",
  frequencyPenalty: { ignored: "the API has no penalties" },
  presencePenalty: { ignored: "the API has no penalties" },
  seed: { ignored: "the API takes none" },
  tools: "encoded",
  toolChoice: "encoded",
  parallelToolCalls: "encoded",
  responseFormat: "encoded",
  reasoning: "encoded",
  logprobs: { refused: "the API gives no log probabilities" },
  audio: { refused: "the API gives no sound" }
} as const satisfies Partial<Treatments>

/** What the id of a Claude model tells about how it reasons. */
interface Abilities {
  readonly adaptive: boolean
  readonly budget: boolean
  /** None when the model takes none. */
  readonly efforts: ReadonlyArray<string>
  /** Thinking can be turned off. */
  readonly disabled: boolean
}

const levels = ["low", "medium", "high"]
const all = [...levels, "xhigh", "max"]

const versions = /claude-(?:([a-z]+)-)?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)/

/**
 * A model of another name is taken to take everything: the provider knows.
 * https://platform.claude.com/docs/en/build-with-claude/effort and `adaptive-thinking`, `extended-thinking` beside it.
 */
const abilities = (model: string): Abilities => {
  const [, family, major, minor = "0"] = versions.exec(model) ?? []
  if (major === undefined) return { adaptive: true, budget: true, efforts: all, disabled: true }
  const version = Number(major) * 100 + Number(minor)
  return {
    adaptive: version >= 406,
    budget: version >= 307 && version < 407,
    efforts: version >= 407
      ? all
      : version === 406
      ? [...levels, "max"]
      : family === "opus" && version === 405
      ? levels
      : [],
    disabled: family !== "fable" && version < 505
  }
}

/**
 * Claude's `thinking` and effort.
 *
 * @internal
 */
export interface Thinking {
  readonly thinking?: Fields | undefined
  readonly effort?: string | undefined
  /** What is sent otherwise than asked for, or not at all, as sentences. */
  readonly ignored: ReadonlyArray<string>
}

const leastBudget = 1024

/**
 * The reasoning that a request asks for, in Claude's words. An effort becomes a budget, or a budget an effort, where the
 * model takes only that. Fails with a sentence when the model does not reason, or when what the caller or the model wants
 * does not go with the rest of the request; a budget that the caller did not state is left out then.
 *
 * @internal
 */
export const thinking = (
  request: ChatRequest.Normalized,
  model: string,
  turns: ReadonlyArray<Turn<Fields>>
): Encoding<Thinking> => {
  const { maxTokens, reasoning: { budgetTokens, effort, summary } = {} } = request
  const able = abilities(model)
  const ignored: Array<string> = []
  const ignore = (option: string, sentence: string) => void ignored.push(`reasoning.${option}: ${sentence}`)

  if (effort === "none" && able.disabled) {
    if (budgetTokens !== undefined) ignore("budgetTokens", "effort none turns reasoning off")
    if (summary !== undefined) ignore("summary", "effort none turns reasoning off")
    return Result.succeed({ thinking: able.adaptive || able.budget ? { type: "disabled" } : undefined, ignored })
  }
  if ((effort ?? budgetTokens) !== undefined && !able.adaptive && !able.budget) {
    return Result.fail(`reasoning.${effort === undefined ? "budgetTokens" : "effort"}: ${model} does not reason`)
  }

  const stated = able.budget ? budgetTokens : undefined
  if (stated !== undefined && stated < leastBudget) {
    return Result.fail(`reasoning.budgetTokens: ${stated} is less than Claude's ${leastBudget}`)
  }
  const asked = able.efforts.length === 0
    ? { ignored: [] }
    : Reasoning.asEffort({ effort, budgetTokens: stated === undefined ? budgetTokens : undefined }, model, able.efforts)
  const mapped = stated === undefined && effort !== undefined && able.efforts.length === 0
    ? Reasoning.budgetOf(effort, maxTokens)
    : undefined
  const budget = mapped ?? stated
  const isAdaptive = able.adaptive && budget === undefined && asked.effort !== undefined
  const problem = mapped !== undefined && mapped < leastBudget
    ? `maxTokens: ${maxTokens} leaves no room for it`
    : budget !== undefined || isAdaptive
    ? conflict(request, turns, budget)
    : undefined
  if (problem !== undefined && mapped === undefined) return Result.fail(problem)

  if (mapped !== undefined) {
    ignore(
      "effort",
      problem === undefined
        ? `${effort} is sent as a budget of ${mapped} tokens`
        : `${effort} is left out, as the model takes a budget alone; ${problem}`
    )
  } else if (effort !== undefined && able.efforts.length === 0) {
    ignore("effort", `${effort} is left out beside the budget, which is what the model takes`)
  }
  const isThinking = problem === undefined && (budget !== undefined || isAdaptive)
  if (summary !== undefined && !isThinking) {
    ignore("summary", "Claude gives none, as it is not asked to think by an effort or a budget")
  } else if (summary !== undefined && summary !== "auto") {
    ignore("summary", `Claude has one kind of summary, none that is ${summary}`)
  }
  // Newer models think without a word of it unless they are asked to show a summary.
  const display = summary === undefined ? undefined : "summarized"
  return Result.succeed({
    thinking: isThinking
      ? defined({ type: isAdaptive ? "adaptive" : "enabled", budget_tokens: budget, display })
      : undefined,
    effort: asked.effort,
    ignored: [...asked.ignored, ...ignored]
  })
}

/** Which option of a request does not go with Claude's thinking, as a sentence; `undefined` when all do. */
const conflict = (
  { maxTokens, temperature, toolChoice, topK, topP }: ChatRequest.Normalized,
  turns: ReadonlyArray<Turn<Fields>>,
  budget: number | undefined
): string | undefined => {
  if (temperature !== undefined && temperature !== 1) return "temperature: Claude takes none but 1 while it reasons"
  if (topK !== undefined) return "topK: Claude takes none while it reasons"
  if (topP !== undefined && topP < 0.95) return "topP: Claude takes 0.95 to 1 while it reasons"
  if (budget !== undefined && (toolChoice === "required" || typeof toolChoice === "object")) {
    return "toolChoice: Claude can't be made to call a tool while it reasons with a budget; use auto"
  }
  if (budget !== undefined && maxTokens !== undefined && budget >= maxTokens) {
    return `reasoning.budgetTokens: the budget of ${budget} has to be less than maxTokens, ${maxTokens}, which counts both`
  }
  const turn = turns.at(-1)
  const last = turn?.units.at(-1)
  return turn?.role === "assistant" && last?.blocks.some((block) => "text" in block) === true
    ? `${last.path}: Claude can't go on with a text of the assistant while it reasons`
    : undefined
}

/**
 * Claude's `tool_choice`. `disable_parallel_tool_use` needs a choice to stand in.
 *
 * @internal
 */
export const toolChoice = (
  { parallelToolCalls, toolChoice }: ChatRequest.Normalized
): Fields | undefined => {
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : undefined
  switch (toolChoice) {
    case undefined:
      return single && { type: "auto", ...single }
    case "auto":
      return { type: "auto", ...single }
    case "required":
      return { type: "any", ...single }
    case "none":
      return { type: "none" }
    default:
      return { type: "tool", name: toolChoice.tool, ...single }
  }
}

/**
 * Why a temperature is not taken, as a sentence; `undefined` when it is.
 *
 * @internal
 */
export const temperatureProblem = ({ temperature }: ChatRequest.Normalized): string | undefined =>
  temperature !== undefined && temperature > 1 ? `temperature: 0 to 1 is taken, not ${temperature}` : undefined

/**
 * Which stop text Claude refuses, as a sentence; `undefined` when it takes all.
 *
 * @internal
 */
export const stopProblem = ({ stop = [] }: ChatRequest.Normalized): string | undefined => {
  const blank = stop.findIndex(isBlank)
  return blank === -1 ? undefined : `${place(["stop", blank])}: a text of white space alone is not taken`
}

/**
 * Turns without the white space at the end of the assistant's last text: Claude writes on from there, and refuses to after
 * white space.
 *
 * @internal
 */
export const withoutTrailingSpace = (
  turns: ReadonlyArray<Turn<Fields>>
): { readonly turns: ReadonlyArray<Turn<Fields>>; readonly trimmed: ReadonlyArray<string> } => {
  const turn = turns.at(-1)
  const unit = turn?.units.at(-1)
  const [first, ...rest] = unit?.blocks ?? []
  const text = first?.["text"]
  if (turn?.role !== "assistant" || unit === undefined || typeof text !== "string" || text === text.trimEnd()) {
    return { turns, trimmed: [] }
  }
  const last = { ...unit, blocks: [{ ...first, text: text.trimEnd() }, ...rest] }
  return {
    turns: [...turns.slice(0, -1), { role: turn.role, units: [...turn.units.slice(0, -1), last] }],
    trimmed: [`${unit.path}.text: the white space at its end, after which Claude can't go on`]
  }
}

const Budget = Schema.Struct({ budget_tokens: Schema.Finite })

/**
 * The largest budget among some settings of Claude's `thinking`; 0 when none has one.
 *
 * @internal
 */
export const budgetOf = (settings: ReadonlyArray<unknown>): number =>
  Math.max(0, ...settings.map((each) => Schema.is(Budget)(each) ? each.budget_tokens : 0))

/**
 * The schema that an answer has to keep to, as Claude guarantees it; `undefined` for text. With `isClaude` `false` it
 * stays as it is, for another model on the same API.
 *
 * @internal
 */
export const answerSchema = (
  { responseFormat = "text" }: ChatRequest.Normalized,
  isClaude = true
): Encoding<Schema.JsonObject | undefined> =>
  responseFormat === "text"
    ? Result.succeed(undefined)
    : responseFormat === "json"
    ? Result.fail("responseFormat: there is no JSON mode, give a schema")
    : isClaude
    ? claudeSchema(responseFormat.schema, "responseFormat.schema")
    : Result.succeed(responseFormat.schema)
