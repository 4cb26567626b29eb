import { groq } from "../protocols/chatCompletions/dialects.ts"
import * as ChatCompletions from "../protocols/chatCompletions/request.ts"
import { GroqOptions } from "./GroqOptions.ts"

/** @internal */
export const format = ChatCompletions.format({
  provider: "groq",
  dialect: groq,
  options: { keys: ["groq"], schema: GroqOptions }
})
