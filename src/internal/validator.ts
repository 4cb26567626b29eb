import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { typesOf } from "./unknownType.ts"

type Guard = (u: unknown) => boolean

/**
 * A validator of values that come from `JSON.parse`. It only checks: a value that passed is used as it is, neither
 * copied nor stripped.
 *
 * It is compiled from the schema. Effect's own compiler dispatches every nullable field as a union, which makes
 * validation cost half of `JSON.parse`; a chunk is little else than nullable fields, so here they are inlined.
 * `Schema.is` checks everything else, of which the bundled payloads have next to nothing, and the whole value where the runtime
 * forbids generated code.
 *
 * @internal
 */
export const validator = <T>(schema: Schema.Codec<T, T>): (u: unknown) => u is T => {
  // Compiled at the first use: importing a provider compiles nothing.
  let guard: Guard | undefined
  return (u): u is T => (guard ??= compile(schema))(u)
}

const compiled = new WeakMap<SchemaAST.AST, Guard>()

const compile = (schema: Schema.Codec<unknown>): Guard => {
  const known = compiled.get(schema.ast)
  if (known !== undefined) return known
  const guards: Array<Guard> = []
  const functions: Array<string> = []
  const root = expression(schema.ast, "u", guards, functions)
  const guard = generate(`${functions.join("\n")}\nreturn (u) => ${root}`, guards) ?? Schema.is(schema)
  compiled.set(schema.ast, guard)
  return guard
}

const generate = (body: string, guards: ReadonlyArray<Guard>): Guard | undefined => {
  try {
    return new Function("guards", `"use strict"\n${body}`)(guards)
  } catch {
    return undefined
  }
}

/**
 * Members that are told apart by their `type` are compiled when the first of them comes: a response has few of the many types
 * of a payload. Of the others, `null` comes first.
 */
const union = (
  types: ReadonlyArray<SchemaAST.AST>,
  v: string,
  guards: Array<Guard>,
  functions: Array<string>
): string => {
  const members = new Map<unknown, Guard>()
  const others = types.filter((type) => {
    const names = typesOf(type)
    if (names.length === 0 || names.some((name) => members.has(name))) return true
    const isMember = validator(Schema.make<Schema.Codec<unknown>>(type))
    for (const name of names) members.set(name, isMember)
    return false
  })
  let last: unknown
  let isMember: Guard | undefined
  const isTold: Guard = (u) => {
    if (!Predicate.isObject(u)) return false
    if (u["type"] !== last) isMember = members.get(last = u["type"])
    return isMember?.(u) === true
  }
  const told = members.size === 0 ? [] : [`guards[${guards.push(isTold) - 1}](${v})`]
  others.sort((one, other) => Number(SchemaAST.isNull(other)) - Number(SchemaAST.isNull(one)))
  return `(${[...told, ...others.map((type) => expression(type, v, guards, functions))].join(" || ")})`
}

const finite = Schema.Finite.ast.checks

/**
 * Whether a schema of numbers takes every finite one.
 *
 * @internal
 */
export const isFiniteNumber = (ast: SchemaAST.AST): boolean => SchemaAST.isNumber(ast) && ast.checks === finite

/** A JavaScript expression that tells whether the variable `v` is valid. Helpers go into `functions`. */
const expression = (ast: SchemaAST.AST, v: string, guards: Array<Guard>, functions: Array<string>): string => {
  const delegate = (): string => `guards[${guards.push(Schema.is(Schema.make<Schema.Codec<unknown>>(ast))) - 1}](${v})`
  const define = (body: string): string => {
    functions.push(`const f${functions.length} = (v) => {\n${body}\nreturn true\n}`)
    return `f${functions.length - 1}(${v})`
  }
  if (ast.encoding !== undefined) return delegate()
  if (isFiniteNumber(ast)) return `Number.isFinite(${v})`
  if (ast.checks !== undefined) return delegate()
  switch (ast._tag) {
    case "String":
    case "Number":
    case "Boolean":
      return `typeof ${v} === "${ast._tag.toLowerCase()}"`
    case "Null":
      return `${v} === null`
    case "Literal":
      return typeof ast.literal === "bigint" ? delegate() : `${v} === ${JSON.stringify(ast.literal)}`
    case "Unknown":
    case "Any":
      return "true"
    case "Union":
      // One that wants exactly one member to match can't stop at the first that does.
      if (ast.options?.mode === "oneOf") return delegate()
      return union(ast.types, v, guards, functions)
    case "Arrays": {
      const [item, ...more] = ast.rest
      if (item === undefined || more.length > 0 || ast.elements.length > 0) return delegate()
      const check = expression(item, "e", guards, functions)
      return define(`if (!Array.isArray(v)) return false\nfor (const e of v) if (!(${check})) return false`)
    }
    case "Objects": {
      // What is within is compiled when it comes: most fields are not there.
      if (v !== "u") return `guards[${guards.push(validator(Schema.make<Schema.Codec<unknown>>(ast))) - 1}](${v})`
      const isOpen = ast.indexSignatures.every((signature) => SchemaAST.isUnknown(signature.type))
      // As in TypeScript, anything but `null` is a `{}`.
      const isEmpty = ast.indexSignatures.length === 0 && ast.propertySignatures.length === 0
      if (isEmpty || !isOpen || ast.propertySignatures.some(({ name }) => typeof name !== "string")) return delegate()
      // JSON has no `undefined`: a property that is undefined is not there.
      const properties = ast.propertySignatures.map(({ name, type }) => {
        const check = expression(type, "p", guards, functions)
        const isValid = SchemaAST.isOptional(type) ? `p === undefined || ${check}` : `p !== undefined && ${check}`
        return `p = v[${JSON.stringify(name)}]\nif (!(${isValid})) return false`
      })
      return define(
        [`if (typeof v !== "object" || v === null || Array.isArray(v)) return false`, "let p", ...properties].join("\n")
      )
    }
    default:
      return delegate()
  }
}
