/** Tests that compare with what is kept beside the project: recorded traffic, requests with known outcomes. */
import { describe, it } from "@effect/vitest"

/** A group of such tests; where there is nothing to compare with, one that is skipped says so. */
export const describeShared = (isThere: boolean, name: string, tests: () => void): void => {
  describe(name, () => {
    if (isThere) return tests()
    it("is skipped: what it compares with is neither in $LLM_STREAM_CORPUS nor in ../shared", ({ skip }) => skip())
  })
}
