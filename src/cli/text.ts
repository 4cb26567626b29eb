import * as Duration from "effect/Duration"
import type { ChatResponse } from "../ChatResponse.ts"
import type * as Pricing from "../Pricing.ts"
import type { ProviderError } from "../ProviderError.ts"
import { type Item, type Responses, usageOf } from "./answer.ts"
import * as CliCost from "./cost.ts"

const excerptLength = 200

/**
 * A text on one line, for what stands among others.
 *
 * @internal
 */
export const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ").trim()

/**
 * A provider's failure, with what is known of it: one line, one with the details if there are any, and one with the
 * start of a body that was not understood, such as that of a wrong address.
 *
 * @internal
 */
export const fromError = (error: ProviderError): string =>
  [messageOf(error), ...details(error)].map((line, position) => `${position === 0 ? "" : "  "}${line}\n`).join("")

/**
 * The same on one line.
 *
 * @internal
 */
export const lineFromError = (error: ProviderError): string => {
  const known = details(error)
  return `${oneLine(messageOf(error))}${known.length === 0 ? "" : ` (${known.join(", ")})`}`
}

/**
 * An error's message. The library's options are not those of the command line, which reads keys from the environment
 * alone.
 *
 * @internal
 */
export const messageOf = ({ message }: { readonly message: string }): string =>
  message.replace(/pass `apiKey`(?: or `token`)?, or set/, "set")

const details = (error: ProviderError): ReadonlyArray<string> => {
  const stated = [
    ...(error.status === undefined ? [] : [`status ${error.status}`]),
    ...(error.code === undefined ? [] : [`code ${error.code}`]),
    ...(error.requestId === undefined ? [] : [`request ${error.requestId}`]),
    ...(error.retryAfter === undefined ? [] : [`retry after ${Duration.format(error.retryAfter)}`])
  ]
  const body = oneLine(error.reason.body?.slice(0, excerptLength) ?? "")
  return [...(stated.length === 0 ? [] : [stated.join(", ")]), ...(body === "" ? [] : [`body ${body}`])]
}

/** @internal */
export const finish = (response: ChatResponse): string =>
  response.error === undefined
    ? response.finishReasons.map((raw, position) => {
      const common = response.commonFinishReasons[position]
      return common === undefined || common === raw ? raw : `${raw} (${common})`
    }).join(", ") || "-"
    : response.error.reason._tag

/** @internal */
export const count = (tokens: number | undefined): string => tokens === undefined ? "-" : String(tokens)

/** @internal */
export const seconds = (millis: number | undefined): string =>
  millis === undefined ? "-" : `${(millis / 1000).toFixed(2)} s`

/**
 * The beginning of a text, on one line.
 *
 * @internal
 */
export const excerpt = (text: string): string => {
  const line = oneLine(text)
  return line.length <= excerptLength ? line : `${line.slice(0, excerptLength)}…`
}

/**
 * The tokens of several responses together; `-` where none states them.
 *
 * @internal
 */
export const tokens = (responses: ReadonlyArray<ChatResponse>): string => {
  const usage = usageOf(responses)
  return `input ${count(usage?.inputTokens)}, cached ${count(usage?.cachedTokens)}, output ${
    count(usage?.outputTokens)
  }`
}

/**
 * The line about a call, a result or the end of a step.
 *
 * @internal
 */
export const fromItem = (item: Exclude<Item, { readonly _tag: "Chunk" }>): string => {
  switch (item._tag) {
    case "ToolCall":
      return `[tool call] ${item.name} ${excerpt(valueOf(item.params))}${
        item.problem === null ? "" : ` (${item.problem})`
      }\n`
    case "ToolResult":
      return `[tool ${item.isFailure ? "failure" : "result"}] ${item.name} ${excerpt(valueOf(item.result))}\n`
    case "Step":
      return ""
  }
}

/** @internal */
export const valueOf = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? ""

/**
 * The summary of an answer, one line for each kind of figure.
 *
 * @internal
 */
export const summary = (
  { all, last }: Responses,
  millisToFirstChunk: number | undefined,
  pricing: Pricing.Service
): string =>
  table([
    [last.error === undefined ? "finish reason" : "failed", finish(last)],
    ...(all.length === 1 ? [] : [["steps", String(all.length)]]),
    ["tokens", tokens(all)],
    ["cost", CliCost.text(all, pricing)],
    ["first chunk", seconds(millisToFirstChunk)]
  ])

/**
 * Lines of words, none of which a terminal breaks.
 *
 * @internal
 */
export const wrapped = (text: string, columns: number): string =>
  text.split("\n").map((line) => {
    let width = 0
    return line.split(" ").map((word, at) => {
      const fits = at === 0 || width + 1 + word.length < columns
      const start = at === 0 ? "" : fits ? " " : "\n  "
      width = fits ? width + start.length + word.length : 2 + word.length
      return start + word
    }).join("")
  }).join("\n")

/**
 * Rows in columns.
 *
 * @internal
 */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths: Array<number> = []
  for (const row of rows) row.forEach((cell, column) => widths[column] = Math.max(widths[column] ?? 0, cell.length))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd() + "\n")
    .join("")
}

/**
 * Opens with a heading, goes on with the pieces, and ends with a line end once something else has begun.
 *
 * @internal
 */
export const section = (heading: string): (piece: string, isOver: boolean) => string => {
  let isOpen = false
  return (piece, isOver) => {
    const start = piece !== "" && !isOpen ? heading : ""
    if (piece !== "") isOpen = true
    const end = isOpen && isOver ? "\n" : ""
    if (end !== "") isOpen = false
    return start + piece + end
  }
}

/** @internal */
export const toolCalls = (response: ChatResponse): string =>
  response.toolCalls.map((call) => `[tool call] ${call.name} ${call.arguments}\n`).join("")
