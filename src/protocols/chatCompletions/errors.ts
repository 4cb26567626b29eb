/**
 * The errors of this format, which OpenAI's other APIs have as well. They are loaded when the first response fails.
 *
 * @since 0.2.0
 */
import type * as ProviderError from "../../ProviderError.ts"

/**
 * The errors of the chat-completions format, as OpenAI documents them and its compatible hosts use them.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = {
  codes: {
    invalid_api_key: "Authentication",
    authentication_error: "Authentication",
    permission_error: "PermissionDenied",
    model_not_found: "NotFound",
    previous_response_not_found: "NotFound",
    context_length_exceeded: "ContextLengthExceeded",
    content_filter: "ContentFiltered",
    content_policy_violation: "ContentFiltered",
    rate_limit_exceeded: "RateLimited",
    insufficient_quota: "QuotaExceeded",
    billing_hard_limit_reached: "QuotaExceeded",
    overloaded_error: "Overloaded",
    server_error: "ServerError",
    api_error: "ServerError",
    timeout: "Timeout",
    invalid_request_error: "InvalidRequest"
  },
  messages: [
    [/maximum context length|prompt is too long|input tokens exceeded/i, "ContextLengthExceeded"],
    [/exceeded your current quota/i, "QuotaExceeded"]
  ],
  retryableStatuses: [409]
}
