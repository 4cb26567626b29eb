/**
 * A tool that a person has to approve: the loop ends and its state is stored. When the person has answered, it
 * continues, even tomorrow and in another process.
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

/** The state to store, as JSON, and what somebody has to be asked; nothing when the model has its answer. */
export const start = (prompt: string) =>
  ToolLoop.stream({ prompt, tools: toolkit }, { maxSteps: 10 }).pipe(
    ToolLoop.answer,
    Effect.flatMap(({ text, value: _, ...done }) =>
      Effect.map(Schema.encodeEffect(Stored)({ _tag: "Done", ...done }), (stored) => ({
        text,
        stored,
        questions: ToolLoop.pending(done)
      }))
    ),
    Effect.provide(Handlers)
  )

/** Goes on with the stored state and the person's answers. The limit is that of the whole loop. */
export const goOn = (stored: string, responses: ReadonlyArray<ToolLoop.ApprovalResponse>) =>
  Schema.decodeEffect(Stored)(stored).pipe(
    Effect.flatMap((done) =>
      ToolLoop.answer(
        ToolLoop.stream({ from: ToolLoop.respond(done, responses), tools: toolkit }, { maxSteps: 10 })
      )
    ),
    Effect.map(({ text }) => text),
    Effect.provide(Handlers)
  )
