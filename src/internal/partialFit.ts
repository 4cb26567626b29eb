import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/** Nothing to show yet: a part of a word of a list, or a value that JSON does not have. */
const absent: unique symbol = Symbol("absent")

/** The value is not of the schema, whatever follows. */
const misfit: unique symbol = Symbol("misfit")

type Fit = (value: unknown, mayGrow: boolean) => unknown

/**
 * Fits a JSON value that still grows to the encoded side of a schema: fields of objects may be missing, lists and
 * tuples may go on. Unknown keys are left out, checks are skipped, and a literal appears when it is complete.
 * `undefined` when nothing can be shown yet, or when the value does not fit the schema.
 *
 * `mayGrow` says that the last string of the value may be unfinished. A closed value is visited once: its result is
 * kept for as long as the value itself.
 *
 * It also takes the forms in which `effect/ai` has providers write types that their JSON Schema lacks: `null` for a
 * field that may be missing, an object with the keys 0, 1, … for a tuple, and a list of pairs for a record.
 *
 * @internal
 */
export const partialFit = (schema: Schema.Constraint): (value: Schema.Json, mayGrow: boolean) => unknown => {
  const compiler = new Compiler()
  const fit = compiler.compile(SchemaAST.toEncoded(schema.ast))
  return (value, mayGrow) => {
    compiler.dropped = 0
    const fitted = fit(value, mayGrow)
    return fitted === absent || fitted === misfit ? undefined : fitted
  }
}

interface Outcome {
  readonly fitted: unknown
  readonly dropped: number
}

interface Seen extends Outcome {
  readonly item: unknown
}

class Compiler {
  /** How many keys were left out so far; of the members of a union, the one that leaves out the fewest is right. */
  dropped = 0
  private readonly fits = new Map<SchemaAST.AST, Fit>()

  compile(ast: SchemaAST.AST): Fit {
    const known = this.fits.get(ast)
    if (known !== undefined) return known
    const fit = this.make(ast)
    this.fits.set(ast, fit)
    return fit
  }

  private make(ast: SchemaAST.AST): Fit {
    switch (ast._tag) {
      case "String":
        return (value) => typeof value === "string" ? value : misfit
      case "Number":
        return (value) => typeof value === "number" ? value : misfit
      case "Boolean":
        return (value) => typeof value === "boolean" ? value : misfit
      case "Null":
        return (value) => value === null ? value : misfit
      case "Any":
      case "Unknown":
        return (value) => value
      case "ObjectKeyword":
        return (value) => typeof value === "object" && value !== null ? value : misfit
      case "Literal":
        return words([ast.literal])
      case "Enum":
        return words(ast.enums.map(([, value]) => value))
      case "TemplateLiteral": {
        const is = Schema.is(Schema.make<Schema.Codec<unknown>>(ast))
        return (value, mayGrow) => typeof value !== "string" ? misfit : mayGrow ? absent : is(value) ? value : misfit
      }
      case "Never":
        return () => misfit
      case "Declaration":
      case "Undefined":
      case "Void":
      case "BigInt":
      case "Symbol":
      case "UniqueSymbol":
        return () => absent
      case "Suspend": {
        let fit: Fit | undefined
        return (value, mayGrow) => (fit ??= this.compile(ast.thunk()))(value, mayGrow)
      }
      case "Union":
        return this.union(ast)
      case "Arrays":
        return this.remembered(this.array(ast))
      case "Objects":
        return this.remembered(this.object(ast))
    }
  }

  /** Visits an object or array once as it grows, and once when it is closed, whatever schemas share it. */
  private remembered(fit: Fit): Fit {
    const closed = new WeakMap<object, Outcome>()
    const open = new WeakMap<object, Outcome>()
    return (value, mayGrow) => {
      if (typeof value !== "object" || value === null) return fit(value, mayGrow)
      const results = mayGrow ? open : closed
      const known = results.get(value)
      if (known !== undefined) {
        this.dropped += known.dropped
        return known.fitted
      }
      const before = this.dropped
      const fitted = fit(value, mayGrow)
      results.set(value, { fitted, dropped: this.dropped - before })
      return fitted
    }
  }

  private union(ast: SchemaAST.Union): Fit {
    const members = ast.types.map((type) => this.compile(type))
    return (value, mayGrow) => {
      const before = this.dropped
      let best: unknown = misfit
      let least = Number.POSITIVE_INFINITY
      for (const member of members) {
        this.dropped = before
        const fitted = member(value, mayGrow)
        if (fitted === misfit || fitted === absent && best !== misfit || this.dropped >= least && best !== absent) {
          continue
        }
        best = fitted
        least = this.dropped
        if (least === before && fitted !== absent) break
      }
      this.dropped = best === misfit || best === absent ? before : least
      return best
    }
  }

