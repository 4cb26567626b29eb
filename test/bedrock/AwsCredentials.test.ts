import { fromNodeProviderChain } from "@aws-sdk/credential-providers"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, DateTime, Effect, Fiber, Redacted, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as AwsCredentials from "../../src/bedrock/AwsCredentials.ts"

const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" }
const sessionToken = "session/token+example=="
const inEnvironment = (env: Record<string, string>) =>
  Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

// The plain text of an auth, to compare it with what went in.
const plain = (auth: AwsCredentials.Auth) =>
  auth._tag === "BearerToken"
    ? { token: Redacted.value(auth.token) }
    : {
      accessKeyId: Redacted.value(auth.accessKeyId),
      secretAccessKey: Redacted.value(auth.secretAccessKey),
      sessionToken: auth.sessionToken && Redacted.value(auth.sessionToken),
      expiration: auth.expiration && DateTime.toDateUtc(auth.expiration)
    }

describe("AwsCredentials", () => {
  describe("fromKeysUnsafe", () => {
    it("takes plain and redacted keys, and dates of either kind", () => {
      const expiration = new Date(Date.UTC(2030, 0, 1))
      const expected = { ...keys, sessionToken, expiration }
      assert.deepStrictEqual(plain(AwsCredentials.fromKeysUnsafe(expected)), expected)
      assert.deepStrictEqual(
        plain(AwsCredentials.fromKeysUnsafe({
          accessKeyId: Redacted.make(keys.accessKeyId),
          secretAccessKey: Redacted.make(keys.secretAccessKey),
          sessionToken: Redacted.make(sessionToken),
          expiration: DateTime.toUtc(DateTime.makeUnsafe(expiration))
        })),
        expected
      )
    })

    it("shows no key, however it is printed", () => {
      for (
        const auth of [
          AwsCredentials.fromKeysUnsafe({ ...keys, sessionToken }),
          AwsCredentials.fromApiKeyUnsafe(sessionToken)
        ]
      ) {
        for (const shown of [String(auth), inspect(auth, { depth: 9, showHidden: true }), JSON.stringify(auth)]) {
          for (const secret of [keys.accessKeyId, keys.secretAccessKey, sessionToken]) {
            assert.notInclude(shown, secret)
          }
        }
        const json = Schema.encodeUnknownResult(Schema.toCodecJson(AwsCredentials.Auth))(auth)
        assert.isTrue(Result.isFailure(json))
      }
    })

    it("refuses what cannot go into a header, without quoting it", () => {
      for (
        const make of [
          () => AwsCredentials.fromKeysUnsafe({ ...keys, accessKeyId: "SECRET\n" }),
          () => AwsCredentials.fromKeysUnsafe({ ...keys, sessionToken: "SECRET\r\nx-evil: 1" }),
          () => AwsCredentials.fromApiKeyUnsafe("SECRET ")
        ]
      ) {
        const refused = Result.try({ try: (): AwsCredentials.Auth => make(), catch: (cause) => inspect(cause) })
        assert.isTrue(Result.isFailure(refused))
        assert.notInclude(inspect(refused), "SECRET")
      }
    })
  })

  describe("fromEnvironment", () => {
    const read = (env: Record<string, string>) =>
      AwsCredentials.fromEnvironment.pipe(
        inEnvironment(env),
        Effect.match({ onSuccess: plain, onFailure: (error) => error.reason })
      )
    const AWS_ACCESS_KEY_ID = keys.accessKeyId
    const AWS_SECRET_ACCESS_KEY = keys.secretAccessKey

    it.effect("prefers the API key to access keys", () =>
      Effect.gen(function*() {
        const token = { AWS_BEARER_TOKEN_BEDROCK: "bedrock-api-key-example" }
        const expected = { token: "bedrock-api-key-example" }
        assert.deepStrictEqual(yield* read(token), expected)
        assert.deepStrictEqual(yield* read({ ...token, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }), expected)
      }))

    it.effect("reads permanent and temporary keys", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* read({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }), {
          ...keys,
          sessionToken: undefined,
          expiration: undefined
        })
        assert.deepStrictEqual(
          yield* read({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN: sessionToken }),
          { ...keys, sessionToken, expiration: undefined }
        )
      }))

    it.effect("takes blank variables for unset ones, and drops blanks around a key", () =>
      Effect.gen(function*() {
        const blank = { AWS_BEARER_TOKEN_BEDROCK: " ", AWS_SESSION_TOKEN: "" }
        assert.deepStrictEqual(
          yield* read({ ...blank, AWS_ACCESS_KEY_ID: `${AWS_ACCESS_KEY_ID}\n`, AWS_SECRET_ACCESS_KEY }),
          { ...keys, sessionToken: undefined, expiration: undefined }
        )
        assert.strictEqual(yield* read({ ...blank, AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" }), "NotConfigured")
      }))

    it.effect("says when there is nothing, or half of it, or something that cannot be sent", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* read({}), "NotConfigured")
        assert.strictEqual(yield* read({ AWS_ACCESS_KEY_ID }), "NotConfigured")
        assert.strictEqual(yield* read({ AWS_BEARER_TOKEN_BEDROCK: "a b" }), "InvalidConfiguration")
        assert.strictEqual(
          yield* read({ AWS_ACCESS_KEY_ID: "a\u00e9", AWS_SECRET_ACCESS_KEY }),
          "InvalidConfiguration"
        )
        const told = (env: Record<string, string>) =>
          Effect.map(Effect.flip(AwsCredentials.fromEnvironment.pipe(inEnvironment(env))), ({ message }) => message)
        assert.match(yield* told({ AWS_BEARER_TOKEN_BEDROCK: "a b" }), /^AWS_BEARER_TOKEN_BEDROCK has /)
        assert.match(yield* told({ AWS_ACCESS_KEY_ID: "a\u00e9", AWS_SECRET_ACCESS_KEY }), /^AWS_ACCESS_KEY_ID or /)
      }))
  })

  describe("fromAwsProvider", () => {
    it.effect("gives what the provider gives", () =>
      Effect.gen(function*() {
        const expected = { ...keys, sessionToken, expiration: new Date(Date.UTC(2030, 0, 1)) }
        assert.deepStrictEqual(
          plain(yield* AwsCredentials.fromAwsProvider(() => Promise.resolve(expected))),
          expected
        )
      }))

    it.effect("fails as the provider fails", () =>
      Effect.gen(function*() {
        const rejecting = () => Promise.reject(new Error("the token has expired"))
        const throwing = () => {
          throw new Error("the token has expired")
        }
        for (const provider of [rejecting, throwing]) {
          const error = yield* Effect.flip(AwsCredentials.fromAwsProvider(provider))
          assert.strictEqual(error.reason, "SourceFailed")
          assert.include(error.message, "the token has expired")
        }
      }))

    it.effect("does not quote keys that are none", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          AwsCredentials.fromAwsProvider(() => Promise.resolve({ ...keys, accessKeyId: "SECRET\n" }))
        )
        assert.strictEqual(error.reason, "SourceFailed")
        assert.notInclude(inspect(error), "SECRET")
      }))
  })

  describe("fromDefaultChain", () => {
    it.effect("loads AWS's package when it is first run, and asks its provider each time", () =>
      Effect.gen(function*() {
        const calls: Array<unknown> = []
        const source = AwsCredentials.fromDefaultChain({
          profile: "production",
          region: "eu-west-1",
          load: () => {
            calls.push("load")
            return Promise.resolve({
              fromNodeProviderChain: (init) => {
                calls.push(init)
                return () => {
                  calls.push("provide")
                  return Promise.resolve(keys)
                }
              }
            })
          }
        })
        assert.deepStrictEqual(calls, [])
        yield* source
        yield* source
        assert.deepStrictEqual(calls, [
          "load",
          { profile: "production", clientConfig: { region: "eu-west-1" } },
          "provide",
          "provide"
        ])
      }))

    it.effect("names the package when it is not installed", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          AwsCredentials.fromDefaultChain({ load: () => Promise.reject(new Error("Cannot find package")) })
        )
        assert.strictEqual(error.reason, "PackageMissing")
        assert.include(error.message, "npm install @aws-sdk/credential-providers")
      }))

    it.effect("loads the installed package", () =>
      Effect.gen(function*() {
        const environment = process.env
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            process.env = { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey }
          }),
          () => Effect.sync(() => process.env = environment)
        )
        const expected = { ...keys, sessionToken: undefined, expiration: undefined }
        assert.deepStrictEqual(plain(yield* AwsCredentials.fromDefaultChain()), expected)
        assert.deepStrictEqual(
          plain(yield* AwsCredentials.fromDefaultChain({ load: () => Promise.resolve({ fromNodeProviderChain }) })),
          expected
        )
      }))
  })

  describe("automatic", () => {
    it.effect("asks AWS's chain only when the environment states nothing", () =>
      Effect.gen(function*() {
        let loads = 0
        const source = AwsCredentials.automatic({
          load: () => {
            loads++
            return Promise.resolve({ fromNodeProviderChain: () => () => Promise.resolve(keys) })
          }
        })
        const token = yield* source.pipe(inEnvironment({ AWS_BEARER_TOKEN_BEDROCK: "bedrock-api-key-example" }))
        assert.strictEqual(token._tag, "BearerToken")
        const broken = yield* source.pipe(inEnvironment({ AWS_BEARER_TOKEN_BEDROCK: "a b" }), Effect.flip)
        assert.strictEqual(broken.reason, "InvalidConfiguration")
        assert.strictEqual(loads, 0)
        const chain = yield* source.pipe(inEnvironment({}))
        assert.strictEqual(chain._tag, "Credentials")
        assert.strictEqual(loads, 1)
      }))

    it.effect("says what was looked for when there is nothing", () =>
      Effect.gen(function*() {
        const error = yield* AwsCredentials.automatic({ load: () => Promise.reject(new Error("no")) }).pipe(
          inEnvironment({}),
          Effect.flip
        )
        assert.strictEqual(error.reason, "PackageMissing")
        assert.include(error.message, "AWS_BEARER_TOKEN_BEDROCK")
        assert.include(error.message, "npm install @aws-sdk/credential-providers")
      }))
  })

  describe("cached", () => {
    // Counts its runs; each takes a second and gives keys that last an hour, named by the number of the run.
    const makeSource = (options: { readonly lasting?: number | undefined } = { lasting: 60 }) => {
      const state = { runs: 0, failing: false }
      const source = Effect.gen(function*() {
        const run = ++state.runs
        yield* Effect.sleep("1 second")
        if (state.failing) return yield* Effect.fail(`failure of run ${run}`)
        const now = yield* DateTime.now
        return AwsCredentials.fromKeysUnsafe({
          ...keys,
          accessKeyId: `run-${run}`,
          expiration: options.lasting === undefined ? undefined : DateTime.add(now, { minutes: options.lasting })
        })
      })
      return { state, source }
    }

    // What a request at this moment gets, when time passes as far as it needs.
    const request = <A extends AwsCredentials.Auth>(auth: Effect.Effect<A, string>) =>
      Effect.gen(function*() {
        const fiber = yield* auth.pipe(
          Effect.match({
            onSuccess: (auth) => auth._tag === "Credentials" ? Redacted.value(auth.accessKeyId) : auth._tag,
            onFailure: (error) => error
          }),
          Effect.forkChild
        )
        yield* TestClock.adjust("1 second")
        return yield* Fiber.join(fiber)
      })

    it.effect("asks again five minutes before the expiry, and not earlier", () =>
      Effect.gen(function*() {
        const { source } = makeSource()
        const auth = yield* AwsCredentials.cached(source)
        assert.strictEqual(yield* request(auth), "run-1")
        yield* TestClock.adjust("54 minutes")
        assert.strictEqual(yield* request(auth), "run-1")
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(yield* request(auth), "run-2")
        assert.strictEqual(yield* request(auth), "run-2")
      }))

    it.effect("asks as long before the expiry as it is told", () =>
      Effect.gen(function*() {
        const { source } = makeSource()
        const auth = yield* AwsCredentials.cached(source, { refreshBefore: "30 minutes" })
        assert.strictEqual(yield* request(auth), "run-1")
        yield* TestClock.adjust("30 minutes")
        assert.strictEqual(yield* request(auth), "run-2")
      }))

    it.effect("asks once for all requests that wait", () =>
      Effect.gen(function*() {
        const { source, state } = makeSource()
        const auth = yield* AwsCredentials.cached(source)
        const all = Effect.all(Array.from({ length: 20 }, () => auth), { concurrency: "unbounded" })
        for (const runs of [1, 2]) {
          const fiber = yield* Effect.forkChild(all)
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(fiber)
          assert.strictEqual(state.runs, runs)
          yield* TestClock.adjust("55 minutes")
        }
      }))

    it.effect("goes on asking when the request that began it is interrupted", () =>
      Effect.gen(function*() {
        const { source } = makeSource()
        const auth = yield* AwsCredentials.cached(source)
        const first = yield* Effect.forkChild(auth, { startImmediately: true })
        const second = yield* Effect.forkChild(auth, { startImmediately: true })
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(Redacted.value((yield* Fiber.join(second)).accessKeyId), "run-1")
      }))

    it.effect("uses what is still valid when asking again fails, until it has expired", () =>
      Effect.gen(function*() {
        const { source, state } = makeSource()
        const auth = yield* AwsCredentials.cached(source)
        assert.strictEqual(yield* request(auth), "run-1")
        state.failing = true
        yield* TestClock.adjust("56 minutes")
        assert.strictEqual(yield* request(auth), "run-1")
        assert.strictEqual(yield* request(auth), "run-1")
        assert.strictEqual(state.runs, 2)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* request(auth), "run-1")
        assert.strictEqual(state.runs, 3)
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(yield* request(auth), "failure of run 4")
        state.failing = false
        assert.strictEqual(yield* request(auth), "run-5")
      }))

    it.effect("never gives what has expired while the source has something newer", () =>
      Effect.gen(function*() {
        const { source } = makeSource({ lasting: 0.1 })
        const auth = yield* AwsCredentials.cached(source)
        assert.strictEqual(yield* request(auth), "run-1")
        yield* TestClock.adjust("6 seconds")
        assert.strictEqual(yield* request(auth), "run-2")
      }))

    it.effect("does not remember a failure", () =>
      Effect.gen(function*() {
        const { source, state } = makeSource()
        state.failing = true
        const auth = yield* AwsCredentials.cached(source)
        assert.strictEqual(yield* request(auth), "failure of run 1")
        state.failing = false
        assert.strictEqual(yield* request(auth), "run-2")
      }))

    it.effect("asks for each request when nothing says how long the answer lasts", () =>
      Effect.gen(function*() {
        const { source, state } = makeSource({ lasting: undefined })
        const auth = yield* AwsCredentials.cached(source)
        assert.strictEqual(yield* request(auth), "run-1")
        assert.strictEqual(yield* request(auth), "run-2")
        state.failing = true
        assert.strictEqual(yield* request(auth), "failure of run 3")
      }))

    it.effect("remembers API keys that expire, too", () =>
      Effect.gen(function*() {
        let runs = 0
        const auth = yield* AwsCredentials.cached(Effect.sync(() => {
          runs++
          return new AwsCredentials.BearerToken({
            token: Redacted.make("bedrock-api-key-example"),
            expiration: DateTime.toUtc(DateTime.makeUnsafe(3_600_000))
          })
        }))
        yield* auth
        yield* auth
        assert.strictEqual(runs, 1)
        yield* TestClock.adjust("55 minutes")
        yield* auth
        assert.strictEqual(runs, 2)
      }))
  })
})
