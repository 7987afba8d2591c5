/**
 * Changes as a table, built as strings as the tables of result sets are: a line for each row that was added, removed or
 * changed, and in a changed one the values before and after where they differ.
 */
import type { Change, DiffColumn } from '../src/domain/diff.ts';
import type { Column, Row } from '../src/domain/result-set.ts';
import { cutText, escapeHtml } from './escape.ts';
import { cellHtml, tableEnd, tableStart } from './table.ts';

/** What is shown of a changed value, in UTF-16 units, and how much of it stands before the first difference. */
const shownLength = 160;
const leadLength = 40;

const words = { added: 'Added', removed: 'Removed', changed: 'Changed' } as const;
const numbers: ReadonlySet<Column['kind']> = new Set(['int', 'int8', 'numeric', 'float']);

/** The table of these changes, in a region that scrolls by itself. */
export function changesHtml(changes: readonly Change[], columns: readonly DiffColumn[]): string {
  const head = tableStart(
    columns.map(({ column }) => column),
    'Changes',
  );
  return `${head}${changes.map((change) => changeHtml(change, columns)).join('')}${tableEnd}`;
}

function changeHtml(change: Change, columns: readonly DiffColumn[]): string {
  const cells = columns.map((column) => {
    if (change.kind === 'added') return ownCell(change.row, column, column.to);
    if (change.kind === 'removed') return ownCell(change.row, column, column.from);
    if (column.from === null || column.to === null) {
      return column.to === null
        ? ownCell(change.before, column, column.from)
        : ownCell(change.after, column, column.to);
    }
    if (!change.columns.some(({ key }) => key === column.key))
      return ownCell(change.after, column, column.to);
    return changedCell(change.before[column.from] ?? null, change.after[column.to] ?? null, column.column);
  });
  return `<tr class="${change.kind}"><th scope="row">${words[change.kind]}</th>${cells.join('')}</tr>\n`;
}

const absentCell = '<td class="absent" title="This snapshot has no such column"></td>';

function ownCell(row: Row, { column }: DiffColumn, at: number | null): string {
  return at === null ? absentCell : cellHtml(row[at] ?? null, column);
}

function changedCell(before: string | null, after: string | null, column: Column): string {
  const start = before === null || after === null ? 0 : firstShown(before, after);
  const show = (value: string | null) => partHtml(value, start, column);
  const number = numbers.has(column.kind) ? ' num' : '';
  return `<td class="differs${number}"><del>${show(before)}</del> <span class="to">→</span> <ins>${show(after)}</ins></td>`;
}

/** Where two long values begin to be shown, so that the difference is seen. */
function firstShown(before: string, after: string): number {
  if (before.length <= shownLength && after.length <= shownLength) return 0;
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  return Math.max(0, same - leadLength);
}

function partHtml(value: string | null, start: number, { kind }: Column): string {
  if (value === null) return '<span class="none">NULL</span>';
  if (value === '') return '<span class="none">empty</span>';
  if (kind === 'boolean') return value === 't' ? 'true' : 'false';
  // Half of a surrogate pair is no character.
  const from = /[\udc00-\udfff]/.test(value[start] ?? '') ? start + 1 : start;
  const part = cutText(value.slice(from), shownLength);
  const more = from + part.length < value.length ? '…' : '';
  return `${from > 0 ? '…' : ''}${escapeHtml(part)}${more}`;
}
