/**
 * A tool that a person has to approve: the loop ends, its state is stored, and goes on when the person has answered,
 * tomorrow and in another process if need be.
 */
import { Effect, Schema } from "effect"
import { ToolLoop } from "effect-llm-stream"
import { Tool, Toolkit } from "effect/ai"

const toolkit = Toolkit.make(Tool.make("transfer", {
  description: "Transfers money",
  parameters: Schema.Struct({ to: Schema.String, euros: Schema.Finite }),
  success: Schema.String,
  // Small amounts go through.
  needsApproval: ({ euros }) => euros > 100
}))

const Handlers = toolkit.toLayer({ transfer: ({ euros, to }) => Effect.succeed(`Transferred ${euros} euros to ${to}`) })

const Stored = Schema.fromJsonString(Schema.toCodecJson(ToolLoop.Done))

/** What to store, as JSON. `reason` in it is `approval` when somebody has to be asked. */
export const start = (prompt: string) =>
  ToolLoop.stream({ prompt, tools: toolkit }).pipe(
    ToolLoop.answer,
    Effect.flatMap(({ text, ...done }) =>
      Effect.map(Schema.encodeEffect(Stored)({ _tag: "Done", ...done }), (stored) => ({ text, stored }))
    ),
    Effect.provide(Handlers)
  )

/** Goes on with what was stored and what the person said. */
export const goOn = (stored: string, responses: ReadonlyArray<ToolLoop.ApprovalResponse>) =>
  Schema.decodeEffect(Stored)(stored).pipe(
    Effect.flatMap(({ prompt }) =>
      ToolLoop.answer(ToolLoop.stream({ prompt: ToolLoop.respond(prompt, responses), tools: toolkit }))
    ),
    Effect.map(({ text }) => text),
    Effect.provide(Handlers)
  )
