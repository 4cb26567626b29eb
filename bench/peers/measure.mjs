/** One measurement of one subject, in a process of its own: prints a number. */
import * as Module from "node:module"

const [name, wire, kind, size] = process.argv.slice(2)
// `folds:parts` is one of several that a file has.
const [subject, part] = name.split(":")
const cpu = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}
const load = () => import(`./subjects/${subject}.mjs`)
const print = (value) => process.stdout.write(String(value))

const kinds = {
  // What a process costs until it has the first text: milliseconds of CPU since it began.
  cold: async () => {
    const { respond } = await import("./bodies.mjs")
    const { events } = await cached()
    const { open } = await load()
    await open(async () => respond(wire, events))((text) => {
      if (text === "") return
      print(cpu())
      process.exit()
    })
  },
  // Files of packages that are evaluated by the import.
  modules: async () => {
    let count = 0
    Module.registerHooks({
      load: (url, context, next) => {
        if (url.includes("/node_modules/") || url.includes("/dist/")) count++
        return next(url, context)
      }
    })
    await load()
    print(count)
  },
  // Microseconds of CPU of a request whose answer is one text.
  request: async () => {
    const { events, respond } = await import("./bodies.mjs")
    const { open } = await load()
    const reads = events(wire, 1)
    const ask = open(async () => respond(wire, reads))
    const many = async (count) => {
      for (let at = 0; at < count; at++) await ask(() => undefined)
    }
    await many(1500)
    const times = []
    for (let round = 0; round < 8; round++) {
      const since = cpu()
      await many(400)
      times.push(1000 * (cpu() - since) / 400)
    }
    print(firstQuarter(times))
  },
  // Bytes of heap of a stream that has had its first text and waits.
  idle: async () => {
    const { collect, starter } = await import("./idle.mjs")
    const { open } = await load()
    const start = starter(open, wire)
    const heap = async () => {
      await collect()
      return process.memoryUsage().heapUsed
    }
    await start(100)
    const before = await heap()
    await start(Number(size))
    print((await heap() - before) / Number(size))
    process.exit()
  },
  // Microseconds of CPU an event, one event a read or in reads of 64 KiB.
  stream: async () => {
    print(await perEvent(10_000, size, 24, 3000))
  },
  // How much dearer an event is in an answer of 50,000 than in one of 2,000.
  growth: async () => {
    // What is compiled while short answers come is compiled anew when long ones do, and the other way round.
    await perEvent(50_000, "large", 3)
    const short = await perEvent(2_000, "large", 20)
    print(await perEvent(50_000, "large", 4) / short)
  }
}

/** The last of the best quarter: virtual machines count too little of some rounds. */
const firstQuarter = (times) => times.sort((a, b) => a - b)[times.length >> 2]

/** Microseconds of CPU an event of an answer with so many: of the later half of the rounds, or of eight times as many in a time. */
const perEvent = async (count, reading, rounds, milliseconds = 0) => {
  const { events, large, respond } = await import("./bodies.mjs")
  const { open } = await load()
  const single = events(wire, count)
  const reads = reading === "large" ? large(single) : single
  const ask = open(async () => respond(wire, reads), wire, part)
  const times = []
  const until = performance.now() + milliseconds
  for (let round = 0; round < rounds || round < 8 * rounds && performance.now() < until; round++) {
    const since = cpu()
    let length = 0
    await ask((text) => length += text.length)
    if (length < 5 * count) throw new Error(`${subject} gave ${length} characters`)
    times.push(1000 * (cpu() - since) / count)
  }
  return firstQuarter(times.slice(times.length >> 1))
}

// What the cold process reads itself is made before it.
const cached = async () => {
  const { readFileSync } = await import("node:fs")
  const bytes = readFileSync(size)
  return { events: [bytes] }
}

await kinds[kind]()
