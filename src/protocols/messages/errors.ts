/**
 * The errors of this format, which are loaded when the first response fails.
 *
 * @since 0.2.0
 */
import type * as ProviderError from "../../ProviderError.ts"

/**
 * Anthropic's error types, which are the `code` of an error.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = {
  // The provider states types and no codes: a type means its status, and that a reason.
  codes: {},
  messages: [
    [/prompt is too long|exceed context limit/i, "ContextLengthExceeded"],
    [/credit balance is too low|reached your specified (workspace )?API usage limits/i, "QuotaExceeded"]
  ],
  statusOfCode: {
    invalid_request_error: 400,
    authentication_error: 401,
    billing_error: 402,
    permission_error: 403,
    not_found_error: 404,
    conflict_error: 409,
    memory_path_conflict_error: 409,
    memory_precondition_failed_error: 412,
    request_too_large: 413,
    rate_limit_error: 429,
    api_error: 500,
    timeout_error: 504,
    overloaded_error: 529
  },
  retryableStatuses: [409]
}
