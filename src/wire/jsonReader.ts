/** Reads the JSON of the events of one response. */
import type * as Schema from "effect/Schema"
import { isUnexplained } from "./fault.ts"
import { parse } from "./jsonEvent.ts"
import type { Repeated } from "./repeatedJson.ts"

/**
 * What knows events that are like those before them. `JSON.parse` does the same, if more slowly.
 *
 * @internal
 */
export const repeated: {
  /** Absent until it has been loaded. */
  Repeated?: typeof Repeated
  /** Loads it; `undefined` where it is being loaded, and where no provider has been made. */
  load?: (() => Promise<{ readonly Repeated: typeof Repeated }>) | undefined
} = {}

/** Short answers have no use for it. */
const patience = 16

type Json = { readonly [key: string]: unknown }

/** @internal */
export class Reader<P> {
  readonly #schema: Schema.Codec<P, P> | undefined
  #repeated: Repeated<P> | undefined
  #waited = 0

  /** With the schema of payloads, if those that are known need not be checked. */
  constructor(schema?: Schema.Codec<P, P>) {
    this.#schema = schema
  }

  /** The object of an event that is like those before it, which needs no other look. */
  known(data: string): Json | undefined {
    return this.#repeated?.known(data)
  }

  /** Whether the object that was known last is a payload, as all that are like it are. */
  isPayload(known: Json): known is Json & P {
    return this.#repeated?.isPayload(known) === true
  }

  /** As {@link parse}, for what is not known. */
  parse(data: string, event: number): ReturnType<typeof parse> {
    const json = parse(data, event)
    if (json === undefined || isUnexplained(json)) return json
    if (this.#repeated !== undefined) this.#repeated.learn(data, json)
    else if (++this.#waited === patience) this.#useRepeated()
    return json
  }

  #useRepeated(): void {
    const { load, Repeated } = repeated
    if (Repeated !== undefined) {
      this.#repeated = new Repeated(this.#schema)
      return
    }
    this.#waited = 0
    repeated.load = undefined
    load?.().then(({ Repeated }) => void (repeated.Repeated = Repeated), () => undefined)
  }
}
