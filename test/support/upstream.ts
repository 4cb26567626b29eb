/**
 * A server that speaks OpenAI's chat completions, and counts what reaches it.
 */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export interface Call {
  /** The id of the line, which the prompt states. */
  readonly id: string
  readonly at: number
  /** How often the line was asked before. */
  readonly nth: number
}

export interface Behaviour {
  readonly delay?: number
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly hangs?: boolean
}

export interface Upstream {
  readonly url: string
  readonly calls: ReadonlyArray<Call>
  readonly open: () => number
  behave: (call: Call) => Behaviour
  readonly close: () => void
}

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

export const answerOf = (id: string): string => `answer to ${id}`

export const upstream = async (): Promise<Upstream> => {
  const calls: Array<Call> = []
  let open = 0
  const server = Http.createServer((request, response) => {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => parts.push(part))
    request.on("end", () => {
      const id = /line:(\S+?)\b/.exec(Buffer.concat(parts).toString())?.[1] ?? ""
      const call = { id, at: Date.now(), nth: calls.filter((other) => other.id === id).length }
      calls.push(call)
      open++
      response.on("close", () => open--)
      const { delay = 5, hangs = false, headers, status = 200 } = up.behave(call)
      if (hangs) return
      setTimeout(() => {
        if (status !== 200) {
          response.writeHead(status, { "content-type": "application/json", ...headers })
            .end(JSON.stringify({ error: { message: `status ${status}`, type: "t", code: null } }))
          return
        }
        const chunk = (delta: object, finish_reason: string | null = null) =>
          event({ id: "r", model: "m", choices: [{ index: 0, delta, finish_reason }] })
        response.writeHead(200, { "content-type": "text/event-stream", ...headers }).end(
          `${chunk({ content: answerOf(id) })}${chunk({}, "stop")}${
            event({
              id: "r",
              model: "m",
              choices: [],
              usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
            })
          }data: [DONE]\n\n`
        )
      }, delay)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const up: Upstream = {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    open: () => open,
    behave: () => ({}),
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
  return up
}
