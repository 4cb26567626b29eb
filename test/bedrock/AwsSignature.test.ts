import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, DateTime, Effect, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as AwsCredentials from "../../src/bedrock/AwsCredentials.ts"
import * as AwsSignature from "../../src/bedrock/AwsSignature.ts"
import * as BedrockEndpoint from "../../src/bedrock/BedrockEndpoint.ts"

// The keys, time and scope of the examples that AWS publishes.
const accessKeyId = "AKIDEXAMPLE"
const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
const credentials = AwsCredentials.fromKeysUnsafe({ accessKeyId, secretAccessKey })
const atPublishedTime = TestClock.setTime(Date.UTC(2015, 7, 30, 12, 36, 0))
const empty = new Uint8Array()
const utf8 = (text: string) => new TextEncoder().encode(text)

const request: AwsSignature.Request = {
  method: "POST",
  url: BedrockEndpoint.fromRegion("us-east-1") + BedrockEndpoint.path("converse-stream", "amazon.nova-lite-v1:0"),
  headers: { "content-type": "application/json" },
  body: utf8("{}")
}

const signatureOf = ({ authorization }: AwsSignature.AuthHeaders) => authorization.split("Signature=")[1]

describe("AwsSignature", () => {
  describe("sign", () => {
    it.effect.each([
      {
        name: "get-vanilla",
        request: { method: "GET", url: "https://example.amazonaws.com/", headers: {}, body: empty },
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
      },
      {
        name: "post-vanilla",
        request: { method: "POST", url: "https://example.amazonaws.com/", headers: {}, body: empty },
        signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
      },
      {
        name: "get-vanilla-query-order-key-case",
        request: {
          method: "GET",
          url: "https://example.amazonaws.com/?Param2=value2&Param1=value1",
          headers: {},
          body: empty
        },
        signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
      },
      {
        name: "post-x-www-form-urlencoded",
        request: {
          method: "POST",
          url: "https://example.amazonaws.com/",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: utf8("Param1=value1")
        },
        signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
      }
    ])("gives the signature of AWS's published $name", ({ request, signature }) =>
      Effect.gen(function*() {
        yield* atPublishedTime
        const headers = yield* AwsSignature.sign(request, credentials, { region: "us-east-1", service: "service" })
        assert.strictEqual(signatureOf(headers), signature)
        assert.strictEqual(headers["x-amz-date"], "20150830T123600Z")
      }))

    it.effect("gives the signature of the example in AWS's guide", () =>
      Effect.gen(function*() {
        yield* atPublishedTime
        const headers = yield* AwsSignature.sign(
          {
            method: "GET",
            url: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
            body: empty
          },
          credentials,
          { region: "us-east-1", service: "iam" }
        )
        assert.deepStrictEqual(headers, {
          authorization: "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, " +
            "SignedHeaders=content-type;host;x-amz-date, " +
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
          "x-amz-date": "20150830T123600Z"
        })
      }))

    it.effect.each([
      { region: "us-east-1", model: "amazon.nova-lite-v1:0" },
      { region: "eu-central-1", model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0" },
      { region: "us-west-2", model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0" },
      {
        region: "eu-west-1",
        model: "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
      },
      { region: "cn-north-1", model: "arn:aws-cn:bedrock:cn-north-1:123456789012:imported-model/a1b2c3d4e5f6" },
      { region: "us-east-1", model: "a*b!c'd(e)f g" },
      { region: "us-east-1", model: "amazon.nova-lite-v1:0", endpoint: "http://localhost:8080/gateway" }
    ])("signs as AWS's own client does: $model in $region", ({ endpoint, model, region }) =>
      Effect.gen(function*() {
        const theirs = yield* signedByAws({ region, model, endpoint })
        const url = yield* Effect.fromResult(
          BedrockEndpoint.resolve({ operation: "converse-stream", model, region, endpoint })
        )
        assert.strictEqual(url.url, theirs.url)
        yield* TestClock.setTime(theirs.millis)
        const { authorization, "x-amz-date": date, "x-amz-security-token": token, ...headers } = theirs.headers
        const ours = yield* AwsSignature.sign(
          { method: "POST", url: url.url, headers, body: theirs.body },
          AwsCredentials.fromKeysUnsafe({ accessKeyId, secretAccessKey, sessionToken: "session/token+example==" }),
          { region }
        )
        assert.deepStrictEqual({ ...ours }, {
          authorization,
          "x-amz-date": date,
          "x-amz-security-token": token
        })
      }))

    it.effect.prop(
      "signs the bytes: another body has another signature",
      [Schema.Uint8Array, Schema.Uint8Array],
      ([one, other]) =>
        Effect.gen(function*() {
          const sign = (body: Uint8Array) =>
            AwsSignature.sign({ ...request, body }, credentials, { region: "us-east-1" })
          const same = Buffer.from(one).equals(other)
          assert.strictEqual(signatureOf(yield* sign(one)) === signatureOf(yield* sign(other)), same)
        }),
      { arbitrary: { runs: 30 } }
    )

    it.effect.prop(
      "signs for the time of the clock",
      [Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 253_402_300_799_999 })))],
      ([millis]) =>
        Effect.gen(function*() {
          yield* TestClock.setTime(millis)
          const headers = yield* AwsSignature.sign(request, credentials, { region: "us-east-1" })
          const iso = DateTime.formatIso(DateTime.makeUnsafe(millis)).replace(/\.\d{3}/, "").replace(/[-:]/g, "")
          assert.strictEqual(headers["x-amz-date"], iso)
          assert.include(headers.authorization, `/${iso.slice(0, 8)}/us-east-1/bedrock/aws4_request`)
        }),
      { arbitrary: { runs: 30 } }
    )

    it.effect("does not sign headers that change on the way", () =>
      Effect.gen(function*() {
        const headers = { ...request.headers, "user-agent": "me", connection: "keep-alive" }
        assert.deepStrictEqual(
          yield* AwsSignature.sign({ ...request, headers }, credentials, { region: "us-east-1" }),
          yield* AwsSignature.sign(request, credentials, { region: "us-east-1" })
        )
      }))
  })

  describe("authorize", () => {
    it.effect("sends an API key as it is", () =>
      Effect.gen(function*() {
        const { headers, secrets } = yield* AwsSignature.authorize(
          request,
          AwsCredentials.fromApiKeyUnsafe("bedrock-api-key-example"),
          { region: "us-east-1" }
        )
        assert.deepStrictEqual(headers, { authorization: "Bearer bedrock-api-key-example" })
        assert.deepStrictEqual(secrets.map(Redacted.value), ["bedrock-api-key-example"])
      }))

    it.effect("signs with credentials", () =>
      Effect.gen(function*() {
        const { headers, secrets } = yield* AwsSignature.authorize(request, credentials, { region: "us-east-1" })
        assert.deepStrictEqual(headers, {
          ...(yield* AwsSignature.sign(request, credentials, { region: "us-east-1" }))
        })
        for (const secret of [credentials.accessKeyId, credentials.secretAccessKey]) {
          assert.include(secrets.map(Redacted.value), Redacted.value(secret))
        }
      }))
  })
})

