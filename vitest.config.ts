import { defineConfig } from "vitest/config"

// What needs the built package, sockets, processes or recordings: seconds instead of milliseconds.
const integration = [
  "test/Connections.test.ts",
  "test/Corpus.test.ts",
  "test/Documentation.test.ts",
  "test/FaultTable.test.ts",
  "test/Faults.test.ts",
  "test/Growth.test.ts",
  "test/Package.test.ts",
  "test/cli/**",
  "test/testing/ReplayServer.test.ts"
]

export default defineConfig({
  test: {
    // Limits for what hangs, not for what is slow: they have to hold on a machine that is busy with other things.
    testTimeout: 60_000,
    hookTimeout: 180_000,
    projects: [
      { extends: true, test: { name: "unit", include: ["test/**/*.test.ts"], exclude: integration } },
      {
        extends: true,
        test: { name: "integration", include: integration.map((path) => path.replace("**", "**/*.test.ts")) }
      }
    ]
  }
})
