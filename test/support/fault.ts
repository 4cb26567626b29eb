import { Effect } from "effect"
import { Protocol, type ProviderError } from "../../src/index.ts"

/** The reason of a fault, where nothing has to be loaded to tell it: of no failure that OpenAI or Anthropic state. */
export const reasonOf = (fault: Protocol.Fault | undefined): ProviderError.Reason | undefined =>
  fault && Effect.runSync(Protocol.reason(fault))

/** The reason of any fault. */
export const loadedReasonOf = async (fault: Protocol.Fault | undefined): Promise<ProviderError.Reason | undefined> =>
  fault && await Effect.runPromise(Protocol.reason(fault))
