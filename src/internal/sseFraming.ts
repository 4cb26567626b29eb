import type * as Provider from "../Provider.ts"
import * as Sse from "../wire/Sse.ts"

/**
 * The framing of every provider that streams server-sent events.
 *
 * @internal
 */
export const sseFraming: Provider.Framing<Sse.Event> = {
  contentTypes: ["text/event-stream"],
  make: () => Sse.make(),
  fromLine: (line) => ({ event: undefined, data: line, unterminated: false })
}
