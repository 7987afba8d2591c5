/**
 * Reads rows back from the CSV that csv.ts writes with no options: what a snapshot is kept as. It is no parser for
 * CSV of others.
 */
import type { Row } from '../domain/result-set.ts';

/** Rows of whole lines of `width` columns. Null when the text is not of that form, or a row begins past `maxStart`. */
export function decodeCsvRows(text: string, width: number, maxStart = text.length): Row[] | null {
  const rows: Row[] = [];
  let at = 0;
  // The next of each from `at` on: looked for once, not for every value.
  let comma = -1;
  let newline = -1;
  let quote = -1;
  while (at < text.length) {
    if (at > maxStart) return null;
    const row: (string | null)[] = new Array(width);
    for (let column = 0; column < width; column++) {
      if (comma < at) comma = indexOf(text, ',', at);
      if (newline < at) newline = indexOf(text, '\n', at);
      if (quote < at) quote = indexOf(text, '"', at);
      let end = column === width - 1 ? newline : comma;
      if (quote === at) {
        const behind = quotedEnd(text, at);
        if (text[behind] !== (column === width - 1 ? '\n' : ',')) return null;
        const value = text.slice(at + 1, behind - 1);
        row[column] = value.includes('"') ? value.replaceAll('""', '"') : value;
        end = behind;
      } else {
        // Whatever comes first must be what ends the value.
        if (end > comma || end > newline || end > quote || end === text.length) return null;
        row[column] = end === at ? null : text.slice(at, end);
      }
      at = end + 1;
    }
    if (width === 0 && text[at++] !== '\n') return null;
    rows.push(row);
  }
  return rows;
}

/** As `text.indexOf`, but the text's length when there is none. */
function indexOf(text: string, char: string, from: number): number {
  const at = text.indexOf(char, from);
  return at < 0 ? text.length : at;
}

/** The index behind the closing quote of the value that begins at `start`; the text's length when there is none. */
function quotedEnd(text: string, start: number): number {
  for (let at = start + 1; ; at += 2) {
    at = indexOf(text, '"', at);
    if (text[at + 1] !== '"') return Math.min(at + 1, text.length);
  }
}
