/**
 * Whether a regular expression can take time that is exponential in the length of a text: a loop of it reads the same text
 * in two ways, and what stands behind the loop can fail. Then all combinations of ways are tried.
 *
 * The expression becomes an automaton whose states are its characters and classes (Glushkov's), in which an edge counts as
 * often as there are ways to take it. Back references and conditions count as empty, and as what can fail. What is too
 * large to be looked through counts as linear.
 *
 * @internal
 */
export const isExponential = (pattern: RegExp): boolean => {
  const automaton = new Automaton(pattern)
  const end = automaton.build(parse(pattern))
  for (const state of end.last) automaton.accept(state)
  return automaton.hasAmbiguousLoop()
}

// ---------------------------------------------------------------------------------------------------------------------
// Expressions
// ---------------------------------------------------------------------------------------------------------------------

type Node =
  | { readonly _tag: "Atom"; readonly source: string }
  | { readonly _tag: "Condition"; readonly body: Node }
  | { readonly _tag: "Sequence" | "Choice"; readonly nodes: ReadonlyArray<Node> }
  | { readonly _tag: "Repeat"; readonly node: Node; readonly least: number; readonly most: number }

const empty: Node = { _tag: "Sequence", nodes: [] }
const condition: Node = { _tag: "Condition", body: empty }

// What opens a group, a condition, an escape or any other character outside of a class, a quantifier.
const opening = /^\((?:\?(?:(?<look><?[=!])|[\w-]*:|<[^>]*>))?/
const conditions = /^(?:[$^]|\\[bB]|\\[1-9]\d*|\\k<[^>]*>)/
const atom =
  /^(?:\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[a-zA-Z]|[^])|[\uD800-\uDBFF][\uDC00-\uDFFF]|[^])/
const quantifier = /^(?:[*+?]|\{(?<least>\d+)(?<open>,(?<most>\d*))?\})\??/

/** The class that a text begins with. By the flag `v`, a class may have others in it. */
const classOf = (text: string, isNested: boolean): string => {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++
    else if (text[at] === "[" && (depth === 0 || isNested)) depth++
    else if (text[at] === "]" && --depth === 0) return text.slice(0, at + 1)
  }
  return text
}

const parse = ({ flags, source }: RegExp): Node => {
  let rest = source
  const take = (token: RegExp): RegExpExecArray | undefined => {
    const found = token.exec(rest) ?? undefined
    if (found !== undefined) rest = rest.slice(found[0].length)
    return found
  }
  const choice = (): Node => {
    const nodes = [sequence()]
    while (take(/^\|/) !== undefined) nodes.push(sequence())
    return { _tag: "Choice", nodes }
  }
  const sequence = (): Node => {
    const nodes: Array<Node> = []
    while (rest !== "" && !/^[|)]/.test(rest)) nodes.push(repeated(single()))
    return { _tag: "Sequence", nodes }
  }
  const single = (): Node => {
    if (take(conditions) !== undefined) return condition
    const group = take(opening)
    if (group === undefined) {
      const read = rest.startsWith("[") ? classOf(rest, flags.includes("v")) : atom.exec(rest)?.[0] ?? ""
      rest = rest.slice(read.length)
      return { _tag: "Atom", source: read }
    }
    const body = choice()
    take(/^\)/)
    return group.groups?.["look"] === undefined ? body : { _tag: "Condition", body }
  }
  const repeated = (node: Node): Node => {
    const found = take(quantifier)
    if (found === undefined) return node
    const { least, most, open } = found.groups ?? {}
    if (least === undefined) {
      const isOptional = found[0].startsWith("?")
      return { _tag: "Repeat", node, least: found[0].startsWith("+") ? 1 : 0, most: isOptional ? 1 : Infinity }
    }
    return {
      _tag: "Repeat",
      node,
      least: Number(least),
      most: open === undefined ? Number(least) : most === undefined || most === "" ? Infinity : Number(most)
    }
  }
  return choice()
}

// ---------------------------------------------------------------------------------------------------------------------
// Automata
// ---------------------------------------------------------------------------------------------------------------------

/** A part of an expression: the states that it can begin and end with. */
interface Part {
  readonly first: ReadonlyArray<number>
  readonly last: ReadonlyArray<number>
  readonly isNullable: boolean
}

const nothing: Part = { first: [], last: [], isNullable: true }

/** The most states of an automaton, and the most pairs of them that are looked at. */
const limits = { states: 2000, pairs: 50_000 }

class Automaton {
  /** The states behind a state, as often as there are ways. */
  private readonly next: Array<Array<number>> = []
  /** The characters of the sample that a state reads. */
  private readonly reads: Array<ReadonlySet<string>> = []
  private readonly accepting = new Set<number>()
  private readonly conditional = new Set<number>()
  private readonly sample: ReadonlyArray<string>
  private readonly known = new Map<string, ReadonlySet<string>>()
  private readonly flags: string

