import * as Messages from "../protocols/messages/request.ts"
import { BedrockInvokeOptions } from "./BedrockInvokeOptions.ts"

/** @internal */
export const format = (
  limits: Pick<Parameters<typeof Messages.bedrockFormat>[0], "betas" | "maxTokens" | "version">
) =>
  Messages.bedrockFormat({
    provider: "bedrock",
    options: { keys: ["bedrockInvoke"], schema: BedrockInvokeOptions },
    ...limits
  })
