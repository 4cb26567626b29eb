/** What takes the traces and metrics of a program, in the way of a collector. */
import { Effect, Schema } from "effect"
import { createServer } from "node:http"
import { text } from "node:stream/consumers"

const Value = Schema.Record(Schema.String, Schema.Unknown)
const Spans = Schema.fromJsonString(Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({
    scopeSpans: Schema.Array(Schema.Struct({
      spans: Schema.Array(Schema.Struct({
        name: Schema.String,
        kind: Schema.Number,
        spanId: Schema.String,
        parentSpanId: Schema.optionalKey(Schema.String),
        status: Schema.Struct({ code: Schema.Number }),
        attributes: Schema.Array(Schema.Struct({ key: Schema.String, value: Value }))
      }))
    }))
  }))
}))
const Metrics = Schema.fromJsonString(Schema.Struct({
  resourceMetrics: Schema.Array(Schema.Struct({
    scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Schema.Struct({ name: Schema.String })) }))
  }))
}))

/** A receiver of OTLP over HTTP with JSON, on a free port of the loopback interface. */
export const otlpReceiver = Effect.acquireRelease(
  Effect.promise(async () => {
    const bodies: Array<{ readonly path: string | undefined; readonly text: string }> = []
    const server = createServer((request, response) => {
      void (async () => {
        bodies.push({ path: request.url, text: await text(request) })
        response.setHeader("content-type", "application/json").end("{}")
      })()
    })
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    const texts = (path: string) => bodies.filter((body) => body.path === path).map(({ text }) => text)
    return {
      server,
      url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
      text: () => bodies.map(({ text }) => text).join("\n"),
      spans: () =>
        texts("/v1/traces").flatMap((text) =>
          Schema.decodeSync(Spans)(text).resourceSpans.flatMap(({ scopeSpans }) =>
            scopeSpans.flatMap(({ spans }) =>
              spans.map((span) => ({
                ...span,
                attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
              }))
            )
          )
        ),
      metrics: () =>
        texts("/v1/metrics").flatMap((text) =>
          Schema.decodeSync(Metrics)(text).resourceMetrics.flatMap(({ scopeMetrics }) =>
            scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name))
          )
        )
    }
  }),
  ({ server }) =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
)
