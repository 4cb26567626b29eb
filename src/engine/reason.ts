import type * as ProviderError from "../ProviderError.ts"

/**
 * The reason with other fields.
 *
 * @internal
 */
export const rebuild = (
  reason: ProviderError.Reason,
  fields: Readonly<Record<string, unknown>>
): ProviderError.Reason =>
  Object.assign(Object.create(Object.getPrototypeOf(reason)), reason, { message: reason.message }, fields)

/** @internal */
export const withRequestId = <R extends ProviderError.Reason>(
  reason: R,
  requestId: string | undefined
): ProviderError.Reason => {
  if (requestId === undefined || reason.requestId !== undefined) return reason
  return rebuild(reason, { requestId })
}
