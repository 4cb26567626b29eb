// What no client can do without: a request, its bytes split at blank lines, and `JSON.parse`.
export const open = (fetch) => async (onText) => {
  const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Say hello" }], stream: true })
  const { body: stream } = await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body })
  const decoder = new TextDecoder()
  let buffer = ""
  for await (const bytes of stream) {
    buffer += decoder.decode(bytes, { stream: true })
    let start = 0
    for (let end = buffer.indexOf("\n\n"); end !== -1; end = buffer.indexOf("\n\n", start)) {
      const data = buffer.slice(start + 6, end)
      start = end + 2
      if (data !== "[DONE]") onText(JSON.parse(data).choices[0].delta.content ?? "")
    }
    buffer = buffer.slice(start)
  }
}
