/** Most of some ascending times that lie within an interval, wherever it begins. */
export const densest = (times: ReadonlyArray<number>, every: number): number =>
  Math.max(0, ...times.map((from) => times.filter((time) => time >= from && time < from + every).length))
