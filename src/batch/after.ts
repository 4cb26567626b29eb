/**
 * What follows an attempt that failed.
 *
 * @internal
 */
import type { Reason } from "../ProviderError.ts"

const isForOthers: Readonly<Record<Reason["_tag"], "again" | "elsewhere" | "closes" | "never">> = {
  Authentication: "closes",
  PermissionDenied: "closes",
  QuotaExceeded: "closes",
  NotFound: "elsewhere",
  RateLimited: "again",
  Overloaded: "again",
  ServerError: "again",
  Network: "again",
  Timeout: "again",
  IncompleteStream: "again",
  UnexpectedContentType: "again",
  InvalidRequest: "never",
  ContextLengthExceeded: "never",
  ContentFiltered: "never",
  MalformedEvent: "never",
  ToolUseFailed: "never",
  Unknown: "never"
}

/**
 * Whether nobody can be answered by the target as long as the run lasts.
 *
 * @internal
 */
export const closes = (reason: Reason["_tag"]): boolean => isForOthers[reason] === "closes"

/** @internal */
export interface Failure {
  readonly reason: Reason["_tag"]
  /** Whether content came. */
  readonly emitted: boolean
  /** The place of the target among all targets. */
  readonly position: number
  /** Attempts of the line in this run, this one included. */
  readonly attempts: number
  readonly maxAttempts: number
  /** Whether the target has closed. */
  readonly isClosed: boolean
  /** The places of the targets that can take the line and are open. */
  readonly open: ReadonlyArray<number>
  /** Whether any target is open, for other lines too. */
  readonly isAnyOpen: boolean
  /** Whether nothing more is to start. */
  readonly isStopping: boolean
}

/**
 * - `Fail`: the line fails with this error.
 * - `Leave`: it is left as it was.
 * - `Again`: it is asked again, at the targets from `position` on; after a pause if it has been `round` all targets.
 *
 * @internal
 */
export type After =
  | { readonly _tag: "Fail" }
  | { readonly _tag: "Leave" }
  | { readonly _tag: "Again"; readonly position: number; readonly isRound: boolean; readonly isElsewhere: boolean }

/** @internal */
export const after = (
  { attempts, emitted, isAnyOpen, isClosed, isStopping, maxAttempts, open, position, reason }: Failure
): After => {
  const kind = isForOthers[reason]
  if (emitted || kind === "never") return { _tag: "Fail" }
  const targets = kind === "elsewhere" ? open.filter((other) => other !== position) : open
  const [first] = targets
  // Who may not be asked can't fail a line: that would be final.
  if (!isAnyOpen || first === undefined && isClosed) return { _tag: "Leave" }
  if (attempts >= maxAttempts || first === undefined) return { _tag: "Fail" }
  if (isStopping) return { _tag: "Leave" }
  const next = targets.find((other) => other > position)
  return {
    _tag: "Again",
    position: next ?? first,
    isRound: next === undefined,
    isElsewhere: kind === "elsewhere"
  }
}

const firstPause = 500
const longestPause = 30_000

/**
 * The pause before the n-th round but the first, in ms; `random` is from 0 to 1.
 *
 * @internal
 */
export const pause = (round: number, random: number): number =>
  Math.min(longestPause, firstPause * 2 ** (round - 1)) * (1 - random / 4)
