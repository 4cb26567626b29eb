import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as Cost from "../Cost.ts"
import * as CostMetadata from "../CostMetadata.ts"
import * as Ledger from "../middleware/state/ledger.ts"
import * as Pricing from "../Pricing.ts"
import type * as Provider from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as Usage from "../Usage.ts"
import type * as State from "./state.ts"

/**
 * What an answer is made of.
 *
 * @internal
 */
export interface Source {
  /** Of the bill, until a response states another. */
  readonly provider: string
  readonly model: string | null
  /** The elements, as JSON. */
  readonly texts: Stream.Stream<string, unknown>
  readonly bill: Bill
}

/**
 * What the responses of an answer have stated, while they come.
 *
 * @internal
 */
export interface Bill {
  /** A response begins: takes its chunks. */
  readonly response: () => (chunk: Chunk) => void
  /** Says who is told when something is stated. */
  readonly listen: (listener: () => void) => void
  readonly stated: (before: State.Stated) => Effect.Effect<State.Stated>
  /** The usage is `null` where a response stated none. */
  readonly ended: () => Omit<Extract<State.End, { readonly _tag: "Done" }>, "_tag">
}

/** @internal */
export const bill = (): Bill => {
  const responses: Array<CostMetadata.Accumulator> = []
  let news = () => {}
  let finishReason: string | null = null
  const usages = () => responses.flatMap((response) => response.usage() ?? [])
  const sum = (usages: ReadonlyArray<Usage.Usage>) =>
    usages.length === 0 ? null : usages.reduce((all, one) => Usage.sum(all, one))
  return {
    response: () => {
      const response = CostMetadata.accumulator()
      responses.push(response)
      return (chunk) => {
        if (response.add(chunk)) news()
        finishReason = chunk.commonFinishReasons[0] ?? finishReason
      }
    },
    listen: (listener) => {
      news = listener
    },
    stated: Effect.fnUntraced(function*(before) {
      const stated = responses.filter((response) => response.usage() !== undefined)
      const costs = yield* Effect.forEach(stated, (response) => Pricing.costOf(response.metadata()))
      const known = costs.filter((cost) => cost !== undefined)
      const { model, provider } = responses.at(-1)?.metadata() ?? {}
      const isKnown = known.length > 0 && known.length === costs.length
      return Ledger.billed(before, {
        provider,
        model,
        usage: sum(usages()) ?? undefined,
        cost: isKnown ? Cost.sumAll(known) : undefined
      })
    }),
    ended: () => {
      const all = usages()
      return { usage: all.length < responses.length ? null : sum(all), finishReason }
    }
  }
}

/**
 * What a provider says to a request.
 *
 * @internal
 */
export const ofProvider = (
  provider: Provider.Service,
  text: (chunk: Chunk) => string
) =>
(request: ChatRequest.Normalized): Source => {
  const account = bill()
  const add = account.response()
  return {
    provider: provider.name,
    model: provider.target?.(request)?.model ?? request.model ?? null,
    bill: account,
    texts: Stream.mapArray(
      // A stream that can't even be made is an answer that has failed.
      Stream.suspend(() => provider.stream(request)),
      Arr.map((chunk) => {
        add(chunk)
        return text(chunk)
      })
    ) satisfies Stream.Stream<string, ProviderError>
  }
}
