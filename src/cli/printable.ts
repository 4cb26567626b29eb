/**
 * A text without the characters that a terminal takes for commands; tabs and line feeds stay.
 *
 * @internal
 */
export const printable = (text: string): string =>
  text.replace(/\r(?=\n)/g, "").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd")
