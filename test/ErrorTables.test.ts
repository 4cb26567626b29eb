/** What each code, message and status of a provider means, as docs/errors.md and the vendors' references have it. */
import { assert, describe, it } from "@effect/vitest"
import { AzureOpenAi, ChatCompletions, Converse, Groq, Messages, ProviderError } from "../src/index.ts"

type Meaning = readonly [reason: ProviderError.Reason["_tag"], status?: number]

const meaningOf = (table: ProviderError.Table, failure: Partial<ProviderError.Failure>): Meaning => {
  const { _tag, status } = ProviderError.classify({ message: "?", ...failure }, table)
  return status === undefined ? [_tag] : [_tag, status]
}

/** The codes that mean something else, with that. */
const differing = (table: ProviderError.Table, meanings: Readonly<Record<string, Meaning>>) =>
  Object.entries(meanings).flatMap(([code, meaning]) => {
    const is = meaningOf(table, { code })
    return is[0] === meaning[0] && is[1] === meaning[1] ? [] : [{ code, is, meaning }]
  })

const openai: Readonly<Record<string, Meaning>> = {
  invalid_api_key: ["Authentication"],
  authentication_error: ["Authentication"],
  permission_error: ["PermissionDenied"],
  model_not_found: ["NotFound"],
  previous_response_not_found: ["NotFound"],
  context_length_exceeded: ["ContextLengthExceeded"],
  content_filter: ["ContentFiltered"],
  content_policy_violation: ["ContentFiltered"],
  rate_limit_exceeded: ["RateLimited"],
  insufficient_quota: ["QuotaExceeded"],
  billing_hard_limit_reached: ["QuotaExceeded"],
  overloaded_error: ["Overloaded"],
  server_error: ["ServerError"],
  api_error: ["ServerError"],
  timeout: ["Timeout"],
  invalid_request_error: ["InvalidRequest"],
  another: ["Unknown"]
}

const messages: Readonly<
  Record<string, readonly [table: ProviderError.Table, meanings: Readonly<Record<string, Meaning[0]>>]>
> = {
  "chat completions": [ChatCompletions.errors, {
    "This model's maximum context length is 8192 tokens": "ContextLengthExceeded",
    "Your prompt is too long": "ContextLengthExceeded",
    "Input tokens exceeded the limit": "ContextLengthExceeded",
    "You exceeded your current quota": "QuotaExceeded",
    "something else": "InvalidRequest"
  }],
  Azure: [AzureOpenAi.errors, {
    "This model's maximum context length is 8192 tokens": "ContextLengthExceeded",
    "The prompt is filtered due to triggering Azure OpenAI's content management policy": "ContentFiltered",
    "the content management policy": "InvalidRequest"
  }],
  Anthropic: [Messages.errors, {
    "prompt is too long: 9 tokens > 8 maximum": "ContextLengthExceeded",
    "input length and `max_tokens` exceed context limit": "ContextLengthExceeded",
    "Your credit balance is too low": "QuotaExceeded",
    "You have reached your specified API usage limits": "QuotaExceeded",
    "You have reached your specified workspace API usage limits": "QuotaExceeded",
    "something else": "InvalidRequest"
  }],
  Bedrock: [Converse.errors, {
    "Input is too long for requested model": "ContextLengthExceeded",
    "The input tokens exceed the limit": "ContextLengthExceeded",
    "Too many input tokens": "ContextLengthExceeded",
    "prompt is too long": "ContextLengthExceeded",
    "maximum context length is 8": "ContextLengthExceeded",
    "this exceeds the model's context window": "ContextLengthExceeded",
    "which exceed context limit": "ContextLengthExceeded",
    "Authentication failed: no key": "Authentication",
    "Invalid API key": "Authentication",
    "The bearer token has expired": "Authentication",
    "No: authentication failed": "InvalidRequest"
  }]
}

const tables = {
  openai: ChatCompletions.errors,
  azure: AzureOpenAi.errors,
  groq: Groq.errors,
  anthropic: Messages.errors,
  bedrock: Converse.errors
} as const

