import { OpenAiResponsesOptions } from "../openai/OpenAiResponsesOptions.ts"
import * as Responses from "../protocols/responses/request.ts"

/** @internal */
export const format = Responses.format({
  provider: "azure",
  options: { keys: ["azure"], schema: OpenAiResponsesOptions },
  partKey: "azure"
})
