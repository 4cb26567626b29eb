/**
 * The errors of this format, which are loaded when the first response fails.
 *
 * @since 0.2.0
 */
import type * as ProviderError from "../../ProviderError.ts"
import { errors as chatErrors } from "../chatCompletions/errors.ts"

/**
 * The errors of the Responses API.
 *
 * @category errors
 * @since 0.2.0
 */
export const errors: ProviderError.Table = chatErrors
