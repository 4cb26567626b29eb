/**
 * The file of a batch's answers: whole lines are added to it as they come, and at the end it has each answer once.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Answer from "../../batch/answer.ts"
import * as Digest from "../../batch/digest.ts"
import { Failed, wrongUsage } from "../status.ts"
import { piecesOf, reasonOf } from "./input.ts"

/** @internal */
export interface Output {
  /** The lines that are answers to ids of the batch. Fails on a line that is neither one nor a piece of one. */
  readonly answers: (indexOf: (id: string) => number | undefined) => Stream.Stream<string, Failed>
  /** Adds an answer. */
  readonly add: (text: string) => Effect.Effect<void, Failed>
  /**
   * Makes the file have exactly the answers with these marks. `missing` gives the answers that it does not have.
   */
  readonly reconcile: <E>(wanted: Wanted<E>) => Effect.Effect<void, Failed | E>
}

/** @internal */
export interface Wanted<E> {
  readonly indexOf: (id: string) => number | undefined
  /** The mark of the answer of each line; `undefined` of lines that have none. */
  readonly marks: ReadonlyArray<string | undefined>
  readonly answers: (indexes: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<string>, E>
  readonly isOrdered: boolean
}

const unwritten = (file: string) => (error: unknown): Failed =>
  new Failed({ status: 1, message: `${file}: cannot be written: ${reasonOf(error)}` })

const attempt = <A>(file: string, f: () => A): Effect.Effect<A, Failed> =>
  Effect.try({ try: f, catch: unwritten(file) })

/**
 * Looks at a file that answers are to be added to, and changes nothing.
 *
 * @internal
 */
export const open = (file: string, input: Fs.Stats): Effect.Effect<Output, Failed> =>
  Effect.gen(function*() {
    const stats = yield* Effect.try({
      try: () => Fs.statSync(file, { throwIfNoEntry: false }),
      catch: (error) => wrongUsage(`${file}: ${reasonOf(error)}`)
    })
    if (stats?.isDirectory() === true) return yield* wrongUsage(`${file}: is a directory, not a file`)
    if (stats !== undefined && stats.ino === input.ino && stats.dev === input.dev) {
      return yield* wrongUsage(`${file}: is the file of the lines`)
    }
    const folder = Path.dirname(targetOf(file))
    if (stats === undefined && Fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      return yield* wrongUsage(`${file}: no such folder`)
    }
    yield* attempt(file, () =>
      Fs.accessSync(
        stats === undefined ? folder : file,
        stats?.isFile() === true ? Fs.constants.W_OK | Fs.constants.R_OK : Fs.constants.W_OK
      ))
    return stats === undefined || stats.isFile() ? regular(file) : device(file)
  })

/** Where links lead, also to a file that is not there yet. */
const targetOf = (file: string): string => {
  let path = Path.resolve(file)
  for (let links = 0; links < 40; links++) {
    const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (stats?.isSymbolicLink() !== true) break
    path = Path.resolve(Path.dirname(path), Fs.readlinkSync(path))
  }
  return path
}

/** What cannot be read again: each process writes the answers that it has not written. */
const device = (file: string): Output => {
  let descriptor: number | undefined
  const written = new Set<string>()
  const add = (text: string) =>
    attempt(file, () => {
      descriptor ??= Fs.openSync(file, "a")
      writeAll(descriptor, Buffer.from(`${text}\n`))
      written.add(Digest.mark(text))
    })
  return {
    answers: () => Stream.empty,
    add,
    reconcile: Effect.fnUntraced(function*(wanted) {
      const missing = Array.from(wanted.marks.keys()).filter((index) => {
        const mark = wanted.marks[index]
        return mark !== undefined && !written.has(mark)
      })
      for (const some of pagesOf(missing)) {
        for (const text of yield* wanted.answers(some)) yield* add(text)
      }
    })
  }
}

const page = 100

const pagesOf = (indexes: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.ceil(indexes.length / page) }, (_, n) => indexes.slice(n * page, (n + 1) * page))

const writeAll = (descriptor: number, bytes: Uint8Array): void => {
  let written = 0
  while (written < bytes.length) written += Fs.writeSync(descriptor, bytes, written)
}

