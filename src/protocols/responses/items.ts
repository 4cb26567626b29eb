/**
 * Encodes the parts of a conversation that become other items of the input than messages, functions and reasoning.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { defined } from "../../internal/defined.ts"

/**
 * An item of the input.
 *
 * @internal
 */
export type Item = Readonly<Record<string, unknown>>

type Encoding<A> = Result.Result<A, string>

const fieldsOf = (value: unknown): Item => Predicate.isObject(value) ? value : {}

// The API does not take every `null` back that it states.
const stated = (value: unknown): Item =>
  Object.fromEntries(Object.entries(fieldsOf(value)).filter(([, field]) => field !== undefined && field !== null))

const pick = (value: unknown, ...names: ReadonlyArray<string>): Item => {
  const fields = fieldsOf(value)
  return Object.fromEntries(names.flatMap((name) => fields[name] === undefined ? [] : [[name, fields[name]]]))
}

/**
 * A call of one of the provider's tools that the caller runs: how the call and its result are written as items.
 *
 * @internal
 */
export interface ClientTool {
  /** The API takes the item of the call by its id only. */
  readonly needsId: boolean
  readonly call: (params: unknown) => Item
  /** `content` is the result as a function's result would be written: a text, or parts. */
  readonly output: (
    part: Prompt.ToolResultPart,
    content: unknown,
    call: Prompt.ToolCallPart | undefined,
    path: string
  ) => Encoding<Item>
}

const text = (content: unknown, path: string): Encoding<string> => {
  if (typeof content === "string") return Result.succeed(content)
  const parts = Array.isArray(content) ? content.map(fieldsOf) : []
  return parts.every(({ type }) => type === "input_text")
    ? Result.succeed(parts.map(({ text }) => text).join(""))
    : Result.fail(`${path}.modelOutput: the API takes the result of this tool as text only`)
}

const shellOutput = (part: Prompt.ToolResultPart, content: unknown, path: string): Encoding<ReadonlyArray<unknown>> => {
  const { isFailure, modelOutput, result } = part
  const output = Predicate.isObject(result) ? result["output"] : result
  return modelOutput === undefined && Array.isArray(output)
    ? Result.succeed(output)
    : Result.map(text(content, path), (said) => [{
      stdout: isFailure ? "" : said,
      stderr: isFailure ? said : "",
      outcome: { type: "exit", exit_code: isFailure ? 1 : 0 }
    }])
}

const screenshot = ({ result }: Prompt.ToolResultPart, content: unknown, path: string): Encoding<Item> => {
  const shown = Array.isArray(content) ? content.map(fieldsOf).find(({ type }) => type === "input_image") : undefined
  const own = fieldsOf(result)["output"] ?? result
  const image = stated(pick(shown ?? (typeof own === "string" ? { image_url: own } : own), "image_url", "file_id"))
  return Object.values(image).every((value) => typeof value === "string" && /^(https?:|data:|file)/.test(value)) &&
      Object.keys(image).length > 0
    ? Result.succeed({ type: "computer_screenshot", ...image })
    : Result.fail(
      `${path}.result: the result of a computer call is a screenshot: a file in modelOutput, or an object with image_url or file_id`
    )
}

/**
 * The provider's tools that the caller runs, by the types of their calls.
 *
 * @internal
 */
export const clientTools: Readonly<Record<string, ClientTool>> = {
  apply_patch_call: {
    needsId: false,
    call: (operation) => ({ status: "completed", operation }),
    output: (part, content, _, path) =>
      Result.map(text(content, path), (output) => ({
        type: "apply_patch_call_output",
        status: part.isFailure ? "failed" : "completed",
        output
      }))
  },
  shell_call: {
    needsId: false,
    call: (params) => {
      const { environment, ...action } = fieldsOf(params)
      return { status: "completed", action, ...pick({ environment }, "environment") }
    },
    output: (part, content, call, path) =>
      Result.map(shellOutput(part, content, path), (output) => ({
        type: "shell_call_output",
        output,
        ...stated(pick(call?.params, "max_output_length"))
      }))
  },
  local_shell_call: {
    needsId: true,
    call: (action) => ({ status: "completed", action }),
    output: (part, content, _, path) =>
      // The API's schema wants the id of the call in both `id` and `call_id`.
      Result.map(text(content, path), (output) => ({ type: "local_shell_call_output", id: part.id, output }))
  },
  computer_call: {
    needsId: true,
    call: (params) => ({
      status: "completed",
      pending_safety_checks: [],
      ...stated(pick(params, "action", "actions", "pending_safety_checks"))
    }),
    output: (part, content, _, path) =>
      Result.map(screenshot(part, content, path), (output) => ({
        type: "computer_call_output",
        output,
        ...stated(pick(part.result, "acknowledged_safety_checks"))
      }))
  },
  tool_search_call: {
    needsId: false,
    call: (params) => ({ execution: "client", status: "completed", arguments: params }),
    output: ({ result }, _content, _call, path) => {
      const tools = Predicate.isObject(result) ? result["tools"] : result
      return Array.isArray(tools)
        ? Result.succeed({ type: "tool_search_output", execution: "client", status: "completed", tools })
        : Result.fail(`${path}.result: the result of a tool search is a list of tools, or an object with them as tools`)
    }
  }
}

