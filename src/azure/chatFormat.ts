import * as Dialects from "../protocols/chatCompletions/dialects.ts"
import * as ChatCompletions from "../protocols/chatCompletions/request.ts"
import { AzureOpenAiOptions } from "./AzureOpenAiOptions.ts"

/** @internal */
export const format = (
  { bodyModel, isRecent, quirks }: {
    readonly bodyModel: (model: string) => string | undefined
    readonly isRecent: boolean
    readonly quirks: Partial<Dialects.RequestQuirks> | undefined
  }
) =>
  ChatCompletions.format({
    provider: "azure",
    options: { keys: ["azure"], schema: AzureOpenAiOptions },
    bodyModel,
    dialect: { ...(isRecent ? Dialects.azure : Dialects.azureBefore202409), ...quirks }
  })
