import * as ChatCompletions from "../protocols/chatCompletions/request.ts"
import { OpenAiOptions } from "./OpenAiOptions.ts"

/** @internal */
export const format = ChatCompletions.format({
  provider: "openai",
  dialect: ChatCompletions.openai,
  options: { keys: ["openai"], schema: OpenAiOptions }
})
