import * as Result from "effect/Result"
import type * as ChatRequest from "../../ChatRequest.ts"
import { place } from "../../internal/place.ts"

/**
 * The tiers of OpenAI and Azure.
 *
 * @internal
 */
export const serviceTiers = ["auto", "default", "flex", "scale", "priority", "fast"]

/**
 * The images that OpenAI and its like take.
 *
 * @internal
 */
export const imageTypes = ["image/png", "image/jpeg", "image/webp", "image/gif"]

/**
 * Most pairs, and most characters of a label and of its text.
 *
 * @internal
 */
export interface MetadataLimits {
  readonly pairs: number
  readonly label: number
  readonly text: number
}

/**
 * OpenAI's limits.
 *
 * @internal
 */
export const metadataLimits: MetadataLimits = { pairs: 16, label: 64, text: 512 }

/**
 * The tier of a request, if it is one of those that there are.
 *
 * @internal
 */
export const serviceTier = (
  { serviceTier }: ChatRequest.Normalized,
  tiers: ReadonlyArray<string> | undefined
): Result.Result<string | undefined, string> =>
  serviceTier !== undefined && tiers?.includes(serviceTier) === false
    ? Result.fail(`serviceTier: there is no tier ${serviceTier}; there are ${tiers.join(", ")}`)
    : Result.succeed(serviceTier)

/**
 * The metadata of a request, if it keeps to the limits.
 *
 * @internal
 */
export const metadata = (
  { metadata }: ChatRequest.Normalized,
  limits: MetadataLimits | undefined
): Result.Result<ChatRequest.Normalized["metadata"], string> => {
  const entries = Object.entries(metadata ?? {})
  if (limits === undefined) return Result.succeed(metadata)
  if (entries.length > limits.pairs) {
    return Result.fail(`metadata: ${entries.length} pairs, at most ${limits.pairs} are taken`)
  }
  const long = entries.find(([label, text]) => label.length > limits.label || text.length > limits.text)
  return long === undefined
    ? Result.succeed(metadata)
    : Result.fail(
      `${
        place(["metadata", long[0].slice(0, 80)])
      }: labels have at most ${limits.label} characters, their texts ${limits.text}`
    )
}

/**
 * Whether the word JSON is in some text of a request: OpenAI and Groq refuse JSON mode without it.
 *
 * @internal
 */
export const saysJson = ({ prompt, system = "" }: ChatRequest.Normalized): boolean =>
  [
    system,
    ...prompt.content.flatMap((message) =>
      message.role === "system"
        ? [message.content]
        : message.content.flatMap((part) =>
          part.type === "text"
            ? [part.text]
            : part.type === "tool-result"
            ? [JSON.stringify(part.result) ?? ""]
            : []
        )
    )
  ].some((text) => /json/i.test(text))

/** @internal */
export const noJsonWord = "responseFormat: the API gives JSON only when some text of the prompt has the word JSON in it"
