/**
 * Azure OpenAI's own fields of a chat request.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields } from "../internal/exact.ts"
import { open } from "../internal/open.ts"
import { openAiFields, type OpenAiOptions } from "../openai/OpenAiOptions.ts"

declare module "../ChatRequest.ts" {
  interface ProviderOptions {
    readonly azure?: AzureOpenAiOptions | undefined
  }
}

/**
 * Who uses the application, for Microsoft Defender.
 *
 * @category models
 * @since 0.2.0
 */
export interface UserSecurityContext {
  /** The name of the application. */
  readonly application_name?: string
  /** The id of the end user in Microsoft Entra. */
  readonly end_user_id?: string
  /** The id of the end user's tenant in Microsoft Entra. */
  readonly end_user_tenant_id?: string
  /** The address of the end user. */
  readonly source_ip?: string
}

const UserSecurityContext: Exact<UserSecurityContext> = exactFields(open({
  application_name: Schema.optionalKey(Schema.String),
  end_user_id: Schema.optionalKey(Schema.String),
  end_user_tenant_id: Schema.optionalKey(Schema.String),
  source_ip: Schema.optionalKey(Schema.String)
}))

/**
 * Azure OpenAI's own request fields, by their names on the wire: those of OpenAI, and Azure's extensions.
 *
 * See https://learn.microsoft.com/azure/ai-foundry/openai/latest.
 *
 * @category models
 * @since 0.1.0
 */
export interface AzureOpenAiOptions extends OpenAiOptions {
  /** "On your data": where to look for the answer. */
  readonly data_sources?: ReadonlyArray<{ readonly [key: string]: unknown }>
  /** Who uses the application, for Microsoft Defender. */
  readonly user_security_context?: UserSecurityContext
}

/**
 * Schema of Azure OpenAI's own request fields. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AzureOpenAiOptions: Exact<AzureOpenAiOptions> = exactFields(open({
  ...openAiFields,
  data_sources: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  user_security_context: Schema.optionalKey(UserSecurityContext)
}))
