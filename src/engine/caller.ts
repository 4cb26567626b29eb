import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redactable from "effect/Redactable"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import type * as Auth from "../Auth.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import { latest } from "../internal/lazy.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as RequestFormat from "../RequestFormat.ts"
import * as JsonReader from "../wire/jsonReader.ts"
import * as Checks from "./checks.ts"
import type { Client, Definition, Service } from "./definition.ts"
import type { Later } from "./later.ts"
import * as Opening from "./opening.ts"
import * as Plan from "./plan.ts"
import * as Policy from "./policy.ts"
import * as ResponseBody from "./responseBody.ts"
import * as Secrets from "./secrets.ts"
import * as Transport from "./transport.ts"

/**
 * A provider, and the same client, policy and credentials for other calls of its API.
 *
 * @internal
 */
export interface Caller<C extends Chunk> {
  readonly service: Service<C>
  /** `clock` is shared by calls that make one stream together. */
  readonly stream: (
    request: ChatRequest.ChatRequest,
    clock?: Transport.Started
  ) => Stream.Stream<C, ProviderError.ProviderError>
  /** The body that is sent for a request. */
  readonly body: (
    request: ChatRequest.ChatRequest
  ) => Effect.Effect<RequestFormat.Encoded["body"], ProviderError.ProviderError>
  readonly send: <D>(
    plan: Effect.Effect<Plan.Outline, ProviderError.InvalidRequest>,
    call: Pick<Transport.Route<D>, "protocol" | "hasContent">,
    clock?: Transport.Started
  ) => Stream.Stream<D, ProviderError.ProviderError>
}

/**
 * Makes a provider from its definition.
 *
 * @internal
 */
export const make = Effect.fnUntraced(function*<C extends Chunk>(
  definition: Definition<C>,
  later: Later
): Effect.fn.Return<Caller<C>, never, HttpClient.HttpClient> {
  const problem = Plan.problemOf(definition)
  if (problem !== undefined) {
    const service = Checks.refusing("unknown", problem)
    return {
      service,
      stream: service.stream,
      send: service.stream,
      body: () => Effect.fail(Checks.refused("unknown", problem))
    }
  }
  const { auth, options = {}, protocol } = definition
  const { transformClient = (client: HttpClient.HttpClient): Client => client } = options
  const plainClient = yield* HttpClient.HttpClient
  const transformed = Checks.given(
    "transformClient",
    "a function that gives an HTTP client",
    () => transformClient(plainClient),
    (client) => Predicate.hasProperty(client, "execute")
  )
  const client = Result.getOrElse(transformed, () => plainClient)
  const layerPolicy = Result.andThen(transformed, Policy.toPolicy(options))
  const authorize = yield* auth.make
  const concealed = concealing()
  const connections = ResponseBody.connections()
  const fail = (reason: ProviderError.Reason) => Plan.failure(definition, reason)
  const run = <D>(
    plan: Effect.Effect<Plan.Outline, ProviderError.InvalidRequest>,
    decoding: Pick<Transport.Route<D>, "protocol" | "hasContent" | "clock">
  ) =>
    Transport.open<D>(client, (context) => {
      const own = Context.get(context, Policy.CurrentPolicy)
      const policy = own === Policy.none ? layerPolicy : Result.flatMap(
        layerPolicy,
        (usual) => Result.flatMap(Checks.copied(own, "CurrentPolicy"), (stated) => Policy.toPolicy(stated, usual))
      )
      if (Result.isFailure(policy)) return Effect.fail(fail(Plan.invalid(policy.failure)))
      return Effect.mapBoth(plan, {
        onFailure: fail,
        onSuccess: (planned) => ({
          policy: policy.success,
          route: {
            ...decoding,
            info: planned.info,
            connections,
            seldom: later.seldom,
            isPaid: planned.encoded !== undefined,
            attempt: attempt(planned, auth, authorize, concealed)
          },
          before: planned.before
        })
      })
    })
  JsonReader.repeated.load ??= later.repeatedJson
  const plan = Plan.planner(definition, later)
  const decoding = { protocol, hasContent: ({ hasOutput }: Transport.Seldom) => hasOutput }
  const open = (request: ChatRequest.ChatRequest, clock?: Transport.Started) =>
    run(plan(request), clock === undefined ? decoding : { ...decoding, clock })
  return {
    service: Opening.provider(
      {
        name: protocol.provider,
        dialect: definition.dialect,
        telemetryName: definition.telemetryName,
        target: (request: ChatRequest.ChatRequest) => Plan.targetOf(definition, request)
      },
      (request: ChatRequest.ChatRequest) => open(request)
    ),
    stream: (request, clock) => Opening.stream(open(request, clock)),
    body: (request) => Effect.mapBoth(plan(request), { onFailure: fail, onSuccess: ({ encoded }) => encoded.body }),
    send: (plan, { hasContent, protocol }, clock) => Opening.stream(run(plan, { protocol, hasContent, clock }))
  }
})

