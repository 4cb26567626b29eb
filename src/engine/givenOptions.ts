import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { own } from "../internal/own.ts"
import * as Checks from "./checks.ts"

type Kind = readonly [wanted: string, is: (value: unknown) => boolean]

const text: Kind = ["a text", Predicate.isString]
const fields: Kind = ["an object", (value) => Predicate.isObject(value) && Result.isSuccess(Checks.copied(value))]

/** What options can be that providers read while they are made; other ones are checked where they are used. */
const kinds: Readonly<Record<string, Kind>> = {
  apiVersion: text,
  auth: ["an `Auth`", (value) => Predicate.hasProperty(value, "make") && Effect.isEffect(value.make)],
  baseUrl: text,
  betas: ["a list of texts", (value) => Array.isArray(value) && value.every(Predicate.isString)],
  deployment: text,
  endpoint: text,
  headers: fields,
  model: text,
  organization: text,
  project: text,
  provider: text,
  quirks: fields,
  region: text,
  token: ["an effect", Effect.isEffect],
  url: text,
  version: text
}

/**
 * A copy of the options of a provider, which can be read.
 *
 * @internal
 */
export const checked = <Options extends object>(options: Options): Result.Result<Options, string> =>
  Result.flatMap(Checks.copied(options), (copy) => {
    for (const [name, value] of Object.entries(copy)) {
      const kind = own(kinds, name)
      if (kind === undefined || value === undefined) continue
      const given = Checks.given(name, kind[0], () => value, kind[1])
      if (Result.isFailure(given)) return Result.fail(given.failure)
    }
    return Result.succeed(copy)
  })