  constructor({ flags, source }: RegExp) {
    this.flags = flags.replaceAll(/[dgy]/g, "")
    const ascii = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
    this.sample = Array.from(new Set([...ascii, ...source, ..."Āſ\u0301Ωяא中\u2028\u3000\uFEFF😀"]))
  }

  accept(state: number): void {
    if (!this.conditional.has(state)) this.accepting.add(state)
  }

  build(node: Node): Part {
    if (this.next.length > limits.states) return nothing
    switch (node._tag) {
      case "Atom": {
        const state = this.next.push([]) - 1
        this.reads.push(this.charactersOf(node.source))
        return { first: [state], last: [state], isNullable: false }
      }
      case "Condition": {
        for (const state of this.build(node.body).last) this.accept(state)
        return nothing
      }
      case "Sequence":
        return node.nodes.reduce<Part>((before, each) => {
          if (each._tag === "Condition") { for (const state of before.last) this.conditional.add(state) }
          return this.joined(before, this.build(each))
        }, nothing)
      case "Choice": {
        const parts = node.nodes.map((each) => this.build(each))
        return {
          first: parts.flatMap(({ first }) => first),
          last: parts.flatMap(({ last }) => last),
          isNullable: parts.some(({ isNullable }) => isNullable)
        }
      }
      case "Repeat":
        return this.repeated(node.node, node.least, node.most)
    }
  }

  private repeated(node: Node, least: number, most: number): Part {
    if (least > 1 || least === 1 && most > 1 && Number.isFinite(most)) {
      return this.joined(this.build(node), this.repeated(node, least - 1, most - 1))
    }
    if (most === 0 || this.next.length > limits.states) return nothing
    const one = this.build(node)
    if (!Number.isFinite(most)) this.connect(one, one)
    const part = most > 1 && Number.isFinite(most) ? this.joined(one, this.repeated(node, 0, most - 1)) : one
    return least === 0 ? { ...part, isNullable: true } : part
  }

  private joined(before: Part, after: Part): Part {
    this.connect(before, after)
    return {
      first: before.isNullable ? [...before.first, ...after.first] : before.first,
      last: after.isNullable ? [...before.last, ...after.last] : after.last,
      isNullable: before.isNullable && after.isNullable
    }
  }

  private connect({ last }: Part, { first }: Part): void {
    for (const state of last) this.next[state]?.push(...first)
  }

  private charactersOf(atom: string): ReadonlySet<string> {
    const known = this.known.get(atom)
    if (known !== undefined) return known
    const alone = new RegExp(`^(?:${atom})$`, this.flags)
    const found = new Set(this.sample.filter((character) => alone.test(character)))
    this.known.set(atom, found)
    return found
  }

  private overlaps(a: number, b: number): boolean {
    const [read, other] = [this.reads[a], this.reads[b]]
    if (read === undefined || other === undefined) return false
    if (read === other) return read.size > 0
    for (const character of read) if (other.has(character)) return true
    return false
  }

  hasAmbiguousLoop(): boolean {
    if (this.next.length > limits.states) return false
    const ambiguous = this.next.map((_, state) => state).filter((state) => this.isAmbiguous(state))
    const reached = new Map(ambiguous.map((state) => [state, this.reachable(state)]))
    // Where the loop may end at any time, nothing behind it fails.
    return ambiguous.some((state) =>
      ambiguous.every((other) =>
        !this.accepting.has(other) || !reached.get(state)?.has(other) || !reached.get(other)?.has(state)
      )
    )
  }

  private reachable(state: number): ReadonlySet<number> {
    const seen = new Set<number>()
    const open = [state]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const next of this.next[at] ?? []) {
        if (seen.has(next)) continue
        seen.add(next)
        open.push(next)
      }
    }
    return seen
  }

  private looked = 0

  /** Whether two ways lead from a state back to it by the same text. */
  private isAmbiguous(state: number): boolean {
    const seen = new Set<string>()
    const open: Array<readonly [a: number, b: number]> = []
    const look = (a: number, b: number) => {
      const key = `${a} ${b}`
      if (seen.has(key) || !this.overlaps(a, b)) return
      seen.add(key)
      open.push([a, b])
    }
    const ways = this.next[state] ?? []
    ways.forEach((a, way) => ways.slice(way + 1).forEach((b) => look(a, b)))
    for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
      const [a, b] = pair
      if (a === state && b === state) return true
      if (++this.looked > limits.pairs) return false
      for (const nextA of this.next[a] ?? []) for (const nextB of this.next[b] ?? []) look(nextA, nextB)
    }
    return false
  }
}
