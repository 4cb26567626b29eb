import * as Dialects from "../protocols/chatCompletions/dialects.ts"
import * as ChatCompletions from "../protocols/chatCompletions/request.ts"

/** @internal */
export const format = (
  { provider, quirks }: {
    readonly provider: string
    readonly quirks?: Partial<Dialects.RequestQuirks> | undefined
  }
) => ChatCompletions.format({ provider, dialect: { ...Dialects.compatible, ...quirks } })
