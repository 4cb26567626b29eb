import * as BigDecimal from "effect/BigDecimal"
import * as Schema from "effect/Schema"
import * as Cost from "../../Cost.ts"
import { plain, zero } from "../../internal/amount.ts"
import { names } from "../../internal/names.ts"
import { trusted } from "../../internal/trusted.ts"
import * as Store from "../../stores/Store.ts"
import * as Usage from "../../Usage.ts"

/** @internal */
export const Outcome = Schema.Literals(["running", "done", "failed", "cancelled", "lost"])

/**
 * Schema of an attempt: one request that may have reached a provider.
 *
 * @internal
 */
export const Row = Schema.Struct({
  attempt: Schema.String,
  /** The batch, and its line; `null` outside a batch. */
  batch: Schema.NullOr(Schema.String),
  id: Schema.NullOr(Schema.String),
  user: Schema.NullOr(Schema.String),
  provider: Schema.String,
  /** The model that answered, else the one that was asked for; `null` where nobody named one. */
  model: Schema.NullOr(Schema.String),
  outcome: Outcome,
  /** The tag of the error's reason; `null` without an error. */
  reason: Schema.NullOr(Schema.String),
  usage: Schema.NullOr(Usage.Usage),
  /** USD as a plain decimal; `null` when it is not known. */
  cost: Schema.NullOr(Schema.String.check(Schema.isPattern(/^\d+(?:\.\d+)?$/))),
  /** Whether the usage is whole. */
  stated: Schema.Boolean,
  /** Whether it may have cost more than `cost` says. */
  open: Schema.Boolean,
  /** What `cost` leaves out. */
  flags: Schema.optionalKey(Schema.Array(Cost.Flag)),
  /** Times of the store's clock, in ms since 1970; `null` while it runs. */
  startedAt: Schema.Number,
  endedAt: Schema.NullOr(Schema.Number),
  /** When a running attempt is lost unless its process renews it; `null` when it has ended. */
  until: Schema.NullOr(Schema.Number)
})

/** @internal */
export type Row = typeof Row.Type

/**
 * Whose rows they are: those of a batch, else those of a user, `undefined` for nobody's.
 *
 * @internal
 */
export type Scope = { readonly batch: string } | { readonly user: string | undefined }

/**
 * The first parts of the keys of all rows, or of the rows of a scope.
 *
 * @internal
 */
export const prefix = (scope?: Scope): string => Store.key("ledger", ...(scope === undefined ? [] : parts(scope)))

/** @internal */
export const key = (scope: Scope, attempt: string): string => Store.key("ledger", ...parts(scope), attempt)

const parts = (scope: Scope): ReadonlyArray<string> =>
  "batch" in scope
    ? ["batch", scope.batch]
    : scope.user === undefined
    ? ["nobody"]
    : ["user", scope.user]

/** @internal */
export const cells: (key: string) => Store.Cell<Row> = Store.cells(Row, JSON.stringify)

/** @internal */
export const cell = (row: Pick<Row, "attempt" | "batch" | "user">): Store.Cell<Row> =>
  cells(key(scopeOf(row), row.attempt))

/**
 * The change that writes down a row that has ended: its JSON alone, as nobody changes it, and a store in memory keeps it.
 *
 * @internal
 */
export const over = (row: Row, expiresAt: number | undefined): Store.Write => ({
  key: key(scopeOf(row), row.attempt),
  value: JSON.stringify(row),
  expiresAt
})

const scopeOf = ({ batch, user }: Pick<Row, "batch" | "user">): Scope =>
  batch === null ? { user: user ?? undefined } : { batch }

/**
 * What is known of an attempt before it is sent.
 *
 * @internal
 */
export interface Start {
  readonly attempt: string
  readonly batch?: string | undefined
  readonly id?: string | undefined
  readonly user?: string | undefined
  readonly provider: string
  /** The model that is asked for. */
  readonly model: string | undefined
}

/** @internal */
export const started = (start: Start, now: number, until: number): Row => ({
  attempt: start.attempt,
  batch: start.batch ?? null,
  id: start.id ?? null,
  user: start.user ?? null,
  provider: start.provider,
  model: start.model ?? null,
  outcome: "running",
  reason: null,
  usage: null,
  cost: null,
  stated: false,
  open: true,
  startedAt: now,
  endedAt: null,
  until
})

/** @internal */
export const renew = (row: Row, until: number): Row => row.outcome === "running" ? { ...row, until } : row

/**
 * What a response stated.
 *
 * @internal
 */
export interface Stated {
  /** Who answered; `undefined` where nobody said. */
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly usage?: Usage.Usage | undefined
  /** `undefined` without a known price. */
  readonly cost?: Cost.Cost | undefined
}

