/**
 * Reads rows back from the CSV that csv.ts writes with no options: what a snapshot is kept as. It is no parser for
 * CSV of others.
 */
import type { Row } from '../domain/result-set.ts';

/** Rows of whole lines of `width` columns. Null when the text is not of that form. */
export function decodeCsvRows(text: string, width: number): Row[] | null {
  const rows: Row[] = [];
  let at = 0;
  while (at < text.length) {
    const row: (string | null)[] = new Array(width);
    for (let column = 0; column < width; column++) {
      const last = column === width - 1;
      let end: number;
      if (text.charCodeAt(at) === quote) {
        end = quotedEnd(text, at);
        const value = text.slice(at + 1, end - 1);
        row[column] = value.includes('"') ? value.replaceAll('""', '"') : value;
      } else {
        end = text.indexOf(last ? '\n' : ',', at);
        row[column] = end === at ? null : text.slice(at, end);
      }
      if (end < at || text.charCodeAt(end) !== (last ? newline : comma)) return null;
      at = end + 1;
    }
    if (width === 0 && text.charCodeAt(at++) !== newline) return null;
    rows.push(row);
  }
  return rows;
}

const quote = 34;
const comma = 44;
const newline = 10;

/** The index behind the closing quote of the value that begins at `start`; 0 when there is none. */
function quotedEnd(text: string, start: number): number {
  for (let at = start + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at < 0) return 0;
    if (text.charCodeAt(at + 1) !== quote) return at + 1;
  }
}
