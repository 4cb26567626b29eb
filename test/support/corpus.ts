import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const directory = process.env["LLM_STREAM_CORPUS"] ??
  fileURLToPath(new URL("../../../shared/corpus", import.meta.url))

/** Where recorded traffic is kept, outside of the project; `undefined` when it is not there. */
export const root: string | undefined = existsSync(join(directory, "README.md")) ? directory : undefined

/** The result that a recording is known to have, see the corpus' README. */
export interface Expected {
  readonly provider: string
  readonly id: string | null
  readonly model: string | null
  readonly content: string
  readonly reasoning: string
  readonly refusal: string
  readonly toolCalls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly arguments: string }>
  readonly finishReasons: ReadonlyArray<string>
  readonly commonFinishReasons: ReadonlyArray<string>
  readonly usage: Readonly<Record<string, number | null>> | null
  readonly audio: { readonly byteLength: number; readonly transcript: string } | null
  readonly terminated: boolean
  readonly error: { readonly type: string | null; readonly code: string | null; readonly message: string } | null
}

/** The classification that an error response is known to have. */
export interface ExpectedError {
  readonly status: number
  readonly kind: string
  readonly code: string | null
  readonly message: string
  readonly retryAfterSeconds: number | null
  readonly retryable: boolean
}

export interface ErrorResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Recording {
  readonly path: string
  readonly framing: "body" | "lines"
  readonly bytes: Uint8Array
  readonly expected: Expected
}

/** The recorded streams of an API. */
export const recordings = (api: string): ReadonlyArray<Recording> =>
  files([api, `synthetic/${api}`], /\.(sse|eventstream|jsonl)$/).map(({ file, path }) => ({
    path,
    framing: path.endsWith(".jsonl") ? "lines" : "body",
    bytes: readFileSync(file),
    expected: json(`${file}.expected.json`)
  }))

/** The first payload of each shape: the others differ from it in the values of numbers and texts. */
export const shapes = <A>(values: ReadonlyArray<A>, payload: (value: A) => unknown): ReadonlyArray<A> => {
  const names = /^(?:type|object|role|status|phase|\w*reason)$/
  const shape = (key: string, value: unknown) =>
    typeof value === "number" ? 0 : typeof value === "string" && !names.test(key) ? "" : value
  return Array.from(
    new Map(values.toReversed().map((value) => [JSON.stringify(payload(value), shape), value])).values()
  )
}

/** The recorded error responses of a provider. */
export const errors = (provider: string): ReadonlyArray<{
  readonly path: string
  readonly response: ErrorResponse
  readonly expected: ExpectedError
}> =>
  files([`errors/${provider}`, `errors/constructed/${provider}`], /(?<!\.expected)\.json$/).map(({ file, path }) => ({
    path,
    response: json(file),
    expected: json(`${file}.expected.json`)
  }))

const files = (directories: ReadonlyArray<string>, pattern: RegExp) =>
  root === undefined ?
    [] :
    directories.filter((name) => existsSync(join(root, name))).flatMap((name) =>
      readdirSync(join(root, name), { recursive: true, encoding: "utf8" })
        .filter((file) => pattern.test(file))
        .toSorted()
        .map((file) => ({ file: join(root, name, file), path: join(name, file) }))
    )

const json = <A>(file: string): A => JSON.parse(readFileSync(file, "utf8"))
