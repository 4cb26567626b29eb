/** What the APIs of Azure OpenAI share. */
import * as Config from "effect/Config"
import type * as Protocol from "../Protocol.ts"
import * as Provider from "../Provider.ts"

/** @internal */
export const headers: Protocol.ResponseHeaders = {
  requestId: ["x-request-id", "apim-request-id"],
  info: (headers) => ({ region: headers["x-ms-region"]?.toLowerCase().replaceAll(" ", "") })
}

/**
 * The options that configuration states.
 *
 * @internal
 */
export const configs = () => ({
  endpoint: Config.String("AZURE_OPENAI_ENDPOINT"),
  apiKey: Provider.optional(Config.Redacted("AZURE_OPENAI_API_KEY")),
  apiVersion: Provider.optional(Config.String("AZURE_OPENAI_API_VERSION")),
  deployment: Provider.optional(Config.String("AZURE_OPENAI_DEPLOYMENT"))
})
