// What no client can do without: a request, its bytes split at blank lines, and `JSON.parse`.
export const open = (fetch) => async (onText) => {
  const body = JSON.stringify({
    model: "claude-opus-4-8",
    messages: [{ role: "user", content: "Say hello" }],
    stream: true
  })
  const { body: stream } = await fetch("https://api.openai.com/v1/responses", { method: "POST", body })
  const decoder = new TextDecoder()
  let buffer = ""
  for await (const bytes of stream) {
    buffer += decoder.decode(bytes, { stream: true })
    let start = 0
    for (let end = buffer.indexOf("\n\n"); end !== -1; end = buffer.indexOf("\n\n", start)) {
      const { delta, type } = JSON.parse(buffer.slice(buffer.indexOf("data: ", start) + 6, end))
      start = end + 2
      if (type === "response.output_text.delta") onText(delta)
    }
    buffer = buffer.slice(start)
  }
}
