/**
 * A place in a request, in JavaScript's notation: `prompt[0].content[1].mediaType`.
 *
 * @internal
 */
export const place = (path: ReadonlyArray<string | number>): string =>
  path.reduce<string>(
    (text, segment) =>
      typeof segment === "number"
        ? `${text}[${segment}]`
        : /^[A-Za-z_$][\w$]*$/.test(segment)
        ? text === "" ? segment : `${text}.${segment}`
        : `${text}[${JSON.stringify(segment)}]`,
    ""
  )
