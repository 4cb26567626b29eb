/** What no client can do without: a request, its bytes split at blank lines, and `JSON.parse`. */
export const handLoop = (url, request, textOf) => (fetch) => async (onText) => {
  const { body } = await fetch(url, { method: "POST", body: JSON.stringify({ ...request, stream: true }) })
  const decoder = new TextDecoder()
  let buffer = ""
  for await (const bytes of body) {
    buffer += decoder.decode(bytes, { stream: true })
    let start = 0
    for (let end = buffer.indexOf("\n\n"); end !== -1; end = buffer.indexOf("\n\n", start)) {
      const data = buffer.slice(buffer.indexOf("data: ", start) + 6, end)
      start = end + 2
      if (data !== "[DONE]") onText(textOf(JSON.parse(data)))
    }
    buffer = buffer.slice(start)
  }
}
