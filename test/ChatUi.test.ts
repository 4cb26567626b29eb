/**
 * The example of a chat whose answers survive, as its users have it: a server of its own, the client of the AI SDK, and the page.
 */
import { assert, describe, it } from "@effect/vitest"
import { AbstractChat, type ChatState, DefaultChatTransport, isToolUIPart, type UIMessage } from "ai"
import { Effect, type Scope } from "effect"
import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
import * as NodeReplayServer from "effect-llm-stream/testing/NodeReplayServer"
import * as Path from "node:path"
import { chromium, folder, open, start, until } from "./support/browser.ts"
import { freePort, printed, root } from "./support/process.ts"

const words = Array.from({ length: 120 }, (_, index) => `word ${index}`).join(" ")
const usage = { inputTokens: 7, outputTokens: 3 }

const reply = (answer: Parameters<typeof Answer.make>[0]) =>
  ReplayServer.stream(Wire.openai, Answer.openai(Answer.make(answer)), { interval: "15 millis" })

const weather = reply({ toolCalls: [{ name: "get_weather", arguments: `{"city":"Paris"}` }], usage })
const mail = reply({
  toolCalls: [{ name: "send_mail", arguments: `{"to":"ann","subject":"Hello","body":"See you"}` }],
  usage
})
const slow = reply({ content: words, usage })

const serve = Effect.fnUntraced(function*(store: string, script: ReplayServer.Script) {
  const provider = yield* NodeReplayServer.make(script)
  const port = yield* freePort
  const { child, output } = yield* start([Path.join(root, "examples/chat-ui/server.ts")], {
    PORT: String(port),
    STORE: store,
    API_KEY: "key",
    BASE_URL: `${provider.url}/v1`,
    LLM_STREAM_UI_SECRET: "a secret of at least 32 characters"
  })
  yield* printed(child, () => output.text.includes("Listening"))
  return { provider, url: `http://127.0.0.1:${port}`, mails: () => output.text.match(/^mail /gm)?.length ?? 0 }
})

class State implements ChatState<UIMessage> {
  status: ChatState<UIMessage>["status"] = "ready"
  error: Error | undefined = undefined
  messages: Array<UIMessage>
  constructor(messages: ReadonlyArray<UIMessage>) {
    this.messages = [...messages]
  }
  pushMessage = (message: UIMessage) => void (this.messages = [...this.messages, message])
  popMessage = () => void (this.messages = this.messages.slice(0, -1))
  replaceMessage = (index: number, message: UIMessage) => void (this.messages = this.messages.with(index, message))
  snapshot = <T>(value: T): T => structuredClone(value)
}

/** What `useChat` is made of. */
class Chat extends AbstractChat<UIMessage> {
  constructor(url: string, messages: ReadonlyArray<UIMessage> = []) {
    super({
      id: "chat/1 ü",
      state: new State(messages),
      transport: new DefaultChatTransport({ api: `${url}/api/chat` })
    })
  }
  get answer(): UIMessage | undefined {
    return this.messages.findLast(({ role }) => role === "assistant")
  }
  get text(): string {
    return (this.answer?.parts ?? []).map((part) => part.type === "text" ? part.text : "").join("")
  }
}

const path = (url: string, end: string) => `${url}/api/chat/${encodeURIComponent("chat/1 ü")}/${end}`
const statusOf = (url: string, init?: RequestInit) =>
  Effect.promise(() => fetch(url, init).then(({ status }) => status))

const stores: ReadonlyArray<readonly [string, Effect.Effect<string, never, Scope.Scope>]> = [
  ["memory", Effect.succeed("memory:")],
  ["SQLite", Effect.map(folder, (path) => `sqlite:${path}/chats.store`)]
]

