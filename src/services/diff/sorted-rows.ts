/**
 * The rows of a snapshot in an order, in memory that does not grow with them: an external merge sort. Rows that come
 * in order are left where they are; from the first that does not, runs of bounded size are sorted in memory and
 * written to scratch space. Source: Knuth, TAOCP volume 3, 5.4 "External Sorting".
 */
import type { ScratchSpace } from '../../domain/ports.ts';
import type { ResultSet, Row } from '../../domain/result-set.ts';
import type { CompareRows } from './order.ts';
import { mergeRuns, type Run, readRun, type StoredRun, writeRun } from './runs.ts';

/** Size of the rows that are sorted in memory at once: UTF-16 units of their values, and something for each value. */
const runSize = 8 * 1024 * 1024;
const valueSize = 16;

export interface SortOptions {
  /** Opens the rows, or the first so many of them; always the same ones. */
  readonly open: (limit?: number) => ResultSet;
  readonly compare: CompareRows;
  readonly space: ScratchSpace;
  /** Whether to look for rows of the same key. */
  readonly unique: boolean;
  /** Places in a row where a NULL makes the key no key. */
  readonly notNull: readonly number[];
  /** Called now and then; throws when nobody waits any more. */
  readonly checkWanted: () => void;
  /** Default: some megabytes. */
  readonly runSize?: number;
}

/**
 * Sorts rows. The run reads them in order, as often as it is called, until the space is closed. Null when two rows
 * have the same key and `unique` is asked for, or one is NULL where it may not be. Throws `diff_too_large`, `snapshot_damaged`.
 */
export async function sortRows(options: SortOptions): Promise<Run | null> {
  const { compare, open, unique, notNull, checkWanted } = options;
  const sorter = new RunSorter(options);
  let inOrder = 0;
  let broken = false;
  let last: Row | undefined;
  for await (const batch of open().batches) {
    checkWanted();
    for (const row of batch) {
      if (notNull.some((at) => row[at] === null)) return null;
      if (!broken && last) {
        const order = compare(last, row);
        if (order === 0 && unique) return null;
        broken = order > 0;
      }
      last = row;
      if (!broken) inOrder++;
      else if (sorter.isFull(row)) await sorter.spill();
    }
  }
  const prefix: Run = () => open(inOrder).batches;
  if (!broken) return prefix;
  const runs = [...(inOrder > 0 ? [prefix] : []), ...(await sorter.finish())];
  const sorted: Run = () => mergeRuns(runs, compare);
  return unique && (await hasTwins(sorted, compare, checkWanted)) ? null : sorted;
}

/** Collects rows, and sorts and writes them away whenever there are enough. */
class RunSorter {
  readonly #options: SortOptions;
  readonly #stored: StoredRun[] = [];
  #rows: Row[] = [];
  #size = 0;

  constructor(options: SortOptions) {
    this.#options = options;
  }

  /** Takes a row. True when it is time to spill. */
  isFull(row: Row): boolean {
    this.#rows.push(row);
    this.#size += row.length * valueSize;
    for (const value of row) this.#size += value?.length ?? 0;
    return this.#size >= (this.#options.runSize ?? runSize);
  }

  async spill(): Promise<void> {
    this.#stored.push(await writeRun(this.#options.space, this.#rows.sort(this.#options.compare)));
    this.#rows = [];
    this.#size = 0;
  }

  /** The runs. One that is all there is stays in memory; beside others it would be held while those are read. */
  async finish(): Promise<Run[]> {
    const stored = this.#stored;
    if (stored.length === 0) {
      const rows = this.#rows.sort(this.#options.compare);
      return [() => readAtOnce(rows)];
    }
    if (this.#rows.length > 0) await this.spill();
    return stored.map((run) => () => readRun(this.#options.space, run, stored.length));
  }
}

async function* readAtOnce(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  yield rows;
}

/** Whether two rows that stand beside each other have the same key. */
async function hasTwins(sorted: Run, compare: CompareRows, checkWanted: () => void): Promise<boolean> {
  let last: Row | undefined;
  for await (const batch of sorted()) {
    checkWanted();
    for (const row of batch) {
      if (last && compare(last, row) === 0) return true;
      last = row;
    }
  }
  return false;
}
