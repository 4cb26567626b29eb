import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

// What needs sockets, processes, a bundler, recordings or the packed package, and what tries every cut of a body or
// thousands of requests.
const integration = [
  "test/ChatUi.test.ts",
  "test/Connections.test.ts",
  "test/Corpus.test.ts",
  "test/Documentation.test.ts",
  "test/Examples.test.ts",
  "test/FaultTable.test.ts",
  "test/Faults.test.ts",
  "test/Growth.test.ts",
  "test/HostileNetwork.test.ts",
  "test/Package.test.ts",
  "test/Pricing.test.ts",
  "test/PricingRefreshServer.test.ts",
  "test/ResumableChat.test.ts",
  "test/SecretsAtRest.test.ts",
  "test/Validator.test.ts",
  "test/bedrock/Bedrock.test.ts",
  "test/bedrock/BedrockInvoke.test.ts",
  "test/cli/*.test.ts",
  "test/middleware/{Budget,Cache,Faults,Ledger,Processes}.test.ts",
  "test/pricing/Views.test.ts",
  "test/log/{Kills,Laws,NaiveEntity}.test.ts",
  "test/log/ProviderRpc.test.ts",
  "test/log/StreamLogHttp.test.ts",
  "test/protocols/*Request.test.ts",
  "test/stores/*.test.ts",
  "test/ui/HangUps.test.ts",
  "test/testing/Arbitraries.test.ts",
  "test/open/*.test.ts",
  "test/package/*.test.ts",
  "test/testing/ReplayServer.test.ts"
]

// Programs that read the environment, which Effect does once.
const programs = ["test/{Guides,Recipes}.test.ts"]

const source = (module: string): string => fileURLToPath(new URL(`src/${module}.ts`, import.meta.url))

export default defineConfig({
  // Where the compiler finds them: the sources, not what was built of them last.
  resolve: {
    alias: [
      { find: /^effect-llm-stream$/, replacement: source("index") },
      { find: /^effect-llm-stream\/(.*)$/, replacement: source("$1") }
    ]
  },
  test: {
    // Limits for what hangs, not for what is slow: they have to hold on a machine that is busy with other things.
    testTimeout: 300_000,
    setupFiles: ["test/support/seed.ts", "test/support/load.ts"],
    hookTimeout: 300_000,
    // The default leaves a core free for watching. Some tests wait for processes.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    // For the processes that tests start.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/node", import.meta.url)) },
    // A third of the time would go into loading the same modules for each file.
    isolate: false,
    projects: [
      { extends: true, test: { name: "unit", include: ["test/**/*.test.ts"], exclude: [...integration, ...programs] } },
      { extends: true, test: { name: "integration", include: integration } },
      { extends: true, test: { name: "programs", include: programs, isolate: true } }
    ]
  }
})
