import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * The codec between a payload and its chunk: decoding wraps the payload, encoding gives it back unchanged.
 *
 * @internal
 */
export const fromPayload = <P, C extends { readonly chunk: P }>(
  payload: Schema.Codec<P, P>,
  chunk: Schema.Schema<C> & (new(fields: { readonly chunk: P }) => C)
) =>
  payload.pipe(
    Schema.decodeTo(
      Schema.toType(chunk),
      SchemaTransformation.transform({
        decode: (payload: P) => new chunk({ chunk: payload }),
        encode: (self: C) => self.chunk
      })
    )
  )
