/**
 * The items of the Responses API: whether one comes in pieces, whole, or only in the response at its end, it says the
 * same; and the next request sends back what came, as far as the API takes it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import { Prompt } from "effect/ai"
import { ChatResponse, OpenAiResponses, Parts } from "../../src/index.ts"
import * as Host from "../support/host.ts"
import { prepared } from "../support/prepared.ts"

type Item = Readonly<Record<string, unknown>> & { readonly type: string; readonly id: string }

interface Row {
  readonly item: Item
  /** The events between the item's announcement and its end. */
  readonly pieces?: ReadonlyArray<Readonly<Record<string, unknown>> & { readonly type: string }>
  /** What a request sends back, when it is not the item as it came. */
  readonly sent?: object | undefined
}

const searched = { status: "completed", action: { type: "search", query: "q" } }

const rows: Readonly<Record<string, Row>> = {
  "a message": {
    item: {
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      phase: "final_answer",
      content: [{ type: "output_text", text: "Hello", annotations: [] }]
    },
    pieces: [
      { type: "response.output_text.delta", delta: "Hel" },
      { type: "response.output_text.delta", delta: "lo" },
      { type: "response.output_text.done", text: "Hello" }
    ],
    sent: {
      type: "message",
      role: "assistant",
      id: "msg_1",
      phase: "final_answer",
      content: [{ type: "output_text", text: "Hello" }]
    }
  },
  "a message that refuses": {
    item: {
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      content: [{ type: "refusal", refusal: "Never" }]
    },
    pieces: [
      { type: "response.refusal.delta", delta: "Ne" },
      { type: "response.refusal.delta", delta: "ver" },
      { type: "response.refusal.done", refusal: "Never" }
    ],
    sent: { type: "message", role: "assistant", id: "msg_1", content: [{ type: "refusal", refusal: "Never" }] }
  },
  "a summary of reasoning": {
    item: {
      type: "reasoning",
      id: "rs_1",
      summary: [{ type: "summary_text", text: "First." }, { type: "summary_text", text: "Then." }],
      encrypted_content: "secret"
    },
    pieces: [
      { type: "response.reasoning_summary_part.added", summary_index: 0 },
      { type: "response.reasoning_summary_text.delta", summary_index: 0, delta: "First." },
      { type: "response.reasoning_summary_text.done", summary_index: 0, text: "First." },
      { type: "response.reasoning_summary_part.added", summary_index: 1 },
      { type: "response.reasoning_summary_text.delta", summary_index: 1, delta: "Th" },
      { type: "response.reasoning_summary_text.delta", summary_index: 1, delta: "en." },
      { type: "response.reasoning_summary_text.done", summary_index: 1, text: "Then." }
    ]
  },
  "the text of reasoning": {
    item: {
      type: "reasoning",
      id: "rs_1",
      summary: [],
      content: [{ type: "reasoning_text", text: "Hm." }],
      encrypted_content: "secret"
    },
    pieces: [
      { type: "response.reasoning_text.delta", content_index: 0, delta: "H" },
      { type: "response.reasoning_text.delta", content_index: 0, delta: "m." },
      { type: "response.reasoning_text.done", content_index: 0, text: "Hm." }
    ]
  },
  "a call": {
    item: {
      type: "function_call",
      id: "fc_1",
      call_id: "call_1",
      name: "f",
      arguments: "{\"a\":1}",
      caller: { type: "program", caller_id: "p_1" },
      namespace: "n"
    },
    pieces: [
      { type: "response.function_call_arguments.delta", delta: "{\"a\"" },
      { type: "response.function_call_arguments.delta", delta: ":1}" },
      { type: "response.function_call_arguments.done", arguments: "{\"a\":1}" }
    ]
  },
  "a call with free text": {
    item: { type: "custom_tool_call", id: "ctc_1", call_id: "call_1", name: "f", input: "do it" },
    pieces: [
      { type: "response.custom_tool_call_input.delta", delta: "do " },
      { type: "response.custom_tool_call_input.delta", delta: "it" },
      { type: "response.custom_tool_call_input.done", input: "do it" }
    ]
  },
  "a call of a tool on a server": {
    item: {
      type: "mcp_call",
      id: "mcp_1",
      name: "f",
      server_label: "s",
      arguments: "{\"a\":1}",
      approval_request_id: "mcpr_0",
      status: "completed",
      output: "done"
    },
    pieces: [
      { type: "response.mcp_call_arguments.delta", delta: "{\"a\"" },
      { type: "response.mcp_call_arguments.delta", delta: ":1}" },
      { type: "response.mcp_call_arguments.done", arguments: "{\"a\":1}" }
    ]
  },
  "a call on a server that failed": {
    item: {
      type: "mcp_call",
      id: "mcp_1",
      name: "f",
      server_label: "s",
      arguments: "{}",
      status: "failed",
      error: { type: "http_error", code: 500 }
    }
  },
  "a call on a server that waits for approval": {
    item: { type: "mcp_approval_request", id: "mcpr_1", name: "f", server_label: "s", arguments: "{\"a\":1}" }
  },
  "a search in the web": {
    item: { type: "web_search_call", id: "ws_1", ...searched },
    pieces: [{ type: "response.web_search_call.searching" }]
  },
  "a search in the web that failed": {
    item: { type: "web_search_call", id: "ws_1", ...searched, status: "failed" }
  },
  "a search in files": {
    item: {
      type: "file_search_call",
      id: "fs_1",
      status: "completed",
      queries: ["q"],
      results: [{ file_id: "file_1" }]
    }
  },
  "code that ran": {
    item: {
      type: "code_interpreter_call",
      id: "ci_1",
      status: "incomplete",
      container_id: "cntr_1",
      code: "1 + 1",
      outputs: [{ type: "logs", logs: "2" }]
    },
    pieces: [{ type: "response.code_interpreter_call_code.done" }]
  },
  "an image": { item: { type: "image_generation_call", id: "ig_1", status: "completed", result: "AQID" } },
  "a search for tools": {
    item: {
      type: "tool_search_call",
      id: "tsc_1",
      execution: "server",
      status: "completed",
      arguments: { paths: ["f"] }
    }
  },
  "tools that were found": {
    item: {
      type: "tool_search_output",
      id: "tso_1",
      execution: "server",
      status: "completed",
      tools: [{ type: "function", name: "f" }]
    }
  },
  "a shell of the provider's": {
    item: {
      type: "shell_call",
      id: "sh_1",
      call_id: "call_1",
      status: "completed",
      action: { commands: ["ls"], max_output_length: 99 },
      environment: { type: "container_reference", container_id: "cntr_1" }
    }
  },
  "what a shell of the provider's said": {
    item: {
      type: "shell_call_output",
      id: "sho_1",
      call_id: "call_1",
      status: "completed",
      output: [{ stdout: "a", stderr: "", outcome: { type: "exit", exit_code: 0 } }]
    }
  },
  "a patch": {
    item: {
      type: "apply_patch_call",
      id: "apc_1",
      call_id: "call_1",
      status: "completed",
      operation: { type: "update_file", path: "p", diff: "d" }
    }
  },
  "a command for the caller's shell": {
    item: {
      type: "local_shell_call",
      id: "lsh_1",
      call_id: "call_1",
      status: "completed",
      action: { type: "exec", command: ["ls"], env: {} }
    }
  },
  "a click": {
    item: {
      type: "computer_call",
      id: "cu_1",
      call_id: "call_1",
      status: "completed",
      action: { type: "screenshot" },
      pending_safety_checks: [{ id: "cu_sc_1" }]
    }
  },
  "a conversation made short": { item: { type: "compaction", id: "cmp_1", encrypted_content: "secret" } },
  "an update of the configuration": {
    item: { type: "configuration_update", id: "cu_1", reasoning: { effort: "low" }, text: { verbosity: "low" } }
  },
  "a program": {
    item: { type: "program", id: "prog_1", call_id: "call_1", code: "f()", fingerprint: "fp" }
  },
  "what a program said": {
    item: { type: "program_output", id: "po_1", call_id: "call_1", result: "2", status: "completed" }
  },
  "an item of a type to come": { item: { type: "dream", id: "dr_1", text: "Hm." }, sent: undefined }
}

