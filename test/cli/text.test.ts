import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import * as Json from "../../src/cli/json.ts"
import * as Text from "../../src/cli/text.ts"
import { ChatResponse, OpenAiChunk, ProviderError } from "../../src/index.ts"

const responseOf = (
  finishReason: string | null,
  usage?: { readonly prompt_tokens: number; readonly completion_tokens: number }
) =>
  ChatResponse.fromChunks([
    new OpenAiChunk({
      chunk: {
        choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: finishReason }],
        ...(usage === undefined ? undefined : { usage })
      }
    })
  ])

const errorOf = (reason: ProviderError.Reason) =>
  new ProviderError.ProviderError({ provider: "openai", reason, emitted: false })

describe("a text of the command line", () => {
  it("is on one line where it stands among others", () => {
    assert.strictEqual(Text.oneLine("  a\n\tb\u0000 c \r\n"), "a b c")
    assert.strictEqual(Text.excerpt(` a\n${"x".repeat(198)} `), `a ${"x".repeat(198)}`)
  })

  it("is a dash for what was not stated", () => {
    assert.deepStrictEqual([undefined, 0, 12].map(Text.count), ["-", "0", "12"])
    assert.deepStrictEqual([undefined, 0, 1, 1234, 5678].map(Text.seconds), [
      "-",
      "0.00 s",
      "0.00 s",
      "1.23 s",
      "5.68 s"
    ])
    assert.strictEqual(Text.tokens([responseOf("stop")]), "input -, cached -, output -")
    const usage = { prompt_tokens: 10, completion_tokens: 5 }
    assert.strictEqual(
      Text.tokens([responseOf("stop", usage), responseOf("stop"), responseOf("stop", usage)]),
      "input 20, cached -, output 10"
    )
  })

  it("has the provider's word for an end, and the common one where it is another", () => {
    for (
      const [reason, text] of [
        ["stop", "stop"],
        ["function_call", "function_call (tool_calls)"],
        ["future", "future (other)"],
        [null, "-"]
      ] as const
    ) assert.strictEqual(Text.finish(responseOf(reason)), text)
  })

  it("is columns of the width of their longest cells", () => {
    assert.strictEqual(
      Text.table([["a", "bbb", "c"], ["aaaa", "b", ""], ["", "", "ccc"]]),
      [
        "a     bbb  c\n",
        "aaaa  b\n",
        "           ccc\n"
      ].join("")
    )
    assert.strictEqual(Text.table([]), "")
  })

  it("breaks before the last column, and goes on under the first word", () => {
    assert.strictEqual(Text.wrapped("aaaa bbbb cccc", 10), "aaaa bbbb\n  cccc")
    assert.strictEqual(Text.wrapped("aaaa bbbb cccc", 9), "aaaa\n  bbbb\n  cccc")
    assert.strictEqual(Text.wrapped("aaaa bb cc dd\nee", 10), "aaaa bb\n  cc dd\nee")
    assert.strictEqual(Text.wrapped("a bbbb cc d", 10), "a bbbb cc\n  d")
    assert.strictEqual(Text.wrapped("aaaaaaaa bbbbbb c", 10), "aaaaaaaa\n  bbbbbb\n  c")
  })

  it("opens a section with its first piece, and closes it when something else begins", () => {
    const section = Text.section("[thinking] ")
    assert.deepStrictEqual(
      [
        section("", true),
        section("", false),
        section("a", false),
        section("b", false),
        section("", true),
        section("", true),
        section("c", true),
        section("d", false)
      ],
      ["", "", "[thinking] a", "b", "\n", "", "[thinking] c\n", "[thinking] d"]
    )
  })

  it("tells a call, and what came of it", () => {
    const call = { _tag: "ToolCall", id: "c", name: "add", params: { a: 1 }, problem: null } as const
    assert.deepStrictEqual(
      [
        Text.fromItem(call),
        Text.fromItem({ ...call, params: "{", problem: "incomplete" }),
        Text.fromItem({ _tag: "ToolResult", id: "c", name: "add", result: "a\nb", isFailure: false }),
        Text.fromItem({ _tag: "ToolResult", id: "c", name: "add", result: undefined, isFailure: true }),
        Text.fromItem({ _tag: "Step" })
      ],
      [
        `[tool call] add {"a":1}\n`,
        "[tool call] add { (incomplete)\n",
        "[tool result] add a b\n",
        "[tool failure] add \n",
        ""
      ]
    )
  })

  it("is a failure with what is known of it", () => {
    const bare = errorOf(new ProviderError.Timeout({ kind: "idle", message: "too late" }))
    assert.strictEqual(Text.fromError(bare), `${bare.message}\n`)
    assert.strictEqual(Text.lineFromError(bare), bare.message)
    const known = errorOf(
      new ProviderError.RateLimited({
        message: "slow down",
        status: 429,
        code: "rate",
        requestId: "req_1",
        retryAfter: Duration.seconds(2)
      })
    )
    assert.strictEqual(
      Text.fromError(known),
      `${known.message}\n  status 429, code rate, request req_1, retry after 2s\n`
    )
    assert.strictEqual(
      Text.lineFromError(known),
      `${known.message} (status 429, code rate, request req_1, retry after 2s)`
    )
    const page = errorOf(
      new ProviderError.UnexpectedContentType({
        message: "no stream",
        contentType: "text/html",
        status: 200,
        body: `<p>\n${"x".repeat(300)}`
      })
    )
    assert.strictEqual(
      Text.fromError(page),
      `${page.message}\n  status 200\n  body <p> ${"x".repeat(196)}\n`
    )
    assert.deepStrictEqual(Json.fromError(known), {
      provider: "openai",
      reason: "RateLimited",
      message: "slow down",
      status: 429,
      code: "rate",
      requestId: "req_1",
      retryAfterSeconds: 2,
      retryable: true,
      emitted: false
    })
    assert.deepStrictEqual(Json.fromError(bare), {
      provider: "openai",
      reason: "Timeout",
      message: "too late",
      status: null,
      code: null,
      requestId: null,
      retryAfterSeconds: null,
      retryable: true,
      emitted: false
    })
  })

  it("names what to set where a key is missing, and not the option of a program", () => {
    for (const option of ["pass `apiKey`, or set", "pass `apiKey` or `token`, or set"]) {
      const error = errorOf(new ProviderError.Authentication({ message: `No key: ${option} A_KEY` }))
      assert.match(Text.fromError(error), /No key: set A_KEY\n$/)
    }
  })

  it("is JSON that neither a terminal nor a reader of lines takes for anything else", () => {
    const text = "\u007f\u009f\u2028\u202e\u2066\u2069"
    assert.strictEqual(Json.line({ text }), `{"text":"\\u007f\\u009f\\u2028\\u202e\\u2066\\u2069"}\n`)
    assert.strictEqual(
      Json.line({ text: "~\u00a0\u2027\u202f\u2065\u206a" }),
      `{"text":"~\u00a0\u2027\u202f\u2065\u206a"}\n`
    )
    assert.strictEqual(Json.pretty({ a: [1] }), "{\n  \"a\": [\n    1\n  ]\n}\n")
  })
})
