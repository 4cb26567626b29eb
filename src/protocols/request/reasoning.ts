/**
 * How much a model is to reason, in the words that it takes.
 *
 * @since 0.2.0
 */
import type * as ChatRequest from "../../ChatRequest.ts"

/**
 * Efforts from the least to the most, each with the budget that comes nearest to it. The largest leaves room for an answer
 * below the output limit of every Claude that takes a budget.
 */
const budgets = {
  none: 0,
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16384,
  xhigh: 24576,
  max: 27648
} as const satisfies Readonly<Record<ChatRequest.Effort, number>>

const efforts: ReadonlyArray<ChatRequest.Effort> = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]

// Qwen's one word for reasoning at Groq stands for every effort but none.
const rank = (effort: string): number =>
  efforts.findIndex((each) => each === (effort === "default" ? "medium" : effort))

/** The effort that comes nearest among those that a model takes; the lesser one of two. It does not turn reasoning off. */
const nearest = (effort: ChatRequest.Effort, taken: ReadonlyArray<string>): string | undefined => {
  const far = (other: string): number => Math.abs(rank(other) - rank(effort))
  return taken.includes(effort)
    ? effort
    : taken.filter((other) => other !== "none").sort((one, other) =>
      far(one) - far(other) || rank(one) - rank(other)
    )[0]
}

/** The effort that covers a budget. */
const effortOf = (budgetTokens: number): ChatRequest.Effort =>
  efforts.find((effort) => budgets[effort] >= budgetTokens) ?? "max"

/**
 * The budget for an effort. It leaves a fifth of the limit to the answer.
 *
 * @internal
 */
export const budgetOf = (effort: ChatRequest.Effort, maxTokens = Infinity): number =>
  Math.min(budgets[effort], Math.floor(maxTokens * 4 / 5))

/**
 * The reasoning that a request asks for, in the words of a model that takes an effort.
 *
 * @internal
 */
export interface Effort {
  readonly effort?: string | undefined
  /** What is sent otherwise than asked for, or not at all, as sentences. */
  readonly ignored: ReadonlyArray<string>
}

/**
 * Says how much to reason by an effort, whichever way the request says it. `taken` are the efforts of the model: none
 * when it can't be told, `undefined` when they are not known.
 *
 * @internal
 */
export const asEffort = (
  { budgetTokens, effort }: {
    readonly budgetTokens?: number | undefined
    readonly effort?: ChatRequest.Effort | undefined
  },
  model: string,
  taken: ReadonlyArray<string> | undefined
): Effort => {
  const wanted = effort ?? (budgetTokens === undefined ? undefined : effortOf(budgetTokens))
  if (wanted === undefined) return { ignored: [] }
  const sent = taken === undefined ? wanted : nearest(wanted, taken)
  const left = `is left out, as ${model} can't be told how much to reason`
  const ignored = [
    ...(effort === undefined || effort === sent
      ? []
      : [`reasoning.effort: ${effort} ${sent === undefined ? left : `is sent as ${sent}`}`]),
    ...(budgetTokens === undefined
      ? []
      : [
        `reasoning.budgetTokens: ${budgetTokens} ${
          sent === undefined
            ? left
            : effort === undefined
            ? `is sent as an effort of ${sent}`
            : "is left out beside the effort, which is what the model takes"
        }`
      ])
  ]
  return { effort: sent, ignored }
}

const o = ["low", "medium", "high"]
const upTo = {
  high: ["none", ...o],
  xhigh: ["none", ...o, "xhigh"],
  max: ["none", ...o, "xhigh", "max"]
}

/**
 * What models take that are called by a name, the first that fits: of
 * https://developers.openai.com/api/docs/guides/reasoning and the models' pages there; the table of
 * https://learn.microsoft.com/azure/ai-services/openai/how-to/reasoning for o1-mini and o1-preview; and for the others that
 * Azure has, https://docs.x.ai/docs/guides/reasoning and the models' cards. Of deep research, the API's own refusals say so.
 */
const taken: ReadonlyArray<readonly [name: RegExp, efforts: ReadonlyArray<string> | undefined]> = [
  // They answer for themselves.
  [/-chat/, undefined],
  [/gpt-oss/, o],
  [/(^|[^a-z\d])o1-(mini|preview)/, []],
  [/(^|[^a-z\d])o[1-9].*deep-research/, ["medium"]],
  [/(^|[^a-z\d])o[1-9]([^a-z\d]|$)|codex-mini-latest/, o],
  [/gpt-5-pro/, ["high"]],
  [/gpt-5[.-]\d-pro/, ["medium", "high", "xhigh"]],
  [/gpt-5([.-]1)?-codex(?!-max)/, o],
  [/gpt-5[.-]\d-codex/, [...o, "xhigh"]],
  [/gpt-5[.-]1(?!\d)/, upTo.high],
  [/gpt-5[.-][2-5](?!\d)/, upTo.xhigh],
  [/gpt-5[.-]\d(?!\d)|gpt-([6-9]|\d\d)/, upTo.max],
  [/gpt-5/, ["minimal", ...o]],
  [/grok-3-mini/, ["low", "high"]],
  [/grok-4[.-]3(?!\d)/, upTo.high],
  [/grok-4[.-]5(?!\d)/, o],
  [/grok-4([.-](1|20))?(-fast|-beta)?(-\d{4})?(-reasoning)?$|grok-code-fast/, []],
  [/deepseek-r1|mai-ds-r1|phi-4(-mini)?-reasoning/, []]
]

/**
 * The efforts that a model of OpenAI's or of Azure's takes, as far as its name tells; `undefined` when it tells nothing, as
 * that of a deployment.
 *
 * @internal
 */
export const effortsByName = (model: string): ReadonlyArray<string> | undefined => {
  const id = model.toLowerCase()
  return taken.find(([name]) => name.test(id))?.[1]
}

/**
 * The efforts that a model takes at Groq; those of any model where its name does not tell.
 * https://console.groq.com/docs/reasoning
 *
 * @internal
 */
export const groqEfforts = (model: string): ReadonlyArray<string> =>
  /qwen/i.test(model) ? ["none", "default"] : /gpt-oss/.test(model) ? o : upTo.high
