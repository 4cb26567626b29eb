/** Claude behind a bearer token at another host: a gateway that speaks the Messages format and has keys of its own. */
import type { Redacted } from "effect"
import { Anthropic, Auth } from "effect-llm-stream"

export const layer = (baseUrl: string, token: Redacted.Redacted) =>
  Anthropic.layer({ baseUrl, provider: "gateway", auth: Auth.bearer(token, "pass the gateway's token") })