const head = { id: "resp_1", model: "gpt-5", status: "in_progress", output: [] }

const decoded = (events: ReadonlyArray<object>, output: ReadonlyArray<Item>) => {
  const all = [
    { type: "response.created", response: head },
    ...events,
    { type: "response.completed", response: { ...head, status: "completed", output } }
  ].map((event, sequence_number) => ({ sequence_number, ...event }))
  const body = OpenAiResponses.protocol().body({})
  const chunks = [...body.push(new TextEncoder().encode(Host.sse(...all))), ...body.end()]
  assert.isUndefined(body.failure)
  const decoder = Parts.chunkDecoder()
  const parts = [...decoder.push(chunks), ...decoder.end()]
  const response = ChatResponse.fromChunks(chunks)
  return { response, parts, last: parts.at(-1)?.type }
}

/** What a response says, in pieces of no matter what size. */
const account = (response: ChatResponse.ChatResponse) => {
  const { content, message, parts, reasoning, refusal, toolCalls } = response
  return { content, message: [...message.content], parts, reasoning, refusal, toolCalls }
}

const answers: Readonly<Record<string, unknown>> = { computer: { image_url: "https://a.example/screen.png" } }

/** The items that the next request sends of a response, nothing being kept by the provider. */
const sentOf = async ({ message }: ChatResponse.ChatResponse): Promise<ReadonlyArray<unknown>> => {
  const calls = message.content.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part] : [])
  const user = (text: string) => Prompt.userMessage({ content: [Prompt.textPart({ text })] })
  const result = await prepared(OpenAiResponses.define({}), {
    model: "gpt-5",
    options: { openai: { store: false } },
    tools: [{ name: "f", parameters: { type: "object", properties: {} } }],
    prompt: Prompt.fromMessages([
      user("Go."),
      message,
      ...calls.map(({ id, name }) =>
        Prompt.toolMessage({
          content: [
            Prompt.toolResultPart({
              id,
              name,
              isFailure: false,
              result: answers[name] ?? "done",
              providerExecuted: false
            })
          ]
        })
      ),
      user("And?")
    ])
  })
  const { input } = Result.getOrThrow(result).body
  return Array.isArray(input) ? input.slice(1, -1 - calls.length) : []
}

