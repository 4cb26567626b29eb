import * as Effect from "effect/Effect"
import { lazy } from "./lazy.ts"

// The platform's own, and without a thread for each text, as Web Crypto has it.
const checksum = lazy(() => import("@smithy/core/checksum"))

const utf8 = new TextEncoder()

/**
 * The SHA-256 of a text.
 *
 * @internal
 */
export const sha256 = (text: string): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const { Sha256 } = await checksum()
    const hash = new Sha256()
    hash.update(utf8.encode(text))
    return hash.digest()
  })
