/**
 * The events and parts of the wire that are texts: of a message, of reasoning, and of what calls are called with.
 *
 * @since 0.2.0
 */
import type { ContentPart } from "./payload.ts"

// The kinds of texts. Those of parts are their places in the list.
const parts: ReadonlyArray<unknown> = ["output_text", "refusal", "reasoning_text", "summary_text"]
/** @internal */
export const textKind = 0
/** @internal */
export const refusalKind = 1
/** @internal */
export const reasoningKind = 2
/** @internal */
export const summaryKind = 3
/** @internal */
export const argumentsKind = 4
/** Arguments of a call that the provider runs. @internal */
export const ownArgumentsKind = 5

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
    ["output_text", textKind, "text", "content_index"],
    ["refusal", refusalKind, "refusal", "content_index"],
    ["reasoning_text", reasoningKind, "text", "content_index"],
    ["reasoning_summary_text", summaryKind, "text", "summary_index"],
    // A call's arguments, or its input, are no part of a message.
    ["function_call_arguments", argumentsKind, "arguments"],
    ["mcp_call_arguments", ownArgumentsKind, "arguments"],
    ["custom_tool_call_input", argumentsKind, "input"]
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
export const partText = (part: ContentPart): { readonly kind: number; readonly text: unknown } | undefined => {
  const kind = parts.indexOf(part.type)
  return kind < 0 ? undefined : { kind, text: part["text"] ?? part["refusal"] }
}
