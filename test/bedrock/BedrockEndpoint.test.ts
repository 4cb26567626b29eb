import {
  BedrockRuntimeClient,
  ConverseStreamCommand,
  InvokeModelWithResponseStreamCommand
} from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as BedrockEndpoint from "../../src/bedrock/BedrockEndpoint.ts"

const profileArn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
const operation = "converse-stream"
const model = "amazon.nova-lite-v1:0"

const resolve = (options: Partial<BedrockEndpoint.Options>) => {
  const result = BedrockEndpoint.resolve({ operation, model, ...options })
  return Result.isSuccess(result) ? result.success : result.failure.reason
}

describe("BedrockEndpoint", () => {
  describe("resolve", () => {
    it.each(
      [
        ["us-east-1", model],
        ["us-gov-west-1", model],
        ["cn-northwest-1", model],
        ["eusc-de-east-1", model],
        ["us-iso-east-1", model],
        ["us-isob-east-1", model],
        ["us-isof-south-1", model],
        ["eu-isoe-west-1", model],
        ["us-east-1", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
        ["ap-southeast-2", "apac.amazon.nova-pro-v1:0"],
        ["eu-west-1", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"],
        ["eu-west-1", profileArn],
        ["us-west-2", "arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-text-express-v1"],
        ["us-west-2", "arn:aws:bedrock:us-west-2:123456789012:provisioned-model/a1b2c3d4e5f6"],
        ["us-west-2", "arn:aws:bedrock:us-west-2:123456789012:imported-model/a1b2c3d4e5f6"],
        ["us-west-2", "arn:aws:bedrock:us-west-2:123456789012:prompt/A1B2C3D4E5:1"],
        ["us-west-2", "arn:aws:sagemaker:us-west-2:123456789012:endpoint/mine"],
        ["us-east-1", "a model/with:all!of*it'(+%25&?#)"]
      ] as const
    )("goes where AWS's own client goes: %s, %s", async (region, model) => {
      assert.deepStrictEqual(resolve({ region, model }), {
        url: await urlOfAws(
          region,
          new ConverseStreamCommand({ modelId: model, messages: [{ role: "user", content: [{ text: "Hello" }] }] })
        ),
        region
      })
      assert.deepStrictEqual(resolve({ region, model, operation: "invoke-with-response-stream" }), {
        url: await urlOfAws(region, new InvokeModelWithResponseStreamCommand({ modelId: model, body: "{}" })),
        region
      })
    })

    it.each([
      ["https://gateway.example", "https://gateway.example"],
      ["https://gateway.example/", "https://gateway.example"],
      ["https://gateway.example/aws/bedrock", "https://gateway.example/aws/bedrock"],
      ["https://gateway.example/aws/bedrock//", "https://gateway.example/aws/bedrock"],
      ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
      ["http://[::1]:8080/a%2Fb/#fragment", "http://[::1]:8080/a%2Fb"]
    ])("puts the operation's path behind a custom endpoint: %s", (endpoint, base) => {
      assert.deepStrictEqual(resolve({ region: "us-east-1", endpoint }), {
        url: `${base}/model/amazon.nova-lite-v1%3A0/converse-stream`,
        region: "us-east-1"
      })
    })

    it("keeps the query of a custom endpoint", () => {
      assert.deepStrictEqual(resolve({ region: "us-east-1", endpoint: "https://gateway.example/a?key=1" }), {
        url: "https://gateway.example/a/model/amazon.nova-lite-v1%3A0/converse-stream?key=1",
        region: "us-east-1"
      })
    })

    it("takes the region from the option, else from the ARN, else from the endpoint", () => {
      const endpoint = "https://vpce-1a2b-3c4d.bedrock-runtime.us-west-2.vpce.amazonaws.com"
      const regionOf = (options: Partial<BedrockEndpoint.Options>) => {
        const resolved = resolve(options)
        return typeof resolved === "string" ? resolved : resolved.region
      }
      assert.strictEqual(regionOf({ region: "us-east-1", model: profileArn, endpoint }), "us-east-1")
      assert.strictEqual(regionOf({ model: profileArn, endpoint }), "eu-west-1")
      assert.strictEqual(regionOf({ endpoint }), "us-west-2")
      assert.strictEqual(regionOf({ endpoint: "https://bedrock-runtime-fips.us-east-2.amazonaws.com" }), "us-east-2")
      assert.strictEqual(regionOf({ endpoint: "https://gateway.example" }), "MissingRegion")
      assert.strictEqual(regionOf({}), "MissingRegion")
    })

    it.each(["", " ", "us east 1", "us-east-1.attacker.example/", "attacker.example#", "US-EAST-1", "-a", "a@b"])(
      "refuses a region that is none: %j",
      (region) => {
        assert.strictEqual(resolve({ region }), "InvalidRegion")
        if (region !== "") assert.notTypeOf(resolve({ model: `arn:aws:bedrock:${region}:1:x/y` }), "object")
      }
    )

    it.each(["", "gateway.example", "/relative", "ftp://gateway.example", "file:///etc/passwd"])(
      "refuses an endpoint that is no http URL: %j",
      (endpoint) => {
        assert.strictEqual(resolve({ region: "us-east-1", endpoint }), "InvalidEndpoint")
      }
    )

    it.each(["", ".", "..", "\ud800", "new\nline"])("refuses a model that is none: %j", (model) => {
      assert.strictEqual(resolve({ region: "us-east-1", model }), "InvalidModel")
    })

    it.prop("gives every model its own path segment", [Schema.String], ([model]) => {
      const resolved = resolve({ region: "us-east-1", model })
      if (typeof resolved === "string") return assert.strictEqual(resolved, "InvalidModel")
      const segments = new URL(resolved.url).pathname.split("/")
      assert.deepStrictEqual(segments.map(decodeURIComponent), ["", "model", model, "converse-stream"])
    })

    it.prop("never throws", [Schema.String, Schema.String, Schema.String], ([model, region, endpoint]) => {
      BedrockEndpoint.resolve({ operation, model, region, endpoint })
      BedrockEndpoint.resolve({ operation, model: `arn:aws:bedrock:${region}:1:${model}`, endpoint })
      BedrockEndpoint.resolve({ operation, model, region: "us-east-1", endpoint: `https://${endpoint}` })
    })
  })

  describe("regionOfArn", () => {
    it("knows what is no ARN, and what names no region", () => {
      assert.strictEqual(BedrockEndpoint.regionOfArn(profileArn), "eu-west-1")
      assert.isUndefined(BedrockEndpoint.regionOfArn(model))
      assert.isUndefined(BedrockEndpoint.regionOfArn("arn:aws:iam::123456789012:role/llm"))
    })
  })
})

// Where AWS's client would have sent it.
const urlOfAws = async (
  region: string,
  command: ConverseStreamCommand | InvokeModelWithResponseStreamCommand
): Promise<string> => {
  let url = ""
  const client = new BedrockRuntimeClient({
    region,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example" },
    maxAttempts: 1,
    requestHandler: {
      handle: ({ hostname, path, protocol }: {
        readonly protocol: string
        readonly hostname: string
        readonly path: string
      }) => {
        url = `${protocol}//${hostname}${path}`
        return Promise.reject(new Error("not sent"))
      }
    }
  })
  const send = command instanceof ConverseStreamCommand ? client.send(command) : client.send(command)
  await send.catch(() => undefined)
  return url
}
