/**
 * Rows as text in the format of `COPY … TO STDOUT` (FORMAT text): one line a row, tabs between values, `\N` for
 * NULL, backslash escapes. It is what Postgres sends, and how a snapshot keeps what
 * stands beside its CSV. Source: PostgreSQL manual, COPY, "Text Format".
 */
import type { Row } from './result-set.ts';

const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unescapeValue(text: string): string | null {
  if (text === '\\N') return null;
  if (!text.includes('\\')) return text;
  return text.replace(/\\(.)/gs, (_, char: string) => escapes[char] ?? char);
}

/**
 * Decodes whole lines, each ended by `\n`. `width` is the number of values in a row: without it a row of no
 * columns and a row of one empty value look alike.
 */
export function decodeRows(text: string, width: number): Row[] {
  const lines = text.split('\n');
  lines.pop();
  if (width === 0) return lines.map(() => []);
  const rows: (string | null)[][] = [];
  // Most batches hold no backslash at all, and then a line is split and done with.
  const plain = !text.includes('\\');
  for (const line of lines) {
    const row: (string | null)[] = line.split('\t');
    if (!plain && line.includes('\\')) {
      for (let i = 0; i < row.length; i++) row[i] = unescapeValue(row[i] as string);
    }
    rows.push(row);
  }
  return rows;
}

const unsafe = /[\\\b\f\n\r\t\v]/;
const replacements: Record<string, string> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
const unsafeAll = new RegExp(unsafe, 'g');

function escapeValue(value: string | null): string {
  if (value === null) return '\\N';
  return unsafe.test(value) ? value.replace(unsafeAll, (char) => replacements[char] as string) : value;
}

/** Encodes rows as lines, each ended by `\n`; the inverse of `decodeRows`. */
export function encodeRows(rows: readonly Row[]): string {
  let text = '';
  for (const row of rows) {
    for (let i = 0; i < row.length; i++)
      text += i === 0 ? escapeValue(row[i] as string | null) : `\t${escapeValue(row[i] as string | null)}`;
    text += '\n';
  }
  return text;
}
