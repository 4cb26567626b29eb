import { Effect, Layer, Redacted, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import type { Chunk } from "../../src/index.ts"
import { Answer, TestProvider } from "../../src/testing.ts"
import * as Trust from "../../src/ui/Trust.ts"

export const secretOf = (text: string) => Redacted.make(text.padEnd(32, "."))
export const sealed = (...secrets: readonly [string, ...ReadonlyArray<string>]) => {
  const [first, ...others] = secrets
  return Effect.orDie(Trust.sealed({ secret: [secretOf(first), ...others.map(secretOf)] }))
}

/** Runs with the seals of a secret. */
export const withSecret =
  (...secrets: readonly [string, ...ReadonlyArray<string>]) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.flatMap(sealed(...secrets), (trust) => Effect.provideService(self, Trust.Trust, trust))

export const wires: ReadonlyArray<readonly [string, (answer: Answer.Answer) => ReadonlyArray<Chunk.Chunk>]> = [
  ["openai", Answer.openai],
  ["openai-responses", Answer.openaiResponses],
  ["anthropic", Answer.anthropic],
  ["bedrock", Answer.bedrock]
]

export const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

export const tools = Toolkit.make(
  Tool.make("weather", {
    parameters: Schema.Struct({ city: Schema.String }),
    success: Schema.Struct({ celsius: Schema.Finite })
  }),
  Tool.make("mail", {
    parameters: Schema.Struct({ to: Schema.String }),
    success: Schema.Struct({ sent: Schema.Boolean }),
    needsApproval: true
  })
)

/** The services of a server, whose provider gives the answers in turn. */
export const serverOf = (answers: ReadonlyArray<Answer.Answer>) => {
  const mails: Array<string> = []
  const handlers = tools.toLayer({
    weather: ({ city }) => Effect.succeed({ celsius: city.length }),
    mail: ({ to }) => Effect.sync(() => ({ sent: mails.push(to) > 0 }))
  })
  let at = 0
  const provider = TestProvider.layer(() => ({
    chunks: Answer.openai(answers[at++] ?? Answer.make({ content: "Bye" }))
  }))
  return { mails, live: Layer.mergeAll(handlers, provider) }
}

export const weather = Answer.make({
  content: "Let me see.",
  toolCalls: [{ name: "weather", arguments: `{"city":"Paris"}` }]
})
export const mail = Answer.make({ toolCalls: [{ name: "mail", arguments: `{"to":"ann"}` }] })
export const said = Answer.make({ content: "It is warm." })

/** Changes of the leaves of a value, one each. */
export const leavesOf = (value: unknown): ReadonlyArray<() => void> =>
  typeof value !== "object" || value === null ?
    [] :
    Object.entries(value).flatMap(([key, leaf]) =>
      typeof leaf === "object" && leaf !== null
        ? leavesOf(leaf)
        : [() => {
          Object.assign(value, {
            [key]: typeof leaf === "number" ? leaf + 1 : typeof leaf === "boolean" ? !leaf : `${leaf}x`
          })
        }]
    )
