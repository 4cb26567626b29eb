/**
 * Which models reason. Apart from what requests that ask for it need, as plain requests need this alone.
 *
 * @since 0.2.0
 */

/**
 * Whether a model reasons; `undefined` where its name does not say so, such as that of a deployment. OpenAI's models before
 * gpt-5 and the o series, and its chat models, refuse reasoning items.
 *
 * @internal
 */
export const knownToReason = (model: string): boolean | undefined =>
  /gpt-[34]|-chat/.test(model) ? false : /(^|[^a-z\d])(o[1-9]|gpt-([5-9]|\d\d)|codex)/.test(model) ? true : undefined
