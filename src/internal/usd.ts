import * as Schema from "effect/Schema"

/**
 * Schema of an amount that somebody has stored or sent. With more digits before or after the point, sums would take for
 * ever, or more than there is room for.
 *
 * @internal
 */
export const Amount = /* @__PURE__ */ Schema.BigDecimalFromString.check(
  /* @__PURE__ */ Schema.makeFilter(({ scale }) => Math.abs(scale) <= 1_000)
)
