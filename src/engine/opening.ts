import type * as Arr from "effect/Array"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * What a stream is once it is open: nothing of what opened it stands around its later pulls.
 *
 * @internal
 */
export interface Opened<out A, out E, out R = never> {
  readonly first: Arr.NonEmptyReadonlyArray<A>
  readonly rest: Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E, void, R>
}

/**
 * Opens a stream in a scope. It takes all that it needs of the context, for its later pulls as well.
 *
 * @internal
 */
export type Open<out A, out E, out R = never> = (scope: Scope.Scope) => Pull.Pull<Opened<A, E, R>, E, void, R>

// A class, as a closure would hold whatever is around it, the request as well.
class Pulls<A, E, R> {
  next: Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E, void, R>
  readonly pull = Effect.suspend(() => this.next)

  constructor(first: Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E, void, R>) {
    this.next = first
  }
}

/**
 * The stream that its first pull opens.
 *
 * @internal
 */
export const stream = <A, E, R>(open: Open<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.fromChannel(Channel.fromTransform((_upstream, scope) => {
    const pulls: Pulls<A, E, R> = new Pulls(Effect.suspend(() =>
      Effect.map(open(scope), ({ first, rest }) => {
        pulls.next = rest
        return first
      })
    ))
    return Effect.succeed(pulls.pull)
  }))

const mark: unique symbol = Symbol("effect-llm-stream/engine/opening")

interface Asked<in Request, out Answer> {
  readonly stream: (request: Request) => Answer
}

interface Opening<in Request, out A, out E> {
  readonly [mark]: {
    readonly open: (request: Request) => Open<A, E>
    /** Whoever makes a provider of another one may take its symbols along, and streams by itself. */
    readonly stream: unknown
  }
}

/**
 * A provider whose streams are opened by `open`, by others that know it as well.
 *
 * @internal
 */
export const provider = <Self extends object, Request, A, E>(
  self: Self,
  open: (request: Request) => Open<A, E>
): Self & Asked<Request, Stream.Stream<A, E>> => {
  const asked = (request: Request) => stream(open(request))
  const opening: Opening<Request, A, E> = { [mark]: { open, stream: asked } }
  return { ...self, stream: asked, ...opening }
}

/**
 * How a provider's streams are opened; `undefined` for one that is not known to be opened.
 *
 * @internal
 */
export const of = <Request, A, E>(
  self: Asked<Request, Stream.Stream<A, E>> & Partial<Opening<Request, A, E>>
): ((request: Request) => Open<A, E>) | undefined =>
  self[mark] !== undefined && self[mark].stream === self.stream ? self[mark].open : undefined
