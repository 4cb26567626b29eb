import { Effect, type Result } from "effect"
import { type ChatRequest, Provider, type ProviderError } from "../../src/index.ts"

/** What `Provider.prepare` gives, or why it refuses. */
export const prepared = <C>(
  definition: Provider.Definition<C>,
  request: ChatRequest.ChatRequest
): Promise<Result.Result<Provider.Prepared, ProviderError.ProviderError>> =>
  Effect.runPromise(Effect.result(Provider.prepare(definition, request)))
