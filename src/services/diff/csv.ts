/** A comparison as CSV: what became of each row, then its columns. A changed row is two lines, `before` and `after`. */
import type { Diff, DiffColumn } from '../../domain/diff.ts';
import type { Column, Row } from '../../domain/result-set.ts';
import { csvLines } from '../../formats/csv.ts';
import type { DiffBody, DiffFormat } from './encode.ts';

/** The column, as text where the two snapshots have it in kinds that are quoted by different rules. */
function columnOf({ column, from }: DiffColumn, diff: Diff): Column {
  const { kind } = (from === null ? undefined : diff.from.columns[from]) ?? column;
  return kind === column.kind ? column : { ...column, kind: 'text' };
}

function openBody(diff: Diff): DiffBody {
  const columns = diff.columns.map((column) => columnOf(column, diff));
  const lines = csvLines([{ name: 'change', type: 'text', kind: 'text' }, ...columns]);
  const line = (word: string, row: Row, side: 'from' | 'to') =>
    lines.encodeRow([
      word,
      ...diff.columns.map((column) => {
        const at = column[side];
        return at === null ? null : (row[at] ?? null);
      }),
    ]);
  return {
    head: lines.header,
    encodeChange: (change) => {
      if (change.kind === 'added') return line('added', change.row, 'to');
      if (change.kind === 'removed') return line('removed', change.row, 'from');
      return line('before', change.before, 'from') + line('after', change.after, 'to');
    },
    encodeTail: () => '',
  };
}

export const csvDiff: DiffFormat = { name: 'csv', mediaType: 'text/csv; charset=utf-8', openBody };
