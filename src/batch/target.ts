/**
 * Whom a batch asks, and what a request is for each of them.
 *
 * @internal
 */
import type * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Result from "effect/Result"
import * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as CostEstimate from "../CostEstimate.ts"
import * as Tokens from "../engine/tokens.ts"
import * as ProviderError from "../errors/providerError.ts"
import { Circuit } from "../middleware/state/breaker.ts"
import { Hold, Window } from "../middleware/state/limit.ts"
import type * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as Store from "../stores/Store.ts"
import * as Digest from "./digest.ts"
import * as Entries from "./entries.ts"

const windows = Store.cells(Window)
const holds = Store.cells(Hold)
const circuits = Store.cells(Circuit)

/** @internal */
export interface Target {
  readonly position: number
  readonly service: Provider.Service
  readonly definition: Provider.Definition<Chunk>
  /** Takes the place of the request's model; `undefined` leaves it. */
  readonly model: string | undefined
  /** Of errors and reports. */
  readonly name: string
  /** Tells it from other targets. */
  readonly key: string
  readonly requests: Store.Cell<Window>
  readonly tokens: Store.Cell<Window>
  readonly hold: Store.Cell<Hold>
  readonly circuit: Store.Cell<Circuit>
}

/** @internal */
export const make = (
  definition: Provider.Definition<Chunk>,
  { byDefault, model, position }: {
    readonly position: number
    readonly model: string | undefined
    /** The model of requests that name none. */
    readonly byDefault: string | undefined
  }
): Effect.Effect<Target, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const service = yield* Provider.make(definition)
    const asked = model ?? byDefault ?? definition.options?.model ?? ""
    // Of the address a digest, as a gateway may have a key in its path.
    const address = yield* Digest.ofJson(addressOf(service, asked))
    const key = [definition.protocol.provider, asked, address].join(" ")
    return {
      position,
      service,
      definition,
      model,
      name: definition.protocol.provider,
      key,
      requests: windows(Store.key("target", key, "requests")),
      tokens: windows(Store.key("target", key, "tokens")),
      hold: holds(Store.key("target", key, "hold")),
      circuit: circuits(Store.key("target", key, "circuit"))
    }
  })

/** Without the query, which may change with a version. */
const addressOf = (service: Provider.Service, model: string): string => {
  const url = service.target?.({ model: model === "" ? "-" : model, prompt: "" })?.url
  if (url === undefined) return ""
  const { host, pathname, protocol } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

/**
 * A request for a target.
 *
 * @internal
 */
export interface Choice {
  readonly target: Target
  readonly request: ChatRequest.Normalized
  readonly model: string | undefined
  /** What it may cost at most, in USD; `undefined` where nothing limits it, or no price is known. */
  readonly most: BigDecimal.BigDecimal | undefined
  /** The tokens that it may take. */
  readonly tokens: number
  readonly cached: Store.Cell<Entries.Cached> | undefined
}

/** @internal */
export interface Settings {
  readonly targets: ReadonlyArray<Target>
  readonly defaults: Partial<ChatRequest.Normalized>
  readonly pricing: Pricing.Service
  /** Day (`YYYY-MM-DD`) of the prices. */
  readonly day: string
  readonly cache: boolean
  /** Whether anybody wants to know what requests may cost, and what they may take. */
  readonly isBudgeted: boolean
  readonly isMetered: boolean
}

/**
 * The request of a line, without what only the targets know. Fails with what is wrong with it.
 *
 * @internal
 */
export const read = (
  request: unknown,
  { defaults }: Pick<Settings, "defaults">
): Result.Result<ChatRequest.Normalized, ProviderError.InvalidRequest> =>
  Result.map(ChatRequest.fromJson(request), (own) => ({ ...defaults, ...own }))

/**
 * The requests of a line for the targets that can take it. Fails if the first one can't.
 *
 * @internal
 */
export const choices = Effect.fnUntraced(function*(
  request: unknown,
  settings: Settings
): Effect.fn.Return<ReadonlyArray<Choice>, ProviderError.ProviderError> {
  const [first] = settings.targets
  const own = yield* Effect.mapError(
    Effect.fromResult(read(request, settings)),
    (reason) => new ProviderError.ProviderError({ provider: first?.name ?? "", reason, emitted: false })
  )
  const found: Array<Choice> = []
  for (const target of settings.targets) {
    const prepared = yield* Effect.result(prepare(own, target, settings))
    if (Result.isSuccess(prepared)) found.push(prepared.success)
    else if (target === first) return yield* prepared.failure
  }
  return found
})

const prepare = Effect.fnUntraced(function*(
  own: ChatRequest.Normalized,
  target: Target,
  settings: Settings
): Effect.fn.Return<Choice, ProviderError.ProviderError> {
  const request = forTarget(own, target)
  const { body, url } = yield* Provider.prepare(target.definition, request)
  return {
    target,
    request,
    ...bounds(own, target, settings),
    cached: settings.cache
      ? Entries.cached(
        Store.key("cache", target.key, yield* Digest.ofJson({ url: withoutSecrets(url), body }))
      )
      : undefined
  }
})

const withoutSecrets = (url: string): string => {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

const forTarget = (own: ChatRequest.Normalized, { model }: Target): ChatRequest.Normalized =>
  model === undefined ? own : { ...own, model }

/**
 * What a request may take and cost at a target.
 *
 * @internal
 */
export const bounds = (
  own: ChatRequest.Normalized,
  target: Target,
  { day, isBudgeted, isMetered, pricing }: Settings
): Pick<Choice, "model" | "most" | "tokens"> => {
  const request = forTarget(own, target)
  const model = target.service.target?.(request)?.model ?? request.model
  const { definition } = target
  const options = {
    provider: definition.protocol.provider,
    date: day,
    ...(model === undefined ? undefined : { model })
  }
  const estimate = isBudgeted ? Result.getOrUndefined(CostEstimate.atMost(request, options, pricing)) : undefined
  const counted = isMetered ? Result.getOrUndefined(Tokens.count(request, {})) : undefined
  return {
    model,
    most: estimate?.outputTokens === undefined ? undefined : estimate.cost.total,
    tokens: counted === undefined ? 0 : counted.inputTokens + (counted.outputTokens ?? 0)
  }
}
