import * as Dialects from "../protocols/chatCompletions/dialects.ts"
import * as ChatCompletions from "../protocols/chatCompletions/request.ts"
import { AzureInferenceOptions } from "./AzureInferenceOptions.ts"

/** @internal */
export const format = (quirks: Partial<Dialects.RequestQuirks> | undefined) =>
  ChatCompletions.format({
    provider: "azure",
    dialect: { ...Dialects.azureInference, ...quirks },
    options: { keys: ["azureInference"], schema: AzureInferenceOptions }
  })
