import { Result } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ChatRequest, type ProviderError, type RequestFormat } from "../../src/index.ts"

const directory = process.env["LLM_STREAM_CORPUS"] === undefined
  ? fileURLToPath(new URL("../../../shared/requests", import.meta.url))
  : join(process.env["LLM_STREAM_CORPUS"], "..", "requests")

/** Whether the requests with known bodies, and the vendors' schemas, are there. They are kept outside of the project. */
export const available: boolean = existsSync(join(directory, "README.md"))

export type Api =
  | "openai"
  | "openai-responses"
  | "anthropic"
  | "bedrock"
  | "bedrock-invoke"
  | "groq"
  | "azure"
  | "azure-responses"
  | "azure-inference"

const schemas: Readonly<Record<Api, string>> = {
  openai: "openai-chat",
  "openai-responses": "openai-responses",
  anthropic: "anthropic-messages",
  bedrock: "bedrock-converse",
  "bedrock-invoke": "bedrock-invoke",
  groq: "groq-chat",
  azure: "azure-chat",
  "azure-responses": "azure-responses",
  "azure-inference": "azure-inference"
}

interface Library {
  readonly validate: (schema: unknown, body: unknown) => ReadonlyArray<string>
  readonly lint: (api: Api, body: unknown, info: { readonly model: string }) => ReadonlyArray<string>
  readonly canonical: (api: Api, body: unknown) => unknown
  readonly match: (pattern: unknown, value: unknown) => ReadonlyArray<string>
}

const read = (...path: ReadonlyArray<string>): unknown => JSON.parse(readFileSync(join(directory, ...path), "utf8"))

const nothing = () => []
const none: Library = { validate: nothing, lint: nothing, canonical: (_, body) => body, match: nothing }

const library: Library = available
  ? {
    ...await import(join(directory, "lib/schema.mjs")),
    ...await import(join(directory, "lib/lint.mjs")),
    ...await import(join(directory, "lib/canonical.mjs"))
  }
  : none

/** One form for bodies that say the same. */
export const canonical = library.canonical

/** Where a body is not the same as another, both in their canonical form. */
export const differences = library.match

/** What the vendor would have against a body: its published schema, and the rules that no schema says. */
export const violations = (api: Api): (body: unknown, model: string) => ReadonlyArray<string> => {
  const schema = available ? read("schemas", `${schemas[api]}.json`) : {}
  return (body, model) => [...library.validate(schema, body), ...library.lint(api, body, { model })]
}

interface Predicate {
  readonly op: "absent" | "exists" | "eq" | "re" | "nre" | "some-re"
  readonly path: string
  readonly value?: unknown
}

interface Outcome {
  readonly error?: string
  readonly body?: unknown
  readonly where?: ReadonlyArray<Predicate>
  readonly ignored?: ReadonlyArray<string>
  readonly exempt?: ReadonlyArray<string>
}

interface Case {
  readonly id: string
  readonly title: string
  readonly request: object
  readonly expect: {
    readonly [api in Api]?: {
      readonly model: string
      readonly env?: Readonly<Record<string, string>>
      readonly anyOf: ReadonlyArray<Outcome>
    }
  }
}

// A line of the judge's files, which are trusted to have the form that their README describes.
const cases: ReadonlyArray<Case> = available
  ? readdirSync(join(directory, "dev")).map((file) => JSON.parse(readFileSync(join(directory, "dev", file), "utf8")))
  : []

/** The requests with known outcomes on an API, each with what is wrong with the outcome of a format. */
export const judged = (api: Api) =>
  cases.flatMap(({ expect, id, request, title }) => {
    const expected = expect[api]
    if (expected === undefined) return []
    const { anyOf, env = {}, model } = expected
    return [{
      name: `${id}: ${title}`,
      env,
      problems: (format: RequestFormat.RequestFormat): ReadonlyArray<string> => {
        const result = Result.flatMap(
          ChatRequest.fromJson({ model, ...request }),
          (normalized) => format.encode(normalized, model)
        )
        const tries = anyOf.map((outcome) => against(api, outcome, result, model))
        return tries.reduce((a, b) => b.length < a.length ? b : a)
      }
    }]
  })

const against = (
  api: Api,
  outcome: Outcome,
  result: Result.Result<RequestFormat.Encoded, ProviderError.InvalidRequest>,
  model: string
): ReadonlyArray<string> => {
  if (outcome.error !== undefined) {
    return Result.isSuccess(result)
      ? ["a request was made, but this can't be done"]
      : new RegExp(outcome.error, "i").test(result.failure.message)
      ? []
      : [`the message does not say what can't be done: ${result.failure.message}`]
  }
  if (Result.isFailure(result)) return [`refused: ${result.failure.message}`]
  const { ignored } = result.success
  const body: unknown = JSON.parse(JSON.stringify(result.success.body))
  return [
    ...(outcome.body === undefined ? [] : differences(outcome.body, canonical(api, body))),
    ...(outcome.where ?? []).filter((predicate) => !holds(predicate, body)).map(({ op, path }) => `${path} ${op}`),
    ...(outcome.ignored ?? [])
      .filter((name) => !ignored.some((entry) => new RegExp(name, "i").test(entry)))
      .map((name) => `left out without a word: ${name}`),
    ...violations(api)(body, model).filter((violation) =>
      !(outcome.exempt ?? []).some((exempt) => violation.includes(exempt))
    )
  ]
}

const at = (value: unknown, path: string): ReadonlyArray<unknown> => {
  let found: ReadonlyArray<unknown> = [value]
  for (const step of path.match(/[^.[\]]+/g) ?? []) {
    found = found.flatMap((value): ReadonlyArray<unknown> =>
      typeof value !== "object" || value === null
        ? []
        : step === "*"
        ? Object.values(value)
        : Object.entries(value).flatMap(([key, field]) => key === step ? [field] : [])
    )
  }
  return found
}

const strings = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
    ? Object.values(value).flatMap(strings)
    : []

const holds = ({ op, path, value }: Predicate, body: unknown): boolean => {
  const found = at(body, path)
  const matches = (text: string) => new RegExp(String(value)).test(text)
  switch (op) {
    case "absent":
      return found.length === 0
    case "exists":
      return found.length > 0
    case "eq":
      return found.some((one) => JSON.stringify(one) === JSON.stringify(value))
    case "re":
      return found.length > 0 && found.every((one) => strings(one).some(matches))
    case "nre":
      return !found.some((one) => strings(one).some(matches))
    case "some-re":
      return found.some((one) => strings(one).some(matches))
  }
}