describe("an item of a response", () => {
  for (const [what, { item, pieces = [], ...row }] of Object.entries(rows)) {
    const place = { output_index: 0, item_id: item.id }
    const placed = pieces.map((piece) => ({ ...place, ...piece }))
    const ended = [{ type: "response.output_item.done", ...place, item }]
    const { arguments: _arguments, content: _content, input: _input, ...announced } = item
    const added = [{ type: "response.output_item.added", ...place, item: { ...announced, status: "in_progress" } }]

    it(`says the same in pieces, whole and at the end: ${what}`, () => {
      const ways = [
        [...added, ...placed, ...ended],
        [...added, ...placed.filter(({ type }) => !type.endsWith(".delta")), ...ended],
        [...added, ...ended],
        ended,
        []
      ]
      const [first, ...others] = ways.map((events) => decoded(events, [item]))
      assert.strictEqual(first?.last, "finish")
      for (const other of others) {
        assert.deepStrictEqual(first && account(other.response), first && account(first.response))
      }
    })

    it(`goes back as it came: ${what}`, async () => {
      const sent = "sent" in row ? [row.sent].filter((item) => item !== undefined) : [item]
      assert.deepStrictEqual(await sentOf(decoded(ended, [item]).response), sent)
    })
  }

  it("has the name of its function, or of the tool that a request asks for", () => {
    for (const { item } of Object.values(rows)) {
      const name = item["name"] ?? item.type.replace(/(?:_call)?(?:_output)?$/, "")
      const { parts, response: { message } } = decoded([], [item])
      const names = [...parts, ...message.content].flatMap((part) =>
        part.type === "tool-call" || part.type === "tool-result" ? [part.name] : []
      )
      assert.deepStrictEqual(names, names.map(() => name))
    }
  })

  const any = Arbitrary.array(Arbitrary.schema(Schema.Literals(Object.keys(rows))), { minLength: 2, maxLength: 6 })

  it.effect.prop("goes back in its place among others", [any], ([names]) =>
    Effect.promise(async () => {
      const numbered = (value: object | undefined, at: number) =>
        value === undefined ? [] : [JSON.parse(JSON.stringify(value).replaceAll(/_1"/g, `_${at + 10}"`))]
      const items: ReadonlyArray<Item> = names.flatMap((name, at) => numbered(rows[name]?.item, at))
      const sent = names.flatMap((name, at) => {
        const row = rows[name]
        return numbered(row && "sent" in row ? row.sent : row?.item, at)
      })
      const ended = items.map((item, output_index) => ({ type: "response.output_item.done", output_index, item }))
      assert.deepStrictEqual(await sentOf(decoded(ended, items).response), sent)
      assert.deepStrictEqual(await sentOf(decoded([], items).response), sent)
    }))

  it("has the limits of its call where the provider ran a shell", async () => {
    const { item: call } = rows["a shell of the provider's"] ?? {}
    const { item: output } = rows["what a shell of the provider's said"] ?? {}
    assert(call !== undefined && output !== undefined)
    assert.deepStrictEqual(await sentOf(decoded([], [call, output]).response), [call, {
      ...output,
      max_output_length: 99
    }])
  })
})
