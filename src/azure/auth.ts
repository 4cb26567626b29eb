import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Auth from "../Auth.ts"
import type * as Provider from "../Provider.ts"
import type * as ProviderError from "../ProviderError.ts"

/**
 * Options that all of Azure's APIs share.
 *
 * @internal
 */
export interface Options extends Provider.CommonOptions {
  /** A key of the resource, sent as `api-key`. */
  readonly apiKey?: Redacted.Redacted | undefined
  /**
   * Yields a token of Microsoft Entra ID, which is used instead of the key. The effect is run for every attempt, so
   * that it can refresh the token. It should cache it.
   */
  readonly token?: Effect.Effect<Redacted.Redacted, ProviderError.Reason> | undefined
  /**
   * How the model is deployed, which its price depends on and no response states. Default: costs are those of `global`,
   * and flagged. `Pricing.layer({ deployments })` states it by deployment.
   */
  readonly deploymentType?: "global" | "dataZone" | "regional" | undefined
}

/**
 * An Azure resource's key, or a token of Microsoft Entra ID in its place.
 *
 * @internal
 */
export const auth = ({ apiKey, token }: Options, howToSet: string): Auth.Auth =>
  token === undefined ? Auth.header("api-key", apiKey, howToSet) : Auth.token(token)

/**
 * The same, for models that may be deployed on their own: those look for the key as a bearer token.
 *
 * @internal
 */
export const both = (options: Options, howToSet: string): Auth.Auth =>
  options.token === undefined
    ? Auth.both(auth(options, howToSet), Auth.bearer(options.apiKey, howToSet))
    : auth(options, howToSet)
