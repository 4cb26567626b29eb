/**
 * The reply of a script to a request: the last one is repeated. A script without replies is a mistake of the test.
 *
 * @internal
 */
export const replyAt = <Reply, Request>(
  script: ReadonlyArray<Reply> | ((request: Request, index: number) => Reply),
  request: Request,
  index: number
): Reply => {
  if (typeof script === "function") return script(request, index)
  const reply = script[Math.min(index, script.length - 1)]
  if (reply === undefined) throw new Error("The script has no reply, and a request came")
  return reply
}
