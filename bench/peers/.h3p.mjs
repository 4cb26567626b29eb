import fs from "node:fs"
import inspector from "node:inspector"
const { events, respond } = await import("./bodies.mjs")
const { open } = await import(`./subjects/${process.argv[2]}.mjs`)
const reads = events("chat", 1)
const ask = open(async () => respond("chat", reads))
const many = async (c) => {
  for (let i = 0; i < c; i++) await ask(() => undefined)
}
await many(3000)
const s = new inspector.Session()
s.connect()
const post = (m, p) => new Promise((r, j) => s.post(m, p, (e, x) => e ? j(e) : r(x)))
await post("Profiler.enable")
await post("Profiler.setSamplingInterval", { interval: 100 })
await post("Profiler.start")
const c0 = process.cpuUsage()
await many(6000)
const c = process.cpuUsage(c0)
const { profile } = await post("Profiler.stop")
fs.writeFileSync("/tmp/h3.cpuprofile", JSON.stringify(profile))
console.log((c.user + c.system) / 6000)
