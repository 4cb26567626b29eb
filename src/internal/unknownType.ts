import * as Schema from "effect/Schema"
import { type Exact, exactly } from "./exact.ts"
import { open } from "./open.ts"

/**
 * The `type` of an event, content block or delta that this version does not know: a string, but not typed as one. So
 * comparing `type` with a known one narrows to that one alone, as a union with `string` in it would not;
 * `String(event.type)` gives the word.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnknownType {
  readonly "~effect-llm-stream/UnknownType": never
  readonly toString: () => string
}

/**
 * An object of a type that this version does not know: an event, an item, a content block or a delta, kept as it came.
 *
 * @category models
 * @since 0.2.0
 */
export interface Unknown {
  readonly type: UnknownType
  readonly [key: string]: unknown
}

/**
 * Schema of an object of any type but these: a known type of the wrong shape is no unknown one.
 *
 * @internal
 */
export const unknownBut = (...known: ReadonlyArray<string>): Exact<Unknown> => {
  const types = new Set(known)
  const isOther = Schema.String.check(Schema.makeFilter((type) => !types.has(type)))
  // A string when it runs; see `UnknownType`.
  return exactly(open({ type: Schema.make<Exact<UnknownType>>(isOther.ast) }))
}

/**
 * Schema of one of the known members, by their types, or of an object of any other type.
 *
 * @internal
 */
export const openUnion = <Type extends string, Member extends Schema.Constraint>(
  members: Readonly<Record<Type, Member>> & { readonly [T in Type]: { readonly Type: { readonly type: T } } }
) => Schema.Union([...Object.values<Member>(members), unknownBut(...Object.keys(members))])
