/**
 * The request body.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import { nullish } from "../../internal/open.ts"
import { place } from "../../internal/place.ts"
import type * as RequestFormat from "../../RequestFormat.ts"
import { type Encoding, type Fields, unless, wordProblem } from "../request/encoding.ts"
import * as Files from "../request/files.ts"
import { make } from "../request/format.ts"
import * as OpenAi from "../request/openai.ts"
import { imageTypes, metadataLimits, serviceTiers } from "../request/openaiFields.ts"
import { type OwnOptions, ownOptions } from "../request/options.ts"
import type { Shape } from "../request/rawFields.ts"
import { effortsByName } from "../request/reasoning.ts"
import { knownToReason } from "../request/reasons.ts"
import * as Tools from "../request/tools.ts"
import { fields } from "./fields.ts"
import * as Items from "./items.ts"

/**
 * How requests become the body of one host of the Responses API.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface FormatOptions {
  /** The provider's name, for messages. */
  readonly provider: string
  /** The host's own fields in a request's `options`. */
  readonly options: OwnOptions
  /** The key of the host's data on parts and messages, such as `openai`. */
  readonly partKey: string
}

const shape: Shape = {
  names: ["input", "model", "stream"],
  content: ["input", "instructions", "tools"],
  objects: { reasoning: [], text: ["format"], metadata: [], stream_options: [] }
}

/**
 * The whole format.
 *
 * @internal
 */
export const format = ({ options, partKey, provider }: FormatOptions): RequestFormat.RequestFormat => {
  const items = itemsOf(partKey)
  return make({
    name: "responses",
    provider,
    options,
    fields,
    shape,
    allowances: (raw) => ({ freeText: true, earlierCalls: goesOn(raw), otherTools: Tools.rawToolNames(raw) }),
    encode: (request, { model, raw }) =>
      Result.gen(function*() {
        const functions = yield* OpenAi.functionTools(request, { key: partKey, isPlain: true, maxName: 128 })
        const tools = functions.map((tool) => ({ type: "function", ...tool, strict: tool.strict ?? false }))
        const hasTools = tools.length > 0 || Tools.rawTools(raw).length > 0
        const { maxTokens, reasoning: { summary } = {} } = request
        const asked = yield* OpenAi.reasoning(request, model, effortsByName)
        const ignored = [...asked.ignored, ...(hasTools ? [] : Tools.withoutTools(request))]
        yield* unless(
          maxTokens !== undefined && maxTokens < 16
            ? `maxTokens: ${maxTokens} is less than 16, the least that the API takes`
            : wordProblem("serviceTier", request.serviceTier, serviceTiers)
              ?? OpenAi.metadataProblem(request, metadataLimits)
        )
        const { include: rawInclude, ...others } = raw
        const include = [
          ...(request.logprobs === undefined ? [] : ["message.output_text.logprobs"]),
          ...(wantsEncrypted(raw["store"], model) ? ["reasoning.encrypted_content"] : []),
          ...(Array.isArray(rawInclude) ? rawInclude : [])
        ]
        const input = yield* items(request, model, ignored, raw)
        const format = yield* OpenAi.answerFormat(request, true)
        return {
          body: {
            model,
            instructions: request.system === "" ? undefined : request.system,
            input,
            tools: tools.length === 0 ? undefined : tools,
            tool_choice: hasTools ? choiceOf(request, raw) : undefined,
            parallel_tool_calls: hasTools ? request.parallelToolCalls : undefined,
            text: format && { format: { type: format.type, ...format.schema } },
            reasoning: asked.effort === undefined && summary === undefined
              ? undefined
              : defined({ effort: asked.effort, summary }),
            include: include.length === 0 ? undefined : [...new Set(include)],
            stream: true
          },
          raw: others,
          ignored
        }
      })
  })
}

// A conversation then does not depend on what the provider keeps, and for how long. A model that does not reason refuses.
const wantsEncrypted = (store: unknown, model: string): boolean =>
  store !== true && (knownToReason(model) ?? store === false)