/** The facts about an item that the provider made itself, from the parts of its call and result. */
interface Executed {
  readonly id: string
  readonly call: Prompt.ToolCallPart | undefined
  readonly result: Prompt.ToolResultPart | undefined
  /** The provider's own options on the call. */
  readonly own: Item
}

const statusOf = ({ result }: Executed): unknown =>
  fieldsOf(result?.result)["status"] ?? (result?.isFailure === true ? "failed" : "completed")

/**
 * The items of tools that the provider ran, by their types, made of the parts. `undefined` when the parts don't have all
 * that the API wants.
 *
 * @internal
 */
export const executed: Readonly<Record<string, (parts: Executed) => Item | undefined>> = {
  web_search_call: (parts) => {
    // The API states its sources, but refuses them in a request.
    const { sources: _, ...action } = stated(parts.call?.params)
    return typeof action["type"] === "string" ? { id: parts.id, status: statusOf(parts), action } : undefined
  },
  file_search_call: (parts) => ({
    id: parts.id,
    status: statusOf(parts),
    queries: fieldsOf(parts.call?.params)["queries"] ?? [],
    ...stated(pick(parts.result?.result, "results"))
  }),
  code_interpreter_call: (parts) => {
    const { code = null, container_id } = fieldsOf(parts.call?.params)
    return typeof container_id === "string"
      ? {
        id: parts.id,
        status: statusOf(parts),
        container_id,
        code,
        outputs: fieldsOf(parts.result?.result)["outputs"] ?? null
      }
      : undefined
  },
  image_generation_call: (parts) => {
    const image = fieldsOf(parts.result?.result)["result"]
    return typeof image === "string" ? { id: parts.id, status: statusOf(parts), result: image } : undefined
  },
  mcp_call: (parts) => {
    const { call, id, own, result } = parts
    if (call === undefined || typeof own["serverLabel"] !== "string") return undefined
    const failed = result?.isFailure === true
    return defined({
      id,
      server_label: own["serverLabel"],
      name: call.name,
      arguments: JSON.stringify(call.params),
      status: result === undefined ? "incomplete" : failed ? "failed" : "completed",
      output: failed ? undefined : result?.result ?? undefined,
      error: failed ? result.result : undefined,
      approval_request_id: own["approvalRequestId"]
    })
  },
  mcp_approval_request: ({ call, id, own }) =>
    call === undefined || typeof own["serverLabel"] !== "string"
      ? undefined
      : { id, server_label: own["serverLabel"], name: call.name, arguments: JSON.stringify(call.params) },
  tool_search_call: ({ call, id }) => call && { id, execution: "server", status: "completed", arguments: call.params },
  tool_search_output: ({ id, result }) => {
    const { status, tools } = fieldsOf(result?.result)
    return Array.isArray(tools) ? defined({ id, execution: "server", status, tools }) : undefined
  },
  shell_call: ({ call, id }) => {
    if (call === undefined) return undefined
    const { environment, ...action } = fieldsOf(call.params)
    return { id, call_id: call.id, status: "completed", action, ...stated({ environment }) }
  },
  shell_call_output: ({ call, id, result }) => {
    const { output, status } = fieldsOf(result?.result)
    return result !== undefined && Array.isArray(output)
      ? defined({ id, call_id: result.id, status, output, ...stated(pick(call?.params, "max_output_length")) })
      : undefined
  }
}

/**
 * Items that are neither text nor a call and go back as they came: the fields that the API takes.
 *
 * @internal
 */
export const others: Readonly<Record<string, (item: Item) => Item>> = {
  compaction: (item) => stated(pick(item, "type", "id", "encrypted_content")),
  configuration_update: (item) => stated(pick(item, "type", "id", "reasoning", "text")),
  program: (item) => pick(item, "type", "id", "call_id", "code", "fingerprint"),
  program_output: (item) => pick(item, "type", "id", "call_id", "result", "status")
}
