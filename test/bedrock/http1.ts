import type { BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import { type HttpRequest, HttpResponse } from "@smithy/core/protocols"
import { request as send } from "node:http"

/** An option of AWS's client, which speaks HTTP/2 by itself. */
export const overHttp1: Pick<BedrockRuntimeClientConfig, "requestHandler"> = {
  requestHandler: {
    handle: ({ body, headers, hostname, method, path, port }: HttpRequest) =>
      new Promise((resolve, reject) => {
        send({ headers, hostname, method, path, port }, (response) =>
          resolve({
            response: new HttpResponse({
              statusCode: response.statusCode ?? 0,
              headers: Object.fromEntries(
                Object.entries(response.headers).map(([name, value]) => [name, String(value)])
              ),
              body: response
            })
          })).on("error", reject).end(body)
      })
  }
}
