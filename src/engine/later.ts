/**
 * What a provider loads later. It is given to what needs it: esbuild writes what a module loads later even where a program
 * has nothing else of that module.
 */
import { once } from "../RequestFormat.ts"

/** @internal */
export const later = {
  /** Tells why a response is refused. */
  refusal: once(() => import("./refusal.ts")),
  /** Encodes what is more than texts and limits. */
  wholeRequest: once(() => import("./wholeRequest.ts"))
}

/** @internal */
export type Later = typeof later
