import { errors as chatErrors } from "../protocols/chatCompletions/errors.ts"
import type * as ProviderError from "../ProviderError.ts"

/** @internal */
export const errors: ProviderError.Table = {
  ...chatErrors,
  codes: {
    ...chatErrors.codes,
    DeploymentNotFound: "NotFound",
    RateLimitReached: "RateLimited",
    ResponsibleAIPolicyViolation: "ContentFiltered"
  },
  messages: [
    ...(chatErrors.messages ?? []),
    [/triggering .*content management policy/i, "ContentFiltered"]
  ]
}
