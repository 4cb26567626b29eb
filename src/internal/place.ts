/**
 * A place in a request, in JavaScript's notation: `prompt[0].content[1].mediaType`.
 *
 * @internal
 */
export const place = (path: ReadonlyArray<string | number>): string => {
  let text = ""
  for (const segment of path) {
    text += typeof segment === "number"
      ? `[${segment}]`
      : /^[A-Za-z_$][\w$]*$/.test(segment)
      ? text === "" ? segment : `.${segment}`
      : `[${JSON.stringify(segment)}]`
  }
  return text
}
