import { openai } from "../protocols/chatCompletions/dialects.ts"
import * as ChatCompletions from "../protocols/chatCompletions/request.ts"
import { OpenAiOptions } from "./OpenAiOptions.ts"

/** @internal */
export const format = ChatCompletions.format({
  provider: "openai",
  dialect: openai,
  options: { keys: ["openai"], schema: OpenAiOptions }
})
