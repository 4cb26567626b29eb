import * as Result from "effect/Result"

/**
 * What one part of a prompt becomes in a format: one block, or a block and what belongs right behind it.
 *
 * @internal
 */
export interface Unit<Block> {
  /** The part's place in the request, such as `prompt[2].content[0]`. */
  readonly path: string
  readonly blocks: ReadonlyArray<Block>
  /** The id of the tool call that this is. */
  readonly call?: string | undefined
  /** The id of the tool call that this is the result of. */
  readonly result?: string | undefined
  /** Why the part is not sent, if it should be. */
  readonly leftOut?: string | undefined
}

/**
 * The role in formats where results of tools are the user's.
 *
 * @internal
 */
export type Role = "user" | "assistant"

/**
 * All that one role says before the other does.
 *
 * @internal
 */
export interface Turn<Block> {
  readonly role: Role
  readonly units: ReadonlyArray<Unit<Block>>
}

/**
 * The turns of a conversation: messages that hold nothing go, neighbours of one role are joined, and in every turn the
 * results of tools come first.
 *
 * Fails with a sentence when the formats that take turns would refuse them: there is none, the first one is the
 * assistant's, an id stands for two calls, or calls and results do not face each other.
 *
 * @internal
 */
export const turns = <Block>(
  messages: ReadonlyArray<Turn<Block>>
): Result.Result<ReadonlyArray<Turn<Block>>, string> => {
  const joined: Array<{ readonly role: Role; readonly units: Array<Unit<Block>> }> = []
  for (const { role, units } of messages) {
    const full = units.filter((unit) => unit.blocks.length > 0)
    const previous = joined.at(-1)
    if (full.length === 0) continue
    if (previous?.role === role) { for (const unit of full) previous.units.push(unit) }
    else joined.push({ role, units: full })
  }
  const ordered = joined.map(({ role, units }) => ({ role, units: resultsFirst(units) }))
  const problem = problemOf(ordered)
  return problem === undefined ? Result.succeed(ordered) : Result.fail(problem)
}

const resultsFirst = <Block>(units: ReadonlyArray<Unit<Block>>): ReadonlyArray<Unit<Block>> => [
  ...units.filter(({ result }) => result !== undefined),
  ...units.filter(({ result }) => result === undefined)
]

const problemOf = (turns: ReadonlyArray<Turn<unknown>>): string | undefined => {
  const [first] = turns
  if (first === undefined) return "prompt: there is no message with a text or anything else in it"
  if (first.role === "assistant") {
    return `${first.units[0]?.path ?? "prompt"}: the first message has to be the user's, this is the assistant's`
  }
  const known = new Set<string>()
  let open = new Map<string, string>()
  for (const { units } of turns) {
    const calls = new Map<string, string>()
    for (const { call, path, result } of units) {
      if (result !== undefined && !open.delete(result)) {
        return `${path}: the result of ${
          quoted(result)
        } has no such call in the turn before it, or is its second result`
      }
      if (call === undefined) continue
      if (known.has(call)) return `${path}: the id ${quoted(call)} is that of another tool call, too`
      known.add(call)
      calls.set(call, path)
    }
    for (const [call, path] of open) return unanswered(call, path)
    open = calls
  }
  for (const [call, path] of open) return unanswered(call, path)
  return undefined
}

const unanswered = (call: string, path: string): string =>
  `${path}: the tool call ${quoted(call)} has no result in the turn after it`

const quoted = (id: string): string => JSON.stringify(id.length > 80 ? `${id.slice(0, 79)}…` : id)
