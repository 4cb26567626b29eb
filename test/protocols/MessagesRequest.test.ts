import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result } from "effect"
import { Anthropic, BedrockInvoke, ChatRequest, Messages, type RequestFormat } from "../../src/index.ts"
import { RequestCheck } from "../../src/testing.ts"
import * as Requests from "../support/requests.ts"

const anthropic = Messages.format({
  provider: "anthropic",
  options: { keys: ["anthropic"], schema: Anthropic.AnthropicOptions }
})
const bedrock = Messages.bedrockFormat({
  provider: "bedrock",
  options: { keys: ["bedrockInvoke"], schema: BedrockInvoke.BedrockInvokeOptions }
})

const hosts = [
  ["anthropic", anthropic, "claude-sonnet-4-5"],
  ["bedrock-invoke", bedrock, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"]
] as const

const properties = [["anthropic", anthropic, "claude-opus-4-6"], ...hosts] as const

for (const [api, format, model] of properties) {
  describe(`a generated request on ${api}, ${model}`, () => {
    const violations = Requests.violations(api)

    it.prop(
      "is encoded as the vendor takes it, or refused",
      [Arbitrary.schema(ChatRequest.Normalized)],
      ([request]) => {
        const result = format.encode(request, model)
        if (Result.isFailure(result)) return
        const body: unknown = JSON.parse(JSON.stringify(result.success.body))
        assert.deepStrictEqual(violations(body, model), [])
        assert.deepStrictEqual(RequestCheck.findings(api, { body, path: `/model/${model}/invoke` }), [])
      },
      { fastCheck: { numRuns: 2000 } }
    )
  })
}