describe("examples/chat-ui with a log", () => {
  for (const [name, store] of stores) {
    it.live(`gives a client what it has lost, with the log in ${name}`, () =>
      Effect.gen(function*() {
        const { provider, url } = yield* serve(yield* store, [weather, slow])
        const first = new Chat(url)
        void first.sendMessage({ text: "How warm is it?" })
        yield* until(() => first.text.includes("word 3"))
        const [question] = first.messages
        assert.isDefined(question)
        // The page is loaded again, and another tab is open.
        yield* Effect.promise(() => first.stop())
        const second = new Chat(url, [question])
        const third = new Chat(url, [question])
        yield* Effect.promise(() => Promise.all([second.resumeStream(), third.resumeStream()]))
        assert.deepStrictEqual([second.status, second.messages.length, second.text], ["ready", 2, words])
        assert.deepStrictEqual(third.answer, second.answer)
        assert.deepStrictEqual(
          second.answer?.parts.filter(isToolUIPart).map(({ state, output }) => ({ state, output })),
          [{ state: "output-available", output: { celsius: 15 } }]
        )
        // What was there goes before what was lost, and nothing is there twice.
        assert.strictEqual(second.answer?.id, first.answer?.id)
        assert.isTrue(words.startsWith(first.text))
        assert.lengthOf(yield* provider.requests, 2)
        // It has its seals, so the chat goes on.
        yield* Effect.promise(() => second.sendMessage({ text: "And now?" }))
        assert.deepStrictEqual([second.error, second.text], [undefined, words])

        assert.strictEqual(yield* statusOf(path(url, "stream")), 204)
        assert.strictEqual(yield* statusOf(path(url, "stop"), { method: "POST" }), 204)
      }))

    it.live(`goes on after an approval where it was, with the log in ${name}`, () =>
      Effect.gen(function*() {
        const { mails, url } = yield* serve(yield* store, [mail, slow])
        const first = new Chat(url)
        yield* Effect.promise(() => first.sendMessage({ text: "Send it" }))
        const approval = first.answer?.parts.find(isToolUIPart)?.approval
        yield* Effect.promise(async () => first.addToolApprovalResponse({ id: approval?.id ?? "", approved: true }))
        const consented = structuredClone(first.messages)
        void first.sendMessage()
        yield* until(() => first.text.includes("word 3"))
        yield* Effect.promise(() => first.stop())
        const second = new Chat(url, consented)
        yield* Effect.promise(() => second.resumeStream())
        assert.deepStrictEqual([second.error, second.text, second.messages.length], [undefined, words, 2])
        assert.strictEqual(second.answer?.id, first.answer?.id)
        assert.deepStrictEqual(
          second.answer?.parts.filter(isToolUIPart).map(({ state }) => state),
          ["output-available"]
        )
        assert.strictEqual(mails(), 1)
      }))
  }

  it.live("stops an answer, and closes the provider's connection", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve("memory:", [slow])
      const chat = new Chat(url)
      const answered = chat.sendMessage({ text: "Say words" })
      yield* until(() => chat.text.includes("word 3"))
      for (const header of ["bob", "ann"]) {
        const init = { headers: { "x-user": header } }
        assert.strictEqual(yield* statusOf(path(url, "stream"), init), 204)
        assert.strictEqual(yield* statusOf(path(url, "stop"), { ...init, method: "POST" }), 204)
      }
      assert.strictEqual(yield* statusOf(`${url}/api/chat/unknown/stream`), 204)
      const nameless = JSON.stringify({ messages: chat.messages.slice(0, 1) })
      assert.strictEqual(yield* statusOf(`${url}/api/chat`, { method: "POST", body: nameless }), 400)
      assert.strictEqual(chat.status, "streaming")
      assert.strictEqual(yield* statusOf(path(url, "stop"), { method: "POST" }), 204)
      yield* Effect.promise(() => answered)
      assert.deepStrictEqual([chat.status, chat.error], ["ready", undefined])
      const { closed } = yield* provider.request(0)
      assert.strictEqual((yield* closed).by, "client")
      assert.strictEqual(yield* statusOf(path(url, "stop"), { method: "POST" }), 204)
      assert.strictEqual(yield* statusOf(path(url, "stream")), 204)
      assert.strictEqual(yield* statusOf(`${path(url, "stream")}?ended`), 200)
      yield* Effect.promise(() => chat.sendMessage({ text: "Say them again" }))
      assert.deepStrictEqual([chat.error, chat.text], [undefined, words])
    }))

  it.live.skipIf(chromium === undefined)(
    "a page that is loaded again in the midst of an answer has all of it, once",
    () =>
      Effect.gen(function*() {
        const { mails, provider, url } = yield* serve("memory:", [mail, slow])
        const { reaches, run } = yield* open(chromium ?? "", url)
        yield* reaches("document.readyState + document.forms.length", "complete1")
        yield* run(`form.elements.text.value = "Send it"; form.requestSubmit()`)
        yield* reaches(`document.querySelector(".call")?.textContent ?? ""`, "Approve")
        yield* run(`document.querySelector(".call button").click()`)
        const shown = `document.querySelector(".assistant .text")?.textContent ?? ""`
        yield* reaches(shown, "word 3")
        yield* run("window.isOld = true; location.reload()")
        yield* reaches("typeof window.isOld", "undefined")
        yield* reaches(shown, "word 119")
        assert.strictEqual(yield* run(shown), words)
        assert.strictEqual(yield* run(`document.querySelectorAll(".assistant, .call, [role=alert]").length`), "2")
        assert.include(yield* run(`document.querySelector(".call").textContent`), `{"sent":true}`)
        assert.strictEqual(mails(), 1)
        assert.lengthOf(yield* provider.requests, 2)
        // And it goes on.
        yield* run(`form.elements.text.value = "Again"; form.requestSubmit()`)
        yield* reaches(`document.querySelectorAll(".assistant .text")[1]?.textContent ?? ""`, "word 119")
        assert.strictEqual(yield* run(`document.querySelectorAll("[role=alert]").length`), "0")
      })
  )
})
