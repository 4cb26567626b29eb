/**
 * Every view of a call states one usage, one finish reason and one cost, over all recorded streams.
 */
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, FileSystem, Layer, Option, Predicate, Result, Stream } from "effect"
import * as EffectAi from "../../src/ai/EffectAi.ts"
import { tokensOf } from "../../src/batch/answer.ts"
import * as ChatResponse from "../../src/ChatResponse.ts"
import * as ChunkStream from "../../src/ChunkStream.ts"
import * as Json from "../../src/cli/json.ts"
import * as CliPrices from "../../src/cli/prices.ts"
import { providers } from "../../src/cli/providers.ts"
import * as Cost from "../../src/Cost.ts"
import * as CostMetadata from "../../src/CostMetadata.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Pricing from "../../src/Pricing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Telemetry from "../../src/Telemetry.ts"
import * as Corpus from "../support/corpus.ts"
import * as Spans from "../support/tracer.ts"

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const costIn = (metadata: unknown): unknown => Predicate.hasProperty(metadata, "cost") ? metadata.cost : null

const usageIn = (metadata: unknown): ReadonlyArray<unknown> =>
  Predicate.hasProperty(metadata, "usage") && metadata.usage !== undefined ? [metadata.usage] : []

const jsonOf = (cost: Cost.Cost | undefined): unknown => cost === undefined ? null : Cost.toJson(cost)

for (const row of providers) {
  const recordings = Corpus.recordings(row.id)

  describe.skipIf(recordings.length === 0)(`${row.id}: ${recordings.length} recorded streams`, () => {
    it.effect("have the same usage, finish reason and cost in every view", () =>
      Effect.gen(function*() {
        const { protocol } = yield* Effect.promise(row.load)
        const noFiles = Effect.provideService(FileSystem.FileSystem, FileSystem.makeNoop({}))
        // Bedrock states no model.
        const pricing = yield* noFiles(CliPrices.service(Option.none(), Option.some(claude)))
        yield* Effect.gen(function*() {
          let priced = 0
          let finished = 0
          for (const { bytes, framing, path } of recordings) {
            const chunks = yield* Stream.make(bytes).pipe(
              Protocol.decode(protocol, { framing }),
              Stream.catchTag("ProviderError", () => Stream.empty),
              Stream.runCollect
            )
            const accumulator = CostMetadata.accumulator()
            for (const chunk of chunks) accumulator.add(chunk)
            const fromChunks = yield* Effect.option(Pricing.cost(accumulator.metadata()))
            const response = ChatResponse.fromChunks(chunks)
            const running = yield* Stream.fromIterable(chunks).pipe(ChunkStream.withCost, Stream.runLast)
            const booked = yield* Effect.provide(
              Effect.gen(function*() {
                yield* Stream.fromIterable(chunks).pipe(Ledger.track(), Stream.runDrain)
                const [row] = yield* Stream.runCollect(Ledger.rows())
                return { ...yield* Ledger.total(), usage: row?.usage ?? undefined }
              }),
              Layer.fresh(Store.layerMemory)
            )
            const events = yield* Stream.fromIterable(chunks).pipe(ChunkStream.events, Stream.runCollect)
            const finish = events.find((event) => event._tag === "Finish")

            const model = yield* EffectAi.make(
              { name: protocol.provider, stream: () => Stream.fromIterable(chunks) },
              { model: "any" }
            )
            const parts = yield* Stream.runCollect(model.streamText({ prompt: "Hello" })).pipe(
              Effect.orElseSucceed(() => [])
            )
            const last = parts.find((part) => part.type === "finish")
            if (last !== undefined) finished++
            const cost = jsonOf(Option.getOrUndefined(fromChunks))
            const own = yield* Stream.fromIterable(chunks).pipe(ChunkStream.parts, Stream.runCollect)
            const ownFinish = own.find((part) => part.type === "finish")
            const { spans, tracer } = Spans.recorder()
            yield* Telemetry.traced({ name: protocol.provider, stream: () => Stream.fromIterable(chunks) })
              .stream({ prompt: "Hello" }).pipe(Stream.runDrain, Effect.withTracer(tracer))
            const span = spans[0]?.attributes
            if (cost !== null) priced++
            const line = Json.fromResponse(response, protocol.provider, pricing)
            assert.deepStrictEqual(
              {
                response: jsonOf((yield* Pricing.priced(response)).cost),
                withCost: Option.match(running, {
                  onNone: () => null,
                  onSome: ([, last]) => last === undefined ? null : jsonOf(Result.getOrUndefined(last))
                }),
                commandLine: line.cost,
                finish: finish === undefined ? cost : jsonOf(finish.cost),
                effectAi: last === undefined ? cost : costIn(last.metadata[EffectAi.metadataKey]),
                ledger: Number(BigDecimal.format(booked.cost))
              },
              {
                response: cost,
                withCost: cost,
                commandLine: cost,
                finish: cost,
                effectAi: cost,
                ledger: cost === null ? 0 : Cost.toJson(Option.getOrThrow(fromChunks)).total
              } as unknown,
              path
            )
            assert.deepStrictEqual(response.usage, accumulator.usage(), path)
            const { usage } = response
            const usd = Option.map(fromChunks, (cost) => Cost.toJson(cost).total)
            assert.strictEqual(
              span?.get("llm_stream.cost.usd"),
              CostMetadata.isStated(accumulator.metadata()) ? Option.getOrUndefined(usd) : undefined,
              path
            )
            assert.strictEqual(span?.get("gen_ai.usage.input_tokens"), usage?.inputTokens, path)
            assert.strictEqual(span?.get("gen_ai.usage.output_tokens"), usage?.outputTokens, path)
            assert.deepStrictEqual(span?.get("gen_ai.response.finish_reasons") ?? [], response.finishReasons, path)
            assert.deepStrictEqual(
              { usage: line.usage, finishReasons: line.finishReasons },
              { usage: tokensOf(usage), finishReasons: response.finishReasons },
              path
            )
            assert.deepStrictEqual(tokensOf(booked.usage), tokensOf(usage), path)
            if (ownFinish?.type === "finish") {
              if (last?.type === "finish") assert.strictEqual(last.reason, ownFinish.reason, path)
              assert.deepStrictEqual(ownFinish.usage, last?.type === "finish" ? last.usage : ownFinish.usage, path)
              assert.strictEqual(ownFinish.usage.inputTokens.total, usage?.inputTokens, path)
              assert.strictEqual(ownFinish.usage.outputTokens.total, usage?.outputTokens, path)
              assert.deepStrictEqual(
                Object.values(ownFinish.metadata ?? {}).flatMap((own) => usageIn(own)),
                usage === undefined ? [] : [{ ...usage }],
                path
              )
              assert.strictEqual(
                ownFinish.reason,
                finish?._tag === "Finish" ? finish.reason.replaceAll("_", "-") : ownFinish.reason,
                path
              )
            }
            if (finish !== undefined) assert.deepStrictEqual(finish.usage, response.usage, path)
          }
          assert.isAbove(priced, recordings.length / 3)
          assert.isAbove(finished, recordings.length / 3)
        }).pipe(Effect.provideService(Pricing.Pricing, pricing))
      }))
  })
}
