import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema, Stream } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as BatchAnswer from "../../src/batch/answer.ts"
import * as Digest from "../../src/batch/digest.ts"
import * as Input from "../../src/cli/batch/input.ts"
import * as Output from "../../src/cli/batch/output.ts"

const ids = ["a", "b\n", "ü 🌍", "\u2028", "e\"\\", "f"]

const answerOf = (id: string, version: number): string =>
  BatchAnswer.text({
    ...BatchAnswer.nothing,
    id,
    provider: "openai",
    content: `answer ${version} {"id":"a", \u0085`,
    toolCalls: [{ id: "c", name: "t", arguments: "{\"id\":1}" }],
    cost: null,
    attempts: 1,
    cached: false,
    error: null
  })

/** What may be in a file: answers, old ones among them, pieces of any length, with and without a line end, blank lines. */
const Piece = Schema.Struct({
  index: Schema.Literals([0, 1, 2, 3, 4, 5]),
  version: Schema.Literals([0, 1]),
  /** How much of it is there; all of it by 1000 and more. */
  share: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 })),
  isEnded: Schema.Boolean
})

const written = (pieces: ReadonlyArray<typeof Piece.Type>): Buffer =>
  Buffer.concat(pieces.map(({ index, isEnded, share, version }) => {
    const bytes = Buffer.from(answerOf(ids[index] ?? "", version))
    return Buffer.concat([
      share >= 1000 ? bytes : bytes.subarray(0, Math.floor(bytes.length * share / 1000)),
      Buffer.from(isEnded || share === 0 ? "\n" : "")
    ])
  }))

const indexOf = (id: string): number | undefined => ids.includes(id) ? ids.indexOf(id) : undefined

const texts = ids.map((id) => answerOf(id, 1))

const within = <A, E>(use: (file: string) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "output-"))),
    (folder) => use(Path.join(folder, "out.jsonl")),
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
  )

const other = Fs.statSync(".")

/** The files of a folder that this process has open, where the system tells. */
const openIn = (folder: string): ReadonlyArray<string> => {
  const open = "/proc/self/fd"
  if (!Fs.existsSync(open)) return []
  return Fs.readdirSync(open).flatMap((fd) => {
    // The one that reads this list is gone.
    const file = Effect.runSync(Effect.option(Effect.try(() => Fs.readlinkSync(Path.join(open, fd)))))
    return Option.toArray(Option.filter(file, (name) => name.startsWith(folder)))
  })
}

const linesOf = (file: string): ReadonlyArray<string> => {
  const text = Fs.readFileSync(file, "utf8")
  assert.isTrue(text === "" || text.endsWith("\n"))
  return text.split("\n").slice(0, -1)
}

