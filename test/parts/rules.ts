import { Schema } from "effect"
import { Response as AiResponse } from "effect/ai"

type Encoded = AiResponse.StreamPartEncoded

const decode = Schema.decodeUnknownSync(AiResponse.StreamPart())

/**
 * The rules of a part stream that these parts break: blocks that are not open, ids that are used twice, calls before
 * their arguments are over, results before their calls, a finish that is not the only and last end.
 */
export const broken = (parts: ReadonlyArray<Encoded>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const open = new Set<string>()
  const used = new Set<string>()
  const calls = new Map<string, { name: string; over: boolean; called: boolean; raw: string }>()
  const sources = new Set<string>()
  parts.forEach((part, position) => {
    const say = (problem: string) => problems.push(`${position} ${part.type}: ${problem}`)
    try {
      decode(part)
    } catch (error) {
      say(`is no part: ${String(error)}`)
    }
    const block = /^(text|reasoning|tool-params)-(start|delta|end)$/.exec(part.type)
    if (block !== null && "id" in part) {
      const key = `${block[1]} ${part.id}`
      if (block[2] === "start") {
        if (used.has(key)) say("its id was used before")
        used.add(key)
        open.add(key)
      } else if (!open.has(key)) say("its block is not open")
      if (block[2] === "end") open.delete(key)
    }
    switch (part.type) {
      case "text-delta":
      case "reasoning-delta":
        if (part.delta === "") say("is empty")
        break
      case "tool-params-start":
        calls.set(part.id, { name: part.name, over: false, called: false, raw: "" })
        break
      case "tool-params-delta": {
        const call = calls.get(part.id)
        if (call !== undefined) call.raw += part.delta
        break
      }
      case "tool-params-end": {
        const call = calls.get(part.id)
        if (call !== undefined) call.over = true
        break
      }
      case "tool-call": {
        const call = calls.get(part.id)
        if (call === undefined || !call.over) say("comes before its arguments are over")
        else if (call.called) say("comes twice")
        else if (call.name !== part.name) say("has another name than its start")
        else call.called = true
        break
      }
      case "tool-result":
        if (part.providerExecuted !== true) say("is not the provider's")
        if (calls.get(part.id)?.called === false) say("comes before its call")
        break
      case "source":
        if (sources.has(part.id)) say("its id was used before")
        sources.add(part.id)
        break
      case "finish":
      case "error":
        if (position !== parts.length - 1) say("is not last")
        if (open.size > 0) say(`${[...open].join(", ")} still open`)
        break
      default:
        break
    }
  })
  const last = parts.at(-1)?.type
  if (last !== "finish" && last !== "error") problems.push(`ends with ${last}`)
  return problems
}

/** What the blocks of a kind say, one by one. */
export const texts = (
  parts: ReadonlyArray<Encoded>,
  kind: "text" | "reasoning" | "tool-params"
): ReadonlyArray<string> => {
  const blocks = new Map<string, string>()
  for (const part of parts) {
    if (!part.type.startsWith(kind)) continue
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
      case "tool-params-start":
        blocks.set(part.id, "")
        break
      case "text-delta":
      case "reasoning-delta":
      case "tool-params-delta":
        blocks.set(part.id, (blocks.get(part.id) ?? "") + part.delta)
        break
      default:
        break
    }
  }
  return [...blocks.values()]
}