// The types of tools that a choice can name alone.
const chosenByType = new Set<unknown>([
  "apply_patch",
  "code_interpreter",
  "computer",
  "computer_use",
  "computer_use_preview",
  "file_search",
  "image_generation",
  "programmatic_tool_calling",
  "shell",
  "web_search_preview",
  "web_search_preview_2025_03_11"
])

const choiceOf = ({ toolChoice, tools = [] }: ChatRequest.Normalized, raw: Fields): unknown => {
  if (typeof toolChoice !== "object") return toolChoice
  const name = toolChoice.tool
  const own = tools.some((tool) => tool.name === name) ? undefined : Tools.rawTool(raw, name)
  const { server_label, type = "function" } = own ?? {}
  if (type === "function" || type === "custom") return { type, name }
  if (chosenByType.has(type)) return { type }
  return type === "mcp"
    ? { type, server_label }
    : { type: "allowed_tools", mode: "required", tools: [{ type }] }
}

interface ReasoningItem {
  readonly type: "reasoning"
  id: string | undefined
  readonly summary: Array<{ readonly type: "summary_text"; readonly text: string }>
  readonly content: Array<{ readonly type: "reasoning_text"; readonly text: string }>
  encrypted_content: string | undefined
}

const Breakpoint = Schema.Struct({ mode: Schema.Literal("explicit") })

/** An id as OpenAI takes it back. Other hosts make up their own, and items may go without. */
const ownId = (prefix: "fc_" | "msg_" | "rs_", id: string | null | undefined): string | undefined =>
  id?.startsWith(prefix) === true ? id : undefined

const anything = Schema.optionalKey(Schema.Unknown)

// What stands on parts for another API of the same provider, and means nothing here.
const spoken = { audioId: anything, audioTranscript: anything, expiresAt: anything }
// The status is an item's, which an answer states and the API does not need back.
const unused = { ...spoken, citations: anything, reasoningDetails: anything, status: anything }

const plainOptions = ownOptions(Schema.Struct({ ...unused, itemId: anything, encryptedContent: anything }))
const inputOptions = ownOptions(Schema.Struct({ ...unused, promptCacheBreakpoint: nullish(Breakpoint) }))
const imageOptions = ownOptions(Schema.Struct({
  ...unused,
  promptCacheBreakpoint: nullish(Breakpoint),
  imageDetail: nullish(Schema.Literals(["auto", "low", "high", "original"]))
}))
const reasoningOptions = ownOptions(Schema.Struct({
  ...unused,
  type: Schema.optionalKey(Schema.Literal("reasoning_text")),
  itemId: nullish(Schema.String),
  encryptedContent: nullish(Schema.String)
}))
const answerOptions = ownOptions(Schema.Struct({
  ...unused,
  // An answer states them, and does not take them back.
  annotations: anything,
  item: nullish(Schema.Record(Schema.String, Schema.Unknown)),
  itemId: nullish(Schema.String),
  phase: nullish(Schema.String),
  refusal: nullish(Schema.Boolean)
}))
const ofCall = {
  ...unused,
  caller: anything,
  namespace: nullish(Schema.String),
  type: nullish(Schema.String)
}
const callOptions = ownOptions(Schema.Struct({ ...ofCall, itemId: nullish(Schema.String) }))
const executedOptions = ownOptions(Schema.Struct({
  ...ofCall,
  approvalRequestId: anything,
  itemId: nullish(Schema.String),
  serverLabel: anything
}))
const resultOptions = ownOptions(Schema.Struct({ ...unused, type: nullish(Schema.String) }))

