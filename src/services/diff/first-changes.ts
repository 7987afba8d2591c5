/** The first changes of a comparison, and the counts of all: what a page shows of it. */
import { decodeRows, encodeRows } from '../../domain/copy-text.ts';
import type { Change, Diff } from '../../domain/diff.ts';
import type { Row } from '../../domain/result-set.ts';

/** Size of the changes that are kept at most, in UTF-16 units of their values, where rows are large. */
const maxSize = 4 * 1024 * 1024;

/** At most so many changes. `diff.summary` is whole then, and the comparison closed. Throws what the changes throw. */
export async function takeFirst(diff: Diff, maxCount: number): Promise<Change[]> {
  const first: Change[] = [];
  let size = 0;
  for await (const changes of diff.changes) {
    for (const change of changes) {
      if (first.length >= maxCount || size >= maxSize) break;
      first.push(copyOf(change));
      for (const row of rowsOf(change)) for (const value of row) size += value?.length ?? 0;
    }
  }
  return first;
}

function rowsOf(change: Change): readonly Row[] {
  return change.kind === 'changed' ? [change.before, change.after] : [change.row];
}

/** A row's values are cut out of the text of many rows, which would stay in memory with them. */
function copyOf(change: Change): Change {
  const copy = (row: Row) => decodeRows(encodeRows([row]), row.length)[0] ?? [];
  if (change.kind !== 'changed') return { kind: change.kind, row: copy(change.row) };
  return { ...change, before: copy(change.before), after: copy(change.after) };
}
