import * as Result from "effect/Result"
import type { Protocol } from "../Protocol.ts"
import type * as ProviderError from "../ProviderError.ts"
import type { Definition } from "./definition.ts"
import { caught, checkedHeaders, modelOf, type Outline } from "./plan.ts"
import * as Secrets from "./secrets.ts"
import type { HasContent } from "./transport.ts"

/**
 * A call of a provider's API that does not ask for a new completion: it resumes or cancels one.
 *
 * @internal
 */
export interface Call<D> {
  readonly method: "GET" | "POST"
  /** Its address, made from the one that the requests for the model go to. */
  readonly address: (url: URL) => URL
  /** The model that the completion was asked of; `undefined` where it is not known. */
  readonly model: string | undefined
  /** Decodes the answer. */
  readonly protocol: Protocol<D>
  readonly hasContent: HasContent<D>
}

/**
 * What is sent for a call that asks for no new completion.
 *
 * @internal
 */
export const planCall = <C, D>(
  { endpoint, headers, options }: Definition<C>,
  { address, method, protocol, ...call }: Call<D>
): Result.Result<Outline, ProviderError.InvalidRequest> =>
  caught(() =>
    Result.gen(function*() {
      const model = modelOf(call, options)
      const { info, url } = yield* endpoint(model ?? "")
      const written = yield* checkedHeaders({
        accept: protocol.contentTypes.join(", "),
        ...headers,
        ...options?.headers
      })
      return {
        method,
        encoded: undefined,
        url: address(new URL(url)).href,
        secrets: () => Secrets.ofUrl(url, model),
        info: { ...info, ...(model === undefined ? undefined : { model }) },
        ...written
      }
    })
  )
