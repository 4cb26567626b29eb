/**
 * A text without the characters that a terminal takes for commands, and those that make it show letters in another order
 * than they are in; tabs and line feeds stay.
 *
 * @internal
 */
export const printable = (text: string): string =>
  withoutControls(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd")

/** @internal */
export const withoutControls = (text: string): string =>
  text.replace(/\r(?=\n)/g, "").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd")

/**
 * A value as JSON in which every character can be seen: what is invisible, or changes how others look, is escaped.
 *
 * @internal
 */
export const visible = (value: unknown): string =>
  (JSON.stringify(value) ?? "").replace(
    /[\p{C}\p{Zl}\p{Zp}\p{DI}]/gu,
    (character) =>
      Array.from(
        { length: character.length },
        (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`
      )
        .join("")
  )

/** An address with a user or a query. */
const addresses = /[a-z][\w+.-]*:[^\s"']*[@?][^\s"']*|[^\s"'?]+\?[^\s"']+=[^\s"']*/gi

/** A long word of letters and digits, other than a path, or a token. */
const words = /(?=[^\s"']*\d)(?=[^\s"']*[a-z])[^\s"'/.]{20,}(?![^\s"']*[/.])|eyJ[^\s"']{20,}/gi

/**
 * A text without addresses that may hold a key.
 *
 * @internal
 */
export const withoutAddresses = (text: string): string => wordByWord(text, addresses)

/**
 * A text without what may be a key that was given in the wrong place.
 *
 * @internal
 */
export const withoutKeys = (text: string): string => wordByWord(withoutAddresses(text), words)

/** What is longer is not looked through: the patterns look ahead in a word, which takes quadratic time. */
const longestWord = 1_000

const wordByWord = (text: string, pattern: RegExp): string =>
  text.split(/(["'\s])/)
    .map((word) => word.length > longestWord ? "<redacted>" : word.replace(pattern, "<redacted>"))
    .join("")
