/** A process without the optional peers: it prints with which errors the stores that need them fail to open. */
import { Effect, Redacted } from "effect"
import { registerHooks } from "node:module"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../../src/stores/PostgresStore.ts"

registerHooks({
  resolve: (specifier, context, next) => {
    if (/^@effect\/(sql-pg|platform-node)/.test(specifier)) throw new Error(`Cannot find package '${specifier}'`)
    return next(specifier, context)
  }
})

const errors = Effect.forEach([
  PostgresStore.make({ url: Redacted.make("postgres://someone:hunter2@127.0.0.1:1/test") }),
  NodeRedisStore.make({ url: Redacted.make("redis://someone:hunter2@127.0.0.1:1") })
], (open) => Effect.flip(Effect.scoped(open)))

console.log(JSON.stringify(await Effect.runPromise(errors)))