// What AWS's client would have sent.
const signedByAws = Effect.fnUntraced(function*(options: {
  readonly region: string
  readonly model: string
  readonly endpoint: string | undefined
}) {
  const sent = yield* Effect.promise(async () => {
    const requests: Array<Sent> = []
    const client = new BedrockRuntimeClient({
      region: options.region,
      credentials: { accessKeyId, secretAccessKey, sessionToken: "session/token+example==" },
      ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
      maxAttempts: 1,
      requestHandler: {
        handle: (request: Sent) => {
          requests.push(request)
          return Promise.reject(new Error("not sent"))
        }
      }
    })
    const messages = [{ role: "user" as const, content: [{ text: "Hello" }] }]
    await client.send(new ConverseStreamCommand({ modelId: options.model, messages })).catch(() => undefined)
    return requests[0]
  })
  if (sent === undefined) return yield* Effect.die("AWS's client sent nothing")
  const date = sent.headers["x-amz-date"] ?? ""
  return {
    url: `${sent.protocol}//${sent.hostname}${sent.port === undefined ? "" : `:${sent.port}`}${sent.path}`,
    headers: sent.headers,
    body: typeof sent.body === "string" ? utf8(sent.body) : sent.body,
    millis: Date.parse(date.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)/, "$1-$2-$3:$4:"))
  }
})

interface Sent {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}
