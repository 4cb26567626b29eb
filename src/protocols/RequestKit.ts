/**
 * Building blocks of request formats. A format of your own that uses them refuses, ignores and names things as the
 * bundled ones do.
 *
 * {@link make} makes a format from a table with the treatment of each field, and a function that encodes the rest.
 * {@link walk} walks over a prompt in which user and assistant take turns. The others encode files, tools, calls,
 * results, and a provider's own options.
 *
 * @stability unstable
 * @since 0.2.0
 */
export * from "./request/encoding.ts"
export * from "./request/files.ts"
export * from "./request/format.ts"
export * from "./request/options.ts"
export * from "./request/rawFields.ts"
export * from "./request/tools.ts"
export * from "./request/walk.ts"
