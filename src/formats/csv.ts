/**
 * CSV: byte for byte what `COPY (sql) TO STDOUT (FORMAT csv, HEADER)` writes, from PostgreSQL 15 and 18 alike.
 * Source: CopyAttributeOutCSV in PostgreSQL's copyto.c; PostgreSQL manual, COPY, "CSV Format".
 */
import type { Column, ColumnKind, Row } from '../domain/result-set.ts';
import type { Format, FormatOptions } from './format.ts';
import { streamText, type TextBody } from './text-stream.ts';

type Delimiter = ',' | ';' | '|' | '\t';

const delimiters: Record<string, Delimiter> = { ',': ',', ';': ';', '|': '|', '\t': '\t', tab: '\t' };

const special: Record<Delimiter, RegExp> = {
  ',': /[,"\n\r]/,
  ';': /[;"\n\r]/,
  '|': /[|"\n\r]/,
  '\t': /[\t"\n\r]/,
};

/** Kinds whose text holds no quote, line break or delimiter, whatever the settings of the session. */
const plainKinds: ReadonlySet<ColumnKind> = new Set([
  'int',
  'int8',
  'numeric',
  'float',
  'boolean',
  'date',
  'timestamp',
  'timestamptz',
]);

/** Kinds whose text a person may have written from its first character on. Numbers that begin with `-` are none. */
const freeKinds: ReadonlySet<ColumnKind> = new Set(['text', 'xml', 'nested']);

// OWASP, "CSV Injection": what a spreadsheet may take for the beginning of a formula.
const formulaStart = /^[=+\-@\t\r]/;

function disarm(text: string): string {
  return formulaStart.test(text) ? `'${text}` : text;
}

type ValueEncoder = (text: string) => string;

function quoter(delimiter: Delimiter, columnCount: number): ValueEncoder {
  const test = special[delimiter];
  return (text) => {
    if (test.test(text)) return `"${text.replaceAll('"', '""')}"`;
    // Unquoted, an empty value would be NULL and a lone `\.` on a line the end of the data.
    return text === '' || (columnCount === 1 && text === '\\.') ? `"${text}"` : text;
  };
}

function rowEncoder(columns: readonly Column[], quote: ValueEncoder, delimiter: string, safe: boolean) {
  const asItIs: ValueEncoder = (text) => text;
  const disarmed: ValueEncoder = (text) => quote(disarm(text));
  const encoders = columns.map(({ kind }) => {
    if (plainKinds.has(kind)) return asItIs;
    return safe && freeKinds.has(kind) ? disarmed : quote;
  });
  return (row: Row): string => {
    let line = '';
    let i = 0;
    for (const encode of encoders) {
      const value = row[i];
      if (i++ > 0) line += delimiter;
      if (value !== null && value !== undefined) line += encode(value);
    }
    return `${line}\n`;
  };
}

/** The lines of CSV without options, as snapshots keep it: the line of names, and a line for each row. */
export function csvLines(columns: readonly Column[]): { header: string; encodeRow: (row: Row) => string } {
  const { head, encodeRow } = openBody(columns, {});
  return { header: head, encodeRow: (row) => encodeRow(row, 0) };
}

function openBody(columns: readonly Column[], options: FormatOptions): TextBody {
  const delimiter = delimiters[options.delimiter ?? ','] ?? ',';
  const safe = options.safe === '1';
  const quote = quoter(delimiter, columns.length);
  const names = columns.map(({ name }) => quote(safe ? disarm(name) : name));
  const header = options.header === '0' ? '' : `${names.join(delimiter)}\n`;
  return {
    head: (options.bom === '1' ? '\ufeff' : '') + header,
    encodeRow: rowEncoder(columns, quote, delimiter, safe),
    encodeTail: () => '',
  };
}

export const csv: Format = {
  name: 'csv',
  title: 'CSV',
  mediaType: 'text/csv; charset=utf-8',
  options: {
    delimiter: {
      values: {
        test: (value) => Object.hasOwn(delimiters, value),
        allowed: 'a comma, a semicolon (%3B), a vertical bar (%7C) or tab',
      },
      help: 'What stands between values: , (default) ; | or tab.',
    },
    header: { values: ['0', '1'], help: '0: without the line of column names.' },
    bom: { values: ['0', '1'], help: '1: begins with a byte order mark, for old versions of Excel.' },
    safe: {
      values: ['0', '1'],
      help: "1: puts a ' before text that a spreadsheet would take for a formula. Numbers and dates stay as they are.",
    },
  },
  nestedJson: false,
  encode: (result, options) => streamText(result, () => openBody(result.columns, options)),
};
