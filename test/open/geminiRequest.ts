/** Gemini's requests: what is not in the body is named in `ignored`, or refused, as in the bundled formats. */
import { Result, Schema } from "effect"
import type { ChatRequest } from "effect-llm-stream"
import * as Kit from "effect-llm-stream/protocols/RequestKit"
import type { Prompt } from "effect/ai"

declare module "effect-llm-stream/ChatRequest" {
  interface ProviderOptions {
    readonly gemini?: Schema.JsonObject | undefined
  }
}

const signed = Kit.ownOptions(Schema.Struct({ thoughtSignature: Schema.optionalKey(Schema.String) }))
const piece = (path: string, options: Prompt.ProviderOptions, fields: Kit.Fields) =>
  Result.map(signed(options, "gemini", path), (own) => ({ blocks: [{ ...fields, ...own }] }))
const file = (part: Prompt.FilePart, path: string) =>
  Result.flatMap(Kit.media(part, path), ({ mediaType: mimeType, ...media }) => {
    if ("url" in media) return piece(path, part.options, { fileData: { mimeType, fileUri: media.url } })
    return piece(path, part.options, { inlineData: { mimeType, data: media.base64 } })
  })
const leftOut = "reasoning without a signature of Gemini can't be sent back"
const wire: Kit.Wire<Kit.Fields> = {
  key: "gemini",
  instruction: (text) => ({ text }),
  text: ({ options, text }, path) =>
    text === "" && !options["gemini"] ? Result.succeed({ blocks: [] }) : piece(path, options, { text }),
  file,
  ownFile: file,
  reasoning: ({ options, text }, path) =>
    options["gemini"] ? piece(path, options, { text, thought: true }) : Result.succeed({ blocks: [], leftOut }),
  call: (part, path, id) =>
    Result.flatMap(
      Kit.argumentsOf(part, path),
      (args) => piece(path, part.options, { functionCall: { id, name: part.name, args } })
    ),
  result: ({ modelOutput, ...part }, path, id) =>
    Result.gen(function*() {
      const parts = blocks(yield* Kit.contents(modelOutput ?? [], `${path}.modelOutput`, wire))
      const output = modelOutput === undefined ? yield* Kit.resultText(part, path) : undefined
      const response = part.isFailure ? { error: output } : { output }
      return yield* piece(path, part.options, { functionResponse: { id, name: part.name, response, parts } })
    })
}
const blocks = (units: ReadonlyArray<Kit.Unit<Kit.Fields>>) => units.flatMap(({ blocks }) => blocks)
const noOptions = Kit.ownOptions(Schema.Struct({}))
const toolOf = (tool: ChatRequest.ToolDefinition, index: number) =>
  Result.gen(function*() {
    const path = `tools[${index}]`
    yield* Kit.unless(tool.strict ? `${path}.strict: the API does not guarantee arguments` : undefined)
    yield* noOptions(tool.options, "gemini", path)
    const parametersJsonSchema = yield* Kit.toolParameters(tool, path)
    return { name: tool.name, description: tool.description, parametersJsonSchema }
  })
const levels = ["minimal", "low", "medium", "high"]

const field = (name: string) => ({ field: `generationConfig.${name}` })
const none = { ignored: "the API takes none" }
const modes = { auto: "AUTO", none: "NONE", required: "ANY" }

/** The body of `generateContent`. What is not among its fields is refused. */
export const format = Kit.make({
  name: "generate-content",
  provider: "gemini",
  options: { keys: ["gemini"], schema: Schema.Record(Schema.String, Schema.Json) },
  fields: {
    system: "encoded",
    maxTokens: field("maxOutputTokens"),
    temperature: field("temperature"),
    topP: field("topP"),
    topK: field("topK"),
    frequencyPenalty: field("frequencyPenalty"),
    presencePenalty: field("presencePenalty"),
    stop: field("stopSequences"),
    seed: field("seed"),
    tools: "encoded",
    toolChoice: "encoded",
    responseFormat: "encoded",
    reasoning: "encoded",
    user: none,
    metadata: none,
    logprobs: field("logprobs")
  },
  shape: { names: [], content: ["contents", "systemInstruction"], objects: { generationConfig: [] } },
  encode: ({ logprobs, reasoning, responseFormat = "text", toolChoice, tools = [], ...request }) =>
    Result.gen(function*() {
      const { budgetTokens: thinkingBudget, effort: thinkingLevel, summary } = reasoning ?? {}
      yield* Kit.unless(Kit.wordProblem("reasoning.effort", thinkingLevel, levels))
      const { ignored, system, turns } = yield* Kit.walk(request, wire)
      const functionDeclarations = yield* Result.all(tools.map(toolOf))
      const { description, schema } = typeof responseFormat === "object" ? responseFormat : {}
      const body = {
        contents: turns.map(({ role, units }) => ({ role: role === "user" ? role : "model", parts: blocks(units) })),
        systemInstruction: system.length === 0 ? undefined : { parts: blocks(system) },
        tools: functionDeclarations.length === 0 ? undefined : [{ functionDeclarations }],
        toolConfig: typeof toolChoice === "string"
          ? { functionCallingConfig: { mode: modes[toolChoice] } }
          : toolChoice
          ? { functionCallingConfig: { mode: "ANY", allowedFunctionNames: [toolChoice.tool] } }
          : undefined,
        generationConfig: {
          responseLogprobs: logprobs === undefined ? undefined : true,
          responseMimeType: responseFormat === "text" ? undefined : "application/json",
          responseJsonSchema: schema,
          thinkingConfig: reasoning && { thinkingLevel, thinkingBudget, includeThoughts: summary && true }
        }
      }
      return { body, ignored: description ? [...ignored, "responseFormat.description: the API takes none"] : ignored }
    })
})
