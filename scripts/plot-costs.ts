/**
 * Draws what each answer of the demo costs, by component, from a run of the demo over real HTTP.
 *
 * Run: `node scripts/plot-costs.ts` (writes docs/images/cost-by-component.svg)
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { BigDecimal, ConfigProvider, Console, Effect, FileSystem, Layer, Result, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { playAll } from "../src/cli/demo.ts"
import { type Cost, Pricing } from "../src/index.ts"

const file = "docs/images/cost-by-component.svg"

const colors: Readonly<Record<string, string>> = {
  input: "#3b6fb6",
  cached: "#8fb4e3",
  cacheWrite: "#5aa5a0",
  cacheWrite1h: "#2f7571",
  output: "#d9822b",
  serverTool: "#8a5fb0",
  request: "#6b7280"
}

interface Bar {
  readonly label: string
  readonly cost: Cost.Cost
}

// Micro-dollars: the answers of the demo are short.
const micros = (amount: BigDecimal.BigDecimal): number => BigDecimal.toNumberUnsafe(amount) * 1_000_000

const draw = (bars: ReadonlyArray<Bar>): string => {
  const [width, left, rowHeight, top] = [760, 190, 44, 56]
  const height = top + bars.length * rowHeight + 28
  const max = Math.max(...bars.map(({ cost }) => micros(cost.total)))
  const scale = (width - left - 110) / max
  const names = [...new Set(bars.flatMap(({ cost }) => cost.components.map(({ name }) => name)))]
  const legend = names.map((name, i) =>
    `<rect x="${left + i * 110}" y="14" width="12" height="12" fill="${colors[name] ?? "#999999"}"/>` +
    `<text x="${left + i * 110 + 18}" y="24">${name}</text>`
  )
  const rows = bars.map(({ cost, label }, i) => {
    const y = top + i * rowHeight
    let x = left
    const parts = cost.components.map(({ amount, name }) => {
      const length = micros(amount) * scale
      const part = `<rect x="${x.toFixed(1)}" y="${y}" width="${length.toFixed(1)}" height="26" fill="${
        colors[name] ?? "#999999"
      }"/>`
      x += length
      return part
    })
    return `<text x="${left - 10}" y="${y + 18}" text-anchor="end">${label}</text>${parts.join("")}` +
      `<text x="${(x + 8).toFixed(1)}" y="${y + 18}">${micros(cost.total).toFixed(2)} µ$</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#222222" role="img" aria-label="Cost of each answer of the demo by component, in millionths of a US dollar">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...legend,
    ...rows,
    "</svg>",
    ""
  ].join("\n")
}

const program = Effect.gen(function*() {
  const bars: Array<Bar> = []
  const pricing = yield* Pricing.current
  yield* playAll(({ response, row }) => {
    const cost = Pricing.costWith(response.costMetadata, pricing)
    if (Result.isSuccess(cost)) bars.push({ label: row.id, cost: cost.success })
  }).pipe(Stream.runDrain)
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory("docs/images", { recursive: true })
  yield* fs.writeFileString(file, draw(bars))
  yield* Console.log(`${file}: ${bars.length} answers`)
})

program.pipe(
  // Without the environment: no provider is called for real.
  Effect.provide(
    Layer.mergeAll(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} })), FetchHttpClient.layer, NodeServices.layer)
  ),
  NodeRuntime.runMain
)