const regular = (file: string): Output => {
  let isMended = false
  const withFile = <A>(flags: string, f: (descriptor: number) => A): A => {
    const descriptor = Fs.openSync(file, flags)
    try {
      return f(descriptor)
    } finally {
      Fs.closeSync(descriptor)
    }
  }
  // Opened each time: another process may have put a file in its place.
  const add = (lines: string) =>
    attempt(file, () =>
      withFile("a+", (descriptor) => {
        const isTorn = !isMended && !endsLine(descriptor)
        isMended = true
        writeAll(descriptor, Buffer.from(`${isTorn ? "\n" : ""}${lines}`))
      }))
  return {
    answers: (indexOf) =>
      Stream.fromIterable(opened(file), { chunkSize: 1 }).pipe(
        Stream.mapEffect((some) =>
          Effect.forEach(some, ({ bytes, number }): Effect.Effect<ReadonlyArray<string>, Failed> => {
            const line = bytes === undefined ? "" : decoded(bytes)
            const found = answersIn(line)
            const stranger = found.find(({ id }) => indexOf(id) === undefined)
            if (stranger !== undefined) {
              return Effect.fail(
                wrongUsage(
                  `${file}: line ${number} has an answer to ${JSON.stringify(stranger.id)}, which is not in the batch`
                )
              )
            }
            return found.length > 0 || line.trim() === "" || Answer.isPiece(line)
              ? Effect.succeed(found.map(({ text }) => text))
              : Effect.fail(wrongUsage(`${file}: line ${number} is not an answer of a batch`))
          })
        ),
        Stream.flattenIterable,
        Stream.flattenIterable
      ),
    add: (text) => add(`${text}\n`),
    reconcile: Effect.fnUntraced(function*({ answers, indexOf, isOrdered, marks }) {
      const { isClean, isInOrder, lengths, starts } = yield* attempt(file, () => survey(file, indexOf, marks))
      const missing = Array.from(marks.keys()).filter((index) => marks[index] !== undefined && starts[index] === -1)
      if (isClean && (missing.length === 0 ? isInOrder || !isOrdered : !isOrdered)) {
        // The file is there even if nothing is in it.
        if (missing.length === 0) yield* add("")
        for (const some of pagesOf(missing)) yield* add((yield* answers(some)).map((text) => `${text}\n`).join(""))
        return
      }
      const kept = Array.from(starts.keys()).filter((index) => starts[index] !== -1)
      const order = isOrdered
        ? Array.from(marks.keys()).filter((index) => marks[index] !== undefined)
        : [...kept.sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0)), ...missing]
      const target = targetOf(file)
      const draft = `${target}.${process.pid}.tmp`
      yield* Effect.acquireUseRelease(
        attempt(file, () => {
          const { gid, mode, uid } = Fs.statSync(target)
          const to = Fs.openSync(draft, "w", mode & 0o777)
          try {
            Fs.fchmodSync(to, mode & 0o777)
            Fs.fchownSync(to, uid, gid)
          } catch {
            // Only the owner may, and it is the owner's unless somebody shares the folder.
          }
          return { to, from: Fs.openSync(target, "r") }
        }),
        ({ from, to }) =>
          Effect.gen(function*() {
            for (const some of pagesOf(order)) {
              const added = some.filter((index) => starts[index] === -1)
              const texts = added.length === 0 ? [] : yield* answers(added)
              yield* attempt(file, () => {
                const lines = some.map((index) => {
                  const start = starts[index] ?? -1
                  if (start === -1) return Buffer.from(`${texts[added.indexOf(index)] ?? ""}\n`)
                  const bytes = Buffer.alloc((lengths[index] ?? 0) + 1, "\n")
                  Fs.readSync(from, bytes, 0, lengths[index] ?? 0, start)
                  return bytes
                })
                writeAll(to, Buffer.concat(lines))
              })
            }
            yield* attempt(file, () => {
              Fs.fsyncSync(to)
              Fs.renameSync(draft, target)
            })
          }),
        ({ from, to }) =>
          Effect.sync(() => {
            Fs.closeSync(from)
            Fs.closeSync(to)
            Fs.rmSync(draft, { force: true })
          })
      )
    })
  }
}

const endsLine = (descriptor: number): boolean => {
  const { size } = Fs.fstatSync(descriptor)
  const last = Buffer.alloc(1)
  return size === 0 || Fs.readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] === 10
}

function* opened(file: string) {
  if (!Fs.existsSync(file)) return
  const descriptor = Fs.openSync(file, "r")
  try {
    yield* piecesOf(descriptor)
  } finally {
    Fs.closeSync(descriptor)
  }
}

const utf8 = new TextDecoder()

const decoded = (bytes: Uint8Array): string => utf8.decode(bytes)

interface Found {
  readonly id: string
  readonly text: string
}

/**
 * The answers that a line holds: itself, or what follows a piece that another process has left.
 *
 * @internal
 */
export const answersIn = (line: string): ReadonlyArray<Found> => {
  const whole = Answer.fromText(line)
  if (whole !== undefined) return [{ id: whole.id, text: line.trim() }]
  if (!Answer.isPiece(line)) return []
  for (let at = line.indexOf(Answer.beginning, 1); at > 0; at = line.indexOf(Answer.beginning, at + 1)) {
    const rest = Answer.fromText(line.slice(at))
    if (rest !== undefined) return [{ id: rest.id, text: line.slice(at).trim() }]
  }
  return []
}

interface Survey {
  /** Where each line's answer begins; -1 if it is not there. */
  readonly starts: Float64Array
  readonly lengths: Float64Array
  /** Whether nothing else is in it. */
  readonly isClean: boolean
  readonly isInOrder: boolean
}

const survey = (
  file: string,
  indexOf: (id: string) => number | undefined,
  marks: ReadonlyArray<string | undefined>
): Survey => {
  const starts = new Float64Array(marks.length).fill(-1)
  const lengths = new Float64Array(marks.length)
  let isClean = true
  let isInOrder = true
  let last = -1
  for (const some of opened(file)) {
    for (const { bytes, isEnded, start } of some) {
      const line = bytes === undefined ? "" : decoded(bytes)
      const id = Answer.idOf(line)
      const index = id === undefined ? undefined : indexOf(id)
      if (index === undefined || starts[index] !== -1 || marks[index] !== Digest.mark(line) || !isEnded) {
        isClean = false
        continue
      }
      starts[index] = start
      lengths[index] = bytes?.length ?? 0
      if (index < last) isInOrder = false
      last = index
    }
  }
  return { starts, lengths, isClean, isInOrder }
}
