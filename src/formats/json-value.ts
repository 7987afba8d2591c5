/**
 * Values of rows as JSON, equal to what Postgres's `row_to_json` writes for them, made from their text alone where
 * the text tells. Source: datum_to_json and escape_json in PostgreSQL's json.c.
 */
import type { Column, ColumnKind, Row } from '../domain/result-set.ts';
import { xsdEncoder } from './temporal.ts';

/** How int8 and numeric are written: as JSON numbers with every digit, or as strings for readers that have doubles only. */
export type JsonNumbers = 'number' | 'string';

type ValueEncoder = (text: string) => string;

// Everything but the quote, the backslash and the control characters.
const mustEscape = /[^ !#-[\]-\uffff]/;

/** A JSON string, escaped as Postgres's escape_json does: for text from a database JSON.stringify writes the same. */
export function encodeJsonString(text: string): string {
  return mustEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

const zero = 48;
const nine = 57;

/** A number as it is; NaN and the infinities, which JSON lacks, as strings. */
function encodeNumber(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= zero && last <= nine ? text : `"${text}"`;
}

const asItIs: ValueEncoder = (text) => text;
const quoted: ValueEncoder = (text) => `"${text}"`;

const encoders: Record<ColumnKind, (column: Column, numbers: JsonNumbers) => ValueEncoder> = {
  int: () => asItIs,
  int8: (_, numbers) => (numbers === 'string' ? quoted : asItIs),
  numeric: (_, numbers) => (numbers === 'string' ? quoted : encodeNumber),
  float: () => encodeNumber,
  boolean: () => (text) => (text === 't' ? 'true' : 'false'),
  date: (column) => quotedXsd('date', column),
  timestamp: (column) => quotedXsd('timestamp', column),
  timestamptz: (column) => quotedXsd('timestamptz', column),
  json: () => asItIs,
  xml: () => encodeJsonString,
  bytea: () => encodeJsonString,
  array: () => asItIs,
  nested: () => asItIs,
  text: () => encodeJsonString,
  other: () => encodeJsonString,
};

function quotedXsd(kind: 'date' | 'timestamp' | 'timestamptz', column: Column): ValueEncoder {
  const encode = xsdEncoder(kind, column);
  return (text) => `"${encode(text)}"`;
}

/** Where in a row the text stands that the column's JSON is made from. */
function sourceIndex(column: Column, index: number): number {
  if (column.kind !== 'array' && column.kind !== 'nested') return index;
  if (column.jsonAt === undefined)
    throw new Error(`The result set was opened without nestedJson: ${column.type}`);
  return column.jsonAt;
}

export interface JsonRowShape {
  /** One per column, without the quotes: written before each value. Absent: rows are JSON arrays. */
  readonly keys?: readonly string[];
  readonly numbers: JsonNumbers;
}

/** Makes the encoder of rows: compact objects as `row_to_json` writes them, or arrays. It may throw ValueProblem. */
export function jsonRowEncoder(
  columns: readonly Column[],
  { keys, numbers }: JsonRowShape,
): (row: Row) => string {
  const [open, end] = keys ? ['{', '}'] : ['[', ']'];
  const cells = columns.map((column, index) => {
    const key = keys ? `${encodeJsonString(keys[index] ?? '')}:` : '';
    const prefix = `${index === 0 ? open : ','}${key}`;
    return {
      at: sourceIndex(column, index),
      prefix,
      none: `${prefix}null`,
      encode: encoders[column.kind](column, numbers),
    };
  });
  const start = cells.length === 0 ? open : '';
  return (row) => {
    let text = start;
    for (const cell of cells) {
      const value = row[cell.at];
      text += value === null || value === undefined ? cell.none : cell.prefix + cell.encode(value);
    }
    return text + end;
  };
}
