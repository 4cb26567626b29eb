import * as Duration from "effect/Duration"
import type { ChatResponse } from "../ChatResponse.ts"
import type * as Pricing from "../Pricing.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as CliCost from "./cost.ts"

const excerptLength = 200

/**
 * A provider's failure, with what is known of it: one line, one with the details if there are any, and one with the
 * start of a body that was not understood, such as that of a wrong address.
 *
 * @internal
 */
export const fromError = (error: ProviderError): string => {
  const details = [
    ...(error.status === undefined ? [] : [`status ${error.status}`]),
    ...(error.code === undefined ? [] : [`code ${error.code}`]),
    ...(error.requestId === undefined ? [] : [`request ${error.requestId}`]),
    ...(error.retryAfter === undefined ? [] : [`retry after ${Duration.format(error.retryAfter)}`])
  ]
  const body = error.reason.body?.slice(0, excerptLength).replace(/[\s\p{Cc}]+/gu, " ").trim() ?? ""
  return [
    error.message,
    ...(details.length === 0 ? [] : [details.join(", ")]),
    ...(body === "" ? [] : [`body ${body}`])
  ]
    .map((line, position) => `${position === 0 ? "" : "  "}${line}\n`).join("")
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
 * What a stream came to, one line for each kind of thing.
 *
 * @internal
 */
export const summary = (
  response: ChatResponse,
  millisToFirstChunk: number | undefined,
  pricing: Pricing.Service
): string => {
  const { usage } = response
  return table([
    [response.error === undefined ? "finish reason" : "failed", finish(response)],
    [
      "tokens",
      `input ${count(usage?.inputTokens)}, cached ${count(usage?.cachedTokens)}, output ${count(usage?.outputTokens)}`
    ],
    ["cost", CliCost.text(response.costMetadata, pricing)],
    ["first chunk", seconds(millisToFirstChunk)]
  ])
}

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