const secretsIn = (
  authorized: ReadonlyArray<Redacted.Redacted>,
  addressed: ReadonlyArray<Redacted.Redacted>,
  headers: Readonly<Record<string, string>>,
  hidden: ReadonlyArray<string>
): ReadonlyArray<Redacted.Redacted> => [
  ...authorized,
  ...addressed,
  ...Object.entries(headers).flatMap(([name, value]) => hidden.includes(name) ? Secrets.ofHeader(value) : [])
]

const utf8 = new TextEncoder()

const attempt = (
  { encoded, headers, info, method, secretNames, secrets, url }: Plan.Outline,
  auth: Auth.Auth,
  authorize: Auth.Authorize,
  concealed: ReturnType<typeof concealing>
): Effect.Effect<Transport.Attempt, ProviderError.Reason> =>
  Effect.suspend(() => {
    // The bytes that are signed are the bytes that are sent.
    const body = Plan.caught(() =>
      Result.succeed(utf8.encode(encoded === undefined ? "" : JSON.stringify(encoded.body)))
    )
    if (Result.isFailure(body)) return Effect.fail(Plan.invalid("The request cannot be written as JSON"))
    const outgoing = { method, url, headers: { ...headers }, body: body.success, info } as const
    const signed = (authorization: Auth.Authorization): Transport.Attempt => {
      const hidden = [...auth.headerNames, ...Object.keys(authorization.headers), ...secretNames]
      const length = String(outgoing.body.byteLength)
      const all = {
        ...(encoded === undefined ? undefined : { "content-type": Plan.contentType, "content-length": length }),
        ...Plan.lowerCase(authorization.headers),
        ...outgoing.headers
      }
      return {
        request: HttpClientRequest.makeWith(
          method,
          url,
          UrlParams.empty,
          Option.none(),
          concealed(all, hidden),
          encoded === undefined ? HttpBody.empty : HttpBody.uint8Array(outgoing.body, Plan.contentType)
        ),
        secretHeaders: hidden,
        secrets: secretsIn(authorization.secrets, secrets(), outgoing.headers, hidden)
      }
    }
    // The caller's headers win, so the auth does not run when the caller has set all of its headers.
    const isAuthorized = auth.headerNames.length > 0 && auth.headerNames.every((name) => Object.hasOwn(headers, name))
    return isAuthorized ? Effect.succeed(signed({ headers: {}, secrets: [] })) : Effect.map(authorize(outgoing), signed)
  })

/**
 * Makes headers that don't show their secrets when they are inspected. The client's span keeps the request, and no setting
 * of a fiber reaches it there. The symbol is on the prototype, because fetch refuses headers with a symbol of their own;
 * nearly all requests of a provider have the same.
 */
const concealing = () => {
  const prototypeOf = latest((names: string): object => {
    const shown = Object.fromEntries(names.split(" ").map((name) => [name, Secrets.redacted]))
    return Object.create(Headers.empty, {
      [Redactable.symbolRedactable]: {
        value(this: object) {
          return { ...this, ...shown }
        }
      }
    })
  })
  return (headers: Readonly<Record<string, string>>, secretNames: ReadonlyArray<string>): Headers.Headers =>
    Object.assign(Object.create(prototypeOf(secretNames.join(" "))), headers)
}
