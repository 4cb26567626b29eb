/**
 * The reply of a script to a request: the last one is repeated.
 *
 * @internal
 */
export const replyAt = <Reply, Request>(
  script: readonly [Reply, ...ReadonlyArray<Reply>] | ((request: Request, index: number) => Reply),
  request: Request,
  index: number
): Reply =>
  typeof script === "function" ? script(request, index) : script[Math.min(index, script.length - 1)] ?? script[0]
