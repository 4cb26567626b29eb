/**
 * How many lines a second `llm-stream batch` asks, and what memory it takes, where the provider answers at once. Run:
 * `npm run build && node bench/batch.ts [LINES [CONCURRENCY]]`, 10,000 and 50 by default, then the URLs of stores, a SQLite file
 * of its own by default. The server runs in this process, beside the command.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Os from "node:os"
import * as Path from "node:path"
import { Answer, Wire } from "../src/testing.ts"

const bin = Path.join(import.meta.dirname, "../dist/bin.js")

const answer = Wire.concat(Wire.encode(
  Wire.openai,
  Answer.openai(
    Answer.make({ content: "Hello, big world!", usage: { inputTokens: 10, cachedTokens: 0, outputTokens: 5 } })
  )
))

/** The largest that the process has been, in MiB. */
const peakOf = (pid: number | undefined): number => {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(Fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

const measured = async (store: string, folder: string, lines: number, concurrency: number) => {
  const server = Http.createServer((request, response) => {
    request.resume()
    response.writeHead(200, { "content-type": "text/event-stream" }).end(answer)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" ? address?.port : undefined
  const input = Path.join(folder, "in.jsonl")
  Fs.writeFileSync(
    input,
    Array.from({ length: lines }, (_, n) => `{"id":"q${n}","request":{"prompt":"Is ${n} prime?","maxTokens":20}}\n`)
      .join("")
  )
  const output = Path.join(folder, "out.jsonl")
  const flags = `--provider openai --model gpt-4o-mini --concurrency ${concurrency} --json`.split(" ")
  const command = spawn(
    process.execPath,
    [bin, "batch", input, output, "--store", store, "--batch", `bench ${Date.now()}`].concat(flags),
    {
      env: { ...process.env, OPENAI_API_KEY: "key", OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` },
      stdio: ["ignore", "ignore", "inherit"]
    }
  )
  const start = performance.now()
  let peak = 0
  const look = setInterval(() => peak = Math.max(peak, peakOf(command.pid)), 100)
  const [code] = await once(command, "close")
  const seconds = (performance.now() - start) / 1000
  clearInterval(look)
  server.close()
  server.closeAllConnections()
  return {
    store: store.replace(/:.*/s, ""),
    lines,
    concurrency,
    exit: Number(code),
    seconds: Number(seconds.toFixed(1)),
    "lines a second": Math.round(lines / seconds),
    "peak, MiB": Math.round(peak)
  }
}

const [lines = "10000", concurrency = "50", ...urls] = process.argv.slice(2)
const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "batch-"))
try {
  const rows = []
  for (const store of urls.length > 0 ? urls : [`sqlite:${Path.join(folder, "store")}`]) {
    rows.push(await measured(store, Fs.mkdtempSync(Path.join(folder, "run-")), Number(lines), Number(concurrency)))
  }
  console.table(rows)
} finally {
  Fs.rmSync(folder, { recursive: true, force: true })
}
