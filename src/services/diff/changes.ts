/** The differences of two streams of rows in the same order: a sorted merge. */
import type { Change, DiffSummary, SharedColumn } from '../../domain/diff.ts';
import type { Row } from '../../domain/result-set.ts';
import type { CompareRows } from './order.ts';
import { RowReader } from './row-reader.ts';

/** Changes given at once: each keeps the text in memory that its rows were cut out of, which is that of many rows. */
const batchChanges = 32;

export interface Compared {
  readonly from: AsyncIterable<readonly Row[]>;
  readonly to: AsyncIterable<readonly Row[]>;
  /** Zero: the two rows are one. */
  readonly across: CompareRows;
  /** The columns whose values may differ in rows of the same key. */
  readonly columns: readonly SharedColumn[];
  /** Counted in while the changes are read. */
  readonly summary: DiffSummary;
  /** Called now and then; throws when nobody waits any more. */
  readonly checkWanted: () => void;
}

/** The changes, in order. A row without its twin is added or removed, also where several have the same key. */
export async function* findChanges(compared: Compared): AsyncGenerator<readonly Change[]> {
  const { across, summary, checkWanted } = compared;
  const from = new RowReader(compared.from);
  const to = new RowReader(compared.to);
  let changes: Change[] = [];
  try {
    for (;;) {
      if (from.row === undefined && !from.ended) {
        checkWanted();
        await from.fill();
      }
      if (to.row === undefined && !to.ended) {
        checkWanted();
        await to.fill();
      }
      const order = orderOf(from.row, to.row, across);
      if (order === null) break;
      if (order < 0) {
        changes.push({ kind: 'removed', row: from.row as Row });
        summary.removed++;
      } else if (order > 0) {
        changes.push({ kind: 'added', row: to.row as Row });
        summary.added++;
      } else {
        const change = changeOf(from.row as Row, to.row as Row, compared.columns);
        if (change) changes.push(change);
        summary[change ? 'changed' : 'unchanged']++;
      }
      if (order <= 0) from.advance();
      if (order >= 0) to.advance();
      if (changes.length >= batchChanges) {
        yield changes;
        changes = [];
      }
    }
    if (changes.length > 0) yield changes;
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
}

/** Null when there is neither. */
function orderOf(from: Row | undefined, to: Row | undefined, across: CompareRows): number | null {
  if (from && to) return across(from, to);
  return from ? -1 : to ? 1 : null;
}

function changeOf(before: Row, after: Row, columns: readonly SharedColumn[]): Change | null {
  const differing = columns.filter(({ from, to }) => before[from] !== after[to]);
  return differing.length === 0 ? null : { kind: 'changed', before, after, columns: differing };
}
