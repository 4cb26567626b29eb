import { assert, describe, it } from "@effect/vitest"
import { Predicate, Result, Schema } from "effect"
import { Prompt } from "effect/ai"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ChatRequest, OpenAiResponsesOptions, type RequestFormat } from "../../src/index.ts"
import * as Corpus from "../support/corpus.ts"
import * as Requests from "../support/requests.ts"
import { describeShared } from "../support/shared.ts"
import * as Whole from "../support/wholeFormats.ts"

const anything = Schema.Record(Schema.String, Schema.Unknown)

const formats = {
  "openai-responses": Whole.responses({
    provider: "openai",
    options: { keys: ["openaiResponses", "openai"], schema: OpenAiResponsesOptions },
    partKey: "openai"
  }),
  "azure-responses": Whole.responses({
    provider: "azure",
    options: { keys: ["azure"], schema: anything },
    partKey: "azure"
  })
} satisfies Partial<Record<Requests.Api, RequestFormat.RequestFormat>>

const apis = ["openai-responses", "azure-responses"] as const

const encode = (request: ChatRequest.ChatRequest, model = "gpt-5") =>
  Result.flatMap(ChatRequest.normalize(request), (normalized) => formats["openai-responses"].encode(normalized, model))

const bodyOf = (request: ChatRequest.ChatRequest, model?: string) => Result.getOrThrow(encode(request, model)).body

const refusal = (request: ChatRequest.ChatRequest): string => {
  const result = encode(request)
  return Result.isFailure(result) ? result.failure.message : "no failure"
}

const thought = (text: string, openai: Prompt.ProviderOptions): Prompt.ReasoningPartEncoded => ({
  type: "reasoning",
  text,
  options: { openai }
})

const answered = (
  ...content: ReadonlyArray<Prompt.AssistantMessagePartEncoded>
): ReadonlyArray<Prompt.MessageEncoded> => [
  { role: "user", content: "Hi" },
  { role: "assistant", content },
  { role: "user", content: "And?" }
]

