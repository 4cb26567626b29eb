/**
 * The one error of every provider: `ProviderError`, whose `reason` says what went wrong.
 *
 * @since 0.1.0
 */
export * from "./errors/classify.ts"
export * from "./errors/providerError.ts"
