/**
 * Traces and metrics: each call is a span with its tokens and its cost. Traces and metrics go to a collector by OTLP, and
 * Prometheus finds the same metrics at /metrics.
 *
 *     OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 OPENAI_API_KEY=… node examples/telemetry.ts
 *     curl "http://localhost:3000/ask?prompt=Say%20hello"
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer, Schema } from "effect"
import { ChunkStream, OpenAi, Provider, Telemetry } from "effect-llm-stream"
import { FetchHttpClient, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Otlp, PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"

const ask = Effect.gen(function*() {
  const { prompt } = yield* HttpServerRequest.schemaSearchParams(Schema.Struct({ prompt: Schema.String }))
  const provider = yield* Provider.Provider
  const { content } = yield* ChunkStream.response(provider.stream({ prompt }))
  return HttpServerResponse.text(content)
})

/** The provider whose calls are traced and measured. */
export const TracedLive = Telemetry.layer().pipe(
  Layer.provide(OpenAi.layerConfig({ model: "gpt-4o-mini" }))
)

/** Traces, metrics and logs, to a collector. */
export const CollectorLive = Layer.unwrap(Effect.gen(function*() {
  const baseUrl = yield* Config.String("OTEL_EXPORTER_OTLP_ENDPOINT").pipe(Config.withDefault("http://localhost:4318"))
  return Otlp.layerJson({ baseUrl, resource: { serviceName: "telemetry-example" } })
}))

export const routes = Layer.mergeAll(HttpRouter.add("GET", "/ask", ask), PrometheusMetrics.layerHttp())

if (import.meta.main) {
  HttpRouter.serve(routes).pipe(
    Layer.provide(TracedLive),
    Layer.provide(CollectorLive),
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(NodeHttpServer.layer(createServer, { port: 3000 })),
    Layer.launch,
    NodeRuntime.runMain
  )
}
