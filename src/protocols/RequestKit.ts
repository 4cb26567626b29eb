/**
 * What request formats are made of, for a format of your own: it refuses, ignores and names things as the bundled ones do.
 *
 * {@link make} makes a format from a table of what becomes of each field, and a function that encodes the rest.
 * {@link walk} walks over the prompt where user and assistant take turns. The others write parts: files, tools, calls,
 * results, and options of a provider's own.
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
