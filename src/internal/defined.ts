/**
 * The fields that are set.
 *
 * @internal
 */
export const defined = <T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.assign({}, ...Object.entries(fields).map(([key, value]) => value === undefined ? {} : { [key]: value }))
