const width = 32

/**
 * An immutable list whose versions share what they have in common: setting an element copies a few short arrays, however
 * long the list is, so that a snapshot after every change costs the same each time.
 *
 * @internal
 */
export class List<A> {
  readonly size: number
  /** Depth of the tree of lists; 0 for a list of elements. */
  private readonly levels: number
  private readonly elements: ReadonlyArray<A>
  private readonly parts: ReadonlyArray<List<A>>

  private constructor(size: number, levels: number, elements: ReadonlyArray<A>, parts: ReadonlyArray<List<A>>) {
    this.size = size
    this.levels = levels
    this.elements = elements
    this.parts = parts
  }

  static readonly empty: List<never> = new List<never>(0, 0, [], [])

  /** Whether `toArray` is free because the array exists already. */
  get isShort(): boolean {
    return this.levels === 0
  }

  /** A version with this element at this position, which may be the one after the last. */
  set(at: number, value: A): List<A> {
    if (this.isShort && at < width) {
      return new List(Math.max(this.size, at + 1), 0, replaced(this.elements, at, value), this.parts)
    }
    const span = width ** this.levels
    if (at === width * span) return new List(this.size, this.levels + 1, [], [this]).set(at, value)
    const part = Math.floor(at / span)
    const changed = (this.parts[part] ?? List.empty).set(at % span, value)
    return new List(Math.max(this.size, at + 1), this.levels, [], replaced(this.parts, part, changed))
  }

  toArray(): ReadonlyArray<A> {
    return this.isShort ? this.elements : new Array<A>().concat(...this.parts.map((part) => part.toArray()))
  }
}

const replaced = <A>(array: ReadonlyArray<A>, at: number, value: A): ReadonlyArray<A> => {
  const copy = array.slice()
  copy[at] = value
  return copy
}
