/**
 * The whole request formats, which encode at once: what `RequestFormat.load` gives of the public ones.
 */
export { format as chatCompletions } from "../../src/protocols/chatCompletions/request.ts"
export { format as converse } from "../../src/protocols/converse/request.ts"
export { bedrockFormat as bedrockMessages, format as messages } from "../../src/protocols/messages/request.ts"
export { format as responses } from "../../src/protocols/responses/request.ts"
