import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"

/**
 * A span some of whose methods are others.
 *
 * @internal
 */
export const withMethods = (span: Tracer.Span, methods: Partial<Tracer.Span>): Tracer.Span =>
  new Proxy(span, {
    get: (_, key) => {
      const value: unknown = Reflect.get(methods, key) ?? Reflect.get(span, key, span)
      return typeof value === "function" && !Object.hasOwn(methods, key) ? value.bind(span) : value
    }
  })

/**
 * A tracer for the HTTP client, whose spans don't show what is secret: they state addresses and headers, and end with the
 * request and the response as they are.
 *
 * @internal
 */
export const tracer = (self: Tracer.Tracer, clean: (text: string) => string): Tracer.Tracer => {
  const cleaned = (value: unknown): unknown =>
    typeof value === "string" ? clean(value) : Array.isArray(value) ? value.map(cleaned) : value
  const ended = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
    if (Exit.isSuccess(exit)) return Exit.void
    if (Cause.hasInterruptsOnly(exit.cause)) return exit
    const [{ message, name }] = [...Cause.prettyErrors(exit.cause), new Error("The request failed")]
    return Exit.fail(
      Object.assign(new Error(clean(message)), { name: clean(name), stack: `${clean(name)}: ${clean(message)}` })
    )
  }
  const context = self.context?.bind(self)
  return Tracer.make({
    span: (options) => {
      const span = self.span({ ...options, name: clean(options.name) })
      return withMethods(span, {
        attribute: (key, value) => span.attribute(key, cleaned(value)),
        event: (name, startTime, attributes) =>
          span.event(
            clean(name),
            startTime,
            Object.fromEntries(Object.entries(attributes ?? {}).map(([key, value]) => [key, cleaned(value)]))
          ),
        end: (endTime, exit) => span.end(endTime, ended(exit))
      })
    },
    ...(context === undefined ? undefined : { context })
  })
}
