import * as Responses from "../protocols/responses/request.ts"
import { OpenAiResponsesOptions } from "./OpenAiResponsesOptions.ts"

/** @internal */
export const format = Responses.format({
  provider: "openai",
  options: { keys: ["openaiResponses", "openai"], schema: OpenAiResponsesOptions },
  partKey: "openai"
})
