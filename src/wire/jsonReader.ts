/** Reads the JSON of the events of one response. */
import { MalformedEvent } from "../ProviderError.ts"
import { parse } from "./jsonEvent.ts"
import type { Repeated } from "./repeatedJson.ts"

/**
 * What knows events that are like those before them. `JSON.parse` does the same, if more slowly.
 *
 * @internal
 */
export const repeated: {
  /** Absent until it has been loaded. */
  make?: () => Repeated
  /** Loads it; `undefined` where it is being loaded, and where no provider has been made. */
  load?: (() => Promise<{ readonly Repeated: new() => Repeated }>) | undefined
} = {}

/** Short answers have no use for it. */
const patience = 16

/** @internal */
export class Reader {
  #repeated: Repeated | undefined
  #waited = 0

  /** The object of an event that is like those before it, which needs no other look. */
  known(data: string): { readonly [key: string]: unknown } | undefined {
    return this.#repeated?.known(data)
  }

  /** As {@link parse}, for what is not known. */
  parse(data: string, event: number): ReturnType<typeof parse> {
    const json = parse(data, event)
    if (json === undefined || json instanceof MalformedEvent) return json
    if (this.#repeated !== undefined) this.#repeated.learn(data, json)
    else if (++this.#waited === patience) this.#useRepeated()
    return json
  }

  #useRepeated(): void {
    const { load, make } = repeated
    if (make !== undefined) {
      this.#repeated = make()
      return
    }
    this.#waited = 0
    repeated.load = undefined
    load?.().then(({ Repeated }) => void (repeated.make = () => new Repeated()), () => undefined)
  }
}
