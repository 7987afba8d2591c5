/** Runs in turn, medians, and the table that is printed and kept. */

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly rows: number;
  readonly seconds?: number;
  readonly reference?: string;
  readonly referenceSeconds?: number;
  /** Time over the reference's time, or rate over the reference's rate, as `unit` says. */
  readonly ratio?: number;
  readonly rowsPerSecond?: number;
  readonly peakOverIdleMb?: number;
  /** In workerd: the most that the isolate held, heap and buffers. */
  readonly isolateMb?: number;
  readonly note?: string;
}

export const results: Row[] = [];

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Counted runs: at least five, more for what is over in a moment. */
export function runsOf(rows: number): number {
  return rows >= 1_000_000 ? 5 : rows >= 100_000 ? 7 : 21;
}

/** Runs each of the tasks in turn, so that a machine whose speed drifts is as slow for one as for the other. */
export async function inTurn(runs: number, tasks: readonly (() => Promise<number>)[]): Promise<number[]> {
  const times = tasks.map(() => [] as number[]);
  for (let run = -1; run < runs; run++) {
    for (const [index, task] of tasks.entries()) {
      const seconds = await task();
      if (run >= 0) times[index]?.push(seconds);
    }
  }
  return times.map(median);
}

/** Keeps a row and prints it. */
export function report(row: Row): void {
  results.push(row);
  const number = (value: number | undefined, digits: number, unit = '') =>
    value === undefined ? '' : `${value.toFixed(digits)}${unit}`;
  console.log(
    [
      row.what.padEnd(34),
      String(row.rows).padStart(9),
      number(row.seconds, 4, ' s').padStart(11),
      number(row.ratio, 2).padStart(7),
      (row.reference ? `× ${row.reference} ${number(row.referenceSeconds, 4, ' s')}` : '').padEnd(38),
      number(row.rowsPerSecond, 0, ' rows/s').padStart(16),
      number(row.peakOverIdleMb ?? row.isolateMb, 0, ' MB').padStart(8),
      row.note ?? '',
    ].join(' '),
  );
}
