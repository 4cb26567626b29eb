import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { isExponential } from "./backtracking.ts"

/**
 * Decodes JSON in linear time, at any depth of nesting. Effect tries the members of a union one after another, and
 * again on each level: for a recursive union without tags that is members to the power of levels. Here a value is looked at
 * once by each union and each recursive schema, so issues that several members share are one object. A pattern that can
 * take exponential time matches nothing, and the issue says so.
 *
 * @internal
 */
export const linearDecoder = <T, RD>(
  schema: Schema.ConstraintDecoder<T, RD>,
  options: SchemaAST.ParseOptions
): (json: unknown) => Effect.Effect<T, SchemaIssue.Issue, RD> => {
  const rebuilder = new Rebuilder()
  const ast = rebuilder.rebuilt(schema.ast)
  if (!rebuilder.isChanged) return SchemaParser.decodeUnknownEffect(schema, options)
  const decode = SchemaParser.decodeUnknownEffect(Schema.make<Schema.ConstraintDecoder<T, RD>>(ast), options)
  return (json) =>
    Effect.suspend(() => {
      rebuilder.results = new WeakMap()
      return decode(json)
    })
}

type Result = Effect.Effect<unknown, SchemaIssue.Issue>

/** How many levels are decoded by recursion before the stack is left. */
const maxRecursion = 32

const Pattern = Schema.Struct({
  id: Schema.Literal("effect/schema/isPattern"),
  payload: Schema.Struct({ source: Schema.String, flags: Schema.String })
})

const isPattern = Schema.is(Pattern)

/** What is known of patterns, which take longer to look through than to match. */
const knownPatterns = new WeakMap<SchemaAST.Filter<string>, boolean>()

const isUnbounded = (check: SchemaAST.Check<string>): boolean => {
  if (check._tag === "FilterGroup") return check.checks.some(isUnbounded)
  const known = knownPatterns.get(check)
  if (known !== undefined) return known
  const representation = check.annotations?.["representation"]
  const found = isPattern(representation) &&
    isExponential(new RegExp(representation.payload.source, representation.payload.flags))
  knownPatterns.set(check, found)
  return found
}

const bounded = (check: SchemaAST.Check<string>): SchemaAST.Check<string> => {
  if (!isUnbounded(check)) return check
  if (check._tag === "FilterGroup") return new SchemaAST.FilterGroup(Arr.map(check.checks, bounded), check.annotations)
  const expected = `${check.annotations?.expected ?? "a pattern"}, which is not tried: it can take exponential time`
  return Schema.makeFilter<string>(() => false, { ...check.annotations, expected })
}

/** Makes a schema again, with unions and recursive schemas that remember their results. */
class Rebuilder {
  results = new WeakMap<object, Map<SchemaAST.AST, Result>>()
  /** Whether the schema needs to be made again. */
  isChanged = false
  private depth = 0
  private readonly known = {
    alone: new Map<SchemaAST.AST, SchemaAST.AST>(),
    member: new Map<SchemaAST.AST, SchemaAST.AST>()
  }

  readonly rebuilt = (ast: SchemaAST.AST): SchemaAST.AST => this.rebuiltAs("alone", ast)

  private rebuiltAs(place: "alone" | "member", ast: SchemaAST.AST): SchemaAST.AST {
    const known = this.known[place].get(ast)
    if (known !== undefined) return known
    const made = this.make(ast, place)
    this.known[place].set(ast, made)
    return made
  }

  private make(ast: SchemaAST.AST, place: "alone" | "member"): SchemaAST.AST {
    const { annotations, checks, context } = ast
    const encoding = ast.encoding === undefined
      ? undefined
      : Arr.map(ast.encoding, ({ to, transformation }) => new SchemaAST.Link(this.rebuiltAs(place, to), transformation))
    switch (ast._tag) {
      case "Suspend": {
        this.isChanged = true
        const run = () => this.remembered(this.rebuilt(ast.thunk()))
        return new SchemaAST.Declaration([], run, annotations, checks, encoding, context)
      }
      case "Arrays": {
        const [elements, rest] = [ast.elements.map(this.rebuilt), ast.rest.map(this.rebuilt)]
        const { encodingChecks, isMutable } = ast
        return new SchemaAST.Arrays(isMutable, elements, rest, annotations, checks, encoding, context, encodingChecks)
      }
      case "Objects": {
        const properties = ast.propertySignatures.map(({ name, type }) =>
          new SchemaAST.PropertySignature(name, this.rebuilt(type))
        )
        const indexes = ast.indexSignatures.map(({ parameter, type }) =>
          new SchemaAST.IndexSignature(
            SchemaAST.isString(parameter) ? this.bounded(parameter) : parameter,
            this.rebuilt(type)
          )
        )
        return new SchemaAST.Objects(properties, indexes, annotations, checks, encoding, context, ast.encodingChecks)
      }
      case "Declaration": {
        const types = ast.typeParameters.map(this.rebuilt)
        const { encodingChecks, encodingRun: back, run } = ast
        return new SchemaAST.Declaration(types, run, annotations, checks, encoding, context, encodingChecks, back)
      }
      case "Union": {
        const types = ast.types.map((type) => this.rebuiltAs("member", type))
        const { encodingChecks, options } = ast
        // A union looks into its members to choose among them; a union among them remembers its result.
        const inside = ast.types.filter((type) => composites.has(SchemaAST.toEncoded(type)._tag))
        if (place === "member" || inside.length < 2) {
          return new SchemaAST.Union(types, options, annotations, checks, encoding, context, encodingChecks)
        }
        this.isChanged = true
        const run = () => this.remembered(new SchemaAST.Union(types, options, annotations))
        return new SchemaAST.Declaration([], run, annotations, checks, encoding, context, encodingChecks)
      }
      case "String":
        return this.bounded(ast)
      default:
        return ast
    }
  }

  /** A text whose patterns take no exponential time. */
  private bounded(ast: SchemaAST.String): SchemaAST.String {
    if (!ast.checks?.some(isUnbounded)) return ast
    this.isChanged = true
    const { annotations, checks, context, encoding } = ast
    return new SchemaAST.String(annotations, Arr.map(checks, bounded), encoding, context)
  }

  private remembered(ast: SchemaAST.AST) {
    const decode = SchemaParser.decodeUnknownEffect(Schema.make<Schema.Codec<unknown>>(ast))
    const decodeAt = (depth: number, input: object, options: SchemaAST.ParseOptions): Result => {
      const before = this.depth
      this.depth = depth
      try {
        return decode(input, options)
      } finally {
        this.depth = before
      }
    }
    return (input: unknown, _self: SchemaAST.Declaration, options: SchemaAST.ParseOptions): Result => {
      if (typeof input !== "object" || input === null) return decode(input, options)
      const results = this.results.get(input) ?? new Map<SchemaAST.AST, Result>()
      this.results.set(input, results)
      const known = results.get(ast)
      if (known !== undefined) return known
      const result = this.depth < maxRecursion
        ? decodeAt(this.depth + 1, input, options)
        : Effect.suspend(() => decodeAt(0, input, options))
      const keep = (exit: Result) => {
        results.set(ast, exit)
        return exit
      }
      return Exit.isExit(result) ? keep(result) : Effect.flatMap(Effect.exit(result), keep)
    }
  }
}

/** What has values within. */
const composites: ReadonlySet<SchemaAST.AST["_tag"]> = new Set(["Arrays", "Declaration", "Objects", "Suspend", "Union"])
