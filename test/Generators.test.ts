import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Predicate } from "effect"
import type { Prompt } from "effect/ai"
import { ChatRequest } from "../src/index.ts"

// What a generator never draws, no property has tried.
describe("requests that are drawn", () => {
  const drawn = Effect.map(
    Arbitrary.sampleEffect(Arbitrary.schema(ChatRequest.Normalized), { count: 300 }),
    (requests) => ({
      conversations: requests.map(({ prompt }) => prompt.content),
      schemas: requests.flatMap(({ tools = [] }) =>
        tools.flatMap((tool) => "parameters" in tool ? [tool.parameters] : [])
      )
    })
  )

  it.effect("have conversations of every form", () =>
    Effect.gen(function*() {
      const { conversations } = yield* drawn
      assert.isTrue(conversations.every((messages) => messages.length > 0))
      const forms: Readonly<Record<string, (messages: ReadonlyArray<Prompt.Message>) => boolean>> = {
        "a user after an assistant": (messages) =>
          messages.some(({ role }, i) => role === "user" && messages[i - 1]?.role === "assistant"),
        "an assistant after a tool": (messages) =>
          messages.some(({ role }, i) => role === "assistant" && messages[i - 1]?.role === "tool"),
        "a system message in between": (messages) => messages.some(({ role }, i) => role === "system" && i > 0),
        ...Object.fromEntries(
          ["text", "reasoning", "tool-call"].map((type) => [
            `${type} alone`,
            (messages: ReadonlyArray<Prompt.Message>) =>
              messages.some(({ content, role }) =>
                role === "assistant" && content.length > 0 && content.every((part) => part.type === type)
              )
          ])
        )
      }
      assert.deepStrictEqual(
        Object.entries(forms).filter(([, has]) => !conversations.some(has)).map(([form]) => form),
        []
      )
    }))

  it.effect("have tools whose parameters are required, optional and closed", () =>
    Effect.gen(function*() {
      const { schemas } = yield* drawn
      const objects = schemas.filter(Predicate.isObject).filter(({ properties }) =>
        Predicate.isObject(properties) && Object.keys(properties).length > 0
      )
      const lengths = new Set(objects.map(({ required }) => Array.isArray(required) ? required.length > 0 : undefined))
      assert.sameMembers(Array.from(lengths), [true, false])
      assert.sameMembers(Array.from(new Set(objects.map(({ additionalProperties }) => additionalProperties))), [
        undefined,
        false
      ])
    }))
})
