/**
 * The events and parts of the wire that are texts: of a message, of reasoning, and of what calls are called with.
 *
 * @since 0.2.0
 */
import type { ContentPart } from "./payload.ts"

/** The kinds of texts. Those of parts are their places in the list. */
const parts: ReadonlyArray<unknown> = ["output_text", "refusal", "reasoning_text", "summary_text"]

/** @internal */
export const kinds = { text: 0, refusal: 1, reasoning: 2, summary: 3, arguments: 4, providersArguments: 5 } as const

/** What an event of a text states. */
interface Text {
  readonly kind: number
  /** The field with its place among the texts of its item of that kind. */
  readonly index: string | undefined
  /** The field with the whole of it; `undefined` for a piece. */
  readonly whole: string | undefined
}

/**
 * The events of texts, by their types.
 *
 * @internal
 */
export const texts: ReadonlyMap<unknown, Text> = new Map(
  ([
    ["output_text", kinds.text, "text", "content_index"],
    ["refusal", kinds.refusal, "refusal", "content_index"],
    ["reasoning_text", kinds.reasoning, "text", "content_index"],
    ["reasoning_summary_text", kinds.summary, "text", "summary_index"],
    // A call's arguments, or its input, are no part of a message.
    ["function_call_arguments", kinds.arguments, "arguments"],
    ["mcp_call_arguments", kinds.providersArguments, "arguments"],
    ["custom_tool_call_input", kinds.arguments, "input"]
  ] as const).flatMap(([name, kind, whole, index]): ReadonlyArray<readonly [string, Text]> => [
    [`response.${name}.delta`, { kind, index, whole: undefined }],
    [`response.${name}.done`, { kind, index, whole }]
  ])
)

/**
 * The text of a part of an item; `undefined` where it has none.
 *
 * @internal
 */
export const partText = (part: ContentPart): { readonly kind: number; readonly text: string } | undefined => {
  const kind = parts.indexOf(part.type)
  const text = part["text"] ?? part["refusal"]
  return kind < 0 ? undefined : { kind, text: typeof text === "string" ? text : "" }
}
