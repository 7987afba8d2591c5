/**
 * Columns that may tell which rows are the same one, when the reader names none. Some rows of both snapshots discard
 * most; whether one of the rest holds for all rows shows when they are sorted by it.
 */
import type { DiffColumn, SharedColumn } from '../../domain/diff.ts';
import type { ColumnKind, ResultSet, Row } from '../../domain/result-set.ts';
import { isShared } from './columns.ts';

/** Kinds whose text is one for each value and that rows are named by, then those that only may be. */
const kindRanks: readonly ReadonlySet<ColumnKind>[] = [
  new Set(['int', 'int8', 'text', 'other', 'date', 'timestamp', 'timestamptz']),
  new Set(['numeric', 'bytea']),
];

/** Rows looked at in each place of a snapshot, and the size of them at most, in UTF-16 units. */
const sampleRows = 4000;
const sampleSize = 2 * 1024 * 1024;
/** Every candidate may cost a sort of both snapshots. */
const maxSingles = 3;
const maxPairs = 2;
/** Pairs are made of the first so many columns. */
const pairColumns = 8;

/** Some rows of a snapshot: its first ones, and from its middle. */
export async function takeSample(
  open: (page: { offset: number; limit: number }) => ResultSet,
  rowCount: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  const middle = Math.max(sampleRows, Math.floor(rowCount / 2));
  for (const offset of [0, middle]) {
    if (offset >= rowCount) continue;
    let size = 0;
    for await (const batch of open({ offset, limit: sampleRows }).batches) {
      rows.push(...batch);
      for (const row of batch) for (const value of row) size += value?.length ?? 0;
      if (size >= sampleSize) break;
    }
  }
  return rows;
}

/** Rows to try candidates on, of each snapshot. */
export interface Samples {
  readonly from: readonly Row[];
  readonly to: readonly Row[];
}

/** Keys to try, the best one first: single columns in their order, then pairs. Each is one of the sampled rows. */
export function findCandidates(columns: readonly DiffColumn[], samples: Samples): SharedColumn[][] {
  const shared = columns.filter(isShared);
  const eligible = kindRanks.flatMap((kinds) => shared.filter(({ column }) => kinds.has(column.kind)));
  const singles = eligible.map((column) => [column]).filter((key) => isKey(key, samples));
  const paired = eligible.slice(0, pairColumns);
  const pairs = paired.flatMap((first, at) => paired.slice(at + 1).map((second) => [first, second]));
  // A pair with a column that is a key by itself says nothing that the column did not.
  const alone = new Set(singles.flat());
  const telling = pairs.filter((pair) => !pair.some((column) => alone.has(column)));
  return [...singles.slice(0, maxSingles), ...firstKeys(telling, samples)];
}

function firstKeys(pairs: readonly SharedColumn[][], samples: Samples): SharedColumn[][] {
  const found: SharedColumn[][] = [];
  for (const pair of pairs) {
    if (found.length >= maxPairs) break;
    if (isKey(pair, samples)) found.push(pair);
  }
  return found;
}

function isKey(key: readonly SharedColumn[], { from, to }: Samples): boolean {
  return (
    isUnique(
      from,
      key.map((column) => column.from),
    ) &&
    isUnique(
      to,
      key.map((column) => column.to),
    )
  );
}

/** Whether no two rows have the same values there, and none has a NULL. */
function isUnique(rows: readonly Row[], at: readonly number[]): boolean {
  const seen = new Set<string>();
  for (const row of rows) {
    const values = at.map((each) => row[each] ?? null);
    if (values.includes(null)) return false;
    const key = values.length === 1 ? (values[0] as string) : JSON.stringify(values);
    if (seen.has(key)) return false;
    seen.add(key);
  }
  return true;
}
