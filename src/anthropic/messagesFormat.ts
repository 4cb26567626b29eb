import * as Messages from "../protocols/messages/request.ts"
import { AnthropicOptions } from "./AnthropicOptions.ts"

/** @internal */
export const format = (
  { provider = "anthropic", ...limits }: Pick<Messages.FormatOptions, "betas" | "maxTokens"> & {
    readonly provider?: string | undefined
  }
) => Messages.format({ provider, options: { keys: ["anthropic"], schema: AnthropicOptions }, ...limits })
