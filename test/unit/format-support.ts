/** Result sets made by hand, and what the tests of the formats do with them. */
import { Buffer } from 'node:buffer';
import type { Column, ColumnKind, ResultSet, Row } from '../../src/domain/result-set.ts';
import type { Format, FormatOptions } from '../../src/formats/format.ts';

/** A column of the kind; of the name `c` unless said otherwise. */
export function column(kind: ColumnKind, name = 'c', more: Partial<Column> = {}): Column {
  return { name, type: kind, kind, ...more };
}

export interface CountingResultSet extends ResultSet {
  /** How often it was closed. */
  closed: number;
  /** Batches that were asked for so far. */
  fetched: number;
}

/** A result set of the rows, `batchSize` at a time. */
export function resultSet(
  columns: readonly Column[],
  rows: readonly Row[],
  batchSize = 2,
): CountingResultSet {
  const result: CountingResultSet = {
    columns,
    ranAt: '2024-01-01T00:00:00.000Z',
    serverVersion: '18.4',
    closed: 0,
    fetched: 0,
    batches: {
      async *[Symbol.asyncIterator]() {
        for (let at = 0; at < rows.length; at += batchSize) {
          result.fetched++;
          yield rows.slice(at, at + batchSize);
        }
      },
    },
    async close() {
      result.closed++;
    },
  };
  return result;
}

/** All chunks of an encoding as one buffer. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** The encoding of the rows as text. */
export async function encodeText(
  format: Format,
  columns: readonly Column[],
  rows: readonly Row[],
  options: FormatOptions = {},
): Promise<string> {
  return (await collect(format.encode(resultSet(columns, rows), options))).toString('utf8');
}
