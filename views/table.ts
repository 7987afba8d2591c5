/**
 * The markup of a result set as a table, built as strings so that rows can be sent while they come. The value
 * shown is the database's own text. It knows nothing of paging, and never holds more than the rows it is given.
 */
import type { Column, ColumnKind, Row } from '../src/domain/result-set.ts';
import { cutText, escapeHtml } from './escape.ts';
import { formatNumber } from './text.ts';

/** What is sent of one value at most, in UTF-16 units; the downloads have all of it. */
const maxShownLength = 2000;
/** A longer value, or one with more lines, is folded. */
const maxOpenLength = 160;
const maxOpenLines = 4;

/** How a value of each kind is set; `dir="auto"` goes with what a person may have written. */
const classes: Record<ColumnKind, 'num' | 'code' | 'text' | 'plain'> = {
  int: 'num',
  int8: 'num',
  numeric: 'num',
  float: 'num',
  boolean: 'plain',
  date: 'plain',
  timestamp: 'plain',
  timestamptz: 'plain',
  json: 'code',
  xml: 'code',
  bytea: 'code',
  array: 'code',
  nested: 'code',
  text: 'text',
  other: 'plain',
};

const booleans: Readonly<Record<string, string>> = { t: 'true', f: 'false' };

const nullCell =
  '<td class="null"><span role="img" aria-label="no value" title="No value (NULL)">NULL</span></td>';
const emptyCell = '<td class="empty" title="Empty text"></td>';

function isFolded(value: string): boolean {
  if (value.length > maxOpenLength) return true;
  let lines = 1;
  for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) lines++;
  return lines > maxOpenLines;
}

function foldedHtml(value: string): string {
  const shown = cutText(value, maxShownLength);
  const rest = value.length - shown.length;
  const more = rest
    ? `<span class="rest">… ${formatNumber(rest)} more characters, download to see all</span>`
    : '';
  const start = cutText(value.split('\n', maxOpenLines).join('\n'), maxOpenLength);
  return `<details><summary><span class="start">${escapeHtml(start)}…</span></summary>${escapeHtml(shown)}${more}</details>`;
}

/** The address of a value that is nothing but an http(s) URL, or null. */
function findAddress(value: string): string | null {
  if (!/^https?:\/\/[^\s<>"\\]+$/i.test(value)) return null;
  return URL.canParse(value) ? value : null;
}

function valueHtml(value: string, column: Column): string {
  if (column.kind === 'boolean') return booleans[value] ?? escapeHtml(value);
  if (isFolded(value)) return foldedHtml(value);
  const address = column.kind === 'text' ? findAddress(value) : null;
  const html = escapeHtml(value);
  return address ? `<a href="${html}" rel="noopener noreferrer nofollow">${html}</a>` : html;
}

/** One value as a table cell. NULL, the text `NULL` and the empty text look and read differently. */
export function cellHtml(value: string | null, column: Column): string {
  if (value === null) return nullCell;
  if (value === '') return emptyCell;
  const kind = classes[column.kind];
  if (kind === 'text') return `<td dir="auto">${valueHtml(value, column)}</td>`;
  if (kind === 'plain') return `<td>${valueHtml(value, column)}</td>`;
  return `<td class="${kind}">${valueHtml(value, column)}</td>`;
}

/** Rows as `<tr>` elements; the first gets the number `firstNumber`. Values past the columns are not shown. */
export function rowsHtml(rows: readonly Row[], columns: readonly Column[], firstNumber: number): string {
  let html = '';
  rows.forEach((row, index) => {
    html += `<tr><th scope="row">${formatNumber(firstNumber + index)}</th>`;
    columns.forEach((column, at) => {
      html += cellHtml(row[at] ?? null, column);
    });
    html += '</tr>\n';
  });
  return html;
}

function headHtml(column: Column): string {
  const name = column.name === '' ? '<span class="unnamed">unnamed</span>' : escapeHtml(column.name);
  const number = classes[column.kind] === 'num' ? ' class="num"' : '';
  return `<th scope="col"${number}><span class="name" dir="auto">${name}</span> <span class="type">${escapeHtml(column.type)}</span></th>`;
}

/**
 * What stands before the rows: a region that scrolls by itself (and by the keyboard), the table and its head.
 * `label` names the region; it is escaped here.
 */
export function tableStart(columns: readonly Column[], label: string): string {
  const name = escapeHtml(label);
  const heads = columns.map(headHtml).join('');
  return `<div class="table" role="region" aria-label="${name}" tabindex="0"><table><thead><tr><th scope="col"><span class="unseen">Row</span></th>${heads}</tr></thead><tbody>\n`;
}

/** What stands after the rows. */
export const tableEnd = '</tbody></table></div>';
