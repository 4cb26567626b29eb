import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import {
  AnthropicOptions,
  BedrockInvokeOptions,
  ChatCompletions,
  ChatRequest,
  type RequestFormat
} from "../../src/index.ts"
import { RequestCheck } from "../../src/testing.ts"
import { read } from "../support/documentation.ts"
import * as Requests from "../support/requests.ts"
import * as Whole from "../support/wholeFormats.ts"

// Whoever asks a model to reason can ask any other in the same words.

interface Api {
  readonly format: RequestFormat.RequestFormat
  /** All of them reason, as far as their names tell. */
  readonly models: ReadonlyArray<string>
}

const anything = Schema.Record(Schema.String, Schema.Unknown)

const gpt = [
  "o1",
  "o1-mini",
  "o3-mini",
  "o4-mini-deep-research",
  "gpt-5",
  "gpt-5-nano-2025-08-07",
  "gpt-5-pro",
  "gpt-5-codex",
  "gpt-5.1",
  "gpt-5.1-codex-max",
  "gpt-5.2",
  "gpt-5.2-pro",
  "gpt-5.6-luna",
  "gpt-6.1-sol",
  "a-deployment"
]
const claudes = [
  "claude-3-7-sonnet-20250219",
  "claude-sonnet-4-20250514",
  "claude-sonnet-4-5",
  "claude-opus-4-5-20251101",
  "claude-opus-4-6",
  "claude-opus-4-7",
  "claude-sonnet-5",
  "claude-opus-5-5",
  "claude-fable-5-2"
]
const onBedrock = claudes.map((model) => `us.anthropic.${model}-v1:0`)

