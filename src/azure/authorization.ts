import * as Effect from "effect/Effect"
import * as Service from "../internal/service.ts"
import type * as ProviderError from "../ProviderError.ts"
import type { Options } from "./AzureOpenAi.ts"

/**
 * The headers of an Azure resource's key or Entra token.
 *
 * @internal
 */
export const azureAuthorization = (
  { apiKey, token }: Pick<Options, "apiKey" | "token">,
  howToSet: string
): Effect.Effect<Service.Headers, ProviderError.Reason> =>
  token === undefined
    ? Effect.map(Effect.fromResult(Service.credential(apiKey, howToSet)), (key) => ({ "api-key": key }))
    : Effect.flatMap(token, (token) => Service.bearer(token, "`token` yielded an empty one"))
