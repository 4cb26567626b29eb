import * as Result from "effect/Result"
/**
 * Whether a text that comes in pieces is a JSON object that nothing but blanks can follow. It is read only when that is
 * asked for, and each piece once.
 *
 * @internal
 */
export class ObjectText {
  private depth = 0
  private isString = false
  private isEscaped = false
  private state: "open" | "closed" | "whole" | "broken" = "open"
  private unread = ""

  add(piece: string): void {
    this.unread += piece
  }

  /** Whether it is whole, given the text itself. */
  isWhole(text: string): boolean {
    const { unread } = this
    this.unread = ""
    for (let at = 0; at < unread.length && this.state !== "broken"; at++) this.read(unread.charAt(at))
    if (this.state === "closed") this.state = isJson(text) ? "whole" : "broken"
    return this.state === "whole"
  }

  private read(character: string): void {
    if (this.isEscaped) {
      this.isEscaped = false
    } else if (this.isString) {
      if (character === "\\") this.isEscaped = true
      else if (character === "\"") this.isString = false
    } else if (!" \t\n\r".includes(character)) {
      const opens = character === "{" || this.depth > 0 && character === "["
      if (opens && this.state === "open") this.depth++
      else if (this.depth === 0) this.state = "broken"
      else if (character === "\"") this.isString = true
      else if ((character === "}" || character === "]") && --this.depth === 0) this.state = "closed"
    }
  }
}

const isJson = (text: string): boolean => Result.isSuccess(Result.try((): unknown => JSON.parse(text)))
