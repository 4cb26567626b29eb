import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import { place } from "../../internal/place.ts"
import { claudeSchema } from "./claudeSchema.ts"
import type { Encoding, Fields } from "./encoding.ts"
import { isBlank, type Turn } from "./walk.ts"

/**
 * What the id of a Claude model tells about what the model takes. A model of another name is taken to take everything:
 * the provider knows.
 */
interface Abilities {
  /** `budget_tokens` and `effort` with adaptive thinking, as the model takes them. */
  readonly thinking: "budget" | "adaptive" | "either"
  readonly effort: boolean
  /** Thinking can be turned off. */
  readonly disabled: boolean
}

const versions = /claude-(?:([a-z]+)-)?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)/

const abilities = (model: string): Abilities => {
  const [, family, major, minor = "0"] = versions.exec(model) ?? []
  if (major === undefined) return { thinking: "either", effort: true, disabled: true }
  const version = Number(major) * 100 + Number(minor)
  return {
    thinking: version < 406 ? "budget" : version < 407 ? "either" : "adaptive",
    effort: version >= 406 || family === "opus" && version === 405,
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
  /** What was asked for and is not there, as sentences. */
  readonly ignored?: ReadonlyArray<string> | undefined
}

/**
 * The reasoning that a request asks for, in Claude's words; fails with a sentence when the model has no such thing. The
 * budget is for the caller to compare with `maxTokens`.
 *
 * @internal
 */
export const thinking = (
  { budgetTokens, effort, summary }: NonNullable<ChatRequest.Normalized["reasoning"]>,
  model: string
): Encoding<Thinking> => {
  const able = abilities(model)
  if (effort === "minimal") return Result.fail("reasoning.effort: Claude has no effort minimal; the least is low")
  if (effort === "none") {
    if (budgetTokens !== undefined) {
      return Result.fail("reasoning.budgetTokens: effort none turns reasoning off, so there is nothing to budget")
    }
    if (summary !== undefined) {
      return Result.fail("reasoning.summary: effort none turns reasoning off, so there is nothing to summarise")
    }
    return able.disabled
      ? Result.succeed({ thinking: { type: "disabled" } })
      : Result.fail(`reasoning.effort: ${model} can't be told not to reason; the least effort is low`)
  }
  if (effort !== undefined && !able.effort) {
    return Result.fail(`reasoning.effort: ${model} takes no effort, state reasoning.budgetTokens instead`)
  }
  // Newer models think without a word of it unless they are asked to show a summary.
  const display = summary === undefined ? undefined : "summarized"
  const ignored = summary === undefined || summary === "auto"
    ? undefined
    : [`reasoning.summary: Claude has one kind of summary, none that is ${summary}`]
  if (budgetTokens !== undefined) {
    if (able.thinking === "adaptive") {
      return Result.fail(`reasoning.budgetTokens: ${model} takes no budget, state reasoning.effort instead`)
    }
    if (budgetTokens < 1024) return Result.fail(`reasoning.budgetTokens: ${budgetTokens} is less than Claude's 1024`)
    return Result.succeed({
      thinking: defined({ type: "enabled", budget_tokens: budgetTokens, display }),
      effort,
      ignored
    })
  }
  if (effort === undefined) {
    return summary === undefined
      ? Result.succeed({})
      : Result.fail("reasoning.summary: Claude reasons when asked to, state reasoning.effort or reasoning.budgetTokens")
  }
  if (able.thinking === "budget" && summary !== undefined) {
    return Result.fail(`reasoning.summary: ${model} reasons with a budget only, state reasoning.budgetTokens`)
  }
  return Result.succeed({
    thinking: able.thinking === "budget" ? undefined : defined({ type: "adaptive", display }),
    effort,
    ignored
  })
}

/**
 * Whether Claude thinks, and so takes no sampling parameters.
 *
 * @internal
 */
export const thinks = ({ thinking }: Thinking): boolean =>
  thinking?.["type"] === "enabled" || thinking?.["type"] === "adaptive"

/**
 * Which option of a request does not go with Claude's thinking, as a sentence; `undefined` when all do.
 *
 * @internal
 */
export const conflict = (
  request: ChatRequest.Normalized,
  asked: Thinking,
  maxTokens: number | undefined
): string | undefined => {
  if (!thinks(asked)) return undefined
  const { temperature, toolChoice, topK, topP } = request
  if (temperature !== undefined && temperature !== 1) return "temperature: Claude takes none but 1 while it reasons"
  if (topK !== undefined) return "topK: Claude takes none while it reasons"
  if (topP !== undefined && topP < 0.95) return "topP: Claude takes 0.95 to 1 while it reasons"
  const budget = request.reasoning?.budgetTokens
  if (budget === undefined) return undefined
  if (toolChoice === "required" || typeof toolChoice === "object") {
    return "toolChoice: Claude can't be made to call a tool while it reasons with a budget; use auto"
  }
  return maxTokens !== undefined && budget >= maxTokens
    ? `reasoning.budgetTokens: the budget of ${budget} has to be less than maxTokens, ${maxTokens}, which counts both`
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

/**
 * Why Claude can't write on where the assistant's last text ends, as a sentence; `undefined` when it can.
 *
 * @internal
 */
export const prefillProblem = (asked: Thinking, turns: ReadonlyArray<Turn<Fields>>): string | undefined => {
  const turn = turns.at(-1)
  const last = turn?.units.at(-1)
  return thinks(asked) && turn?.role === "assistant" && last?.blocks.some((block) => "text" in block) === true
    ? `${last.path}: Claude can't go on with a text of the assistant while it reasons`
    : undefined
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
