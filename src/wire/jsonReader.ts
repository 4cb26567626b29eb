/** Reads the JSON of the events of one response. */
import { parse } from "./jsonEvent.ts"

let makeParser: (() => (text: string) => unknown) | undefined
let loading: Promise<void> | undefined

/**
 * Loads what parses events that are like those before them. `JSON.parse` does the same, if more slowly.
 *
 * @internal
 */
export const load = (): Promise<void> =>
  loading ??= import("./repeatedJson.ts").then(({ parser }) => void (makeParser = parser), () => undefined)

/** Short answers have no use for it. */
const patience = 16

/** @internal */
export class Reader {
  #parse: (text: string) => unknown = JSON.parse
  #waited = 0

  /** As {@link parse}. */
  read(data: string, event: number): ReturnType<typeof parse> {
    if (++this.#waited === patience) this.#repeated()
    return parse(data, event, this.#parse)
  }

  #repeated(): void {
    if (makeParser !== undefined) {
      this.#parse = makeParser()
      return
    }
    this.#waited = 0
    void load()
  }
}
