import { assert, describe, it } from "@effect/vitest"
import { Redacted, Schema } from "effect"
import * as Reason from "../../src/engine/reason.ts"
import * as Redaction from "../../src/engine/redaction.ts"
import * as Secrets from "../../src/engine/secrets.ts"
import * as ProviderError from "../../src/ProviderError.ts"
import * as Cpu from "../support/cpu.ts"

// What is cut out of a text is also why it is loaded.
const clean = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string => {
  const cleaned = Redaction.clean(text, secrets)
  assert.isTrue(cleaned === text || Secrets.mayHold(text, secrets))
  return cleaned
}

const secrets = (...values: ReadonlyArray<string>) => values.map((value) => Redacted.make(value))

const filtered = (details: unknown) => new ProviderError.ContentFiltered({ message: "m", details })

const detailsOf = (reason: ProviderError.Reason) => "details" in reason ? reason.details : undefined

describe("Redaction", () => {
  it.prop("leaves nothing of a secret, whatever its characters and wherever the text was cut", {
    secret: Schema.String.check(Schema.isMinLength(4), Schema.isMaxLength(40)),
    before: Schema.String,
    after: Schema.String,
    cut: Schema.Natural
  }, ({ after, before, cut, secret }) => {
    const text = `${before}${secret}${after}`
    for (const ellipsis of ["", "…"]) {
      const excerpt = clean(text.slice(0, cut % (text.length + 1)) + ellipsis, secrets(secret))
      assert.notInclude(excerpt, secret)
      const kept = excerpt.endsWith("…") ? excerpt.slice(0, -1) : excerpt
      if (!kept.endsWith("<redacted>")) {
        for (let length = 4; length < secret.length; length++) assert.isFalse(kept.endsWith(secret.slice(0, length)))
      }
    }
  })

  const json = (text: string) => JSON.stringify(text).slice(1, -1)
  const unicode = (text: string) =>
    text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")
  const html = (text: string) =>
    text.replaceAll("&", "&amp;").replaceAll("\"", "&quot;").replaceAll("<", "&lt;").replaceAll("'", "&#39;")
  const hex = (code: number, length: number) => code.toString(16).padStart(length, "0")
  const bytes = (text: string, mark: string) =>
    Array.from(new TextEncoder().encode(text), (byte) => `${mark}${hex(byte, 2)}`).join("")
  const named: Readonly<Record<string, string>> = {
    "&": "amp",
    "\"": "quot",
    "<": "lt",
    ">": "gt",
    "'": "apos",
    "/": "sol",
    "=": "equals",
    "%": "percnt",
    "\\": "bsol",
    "?": "quest",
    "$": "dollar",
    "+": "plus",
    "*": "ast",
    "(": "lpar",
    ")": "rpar",
    "[": "lsqb",
    "]": "rsqb",
    "{": "lcub",
    "}": "rcub"
  }
  const forms: Readonly<Record<string, (text: string) => string>> = {
    "as it is": (text) => text,
    "in JSON": json,
    "in JSON within JSON": (text) => json(json(text)),
    "in JSON of ASCII": unicode,
    "in a URL": encodeURIComponent,
    "in a URL within a URL": (text) => encodeURIComponent(encodeURIComponent(text)),
    "in HTML": html,
    "in HTML in capitals": (text) => html(text).replaceAll(/&\w+;/g, (name) => name.toUpperCase()),
    "in HTML, by number": (text) => text.split("").map((unit) => `&#${unit.charCodeAt(0)};`).join(""),
    "in HTML, by hexadecimal number": (text) =>
      text.split("").map((unit) => `&#x${unit.charCodeAt(0).toString(16)};`).join(""),
    "in HTML, by number with zeros before it": (text) =>
      Array.from(text, (character) => `&#x000${character.codePointAt(0)?.toString(16)};`).join(""),
    "in HTML, by name": (text) => text.replaceAll(/[&"<>'/=%\\?$+*()[\]{}]/g, (character) => `&${named[character]};`),
    "in HTML within HTML": (text) => html(html(text)),
    "in HTML within JSON": (text) => json(html(text)).replaceAll("&", "\\u0026"),
    "in HTML within a URL": (text) => encodeURIComponent(html(text)),
    "in JSON within HTML": (text) => html(json(text)),
    "in the query of a URL": (text) => new URLSearchParams({ "": text }).toString().slice(1),
    "in a URL, all bytes in lower case": (text) => bytes(text, "%"),
    "in the bytes of Python": (text) => bytes(text, "\\x"),
    "by `escape`": (text) => text.split("").map((unit) => `%u${hex(unit.charCodeAt(0), 4)}`).join("")
  }
  const odd = [
    "sk-1234",
    "sk\"quo\"te",
    "sk\\back\\slash",
    "sk/slash?a=b&c=<d>'e'",
    "a%20b%22c",
    "k%25e%y",
    "k&amp;e&y",
    "a\\u0041b",
    "$&$1$`$'",
    "(.*)+[a-z]{2}",
    "12345678",
    "éèsécret",
    "𝄞 clef"
  ]
  const escapes = [json, encodeURIComponent, html]
  it.each(odd)("finds a secret that is escaped up to four times, in any ways: %s", (secret) => {
    let written: ReadonlyArray<string> = [secret]
    for (let times = 1; times <= 4; times++) {
      written = written.flatMap((text) => escapes.map((escape) => escape(text)))
      for (const text of written) assert.strictEqual(clean(`x ${text} y`, secrets(secret)), "x <redacted> y", text)
    }
  })

  it("looks no further than four times, as each costs another look at the text", () => {
    const secret = "sk\"quo\"te"
    let text = secret
    for (let times = 1; times <= 4; times++) text = json(text)
    assert.strictEqual(clean(text, secrets(secret)), "<redacted>")
    assert.strictEqual(clean(json(text), secrets(secret)), json(text))
  })

  it("finds a secret of which some characters are written otherwise", () => {
    for (
      const [secret, written] of [
        ["k%25e&y", "k%25e&amp;y"],
        ["%xy%12", "%25xy%12"],
        ["%xy%wz", "%xy%25wz"],
        ["a&b&c", "a&amp;b&c"],
        ["a&b&c", "a&b&amp;c"],
        ["a\\b\\c", "a\\\\b\\c"],
        ["ab\"c\"d", "ab\\\"c\"d"],
        ["AB12", "\\x41\\X4212"]
      ] as const
    ) assert.strictEqual(clean(`x ${written} y`, secrets(secret)), "x <redacted> y", written)
  })

  it("finds a secret however its characters are written", () => {
    for (const [form, write] of Object.entries(forms)) {
      for (const secret of odd) {
        const written = write(secret)
        assert.strictEqual(clean(`a ${written} b`, secrets(secret)), "a <redacted> b", `${form}: ${secret}`)
        assert.strictEqual(clean(`${written}${written}`, secrets(secret)), "<redacted><redacted>", `${form}: ${secret}`)
        const cut = write(secret.slice(0, -1))
        assert.strictEqual(clean(`a ${cut}…`, secrets(secret)), "a <redacted>…", `${form}, cut: ${secret}`)
      }
    }
  })

  it.prop("finds the bytes of a secret in base64 and hexadecimal, whatever stands before and after them", {
    secret: Schema.String.check(Schema.isMinLength(8), Schema.isMaxLength(40)),
    before: Schema.String,
    after: Schema.String,
    encoding: Schema.Literals(["base64", "base64url", "hex"])
  }, ({ after, before, encoding, secret }) => {
    const left = clean(`a ${Buffer.from(before + secret + after).toString(encoding)} b`, secrets(secret))
    assert.include(left, "<redacted>")
    for (const part of left.split("<redacted>")) {
      for (const start of [0, 1, 2, 3]) {
        assert.notInclude(Buffer.from(part.slice(start), encoding).toString(), Buffer.from(secret).toString())
      }
    }
  })

  it("finds the bytes of a secret in several lines, and between marks", () => {
    const secret = `sk-${"S3cr3t/T0ken+".repeat(4)}`
    const digits = Buffer.from(secret).toString("hex")
    const base64 = Buffer.from(secret).toString("base64").slice(0, -2)
    const lines = (end: string) => base64.replaceAll(/.{20}/g, `$&${end}`)
    for (
      const written of [
        lines("\n"),
        lines("\r\n"),
        json(lines("\n")),
        encodeURIComponent(lines("\r\n")),
        digits.replaceAll("b", "B"),
        ...[":", " ", ", ", "-"].map((mark) => digits.replaceAll(/..(?!$)/g, `$&${mark}`))
      ]
    ) assert.match(clean(`a ${written} b`, secrets(secret)), /^a <redacted>\S{0,2} b$/, written)
  })

  it(
    "takes time linear in the text",
    Cpu.within(3, () => {
      for (const text of ["\\", "%", "%25", "&", "&#1", "a", "\\u", "sk-"]) {
        const long = text.repeat(100_000 / text.length)
        assert.isAtMost(clean(long, secrets(`sk-${"a".repeat(50)}`, "\\".repeat(20))).length, long.length)
      }
    })
  )

  it("cuts a secret out of keys, texts and numbers of the details, and leaves the others as they are", () => {
    const details = { "sk\"1\\2": ["a sk\"1\\2 b", 12345678, true, null, { n: 1 }] }
    assert.deepStrictEqual(
      detailsOf(Reason.clean(filtered(details), secrets("sk\"1\\2", "12345678", "true", "null"))),
      {
        "<redacted>": ["a <redacted> b", "<redacted>", true, null, { n: 1 }]
      }
    )
    const same = { a: ["b", { c: 1 }] }
    assert.strictEqual(detailsOf(Reason.clean(filtered(same), secrets("secret"))), same)
  })
})
