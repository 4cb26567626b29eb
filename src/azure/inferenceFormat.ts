import * as ChatCompletions from "../protocols/chatCompletions/request.ts"
import { AzureInferenceOptions } from "./AzureInferenceOptions.ts"

/** @internal */
export const format = (quirks: Partial<ChatCompletions.RequestQuirks> | undefined) =>
  ChatCompletions.format({
    provider: "azure",
    dialect: { ...ChatCompletions.azureInference, ...quirks },
    options: { keys: ["azureInference"], schema: AzureInferenceOptions }
  })
