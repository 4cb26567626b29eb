import * as Converse from "../protocols/converse/request.ts"
import { BedrockOptions } from "./BedrockOptions.ts"

/** @internal */
export const format = Converse.format({
  provider: "bedrock",
  options: { keys: ["bedrock"], schema: BedrockOptions }
})