/** The longest name of a row, in UTF-16 code units: who answers may be called anything. */
const longestName = 500

const cut = (name: string): string => name.length > longestName ? `${name.slice(0, longestName)}…` : name

/** How many subjects the flags of a row name, and how many calls of a model its usage. */
const mostSubjects = 100

/** A response of more calls than that has their sum alone. */
const short = (usage: Usage.Usage): Usage.Usage => {
  const { iterations, ...sum } = usage
  return iterations === undefined ? usage : trusted(Usage.Usage, {
    ...sum,
    ...(iterations.length > mostSubjects
      ? undefined
      : { iterations: iterations.map((call) => call.model === undefined ? call : { ...call, model: cut(call.model) }) })
  })
}

/**
 * Flags together with more of them, under the names that are left to their subjects.
 *
 * @internal
 */
export const merged = (
  before: ReadonlyArray<Cost.Flag>,
  more: ReadonlyArray<Cost.Flag>,
  nameOf: (subject: string) => string
): ReadonlyArray<Cost.Flag> => {
  const flags = [...before, ...more.map((flag) => ({ ...flag, subject: nameOf(flag.subject) }))]
  return Cost.sum(Cost.zero, trusted(Cost.Cost, { ...Cost.zero, flags })).flags
}

/**
 * The fields of a row that say what was stated; who nobody states is who was asked.
 *
 * @internal
 */
export const billed = (
  asked: Pick<Row, "provider" | "model">,
  { cost, model, provider, usage }: Stated
): Pick<Row, "provider" | "model" | "usage" | "cost" | "flags"> => ({
  provider: cut(provider ?? asked.provider),
  model: model === undefined ? asked.model : cut(model),
  usage: usage === undefined ? null : short(usage),
  cost: cost === undefined ? null : plain(cost.total),
  ...(cost === undefined || cost.flags.length === 0
    ? undefined
    : { flags: merged([], cost.flags, names(mostSubjects)) })
})

const ended = (
  row: Row,
  now: number,
  stated: Stated,
  end: Pick<Row, "outcome" | "reason" | "stated" | "open">
): Row => {
  return row.outcome !== "running" ? row : { ...row, ...end, ...billed(row, stated), endedAt: now, until: null }
}

/**
 * Whether a usage, of a response that came to its end, is all that a price depends on.
 *
 * @internal
 */
export const isWhole = (usage: Usage.Usage | undefined): boolean =>
  usage?.inputTokens !== undefined && usage.outputTokens !== undefined

// A row has one end: what has ended stays as it is.

/** @internal */
export const done = (row: Row, now: number, stated: Stated): Row =>
  ended(row, now, stated, {
    outcome: "done",
    reason: null,
    stated: isWhole(stated.usage),
    // A provider may state the cost alone.
    open: !isWhole(stated.usage) && stated.cost === undefined
  })

/**
 * `open` says whether it may have cost more than what is stated.
 *
 * @internal
 */
export const failed = (row: Row, now: number, reason: string, stated: Stated, open: boolean): Row =>
  ended(row, now, stated, { outcome: "failed", reason, stated: false, open })

/** @internal */
export const cancelled = (row: Row, now: number, stated: Stated, open: boolean): Row =>
  ended(row, now, stated, { outcome: "cancelled", reason: null, stated: false, open })

/**
 * The row of a process that died: nobody knows what became of it.
 *
 * @internal
 */
export const lost = (row: Row, now: number): Row =>
  ended(row, now, {}, { outcome: "lost", reason: null, stated: false, open: true })

/**
 * A row as it has to be read: one that runs over its time is lost.
 *
 * @internal
 */
export const seen = (row: Row, now: number): Row => row.until !== null && row.until <= now ? lost(row, row.until) : row

/**
 * What rows come to together.
 *
 * @internal
 */
export interface Total {
  readonly attempts: number
  readonly done: number
  readonly failed: number
  readonly cancelled: number
  readonly lost: number
  readonly running: number
  /** USD. */
  readonly cost: BigDecimal.BigDecimal
  /** Number of rows without a complete usage. */
  readonly unstated: number
}

/** @internal */
export const nothing: Total = {
  attempts: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
  lost: 0,
  running: 0,
  cost: zero,
  unstated: 0
}

/** @internal */
export const costOf = ({ cost }: Row): BigDecimal.BigDecimal => cost === null ? zero : BigDecimal.fromStringUnsafe(cost)

/** @internal */
export const add = (total: Total, row: Row): Total => ({
  ...total,
  [row.outcome]: total[row.outcome] + 1,
  attempts: total.attempts + 1,
  cost: BigDecimal.sum(total.cost, costOf(row)),
  unstated: total.unstated + (row.stated ? 0 : 1)
})
