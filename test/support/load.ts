/** Files that a provider loads later are there before the tests: by a test clock, no time passes while one is read. */
import { Effect } from "effect"
import { later } from "../../src/engine/later.ts"
import * as JsonReader from "../../src/wire/jsonReader.ts"

await Effect.runPromise(Effect.all([later.seldom, later.wholeRequest]))
JsonReader.repeated.Repeated = (await later.repeatedJson()).Repeated