  private array(ast: SchemaAST.Arrays): Fit {
    const elements = ast.elements.map((element) => this.compile(element))
    const [first, ...more] = ast.rest
    const rest = first === undefined
      ? undefined
      : this.compile(more.length === 0 ? first : new SchemaAST.Union([first, ...more]))
    // The previous value at each position: for a growing list, a lookup here is faster than in a map.
    const seen: Array<Seen> = []
    return (input, mayGrow) => {
      const value: ReadonlyArray<unknown> | undefined = Array.isArray(input)
        ? input
        : elements.length > 0
        ? tupleOf(input)
        : undefined
      if (value === undefined) return misfit
      let out: Array<unknown> | undefined
      for (let i = 0; i < value.length; i++) {
        const item = value[i]
        const isLast = i === value.length - 1
        const fit = elements[i] ?? rest
        if (fit === undefined) return misfit
        let fitted: unknown
        const known = seen[i]
        if (known !== undefined && known.item === item) {
          fitted = known.fitted
          this.dropped += known.dropped
        } else {
          const before = this.dropped
          fitted = fit(item, mayGrow && isLast)
          if (typeof item === "object" && !(mayGrow && isLast)) {
            seen[i] = { item, fitted, dropped: this.dropped - before }
          }
        }
        if (fitted === misfit) return misfit
        if (fitted === absent) return isLast ? out ?? value.slice(0, i) : absent
        if (out === undefined && fitted !== item) out = value.slice(0, i)
        out?.push(fitted)
      }
      return out ?? value
    }
  }

  private object(ast: SchemaAST.Objects): Fit {
    const properties = new Map(ast.propertySignatures.map(({ name, type }) => [
      name,
      { fit: this.compile(type), isOptional: SchemaAST.isOptional(type) }
    ]))
    const indexed = ast.indexSignatures.map(({ parameter, type }) => ({
      key: this.compile(parameter),
      fit: this.compile(type)
    }))
    return (input, mayGrow) => {
      const value = isRecord(input) ? input : indexed.length > 0 ? recordOf(input) : undefined
      if (value === undefined) return misfit
      const grows = mayGrow && (!Array.isArray(input) || pairOf(input.at(-1)) !== undefined)
      const keys = Object.keys(value)
      // The entries that differ from the value, and the keys that are left out.
      let changed: Map<string, unknown> | undefined
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i] ?? ""
        const item = value[key]
        const property = properties.get(key)
        const fit = property?.fit ?? indexed.find(({ key: parameter }) => parameter(key, false) === key)?.fit
        const fitted = fit === undefined ? absent : fit(item, grows && i === keys.length - 1)
        if (fit === undefined) this.dropped++
        const isMissing = fitted === misfit && item === null && property?.isOptional === true
        if (fitted === misfit && !isMissing) return misfit
        if (fitted !== item) (changed ??= new Map()).set(key, isMissing ? absent : fitted)
      }
      if (changed === undefined) return value
      const out = Object.entries(value).map(([key, item]) => [key, changed.has(key) ? changed.get(key) : item] as const)
      return Object.fromEntries(out.filter(([, fitted]) => fitted !== absent))
    }
  }
}

const words = (known: ReadonlyArray<unknown>): Fit => (value, mayGrow) =>
  mayGrow && typeof value === "string"
    ? known.some((word) => typeof word === "string" && word.startsWith(value)) ? absent : misfit
    : known.includes(value)
    ? value
    : misfit

const tupleOf = (value: unknown): ReadonlyArray<unknown> | undefined => {
  if (!Predicate.isObject(value) || Array.isArray(value)) return undefined
  let tuple: Array<unknown> = []
  for (const [key, item] of Object.entries(value)) {
    if (key === "__rest__" && Array.isArray(item)) tuple = tuple.concat(item)
    else if (key === String(tuple.length) || key.startsWith("__tail_")) tuple.push(item)
    else return undefined
  }
  return tuple
}

const pairOf = (value: unknown): readonly [key: string, item: unknown] | undefined => {
  const pair = Array.isArray(value) ? value : tupleOf(value)
  return pair !== undefined && pair.length === 2 ? [String(pair[0]), pair[1]] : undefined
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => Predicate.isObject(value)

const recordOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  Array.isArray(value)
    ? Object.fromEntries(value.map(pairOf).filter((pair) => pair !== undefined))
    : undefined
