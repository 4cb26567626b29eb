// Long enough that few pieces live long, and short enough that all of them are young when they are joined.
const joinedAt = 1024

/**
 * A text that grows by pieces, and can be read at any time.
 *
 * Engines make a text that is added to of all its pieces, and keep each, and what each was cut out of, until the text is
 * read. Here a thousand characters are joined at a time.
 *
 * @internal
 */
export class GrowingText {
  private joined = ""
  private recent = ""

  add(piece: string): void {
    this.recent += piece
    if (this.recent.length >= joinedAt) this.join()
  }

  get text(): string {
    return this.recent === "" ? this.joined : this.joined + this.recent
  }

  get isEmpty(): boolean {
    return this.recent === "" && this.joined === ""
  }

  private join(): void {
    // To tell a character, an engine has to join the pieces.
    this.joined += this.recent.charCodeAt(0) === 0 ? this.recent.slice() : this.recent
    this.recent = ""
  }
}
