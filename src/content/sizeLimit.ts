import * as ProviderError from "../errors/providerError.ts"

/**
 * How much of one response is put together, in UTF-16 code units of text and bytes of files. It is half of the longest
 * text that V8 makes: beyond that joining throws.
 *
 * @internal
 */
export const maxSize = 256 * 1024 * 1024

/**
 * The error of a response that is larger than that.
 *
 * @internal
 */
export const tooLarge = (provider: string, limit: number, event: number): ProviderError.ProviderError =>
  new ProviderError.ProviderError({
    provider,
    reason: new ProviderError.MalformedEvent({
      message: `The response is larger than the limit of ${limit} characters`,
      event,
      path: [],
      excerpt: ""
    }),
    emitted: true
  })
