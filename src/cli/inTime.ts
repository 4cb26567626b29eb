import * as Predicate from "effect/Predicate"
import { runInNewContext } from "node:vm"

/**
 * Runs a function that may never end, for so many milliseconds at most: no timer can stop a function that never waits.
 * Returns whether it ended.
 *
 * @internal
 */
export const inTime = (run: () => void, timeout: number): boolean => {
  try {
    runInNewContext("run()", { run }, { timeout })
    return true
  } catch (error) {
    if (Predicate.hasProperty(error, "code") && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return false
    throw error
  }
}
