/** Reads the JSON of the events of one response. */
import { parse } from "./jsonEvent.ts"

type Parse = (text: string) => unknown

/**
 * What parses events that are like those before them. `JSON.parse` does the same, if more slowly.
 *
 * @internal
 */
export const repeated: {
  /** Absent until it has been loaded. */
  parser?: () => Parse
  /** Loads it; `undefined` where it is being loaded, and where no provider has been made. */
  load?: (() => Promise<{ readonly parser: () => Parse }>) | undefined
} = {}

/** Short answers have no use for it. */
const patience = 16

/** @internal */
export class Reader {
  #parse: Parse = JSON.parse
  #waited = 0

  /** As {@link parse}. */
  read(data: string, event: number): ReturnType<typeof parse> {
    if (++this.#waited === patience) this.#useRepeated()
    return parse(data, event, this.#parse)
  }

  #useRepeated(): void {
    const { load, parser } = repeated
    if (parser !== undefined) {
      this.#parse = parser()
      return
    }
    this.#waited = 0
    repeated.load = undefined
    load?.().then(({ parser }) => void (repeated.parser = parser), () => undefined)
  }
}
