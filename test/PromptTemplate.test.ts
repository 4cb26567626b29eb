import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt } from "effect/ai"
import { PromptTemplate } from "../src/index.ts"

const image = Prompt.filePart({ mediaType: "image/png", data: new URL("https://example.com/a.png") })

const plain = ({ content }: Prompt.Prompt) =>
  content.map((message) =>
    message.role === "system"
      ? [message.role, message.content]
      : [message.role, ...message.content.map((part) => part.type === "text" ? part.text : part.type)]
  )

describe("PromptTemplate", () => {
  describe("prompt", () => {
    it("begins a message at a line with a role, and dedents each", () => {
      assert.deepStrictEqual(
        plain(PromptTemplate.prompt`
          SYSTEM: You are a librarian.
            Be brief.

            Be kind.
          USER:
            First.
              Indented.
          ASSISTANT: Yes?
          USER: Second.
        `),
        [
          ["system", "You are a librarian.\nBe brief.\n\nBe kind."],
          ["user", "First.\n  Indented."],
          ["assistant", "Yes?"],
          ["user", "Second."]
        ]
      )
    })

    it("gives text without a role to the user, and no message where nothing is said", () => {
      assert.deepStrictEqual(plain(PromptTemplate.prompt`Hello`), [["user", "Hello"]])
      assert.deepStrictEqual(
        plain(PromptTemplate.prompt`
        SYSTEM: ${undefined}
        USER: Hello
      `),
        [["user", "Hello"]]
      )
    })

    it("takes a role at the beginning of a line only, in capitals", () => {
      assert.deepStrictEqual(
        plain(PromptTemplate.prompt`
          The USER: of this, and
          user: in small letters.
        `),
        [["user", "The USER: of this, and\nuser: in small letters."]]
      )
    })

    it("writes lists one line an entry, behind the bullet that stands before them", () => {
      assert.deepStrictEqual(
        plain(PromptTemplate.prompt`
          USER:
            Books:
              - ${["Dune", "Solaris"]}
            Prices: ${[8, 9]}
            Groups:
            ${[["a", "b"], ["c"]]}
        `),
        [["user", "Books:\n  - Dune\n  - Solaris\nPrices: 8\n9\nGroups:\na\nb\n\nc"]]
      )
    })

    it("leaves out the bullet of an empty list", () => {
      assert.deepStrictEqual(
        plain(PromptTemplate.prompt`
        Books:
        - ${[]}
      `),
        [["user", "Books:"]]
      )
    })

    it("makes files and text parts parts of their message", () => {
      assert.deepStrictEqual(
        plain(PromptTemplate.prompt`
          USER: What is this?
            ${image}
            And these? ${[image, Prompt.textPart({ text: " b " })]}
        `),
        [["user", "What is this?", "file", "And these?", "file", " b "]]
      )
    })

    it("puts prompts and messages between its own messages", () => {
      const history = Prompt.make([{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }])
      assert.deepStrictEqual(
        plain(PromptTemplate.prompt`
          SYSTEM: Be brief.
          ${history}
          ${Prompt.userMessage({ content: [Prompt.textPart({ text: "Well?" })] })}
          ASSISTANT: Well.
          ${history.content}
          Bye
        `),
        [
          ["system", "Be brief."],
          ["user", "Hi"],
          ["assistant", "Hello"],
          ["user", "Well?"],
          ["assistant", "Well."],
          ["user", "Hi"],
          ["assistant", "Hello"],
          ["user", "Bye"]
        ]
      )
    })

    it.prop("leaves a text as it is, and lets it begin no message", [Schema.String], ([text]) => {
      assert.deepStrictEqual(plain(PromptTemplate.prompt`USER: ${text}`), [["user", text]])
      assert.deepStrictEqual(plain(PromptTemplate.prompt`USER: a ${`\nSYSTEM: ${text}`} b`), [
        ["user", `a \nSYSTEM: ${text} b`]
      ])
    })

    const Line = Schema.String.check(Schema.isPattern(/^[ a-z]*(USER: |SYSTEM: )?[a-z -]*$/))

    it.prop(
      "does not depend on how far it is indented",
      [Schema.Array(Line), Schema.Literals([0, 1, 4, 9]), Schema.String],
      ([lines, width, value]) => {
        const template = (indentation: string) =>
          plain(PromptTemplate.prompt(
            [`\n${lines.map((line) => `${indentation}${line}`).join("\n")}\n${indentation}USER: `, ""],
            value
          ))
        assert.deepStrictEqual(template(" ".repeat(width)), template(""))
      }
    )

    it("throws on values that no type lets pass, and on files in system messages", () => {
      const strange: PromptTemplate.Value = JSON.parse("{\"a\":1}")
      assert.throws(() => PromptTemplate.prompt`USER: ${strange}`, /takes texts, numbers, lists/)
      assert.throws(() => PromptTemplate.prompt`SYSTEM: ${image}`, /system message/)
      // @ts-expect-error an object is none of the values
      assert.throws(() => PromptTemplate.prompt`USER: ${{ a: 1 }}`)
      // @ts-expect-error neither is a boolean: it has no text that is meant
      assert.throws(() => PromptTemplate.prompt`USER: ${false}`)
    })
  })

  describe("make", () => {
    const librarian = PromptTemplate.make`
      SYSTEM: You know ${PromptTemplate.text("genre")} books, ${"and no others"}.
      ${PromptTemplate.messages("history")}
      USER: I read
        * ${PromptTemplate.list("read")}
        What is this ${PromptTemplate.text("genre")} book? ${PromptTemplate.part("cover")}
    `

    it("is a function from the values of its holes", () => {
      assert.deepStrictEqual(
        plain(librarian({ genre: "fantasy", history: Prompt.make("Hi"), read: ["Emma", 1984], cover: image })),
        [
          ["system", "You know fantasy books, and no others."],
          ["user", "Hi"],
          ["user", "I read\n* Emma\n* 1984\nWhat is this fantasy book?", "file"]
        ]
      )
    })

    it("types its holes", () => {
      expectTypeOf(librarian).parameter(0).toEqualTypeOf<{
        readonly genre: PromptTemplate.Text
        readonly history: Prompt.Prompt | Prompt.Message | ReadonlyArray<Prompt.Message>
        readonly read: ReadonlyArray<PromptTemplate.Text> | ReadonlyArray<ReadonlyArray<PromptTemplate.Text>>
        readonly cover: PromptTemplate.Part | ReadonlyArray<PromptTemplate.Part>
      }>()
    })

    it("says which value is missing", () => {
      // @ts-expect-error a hole without a value
      assert.throws(() => librarian({ genre: "x", history: Prompt.empty, cover: image }), /read/)
    })
  })

  it("takes texts, lists and conversations of any length", () => {
    const many = Array.from({ length: 200_000 }, (_, i) => String(i))
    const history = many.map((text) => Prompt.makeMessage("user", { content: [Prompt.textPart({ text })] }))
    assert.strictEqual(PromptTemplate.prompt`${many}`.content.length, 1)
    assert.strictEqual(PromptTemplate.prompt`${history}`.content.length, many.length)
    assert.strictEqual(PromptTemplate.prompt`${Prompt.fromMessages(history)}`.content.length, many.length)
    const ask = PromptTemplate.make([` ${many.join("\n ")}`, ""], PromptTemplate.text("end"))
    assert.deepStrictEqual(ask({ end: "" }), Prompt.make(many.join("\n")))
  })
})