const itemsOf = (key: string) => {
  const textPart = (part: Prompt.TextPart, path: string): Encoding<Fields> =>
    Result.map(inputOptions(part.options, key, path), ({ promptCacheBreakpoint }) =>
      defined({
        type: "input_text",
        text: part.text,
        prompt_cache_breakpoint: promptCacheBreakpoint ?? undefined
      }))

  const filePart = (part: Prompt.FilePart, path: string): Encoding<Fields> =>
    Result.gen(function*() {
      const media = yield* Files.media(part, path)
      yield* unless(OpenAi.addressProblem(media, path))
      if (media.mediaType.startsWith("image/")) {
        const url = yield* OpenAi.imageUrl(media, imageTypes, path)
        const own = yield* imageOptions(part.options, key, path)
        return defined({
          type: "input_image",
          image_url: url,
          detail: own.imageDetail ?? undefined,
          prompt_cache_breakpoint: own.promptCacheBreakpoint ?? undefined
        })
      }
      if (media.mediaType !== "application/pdf") {
        return yield* Result.fail(`${path}.mediaType: files of type ${media.mediaType} are not taken`)
      }
      const own = yield* inputOptions(part.options, key, path)
      return defined({
        type: "input_file",
        ...("url" in media
          ? { file_url: media.url }
          : { filename: OpenAi.documentName(media), file_data: OpenAi.dataUrl(media) }),
        prompt_cache_breakpoint: own.promptCacheBreakpoint ?? undefined
      })
    })

  const inputParts = (
    parts: ReadonlyArray<Prompt.TextPart | Prompt.FilePart>,
    path: string
  ): Encoding<ReadonlyArray<Fields>> =>
    Result.map(
      Result.all(parts.map((part, index) => {
        const here = `${path}[${index}]`
        return part.type === "text" ? textPart(part, here) : filePart(part, here)
      })),
      // Empty texts go where something stands beside them.
      (encoded) => {
        const full = encoded.filter(({ text }) => text !== "")
        return full.length === 0 ? encoded.slice(0, 1) : full
      }
    )

  const output = (part: Prompt.ToolResultPart, path: string): Encoding<unknown> =>
    part.modelOutput === undefined
      ? Tools.resultText(part, path)
      : Result.map(inputParts(part.modelOutput, `${path}.modelOutput`), (parts) => parts.length === 0 ? "" : parts)

  /** The item of a call that the caller answers. Without the item of reasoning before it, it has to do without its id. */
  const callItem = (part: Prompt.ToolCallPart, callId: string, isWhole: boolean, path: string) =>
    Result.gen(function*() {
      const tool = clientToolOf(part, key)
      const { caller, itemId: stated, namespace } = yield* callOptions(part.options, key, path)
      const itemId = tool === undefined && !ChatRequest.isFreeText(part) ? ownId("fc_", stated) : stated
      if (tool?.needsId === true && !itemId) {
        return yield* Result.fail(`${path}: the API takes this call back only with the itemId in its options`)
      }
      const common = {
        id: itemId && (isWhole || tool?.needsId === true) ? itemId : undefined,
        call_id: callId,
        caller: caller ?? undefined
      }
      if (tool !== undefined) return defined({ type: tool.type, ...common, ...tool.call(part.params) })
      const named = { ...common, namespace: namespace ?? undefined, name: part.name }
      return defined(
        ChatRequest.isFreeText(part)
          ? { type: "custom_tool_call", ...named, input: part.params }
          : {
            type: "function_call",
            ...named,
            arguments: JSON.stringify(yield* Tools.argumentsOf(part, path))
          }
      )
    })

  /** The item of what the caller answers. The call is `undefined` when the provider has it. */
  const resultItem = (
    part: Prompt.ToolResultPart,
    call: Prompt.ToolCallPart | undefined,
    callId: string,
    path: string
  ) =>
    Result.gen(function*() {
      const { type } = yield* resultOptions(part.options, key, path)
      const content = yield* output(part, path)
      const tool = clientToolOf(call ?? part, key)
      if (tool !== undefined) return { call_id: callId, ...yield* tool.output(part, content, call, path) }
      const isCustom = call === undefined ? type === "custom" : ChatRequest.isFreeText(call)
      return { call_id: callId, type: isCustom ? "custom_tool_call_output" : "function_call_output", output: content }
    })

  /** The item of a tool that the provider ran, of which a part is the call or the result. */
  const executed = (
    part: Prompt.ToolCallPart | Prompt.ToolResultPart,
    content: ReadonlyArray<Prompt.AssistantMessagePart | Prompt.ToolMessagePart>,
    isKept: boolean,
    path: string
  ): Encoding<Fields> =>
    Result.flatMap(executedOptions(part.options, key, path), ({ itemId: id, type, ...own }) => {
      if (id && isKept) return Result.succeed({ type: "item_reference", id })
      const make = type && Object.hasOwn(Items.executed, type) ? Items.executed[type] : undefined
      const item = id
        ? make?.({
          id,
          call: content.find((other): other is Prompt.ToolCallPart =>
            other.type === "tool-call" && other.id === part.id
          ),
          result: content.find((other): other is Prompt.ToolResultPart =>
            other.type === "tool-result" && other.id === part.id
          ),
          own
        })
        : undefined
      return item === undefined
        ? Result.fail(
          make === undefined
            ? `${path}.providerExecuted: a call that its provider executed can't be sent back`
            : `${path}: an item of the type ${type} can't be sent back, as the parts don't hold ${
              id ? "all of it, and nothing is stored" : "its id"
            }`
        )
        : Result.succeed({ type, ...item })
    })

  return (
    request: ChatRequest.Normalized,
    model: string,
    ignored: Array<string>,
    raw: Fields
  ): Encoding<ReadonlyArray<Fields>> =>
    Result.gen(function*() {
      const isKept = raw["store"] !== false
      const out: Array<Fields | ReasoningItem> = []
      const idOf = Tools.callIds(request.prompt, { maxLength: 64 })
      const calls = new Map<string, Prompt.ToolCallPart>()
      const approvals = approvalIds(request.prompt, key)
      // Of tools that the provider ran.
      const sent = new Set<unknown>()
      for (const [i, message] of request.prompt.content.entries()) {
        const path = place(["prompt", i])
        yield* plainOptions(message.options, key, path)
        switch (message.role) {
          case "system":
            if (message.content !== "") out.push({ role: "system", content: message.content })
            break
          case "user": {
            const content = yield* inputParts(message.content, `${path}.content`)
            if (content.length > 0) out.push({ role: "user", content })
            break
          }
          case "tool":
          case "assistant": {
            // Ids tie an answer to the reasoning before it: without that, the answer has to do without its id as well.
            let isWhole = true
            let reasoningId: string | null | undefined
            const encrypted = encryptedIds(message.content, key)
            for (const [j, part] of message.content.entries()) {
              const here = `${path}.content[${j}]`
              switch (part.type) {
                case "text": {
                  const { item, itemId, phase, refusal } = yield* answerOptions(part.options, key, here)
                  if (item) {
                    const other = otherItem(item, isKept)
                    if (other === undefined) {
                      ignored.push(`${here}: an item of the type ${item["type"]} can't be sent back`)
                    } else out.push(other)
                  }
                  if (part.text === "") break
                  out.push(defined({
                    type: "message",
                    role: "assistant",
                    id: isWhole ? ownId("msg_", itemId) : undefined,
                    phase: phase ?? undefined,
                    content: [
                      refusal === true
                        ? { type: "refusal", refusal: part.text }
                        : { type: "output_text", text: part.text }
                    ]
                  }))
                  break
                }
                case "reasoning": {
                  const { encryptedContent, itemId: stated, type } = yield* reasoningOptions(part.options, key, here)
                  const itemId = ownId("rs_", stated)
                  const isKnown = encryptedContent || (isKept && itemId !== undefined) ||
                    (stated && encrypted.has(stated))
                  if (knownToReason(model) === false || !isKnown) {
                    isWhole = false
                    ignored.push(
                      isKnown
                        ? `${here}: ${model} does not reason, and takes no reasoning back`
                        : isKept
                        ? `${here}: reasoning without encrypted content or an id can't be sent back`
                        : `${here}: reasoning without encrypted content can't be sent back without storage`
                    )
                    break
                  }
                  const last = out.at(-1)
                  const item: ReasoningItem = isReasoning(last) && stated && reasoningId === stated ?
                    last :
                    {
                      type: "reasoning",
                      id: itemId,
                      summary: [],
                      content: [],
                      encrypted_content: undefined
                    }
                  if (item !== last) out.push(item)
                  reasoningId = stated
                  if (part.text !== "") {
                    if (type === undefined) item.summary.push({ type: "summary_text", text: part.text })
                    else item.content.push({ type, text: part.text })
                  }
                  item.encrypted_content = encryptedContent ?? item.encrypted_content
                  break
                }
                case "file":
                  return yield* Result.fail(`${here}: a file of the assistant can't be sent back`)
                case "tool-call": {
                  if (part.providerExecuted) {
                    const item = yield* executed(part, message.content, isKept, here)
                    sent.add(item["id"])
                    out.push(item)
                    break
                  }
                  calls.set(part.id, part)
                  out.push(yield* callItem(part, idOf(part.id), isWhole, here))
                  break
                }
                case "tool-result": {
                  if (part.providerExecuted) {
                    const { itemId } = yield* executedOptions(part.options, key, here)
                    // One item is both call and result, but of searches for tools and shells.
                    if (!sent.has(itemId)) out.push(yield* executed(part, message.content, isKept, here))
                    break
                  }
                  out.push(yield* resultItem(part, calls.get(part.id), idOf(part.id), here))
                  break
                }
                case "tool-approval-request":
                  break
                // The others are for the program that runs the tools.
                case "tool-approval-response":
                  if (approvals.isProviders(part.approvalId, goesOn(raw))) {
                    out.push(defined({
                      type: "mcp_approval_response",
                      approval_request_id: part.approvalId,
                      approve: part.approved,
                      reason: part.reason
                    }))
                  }
                  break
              }
            }
            break
          }
        }
      }
      return out.length === 0
        ? yield* Result.fail("prompt: there is no message with anything in it")
        : out.map((item) =>
          isReasoning(item) ? defined({ ...item, content: item.content.length === 0 ? undefined : item.content }) : item
        )
    })
}

