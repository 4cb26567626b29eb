/** Streams that have had their first text and wait, for what measures them. */
import { events, respond } from "./bodies.mjs"

/** Starts so many of them, and waits until each has had its text. */
export const starter = (open, wire) => {
  const reads = events(wire, 1).slice(0, { chat: 2, responses: 4, messages: 3, converse: 2 }[wire])
  const ask = open(async () => respond(wire, reads, true))
  return (count) =>
    Promise.all(Array.from({ length: count }, () => new Promise((resolve) => void ask((text) => text && resolve()))))
}

/** Collects all garbage. */
export const collect = async () => {
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    globalThis.gc()
  }
}
