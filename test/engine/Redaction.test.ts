import { assert, describe, it } from "@effect/vitest"
import { Redacted, Schema } from "effect"
import { clean, scrub } from "../../src/engine/redaction.ts"
import * as ProviderError from "../../src/ProviderError.ts"

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

  it("cuts a secret out of keys, texts and numbers of the details, and leaves the others as they are", () => {
    const details = { "sk\"1\\2": ["a sk\"1\\2 b", 12345678, true, null, { n: 1 }] }
    assert.deepStrictEqual(detailsOf(scrub(filtered(details), secrets("sk\"1\\2", "12345678", "true", "null"))), {
      "<redacted>": ["a <redacted> b", "<redacted>", true, null, { n: 1 }]
    })
    const same = { a: ["b", { c: 1 }] }
    assert.strictEqual(detailsOf(scrub(filtered(same), secrets("secret"))), same)
  })
})