describe("Output", () => {
  it.effect.prop(
    "has each answer once after it is reconciled, whatever was left in it",
    {
      pieces: Schema.Array(Piece),
      ended: Schema.Array(Schema.Literals([0, 1, 2, 3, 4, 5])),
      isOrdered: Schema.Boolean
    },
    ({ ended, isOrdered, pieces }) =>
      within((file) =>
        Effect.gen(function*() {
          Fs.writeFileSync(file, written(pieces))
          const output = yield* Output.open(file, other)
          const marks = texts.map((text, index) => ended.some((one) => one === index) ? Digest.mark(text) : undefined)
          yield* output.reconcile({
            indexOf,
            marks,
            isOrdered,
            answers: (indexes) => Effect.succeed(indexes.map((index) => texts[index] ?? ""))
          })
          const lines = linesOf(file)
          const wanted = texts.filter((_, index) => marks[index] !== undefined)
          assert.deepStrictEqual(isOrdered ? lines : [...lines].sort(), isOrdered ? wanted : [...wanted].sort())
          assert.deepStrictEqual(openIn(Path.dirname(file)), [])
          const before = Fs.statSync(file)
          yield* output.reconcile({ indexOf, marks, isOrdered, answers: () => Effect.die("nothing is missing") })
          assert.strictEqual(Fs.statSync(file).ino, before.ino)
          assert.deepStrictEqual(linesOf(file), lines)
        })
      )
  )

  it.effect.prop(
    "takes pieces for pieces, and finds every whole answer",
    { pieces: Schema.Array(Piece) },
    ({ pieces }) =>
      within((file) =>
        Effect.gen(function*() {
          Fs.writeFileSync(file, written(pieces))
          const found = yield* Stream.runCollect((yield* Output.open(file, other)).answers(indexOf))
          for (const text of found) assert.include([...texts, ...ids.map((id) => answerOf(id, 0))], text)
          const alone = pieces.filter(({ isEnded, share }, at) =>
            share >= 1000 && (isEnded || at === pieces.length - 1) && (at === 0 || pieces[at - 1]?.isEnded === true)
          )
          for (const { index, version } of alone) assert.include(found, answerOf(ids[index] ?? "", version))
        })
      )
  )

  it.effect("begins a line of its own after what a killed process left", () =>
    within((file) =>
      Effect.gen(function*() {
        const [first = "", second = ""] = texts
        Fs.writeFileSync(file, `${first}\n${second.slice(0, 20)}`)
        const output = yield* Output.open(file, other)
        yield* output.add(second)
        assert.deepStrictEqual(linesOf(file), [first, second.slice(0, 20), second])
      })
    ))

  it.effect("keeps the mode of a file that it puts another in the place of, and the link to it", () =>
    within((file) =>
      Effect.gen(function*() {
        Fs.writeFileSync(`${file}.real`, `${texts[0]}\n{"id":"a`, { mode: 0o640 })
        Fs.symlinkSync(`${file}.real`, file)
        yield* (yield* Output.open(file, other)).reconcile({
          indexOf,
          marks: [Digest.mark(texts[0] ?? "")],
          isOrdered: false,
          answers: () => Effect.succeed([])
        })
        assert.isTrue(Fs.lstatSync(file).isSymbolicLink())
        assert.strictEqual(Fs.statSync(file).mode & 0o777, 0o640)
        assert.deepStrictEqual(linesOf(file), texts.slice(0, 1))
      })
    ))

  const foreign: ReadonlyArray<readonly [what: string, line: string]> = [
    ["notes", "my notes"],
    ["an answer to another batch's line", answerOf("z", 1)],
    ["a line of the input", "{\"id\":\"a\",\"request\":{\"prompt\":\"hello\"}}"],
    ["another program's line", "{\"id\":\"a\",\"provider\":\"openai\",\"content\":\"x\",\"error\":null}"],
    ["a number", "7"]
  ]
  for (const [what, line] of foreign) {
    it.effect(`refuses a file with ${what}, and leaves it as it is`, () =>
      within((file) =>
        Effect.gen(function*() {
          Fs.writeFileSync(file, `${texts[0]}\n${line}\n`)
          const output = yield* Output.open(file, other)
          const error = yield* Effect.flip(Stream.runDrain(output.answers(indexOf)))
          assert.strictEqual(error.status, 2)
          assert.include(error.message, "line 2")
          assert.strictEqual(Fs.readFileSync(file, "utf8"), `${texts[0]}\n${line}\n`)
        })
      ))
  }

  it.effect("refuses the file of the lines, by any name", () =>
    within((file) =>
      Effect.gen(function*() {
        Fs.writeFileSync(file, "")
        Fs.linkSync(file, `${file}.hard`)
        Fs.symlinkSync(file, `${file}.soft`)
        for (const name of [file, `${file}.hard`, `${file}.soft`]) {
          const error = yield* Effect.flip(Output.open(name, Fs.statSync(file)))
          assert.strictEqual(error.status, 2)
        }
      })
    ))
})

describe("the lines of a file", () => {
  it.prop("are the same, with their places, however much is read at once", {
    lines: Schema.Array(Schema.Literals(["", "a", "ü 🌍", "a longer line"])).check(Schema.isMinLength(1)),
    most: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 }))
  }, ({ lines, most }) => {
    const bytes = Buffer.from(lines.join("\n"))
    const found = Array.from(Input.pieces((buffer, position) => {
      const some = bytes.subarray(position, position + most)
      buffer.set(some)
      return some.length
    })).flat()
    // Nothing after the last line end is no line.
    const expected = lines.at(-1) === "" ? lines.slice(0, -1) : lines
    assert.deepStrictEqual(
      found.map((piece) => ({ ...piece, bytes: String(Buffer.from(piece.bytes ?? [])) })),
      expected.map((line, index) => ({
        number: index + 1,
        start: Buffer.byteLength(lines.slice(0, index).map((line) => `${line}\n`).join("")),
        bytes: line,
        isEnded: index < lines.length - 1
      }))
    )
  })
})
