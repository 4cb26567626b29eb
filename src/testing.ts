/**
 * Testing kit: providers without a network, a server that replays streams and faults, wire encoders and generated
 * input.
 *
 * @since 0.1.0
 */
export * as Answer from "./testing/Answer.ts"
export * as Arbitraries from "./testing/Arbitraries.ts"
export * as ReplayServer from "./testing/ReplayServer.ts"
export * as RequestCheck from "./testing/RequestCheck.ts"
export * as StoreLaws from "./testing/StoreLaws.ts"
export * as TestProvider from "./testing/TestProvider.ts"
export * as Wire from "./testing/Wire.ts"
