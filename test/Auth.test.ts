import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Auth } from "../src/index.ts"

describe("Auth.both", () => {
  it.effect("sets the headers of both, which are all secret, and is named after both", () =>
    Effect.gen(function*() {
      const key = Redacted.make("k-123")
      const auth = Auth.both(Auth.header("api-key", key, "set KEY"), Auth.bearer(key, "set KEY"))
      assert.strictEqual(auth.name, "header and bearer")
      assert.deepStrictEqual(auth.headerNames, ["api-key", "authorization"])
      const authorize = yield* auth.make
      const { headers, secrets } = yield* authorize({
        method: "POST",
        url: "https://a.example/",
        headers: {},
        body: new Uint8Array(),
        info: {}
      })
      assert.deepStrictEqual(headers, { "api-key": "k-123", authorization: "Bearer k-123" })
      assert.deepStrictEqual(secrets.map((secret) => Redacted.value(secret)), ["k-123", "k-123"])
    }))
})
