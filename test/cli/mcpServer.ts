/**
 * A small MCP server over standard input and output, for tests of the command line: it starts in a moment. Its first
 * argument says how it fails, and `WAITS_AT` where it tells that it waits. What a real one does, `test/support/mcpServer.ts` shows.
 */
import { createInterface } from "node:readline"

const [fault = ""] = process.argv.slice(2)
const place = process.env["WAITS_AT"]

const object = (properties: object) => ({ type: "object", properties })
const tools = [
  {
    name: "add",
    description: "Adds two numbers",
    inputSchema: object({ a: { type: "number" }, b: { type: "number" } }),
    annotations: { readOnlyHint: true }
  },
  { name: "forget", description: "Forgets all", inputSchema: object({ what: { type: "string" } }) },
  { name: "crash", description: "Ends the server", inputSchema: object({}), annotations: { destructiveHint: false } },
  { name: "wait", description: "Never ends", inputSchema: object({}), annotations: { readOnlyHint: true } }
]

interface Request {
  readonly id?: number
  readonly method: string
  readonly params: { readonly name?: string; readonly arguments?: Readonly<Record<string, unknown>> }
}

const call = ({ arguments: { a, b, what } = {}, name }: Request["params"]): string | undefined => {
  switch (name) {
    case "add":
    case "__proto__":
      return `The sum is ${Number(a) + Number(b)}\u001b[31m`
    case "forget":
      return `Forgot ${String(what)}`
    case "crash":
      process.stderr.write("Out of cheese\n")
      return process.exit(3)
    default:
      if (place !== undefined) void fetch(place)
      return undefined
  }
}

const answer = ({ method, params }: Request): object | undefined => {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "small", version: "1.0.0" }
      }
    case "tools/list":
      return { tools: fault === "names" ? [...tools, { ...tools[0], name: "__proto__" }] : tools }
    case "tools/call": {
      const text = call(params)
      return text === undefined ? undefined : { content: [{ type: "text", text }] }
    }
    default:
      return {}
  }
}

const say = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

createInterface({ input: process.stdin }).on("line", (line) => {
  const request: Request = JSON.parse(line)
  if (request.id === undefined || fault === "silent" || fault === `silent:${request.method}`) return
  if (fault === `exit:${request.method}`) {
    process.stderr.write("TypeError: no luck\n    at luck (luck.js:1)\n\nNode.js v24\n")
    process.exit(7)
  }
  if (fault === `signal:${request.method}`) process.kill(process.pid, "SIGKILL")
  if (fault === "flood") {
    setInterval(() => {
      for (let i = 0; i < 100; i++) say({ method: "notifications/message", params: { level: "info", data: "x" } })
    })
    return
  }
  if (fault === "deep" && request.method === "tools/call") {
    const value = `${"[".repeat(1e5)}${"]".repeat(1e5)}`
    process.stdout.write(
      `{"jsonrpc":"2.0","id":${request.id},"result":{"content":[],"structuredContent":{"a":${value}}}}\n`
    )
    return
  }
  const result = answer(request)
  if (result !== undefined) say({ id: request.id, result })
}).on("close", () => process.exit())
