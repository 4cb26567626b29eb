import * as Result from "effect/Result"

type Fields = Readonly<Record<string, unknown>>

/**
 * Which fields of a body hold other fields, and which hold what the request says itself.
 *
 * @internal
 */
export interface Shape {
  /** Fields that would take away messages, tools or schemas if they were replaced. */
  readonly content: ReadonlyArray<string>
  /** Objects that are merged field by field, with the fields in them that are content. */
  readonly objects: Readonly<Record<string, ReadonlyArray<string>>>
}

/**
 * Merges a provider's raw fields into a body: they win. Tools are added to those of the request. Fails with a sentence
 * when a field would take away what the request says itself.
 *
 * @internal
 */
export const merge = (
  body: Fields,
  raw: Fields,
  shape: Shape,
  path: string
): Result.Result<Fields, string> => {
  const out: Record<string, unknown> = { ...body }
  for (const [name, value] of Object.entries(raw)) {
    const place = `${path}.${name}`
    const present = Object.hasOwn(body, name) ? body[name] : undefined
    if (name === "tools" && Array.isArray(present) && Array.isArray(value) && value.length > 0) {
      out[name] = [...present, ...value]
      continue
    }
    if (present !== undefined && shape.content.includes(name)) {
      return Result.fail(`${place}: would replace what the request itself says; state all of it in one of the two`)
    }
    const content = Object.hasOwn(shape.objects, name) ? shape.objects[name] : undefined
    if (content !== undefined && isFields(present) && isFields(value)) {
      const merged = merge(present, value, { content, objects: {} }, place)
      if (Result.isFailure(merged)) return merged
      out[name] = merged.success
    } else {
      out[name] = value
    }
  }
  return Result.succeed(out)
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)