describe("Responses requests", () => {
  it("leave out the status that an answer states of its items", () => {
    const options = { openai: { itemId: "msg_1", status: "completed" } }
    const { input } = bodyOf({
      prompt: answered({ type: "text", text: "Hello", options }, {
        type: "reasoning",
        text: "Hm.",
        options: { openai: { itemId: "rs_1", encryptedContent: "x", status: "completed" } }
      })
    })
    assert.notInclude(JSON.stringify(input), "completed")
  })

  for (const api of apis) {
    describe(api, () => {
      describeShared(Requests.available, "with known bodies", () => {
        for (const { name, problems } of Requests.judged(api)) {
          it(name, () => assert.deepStrictEqual(problems(formats[api]), []))
        }
      })

      it.prop(
        "either are what the vendor's schema and rules let pass, or are refused with a place",
        [ChatRequest.Normalized, Schema.Literals(["gpt-5", "gpt-4.1"])],
        ([request, model]) => {
          const result = formats[api].encode(request, model)
          if (Result.isFailure(result)) {
            assert.match(result.failure.message, /^[a-z]+: ([a-zA-Z]+(\[|\.|:| ))/)
          } else {
            const body: unknown = JSON.parse(JSON.stringify(result.success.body))
            assert.deepStrictEqual(Requests.violations(api)(body, model), [])
          }
        },
        { arbitrary: { runs: 300 } }
      )
    })
  }

  it.prop(
    "never throw, whatever the messages are",
    [Schema.Array(Prompt.Message).check(Schema.isMaxLength(4))],
    ([messages]) => {
      for (const format of Object.values(formats)) format.encode({ prompt: Prompt.fromMessages(messages) }, "gpt-5")
    }
  )

  describe("reasoning", () => {
    it("goes back before what came of it, the parts of one item together", () => {
      const { input } = bodyOf({
        prompt: answered(
          thought("First.", { itemId: "rs_1", encryptedContent: null }),
          thought("Second.", { itemId: "rs_1", encryptedContent: "gAAA" }),
          { type: "text", text: "Hello", options: { openai: { itemId: "msg_1" } } }
        )
      })
      assert.deepStrictEqual(input, [
        { role: "user", content: [{ type: "input_text", text: "Hi" }] },
        {
          type: "reasoning",
          id: "rs_1",
          summary: [{ type: "summary_text", text: "First." }, { type: "summary_text", text: "Second." }],
          encrypted_content: "gAAA"
        },
        { type: "message", role: "assistant", id: "msg_1", content: [{ type: "output_text", text: "Hello" }] },
        { role: "user", content: [{ type: "input_text", text: "And?" }] }
      ])
    })

    it("is left out, and named, where it can't go back, and the answer loses the id that ties it to it", () => {
      const said: Prompt.AssistantMessagePartEncoded = {
        type: "text",
        text: "Hello",
        options: { openai: { itemId: "msg_1" } }
      }
      for (
        const [part, model] of [
          [thought("Hm.", {}), "gpt-5"],
          [thought("Hm.", { itemId: "rs_1", encryptedContent: "gAAA" }), "gpt-4.1"]
        ] as const
      ) {
        const { body, ignored } = Result.getOrThrow(encode({ prompt: answered(part, said) }, model))
        assert.notMatch(JSON.stringify(body), /Hm\.|msg_1/)
        assert.match(ignored.join(), /^prompt\[1\]\.content\[0\]: /)
      }
    })

    it("is asked for in its encrypted form, unless it is stored or the model is not known to reason", () => {
      const results: object = { include: ["file_search_call.results"] }
      const request: ChatRequest.ChatRequest = {
        prompt: "Hi",
        logprobs: 2,
        options: { openai: { store: false, ...results } }
      }
      assert.deepStrictEqual(bodyOf(request)["include"], [
        "message.output_text.logprobs",
        "reasoning.encrypted_content",
        "file_search_call.results"
      ])
      assert.deepStrictEqual(bodyOf(request, "gpt-4.1")["include"], [
        "message.output_text.logprobs",
        "file_search_call.results"
      ])
      assert.deepStrictEqual(bodyOf({ prompt: "Hi" })["include"], ["reasoning.encrypted_content"])
      assert.notProperty(bodyOf({ prompt: "Hi", options: { openai: { store: true } } }), "include")
      for (const model of ["gpt-4.1", "gpt-5-chat-latest", "my-deployment"]) {
        assert.notProperty(bodyOf({ prompt: "Hi" }, model), "include")
      }
    })

    it("goes back without storage in its encrypted form only, and as what it was, a summary or a text", () => {
      const { body, ignored } = Result.getOrThrow(encode({
        prompt: answered(
          thought("Lost.", { itemId: "rs_1" }),
          thought("Said.", { itemId: "rs_2", type: "reasoning_text" }),
          thought("First.", { itemId: "rs_2" }),
          thought("Second.", { itemId: "rs_2", encryptedContent: "gAAA" })
        ),
        options: { openai: { store: false } }
      }))
      assert.deepStrictEqual(Array.isArray(body["input"]) ? body["input"][1] : undefined, {
        type: "reasoning",
        id: "rs_2",
        summary: [{ type: "summary_text", text: "First." }, { type: "summary_text", text: "Second." }],
        content: [{ type: "reasoning_text", text: "Said." }],
        encrypted_content: "gAAA"
      })
      assert.match(ignored.join(), /^prompt\[1\]\.content\[0\]: .*without storage/)
    })

    it("loses an id that another host made up; without encrypted content it is left out and named", () => {
      const foreign = { itemId: "reasoning-7", encryptedContent: "gAAA" }
      const said: Prompt.AssistantMessagePartEncoded = {
        type: "text",
        text: "Hello",
        options: { openai: { itemId: "answer-7" } }
      }
      const { body, ignored } = Result.getOrThrow(
        encode(
          { prompt: answered(thought("First.", { itemId: "reasoning-7" }), thought("Second.", foreign), said) },
          "gpt-5"
        )
      )
      assert.deepStrictEqual(ignored, [])
      assert.deepStrictEqual(Array.isArray(body["input"]) ? body["input"].slice(1, 3) : [], [
        {
          type: "reasoning",
          summary: [{ type: "summary_text", text: "First." }, { type: "summary_text", text: "Second." }],
          encrypted_content: "gAAA"
        },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hello" }] }
      ])
      const plain = Result.getOrThrow(encode({ prompt: answered(thought("Hm.", { itemId: "resp_1" }), said) }, "gpt-5"))
      assert.notInclude(JSON.stringify(plain.body), "Hm.")
      assert.match(plain.ignored.join(), /^prompt\[1\]\.content\[0\]: reasoning without/)
    })
  })

  describe("calls of the provider's own kinds", () => {
    const said = (
      part: Omit<Prompt.ToolCallPartEncoded, "type">,
      result: Omit<Prompt.ToolResultPartEncoded, "type" | "id" | "name">
    ): ReadonlyArray<Prompt.MessageEncoded> => [
      { role: "user", content: "Go" },
      { role: "assistant", content: [{ type: "tool-call", ...part }] },
      { role: "tool", content: [{ type: "tool-result", id: part.id, name: part.name, ...result }] }
    ]

    const itemsOf = (prompt: ReadonlyArray<Prompt.MessageEncoded>, fields: object = {}): ReadonlyArray<unknown> => {
      const { input } = bodyOf({ prompt, options: { openai: fields } })
      return Array.isArray(input) ? input.slice(1) : []
    }

    it("of custom tools are free text, and so are their results", () => {
      for (const options of [{ openai: { type: "custom", itemId: "ctc_1" } }, { azure: { type: "custom" } }]) {
        const [call, output] = itemsOf(
          said({ id: "a", name: "run", params: "ls -l", options }, { isFailure: false, result: "total 0" })
        )
        assert.deepStrictEqual(call, {
          type: "custom_tool_call",
          ..."openai" in options ? { id: "ctc_1" } : {},
          call_id: "a",
          name: "run",
          input: "ls -l"
        })
        assert.deepStrictEqual(output, { call_id: "a", type: "custom_tool_call_output", output: "total 0" })
      }
      assert.match(
        refusal({ prompt: said({ id: "a", name: "run", params: "ls -l" }, { isFailure: false, result: "" }) }),
        /^prompt\[1\]\.content\[0\]\.params: the arguments of a call are an object/
      )
    })

    it("are written as the API wants them, and so is what the caller answers", () => {
      interface Typed {
        readonly type: string
        readonly [field: string]: Schema.Json
      }
      const cases: ReadonlyArray<
        readonly [params: unknown, itemId: string, result: unknown, call: Typed, out: Typed]
      > = [
        [
          { type: "delete_file", path: "a" },
          "apc_1",
          "no such file",
          { type: "apply_patch_call", status: "completed", operation: { type: "delete_file", path: "a" } },
          { type: "apply_patch_call_output", status: "failed", output: "no such file" }
        ],
        [
          { type: "exec", command: ["ls"], env: {} },
          "lsh_1",
          "total 0",
          { type: "local_shell_call", status: "completed", action: { type: "exec", command: ["ls"], env: {} } },
          { type: "local_shell_call_output", id: "a", output: "total 0" }
        ],
        [
          { commands: ["ls"], max_output_length: 99, environment: { type: "local" } },
          "sh_1",
          "no",
          {
            type: "shell_call",
            status: "completed",
            action: { commands: ["ls"], max_output_length: 99 },
            environment: { type: "local" }
          },
          {
            type: "shell_call_output",
            output: [{ stdout: "", stderr: "no", outcome: { type: "exit", exit_code: 1 } }],
            max_output_length: 99
          }
        ],
        [
          { commands: ["sleep"], environment: null },
          "sh_1",
          [{ stdout: "a", stderr: "", outcome: { type: "timeout" } }],
          { type: "shell_call", status: "completed", action: { commands: ["sleep"] }, environment: null },
          { type: "shell_call_output", output: [{ stdout: "a", stderr: "", outcome: { type: "timeout" } }] }
        ],
        [
          { action: { type: "screenshot" }, pending_safety_checks: [{ id: "cu_sc_1" }] },
          "cu_1",
          { image_url: "data:image/png;base64,aGk=", acknowledged_safety_checks: [{ id: "cu_sc_1" }] },
          {
            type: "computer_call",
            status: "completed",
            action: { type: "screenshot" },
            pending_safety_checks: [{ id: "cu_sc_1" }]
          },
          {
            type: "computer_call_output",
            output: { type: "computer_screenshot", image_url: "data:image/png;base64,aGk=" },
            acknowledged_safety_checks: [{ id: "cu_sc_1" }]
          }
        ],
        [
          {},
          "tsc_1",
          { tools: [] },
          { type: "tool_search_call", execution: "client", status: "completed", arguments: {} },
          { type: "tool_search_output", execution: "client", status: "completed", tools: [] }
        ]
      ]
      for (const [params, itemId, result, call, out] of cases) {
        const { type } = call
        const prompt = said(
          { id: "a", name: "own", params, options: { openai: { type, itemId } } },
          { isFailure: typeof result === "string" && result.startsWith("no"), result }
        )
        for (const fields of [{}, { store: false }]) {
          const items = itemsOf(prompt, fields)
          assert.deepStrictEqual(items, [{ ...call, id: itemId, call_id: "a" }, { ...out, call_id: "a" }])
          if (type !== "local_shell_call") {
            const body = { model: "gpt-5", input: items, stream: true, store: true, tools: [] }
            assert.deepStrictEqual(
              Requests.violations("openai-responses")(body, "gpt-5").filter((line) => !line.startsWith("tools")),
              []
            )
          }
        }
      }
    })

    it("take a screenshot from a file, and refuse what shows none", () => {
      const call = {
        id: "a",
        name: "computer",
        params: { action: { type: "screenshot" } },
        options: { openai: { type: "computer_call", itemId: "cu_1" } }
      }
      const [, output] = itemsOf(said(call, {
        isFailure: false,
        result: null,
        modelOutput: [{ type: "file", mediaType: "image/png", data: "iVBORw0KGgo=" }]
      }))
      assert.deepStrictEqual(output, {
        call_id: "a",
        type: "computer_call_output",
        output: { type: "computer_screenshot", image_url: "data:image/png;base64,iVBORw0KGgo=" }
      })
      assert.match(
        refusal({ prompt: said(call, { isFailure: false, result: "clicked" }) }),
        /^openai: prompt\[2\]\.content\[0\]\.result: .*screenshot/
      )
      assert.match(
        refusal({
          prompt: said({ ...call, options: { openai: { type: "computer_call" } } }, { isFailure: false, result: "" })
        }),
        /^openai: prompt\[1\]\.content\[0\]: .*itemId/
      )
    })

    it("of tools that the provider ran go by their ids, or whole when nothing is stored", () => {
      const options = { openai: { type: "web_search_call", itemId: "ws_1" } }
      const action = {
        type: "search",
        query: "x",
        sources: [{ type: "url", url: "https://example.com" }],
        pattern: null
      }
      const prompt = answered(
        { type: "tool-call", id: "ws_1", name: "web_search", params: action, providerExecuted: true, options },
        {
          type: "tool-result",
          id: "ws_1",
          name: "web_search",
          isFailure: false,
          result: { status: "completed", action },
          providerExecuted: true,
          options
        }
      )
      assert.deepStrictEqual(itemsOf(prompt).slice(0, -1), [{ type: "item_reference", id: "ws_1" }])
      assert.deepStrictEqual(itemsOf(prompt, { store: false }).slice(0, -1), [
        // The API refuses to be told where it looked, and fields that are null.
        { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "x" } }
      ])
    })

    it("are refused, with a place, when the parts don't hold what the API wants", () => {
      const call = (options: Prompt.ProviderOptions) =>
        answered({ type: "tool-call", id: "x", name: "t", params: {}, providerExecuted: true, options })
      assert.match(
        refusal({ prompt: call({}) }),
        /^openai: prompt\[1\]\.content\[0\]\.providerExecuted: /
      )
      assert.match(
        refusal({
          prompt: call({ openai: { type: "image_generation_call", itemId: "ig_1" } }),
          options: { openai: { store: false } }
        }),
        /^openai: prompt\[1\]\.content\[0\]: an item of the type image_generation_call can't be sent back, .*nothing is stored/
      )
    })

    it("answer the provider's requests for approval, and keep the program's own to itself", () => {
      const options = { openai: { type: "mcp_approval_request", itemId: "mcpr_1", serverLabel: "files" } }
      const prompt: ReadonlyArray<Prompt.MessageEncoded> = [
        { role: "user", content: "Go" },
        {
          role: "assistant",
          content: [
            { type: "tool-call", id: "mcpr_1", name: "read", params: { path: "a" }, providerExecuted: true, options },
            { type: "tool-approval-request", approvalId: "mcpr_1", toolCallId: "mcpr_1" },
            { type: "tool-call", id: "b", name: "write", params: {} },
            { type: "tool-approval-request", approvalId: "own", toolCallId: "b" }
          ]
        },
        {
          role: "tool",
          content: [
            { type: "tool-approval-response", approvalId: "mcpr_1", approved: false, reason: "private" },
            { type: "tool-approval-response", approvalId: "own", approved: true },
            { type: "tool-result", id: "b", name: "write", isFailure: false, result: "done" }
          ]
        }
      ]
      const request = {
        type: "mcp_approval_request",
        id: "mcpr_1",
        server_label: "files",
        name: "read",
        arguments: `{"path":"a"}`
      }
      const answer = {
        type: "mcp_approval_response",
        approval_request_id: "mcpr_1",
        approve: false,
        reason: "private"
      }
      const isOf = (kind: RegExp) => (item: unknown) =>
        Predicate.hasProperty(item, "type") && kind.test(String(item.type))
      assert.deepStrictEqual(itemsOf(prompt, { store: false }).filter(isOf(/^mcp/)), [request, answer])
      assert.deepStrictEqual(itemsOf(prompt).filter(isOf(/^mcp|reference/)), [
        { type: "item_reference", id: "mcpr_1" },
        answer
      ])
    })
  })

  it("go on from what the provider keeps: results of its calls and approvals stand alone", () => {
    const prompt: ReadonlyArray<Prompt.MessageEncoded> = [{
      role: "tool",
      content: [
        { type: "tool-approval-response", approvalId: "mcpr_1", approved: true },
        { type: "tool-result", id: "a", name: "f", isFailure: false, result: "done" },
        {
          type: "tool-result",
          id: "b",
          name: "g",
          isFailure: false,
          result: "ok",
          options: { openai: { type: "custom" } }
        }
      ]
    }]
    assert.deepStrictEqual(
      bodyOf({ prompt, options: { openaiResponses: { previous_response_id: "resp_1" } } })["input"],
      [
        { type: "mcp_approval_response", approval_request_id: "mcpr_1", approve: true },
        { call_id: "a", type: "function_call_output", output: "done" },
        { call_id: "b", type: "custom_tool_call_output", output: "ok" }
      ]
    )
    assert.match(refusal({ prompt, options: { openai: { store: true } } }), /^openai: prompt\[0\]\.content\[1\]\.id: /)
    assert.match(refusal({ prompt }), /^prompt\[0\]\.content\[1\]\.id: /)
  })

  it("give back what an answer states of itself: its phase, a refusal, the caller of a call, and items of no other kind", () => {
    const item = { type: "compaction", id: "cmp_1", encrypted_content: "gAAA", created_by: "server" }
    const { input } = bodyOf({
      prompt: [
        ...answered(
          { type: "text", text: "", options: { openai: { item } } },
          { type: "text", text: "Wait.", options: { openai: { itemId: "msg_1", phase: "commentary" } } },
          { type: "text", text: "No.", options: { openai: { refusal: true } } },
          {
            type: "tool-call",
            id: "a",
            name: "f",
            params: {},
            options: { openai: { itemId: "fc_1", namespace: "files", caller: { type: "direct" } } }
          },
          { type: "text", text: "", options: { openai: { item: { type: "dream", id: "dr_1" } } } }
        ).slice(0, 2),
        { role: "tool", content: [{ type: "tool-result", id: "a", name: "f", isFailure: false, result: "" }] }
      ]
    })
    assert.deepStrictEqual(Array.isArray(input) ? input.slice(1, -1) : input, [
      { type: "compaction", id: "cmp_1", encrypted_content: "gAAA" },
      {
        type: "message",
        role: "assistant",
        id: "msg_1",
        phase: "commentary",
        content: [{ type: "output_text", text: "Wait." }]
      },
      { type: "message", role: "assistant", content: [{ type: "refusal", refusal: "No." }] },
      {
        type: "function_call",
        id: "fc_1",
        call_id: "a",
        caller: { type: "direct" },
        namespace: "files",
        name: "f",
        arguments: "{}"
      },
      { type: "item_reference", id: "dr_1" }
    ])
    const { ignored } = Result.getOrThrow(encode({
      prompt: answered({ type: "text", text: "", options: { openai: { item: { type: "dream", id: "dr_1" } } } }),
      options: { openai: { store: false } }
    }))
    assert.match(ignored.join(), /^prompt\[1\]\.content\[0\]: .*dream/)
  })

  it("ask for one of the provider's own tools in the API's words", () => {
    const f = { name: "f", parameters: { type: "object", properties: {} } }
    const tools = [
      { type: "web_search" },
      { type: "file_search", vector_store_ids: ["vs_1"] },
      { type: "custom", name: "run" },
      { type: "mcp", server_label: "files", server_url: "https://example.com" },
      { type: "shell" }
    ]
    const choices = [
      ["f", { type: "function", name: "f" }],
      ["file_search", { type: "file_search" }],
      ["run", { type: "custom", name: "run" }],
      ["files", { type: "mcp", server_label: "files" }],
      ["shell", { type: "shell" }],
      ["web_search", { type: "allowed_tools", mode: "required", tools: [{ type: "web_search" }] }]
    ] as const
    for (const [tool, expected] of choices) {
      const body = bodyOf({ prompt: "Hi", tools: [f], toolChoice: { tool }, options: { openaiResponses: { tools } } })
      assert.deepStrictEqual(body["tool_choice"], expected)
      assert.deepStrictEqual(Requests.violations("openai-responses")(body, "gpt-5"), [])
    }
    const required = bodyOf({ prompt: "Hi", toolChoice: "required", options: { openaiResponses: { tools } } })
    assert.strictEqual(required["tool_choice"], "required")
    assert.match(
      refusal({ prompt: "Hi", toolChoice: { tool: "search" }, options: { openaiResponses: { tools } } }),
      /^openai: toolChoice: there is no tool search/
    )
  })

  it("say of each tool whether it is strict", () => {
    const tool = { name: "f", parameters: { type: "object", properties: {}, additionalProperties: false } }
    assert.deepStrictEqual(bodyOf({ prompt: "Hi", tools: [tool, { ...tool, name: "g", strict: true }] })["tools"], [
      { type: "function", ...tool, strict: false },
      { type: "function", ...tool, name: "g", strict: true }
    ])
  })

  it("return files in results", () => {
    const { input } = bodyOf({
      prompt: [
        { role: "assistant", content: [{ type: "tool-call", id: "a", name: "f", params: {} }] },
        {
          role: "tool",
          content: [{
            type: "tool-result",
            id: "a",
            name: "f",
            isFailure: false,
            result: null,
            modelOutput: [
              { type: "text", text: "Here:" },
              {
                type: "file",
                mediaType: "image/png",
                data: "iVBORw0KGgo=",
                options: { openai: { imageDetail: "low" } }
              },
              { type: "file", mediaType: "application/pdf", data: new URL("https://example.com/a.pdf") }
            ]
          }]
        }
      ]
    })
    assert.deepStrictEqual(input, [
      { type: "function_call", call_id: "a", name: "f", arguments: "{}" },
      {
        type: "function_call_output",
        call_id: "a",
        output: [
          { type: "input_text", text: "Here:" },
          { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=", detail: "low" },
          { type: "input_file", file_url: "https://example.com/a.pdf" }
        ]
      }
    ])
  })

  it("refuse what the API has nothing like, and name what can be left out", () => {
    const refused: ReadonlyArray<readonly [Partial<ChatRequest.ChatRequest>, RegExp]> = [
      [{ stop: ["."] }, /^openai: stop: /],
      [{ maxTokens: 15 }, /^openai: maxTokens: /],
      [{ audio: { voice: "alloy", format: "pcm16" } }, /^openai: audio: /],
      [{ responseFormat: "json" }, /^openai: responseFormat: /],
      // @ts-expect-error: the library writes it
      [{ options: { openai: { stream: false } } }, /^openai: options\.openai\.stream: /],
      // @ts-expect-error: a misspelt field
      [{ options: { openai: { reasonin: {} } } }, /^openai: options\.openai\.reasonin: .*reasoning/]
    ]
    for (const [fields, message] of refused) assert.match(refusal({ prompt: "Hi", ...fields }), message)
    assert.deepStrictEqual(
      Result.getOrThrow(encode({ prompt: "Hi", seed: 1, topK: 2, frequencyPenalty: 0, presencePenalty: 1 })).ignored
        .map((sentence) => sentence.split(":")[0]).sort(),
      ["frequencyPenalty", "presencePenalty", "seed", "topK"]
    )
  })

  describeShared(Corpus.root !== undefined && Requests.available, "bodies that were sent", () => {
    for (const api of apis) {
      it(`${api}: come out of a request again`, () => {
        const outcomes = bodiesOf(api).map(({ body, file }) => {
          const request = requestOf(body, api)
          if (request === undefined) return "out of reach"
          const model = String(body["model"])
          const encoded = Result.flatMap(
            ChatRequest.fromJson(request),
            (normalized) => formats[api].encode(normalized, model)
          )
          assert.isTrue(Result.isSuccess(encoded), `${file}: ${JSON.stringify(encoded)}`)
          assert.deepStrictEqual(
            withoutIncluded(Requests.canonical(api, JSON.parse(JSON.stringify(Result.getOrThrow(encoded).body)))),
            withoutIncluded(Requests.canonical(api, body)),
            file
          )
          return "same"
        })
        assert.isAtLeast(outcomes.filter((outcome) => outcome === "same").length, 5)
      })
    }
  })
})

type Json = Readonly<Record<string, unknown>>

const bodiesOf = (api: Requests.Api): ReadonlyArray<{ readonly file: string; readonly body: Json }> => {
  const directory = join(Corpus.root ?? "", api)
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".request.json"))
    .map((file) => ({ file, body: JSON.parse(readFileSync(join(directory, file), "utf8")) }))
    .filter(({ body }) => Predicate.isObject(body))
}

