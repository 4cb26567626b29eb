import { assert } from "@effect/vitest"

/** Runs what takes a fraction of `seconds` when its work is linear, and far more when it is not. Others' load counts nothing. */
export const within = (seconds: number, f: () => void) => (): void => {
  const start = process.threadCpuUsage()
  f()
  const { system, user } = process.threadCpuUsage(start)
  assert.isBelow((system + user) / 1e6, seconds)
}