describe("the errors of a provider", () => {
  it("have the codes of chat completions, and Azure's own", () => {
    assert.deepStrictEqual(differing(ChatCompletions.errors, openai), [])
    assert.deepStrictEqual(meaningOf(ChatCompletions.errors, { code: "toString" }), ["Unknown"])
    assert.deepStrictEqual(
      differing(AzureOpenAi.errors, {
        ...openai,
        DeploymentNotFound: ["NotFound"],
        RateLimitReached: ["RateLimited"],
        ResponsibleAIPolicyViolation: ["ContentFiltered"]
      }),
      []
    )
  })

  it("have the codes of Groq, of which one is no code for a request that is too large", () => {
    const { rate_limit_exceeded: _limit, ...others } = openai
    assert.deepStrictEqual(
      differing(Groq.errors, {
        ...others,
        rate_limit_exceeded: ["RateLimited", 429],
        tool_use_failed: ["ToolUseFailed"],
        json_validate_failed: ["ToolUseFailed"],
        capacity_exceeded: ["Overloaded"],
        over_capacity: ["Overloaded"],
        internal_server_error: ["ServerError"]
      }),
      []
    )
    assert.deepStrictEqual(meaningOf(Groq.errors, { status: 413, code: "rate_limit_exceeded" }), [
      "InvalidRequest",
      413
    ])
  })

  it("have the types of Anthropic, each with its status", () => {
    assert.deepStrictEqual(
      differing(Messages.errors, {
        invalid_request_error: ["InvalidRequest", 400],
        authentication_error: ["Authentication", 401],
        billing_error: ["QuotaExceeded", 402],
        permission_error: ["PermissionDenied", 403],
        not_found_error: ["NotFound", 404],
        conflict_error: ["InvalidRequest", 409],
        memory_path_conflict_error: ["InvalidRequest", 409],
        memory_precondition_failed_error: ["InvalidRequest", 412],
        request_too_large: ["InvalidRequest", 413],
        rate_limit_error: ["RateLimited", 429],
        api_error: ["ServerError", 500],
        timeout_error: ["Timeout", 504],
        overloaded_error: ["Overloaded", 529],
        another: ["Unknown"]
      }),
      []
    )
  })

  it("have the exceptions of Bedrock, however they are spelled", () => {
    const exceptions: Readonly<Record<string, Meaning>> = {
      AccessDeniedException: ["PermissionDenied", 403],
      ConflictException: ["InvalidRequest", 400],
      ExpiredTokenException: ["Authentication", 403],
      IncompleteSignatureException: ["Authentication", 403],
      InternalFailure: ["ServerError", 500],
      InternalServerException: ["ServerError", 500],
      InvalidSignatureException: ["Authentication", 403],
      MissingAuthenticationTokenException: ["Authentication", 403],
      ModelErrorException: ["ServerError", 424],
      ModelNotReadyException: ["RateLimited", 429],
      ModelStreamErrorException: ["ServerError", 424],
      ModelTimeoutException: ["Timeout", 408],
      ResourceNotFoundException: ["NotFound", 404],
      ServiceQuotaExceededException: ["QuotaExceeded", 400],
      ServiceUnavailableException: ["ServerError", 503],
      ThrottlingException: ["RateLimited", 429],
      UnrecognizedClientException: ["Authentication", 403],
      ValidationException: ["InvalidRequest", 400]
    }
    for (const [name, meaning] of Object.entries(exceptions)) {
      assert.deepStrictEqual(
        differing(Converse.errors, { [name]: meaning, [`${name.charAt(0).toLowerCase()}${name.slice(1)}`]: meaning }),
        []
      )
    }
  })

  for (const [whose, [table, meanings]] of Object.entries(messages)) {
    it(`have the words of ${whose}`, () => {
      for (const [message, reason] of Object.entries(meanings)) {
        assert.deepStrictEqual(meaningOf(table, { message, status: 400 }), [reason, 400], message)
      }
    })
  }

  it("have statuses, which mean the same with all but for a few", () => {
    const same: Readonly<Record<number, ProviderError.Reason["_tag"]>> = {
      399: "Unknown",
      400: "InvalidRequest",
      401: "Authentication",
      402: "QuotaExceeded",
      403: "PermissionDenied",
      404: "NotFound",
      408: "Timeout",
      409: "InvalidRequest",
      425: "Overloaded",
      429: "RateLimited",
      499: "InvalidRequest",
      500: "ServerError",
      503: "ServerError",
      504: "Timeout",
      529: "Overloaded",
      599: "ServerError"
    }
    for (const [name, table] of Object.entries(tables)) {
      for (const [status, reason] of Object.entries(same)) {
        assert.deepStrictEqual(meaningOf(table, { status: Number(status) }), [reason, Number(status)], name)
      }
      for (const status of [99, 600, 450.5]) assert.deepStrictEqual(meaningOf(table, { status }), ["Unknown"])
      assert.strictEqual(meaningOf(table, { status: 424 })[0], name === "bedrock" ? "ServerError" : "InvalidRequest")
      assert.strictEqual(meaningOf(table, { status: 498 })[0], name === "groq" ? "Overloaded" : "InvalidRequest")
      const reason = ProviderError.classify({ message: "?", status: 409 }, table)
      const { isRetryable } = new ProviderError.ProviderError({ provider: name, reason, emitted: false })
      assert.strictEqual(isRetryable, name !== "bedrock")
    }
  })

  it("have texts that are bounded", () => {
    const { code, message, requestId } = ProviderError.classify({
      message: "m".repeat(8193),
      code: "c".repeat(257),
      requestId: "r".repeat(257)
    }, Messages.errors)
    assert.deepStrictEqual([message, code, requestId], [
      `${"m".repeat(8192)}…`,
      `${"c".repeat(256)}…`,
      `${"r".repeat(256)}…`
    ])
    const whole = { message: "m".repeat(8192), code: "c".repeat(256), requestId: "r".repeat(256) }
    assert.deepInclude(ProviderError.classify(whole, Messages.errors), whole)
  })
})
