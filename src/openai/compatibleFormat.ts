import * as ChatCompletions from "../protocols/chatCompletions/request.ts"

/** @internal */
export const format = (
  { provider, quirks }: {
    readonly provider: string
    readonly quirks?: Partial<ChatCompletions.RequestQuirks> | undefined
  }
) => ChatCompletions.format({ provider, dialect: { ...ChatCompletions.compatible, ...quirks } })
