import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Auth from "../Auth.ts"
import type * as ProviderError from "../ProviderError.ts"

/** @internal */
export interface Credentials {
  readonly apiKey?: Redacted.Redacted | undefined
  readonly token?: Effect.Effect<Redacted.Redacted, ProviderError.Reason> | undefined
}

/**
 * An Azure resource's key, or a token of Microsoft Entra ID in its place.
 *
 * @internal
 */
export const auth = ({ apiKey, token }: Credentials, howToSet: string): Auth.Auth =>
  token === undefined ? Auth.header("api-key", apiKey, howToSet) : Auth.token(token)

/**
 * The same, for models that may be deployed on their own: those look for the key as a bearer token.
 *
 * @internal
 */
export const both = (credentials: Credentials, howToSet: string): Auth.Auth =>
  credentials.token === undefined
    ? Auth.both(auth(credentials, howToSet), Auth.bearer(credentials.apiKey, howToSet))
    : auth(credentials, howToSet)