const apis = {
  openai: { format: Whole.chatCompletions({ provider: "openai", dialect: ChatCompletions.openai }), models: gpt },
  azure: { format: Whole.chatCompletions({ provider: "azure", dialect: ChatCompletions.azure }), models: gpt },
  groq: {
    format: Whole.chatCompletions({ provider: "groq", dialect: ChatCompletions.groq }),
    models: ["openai/gpt-oss-120b", "qwen/qwen3-32b", "brand-new"]
  },
  "azure-inference": {
    format: Whole.chatCompletions({
      provider: "azure",
      dialect: ChatCompletions.azureInference,
      options: { keys: ["azureInference"], schema: anything }
    }),
    models: ["grok-3-mini", "grok-4", "DeepSeek-R1", "gpt-oss-120b", "brand-new"]
  },
  "openai-responses": {
    format: Whole.responses({
      provider: "openai",
      options: { keys: ["openai"], schema: anything },
      partKey: "openai"
    }),
    models: gpt
  },
  "azure-responses": {
    format: Whole.responses({ provider: "azure", options: { keys: ["azure"], schema: anything }, partKey: "azure" }),
    models: gpt
  },
  anthropic: {
    format: Whole.messages({
      provider: "anthropic",
      options: { keys: ["anthropic"], schema: AnthropicOptions }
    }),
    models: [...claudes, "a-gateway's"]
  },
  "bedrock-invoke": {
    format: Whole.bedrockMessages({
      provider: "bedrock",
      options: { keys: ["bedrockInvoke"], schema: BedrockInvokeOptions }
    }),
    models: onBedrock
  },
  bedrock: {
    format: Whole.converse({ provider: "bedrock", options: { keys: ["bedrock"], schema: anything } }),
    models: [
      ...onBedrock,
      "us.amazon.nova-2-lite-v1:0",
      "openai.gpt-oss-120b-1:0",
      "us.deepseek.r1-v1:0",
      "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    ]
  }
} satisfies Record<Requests.Api, Api>

const encode = ({ format }: Api, request: ChatRequest.ChatRequest, model: string) =>
  Result.flatMap(ChatRequest.normalize(request), (normalized) => format.encode(normalized, model))

const Body = Schema.Struct({
  reasoning_effort: Schema.optionalKey(Schema.String),
  reasoning: Schema.optionalKey(Schema.Struct({ effort: Schema.optionalKey(Schema.String) })),
  output_config: Schema.optionalKey(Schema.Struct({ effort: Schema.optionalKey(Schema.String) })),
  outputConfig: Schema.optionalKey(Schema.Struct({ effort: Schema.optionalKey(Schema.String) })),
  thinking: Schema.optionalKey(
    Schema.Struct({ type: Schema.String, budget_tokens: Schema.optionalKey(Schema.Finite) })
  ),
  reasoningConfig: Schema.optionalKey(
    Schema.Struct({ type: Schema.String, maxReasoningEffort: Schema.optionalKey(Schema.String) })
  ),
  max_tokens: Schema.optionalKey(Schema.Finite),
  inferenceConfig: Schema.optionalKey(Schema.Struct({ maxTokens: Schema.optionalKey(Schema.Finite) }))
})

/** What a body says of reasoning, wherever it does. */
const sentBy = (whole: Readonly<Record<string, unknown>>) => {
  const body = Schema.decodeUnknownSync(Body)({ ...whole, ...Object(whole["additionalModelRequestFields"]) })
  const isOff = [body.thinking, body.reasoningConfig].some((each) => each?.type === "disabled")
  return {
    effort: isOff
      ? "none"
      : body.reasoning_effort ?? body.reasoning?.effort ?? body.output_config?.effort ?? body.outputConfig?.effort ??
        body.reasoningConfig?.maxReasoningEffort,
    budget: body.thinking?.budget_tokens,
    limit: body.max_tokens ?? body.inferenceConfig?.maxTokens
  }
}

const efforts = [undefined, ...ChatRequest.Effort.literals]

const asked = efforts.flatMap((effort) =>
  [undefined, 1024, 16000].flatMap((budgetTokens) =>
    [undefined, 1100, 20000].flatMap((maxTokens) =>
      budgetTokens !== undefined && maxTokens !== undefined && budgetTokens >= maxTokens
        ? []
        : [{ maxTokens, reasoning: { effort, budgetTokens } }]
    )
  )
)

/** Groq has nothing above high, and says so. */
const isRefused = (api: string, effort: string | undefined): boolean =>
  api === "groq" && (effort === "xhigh" || effort === "max")

describe("a request to reason", () => {
  for (const [name, api] of Object.entries(apis)) {
    const id = name as Requests.Api
    it(`is sent by ${name} to every model that reasons, and what is not sent as asked for is said`, () => {
      const violations = Requests.violations(id)
      for (const model of api.models) {
        for (const { maxTokens, reasoning } of asked) {
          const { budgetTokens, effort } = reasoning
          const told = `${model}: ${JSON.stringify({ maxTokens, reasoning })}`
          const result = encode(api, JSON.parse(JSON.stringify({ prompt: "Hi", maxTokens, reasoning })), model)
          if (isRefused(name, effort)) {
            assert.isTrue(Result.isFailure(result), told)
            continue
          }
          const { body, ignored } = Result.getOrThrow(result)
          assert.deepStrictEqual(violations(body, model), [], told)
          const path = `/model/${encodeURIComponent(model)}/x`
          const headers = { "extra-parameters": "pass-through" }
          assert.deepStrictEqual(RequestCheck.findings(id, { body, path, headers }), [], told)

          const sent = sentBy(body)
          const says = (option: string) => ignored.some((sentence) => sentence.startsWith(`reasoning.${option}: `))
          assert.strictEqual(says("effort"), effort !== undefined && sent.effort !== effort, told)
          assert.strictEqual(says("budgetTokens"), budgetTokens !== undefined && sent.budget !== budgetTokens, told)
          // It is asked for reasoning as long as it is asked for any.
          if (effort !== "none" && sent.effort === "none") assert.fail(told)
          if (sent.budget !== undefined) {
            assert.isAtLeast(sent.budget, 1024, told)
            if (sent.limit !== undefined) assert.isBelow(sent.budget, sent.limit, told)
          }
        }
      }
    })
  }

  it.prop("leaves a fifth of the limit to the answer, at least", {
    effort: Schema.Literals(["medium", "high", "xhigh", "max"]),
    maxTokens: Schema.Int.check(Schema.isBetween({ minimum: 2000, maximum: 100_000 }))
  }, ({ effort, maxTokens }) => {
    const request = { prompt: "Hi", maxTokens, reasoning: { effort } }
    const { body } = Result.getOrThrow(encode(apis.anthropic, request, "claude-sonnet-4-5"))
    assert.isAtMost((sentBy(body).budget ?? 0) / maxTokens, 4 / 5)
  })

  it("has the budgets that the guide lists", () => {
    const [, section = ""] = read("docs/requests.md").split("## Reasoning\n")
    const rows = [...section.matchAll(/^\| `(\w+)` +\| (\d+) +\|$/gm)].map((
      [, effort, budget]
    ) => [effort, Number(budget)])
    const budgets = ChatRequest.Effort.literals.slice(1).map((effort) => {
      const result = encode(apis.anthropic, { prompt: "Hi", reasoning: { effort } }, "claude-sonnet-4-5")
      return [effort, sentBy(Result.getOrThrow(result).body).budget]
    })
    assert.deepStrictEqual(rows, budgets)
  })

  it("has the nearest effort that the model is known to take", () => {
    const sent = (effort: ChatRequest.Effort, name: keyof typeof apis, model: string) =>
      sentBy(Result.getOrThrow(encode(apis[name], { prompt: "Hi", reasoning: { effort } }, model)).body).effort
    assert.strictEqual(sent("none", "openai", "gpt-5"), "minimal")
    assert.strictEqual(sent("minimal", "openai", "gpt-5.1"), "low")
    assert.strictEqual(sent("max", "openai-responses", "gpt-5.4-mini"), "xhigh")
    assert.strictEqual(sent("max", "openai", "gpt-5.6-sol"), "max")
    assert.strictEqual(sent("low", "openai", "gpt-5-pro"), "high")
    assert.strictEqual(sent("low", "openai", "gpt-5.2-pro"), "medium")
    for (const model of ["gpt-5-codex", "gpt-5.1-codex", "gpt-5-1-codex-mini"]) {
      assert.deepStrictEqual([sent("minimal", "openai", model), sent("max", "openai", model)], ["low", "high"], model)
    }
    for (const model of ["gpt-5.1-codex-max", "gpt-5.2-codex"]) {
      assert.deepStrictEqual([sent("minimal", "openai", model), sent("max", "openai", model)], ["low", "xhigh"], model)
    }
    assert.strictEqual(sent("minimal", "azure", "my-o3"), "low")
    assert.strictEqual(sent("max", "azure", "my-model"), "max")
    assert.strictEqual(sent("low", "groq", "qwen/qwen3-32b"), "default")
    assert.strictEqual(sent("medium", "azure-inference", "grok-3-mini"), "low")
    assert.strictEqual(sent("max", "azure-inference", "grok-4.3"), "high")
    assert.strictEqual(sent("none", "azure-inference", "grok-4.5"), "low")
    assert.strictEqual(sent("low", "openai-responses", "o3-deep-research"), "medium")
    for (const model of ["o1-mini", "o1-preview-2024-09-12"]) assert.isUndefined(sent("high", "openai", model), model)
    const deaf = ["DeepSeek-R1", "Phi-4-reasoning", "grok-4", "grok-4-0709", "grok-4-1-fast-reasoning"]
    for (const model of [...deaf, "grok-4-20-reasoning", "grok-4.20-beta-0309-reasoning", "grok-code-fast-1"]) {
      assert.isUndefined(sent("high", "azure-inference", model), model)
    }
    assert.strictEqual(sent("xhigh", "anthropic", "claude-sonnet-4-6"), "high")
    assert.strictEqual(sent("max", "anthropic", "claude-opus-4-5"), "high")
  })
})
