import * as ChatCompletions from "../protocols/chatCompletions/request.ts"
import { GroqOptions } from "./GroqOptions.ts"

/** @internal */
export const format = ChatCompletions.format({
  provider: "groq",
  dialect: ChatCompletions.groq,
  options: { keys: ["groq"], schema: GroqOptions }
})