const listOf = (value: unknown): ReadonlyArray<Json> => Array.isArray(value) ? value : []

const withoutIncluded = (body: unknown): unknown => {
  const { prompt_cache_key: _, ...rest }: Json = Object(body)
  return rest
}

const stated = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))

const textsOf = (content: unknown): ReadonlyArray<Json> | undefined => {
  if (typeof content === "string") return [{ type: "text", text: content }]
  const parts = listOf(content)
  return parts.every(({ text, type }) => /^(input|output)_text$/.test(String(type)) && typeof text === "string")
    ? parts.map(({ text }) => ({ type: "text", text }))
    : undefined
}

// The request that makes a body; `undefined` when the body holds what requests have no word for.
const requestOf = (body: Json, api: typeof apis[number]): Json | undefined => {
  const {
    include: _include,
    input,
    instructions,
    max_output_tokens: maxTokens,
    model: _model,
    parallel_tool_calls: parallelToolCalls,
    reasoning,
    stream: _stream,
    temperature,
    tool_choice,
    tools,
    user,
    ...raw
  } = body
  const { effort, summary, ...others }: Json = Object(reasoning)
  const definitions = tools === undefined ? undefined : listOf(tools)
  if (
    definitions?.some(({ parameters, strict, type }) =>
      type !== "function" || strict === null || strict === undefined || JSON.stringify(parameters).includes("\"oneOf\"")
    )
  ) {
    return undefined
  }
  const prompt: Array<Json> = []
  for (const item of typeof input === "string" ? [{ role: "user", content: input }] : listOf(input)) {
    const { arguments: args, call_id: id, content, name, output, phase, role, type = "message" } = Object(item)
    const texts = textsOf(content)
    if (type === "message" && texts !== undefined && phase === undefined) {
      prompt.push(
        role === "system" || role === "developer"
          ? { role: "system", content: texts.map(({ text }) => text).join("") }
          : { role, content: texts }
      )
    } else if (type === "function_call") {
      const call = { type: "tool-call", id, name, params: args === "" ? null : JSON.parse(args) }
      prompt.push({ role: "assistant", content: [call] })
    } else if (type === "function_call_output" && typeof output === "string") {
      prompt.push({
        role: "tool",
        content: [{ type: "tool-result", id, name: "f", isFailure: false, result: output }]
      })
    } else return undefined
  }
  if (JSON.stringify(raw).includes("json_schema") || Object.hasOwn(raw, "previous_response_id")) return undefined
  const fields = {
    prompt,
    system: instructions,
    maxTokens,
    parallelToolCalls,
    reasoning: reasoning === undefined
      ? undefined
      : stated({ effort, summary }),
    temperature,
    user,
    toolChoice: Predicate.isObject(tool_choice) && "name" in tool_choice ? { tool: tool_choice.name } : tool_choice,
    tools: definitions?.map(({ type: _type, ...tool }) => stated(tool)),
    options: { [api === "openai-responses" ? "openai" : "azure"]: { ...raw, reasoning: others } }
  }
  return stated(fields)
}