/** The request goes on from what the provider has kept. */
const goesOn = ({ conversation, previous_response_id }: Fields): boolean =>
  Boolean(previous_response_id) || Boolean(conversation)

const ownOf = (options: Prompt.ProviderOptions, key: string): Fields => {
  const own: unknown = options[key]
  return Predicate.isObject(own) ? own : {}
}

const clientToolOf = (part: Prompt.ToolCallPart | Prompt.ToolResultPart, key: string) => {
  const { type } = ownOf(part.options, key)
  const tool = typeof type === "string" && Object.hasOwn(Items.clientTools, type) ? Items.clientTools[type] : undefined
  return tool && { type, ...tool }
}

/** The ids of the items of reasoning that are there in their encrypted form. */
const encryptedIds = (
  content: ReadonlyArray<Prompt.AssistantMessagePart | Prompt.ToolMessagePart>,
  key: string
): ReadonlySet<unknown> =>
  new Set(content.flatMap((part) => {
    const { encryptedContent, itemId } = part.type === "reasoning" ? ownOf(part.options, key) : {}
    return encryptedContent ? [itemId] : []
  }))

const otherItem = (item: Fields, isKept: boolean): Fields | undefined => {
  const { id, type } = item
  const take = typeof type === "string" && Object.hasOwn(Items.others, type) ? Items.others[type] : undefined
  return take?.(item) ?? (isKept && typeof id === "string" ? { type: "item_reference", id } : undefined)
}

/** Who asks for the approvals of a prompt. */
const approvalIds = ({ content }: Prompt.Prompt, key: string) => {
  const parts = content.flatMap((message) => message.role === "assistant" ? message.content : [])
  const requests = parts.flatMap((part) => part.type === "tool-approval-request" ? [part] : [])
  const own = new Set(
    parts.flatMap((part) =>
      part.type === "tool-call" && part.providerExecuted && ownOf(part.options, key)["type"] === "mcp_approval_request"
        ? [part.id]
        : []
    )
  )
  return {
    isProviders: (id: string, goesOn: boolean): boolean => {
      const request = requests.find(({ approvalId }) => approvalId === id)
      return request === undefined ? own.has(id) || goesOn : own.has(request.toolCallId)
    }
  }
}

const isReasoning = (item: Fields | ReasoningItem | undefined): item is ReasoningItem => item?.["type"] === "reasoning"
