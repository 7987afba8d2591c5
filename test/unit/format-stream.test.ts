import { describe, expect, test } from 'vitest';
import type { ResultSet } from '../../src/domain/result-set.ts';
import { findFormat, formats } from '../../src/formats/registry.ts';
import { collect, column, resultSet } from './format-support.ts';

const columns = [column('int', 'id'), column('text', 'name')];
const rows = Array.from({ length: 20_000 }, (_, index) => [
  String(index),
  `name of ${index} and some more text`,
]);

describe('the registry', () => {
  test('finds formats by their extension', () => {
    expect(formats.map(({ name }) => name)).toEqual(['json', 'ndjson', 'csv', 'xml', 'xlsx']);
    expect(findFormat('csv')?.title).toBe('CSV');
    expect(findFormat('toString')).toBeNull();
  });
});

describe.each(formats)('the stream of $name', (format) => {
  test('closes the result set at its end', async () => {
    const result = resultSet(columns, rows, 1000);
    expect((await collect(format.encode(result, {}))).length).toBeGreaterThan(0);
    expect(result.closed).toBeGreaterThan(0);
  });

  test('closes it when abandoned in the middle, and asks for no more rows', async () => {
    const result = resultSet(columns, rows, 1000);
    for await (const chunk of format.encode(result, {})) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(result.closed).toBeGreaterThan(0);
    expect(result.fetched).toBeLessThan(5);
  });

  test('closes it when abandoned before the first chunk', async () => {
    const result = resultSet(columns, rows);
    await format.encode(result, {})[Symbol.asyncIterator]().return?.();
    expect(result).toMatchObject({ closed: 1, fetched: 0 });
  });

  test('closes it and fails when the rows fail', async () => {
    const good = resultSet(columns, rows.slice(0, 2));
    const failing: ResultSet = {
      ...good,
      batches: {
        async *[Symbol.asyncIterator]() {
          yield* good.batches;
          throw new Error('division by zero');
        },
      },
    };
    await expect(collect(format.encode(failing, {}))).rejects.toThrow('division by zero');
    expect(good.closed).toBeGreaterThan(0);
  });

  // A sheet begins with its widths, which its first 1,000 rows tell, however they came in batches.
  const rowsFirst = format.name === 'xlsx' ? 1000 : 10;

  test(`gives its first bytes after ${rowsFirst} rows in batches of 10`, async () => {
    const result = resultSet(columns, rows, 10);
    const chunks = format.encode(result, {})[Symbol.asyncIterator]();
    expect((await chunks.next()).done).toBe(false);
    expect(result.fetched).toBe(rowsFirst / 10);
    await chunks.return?.();
  });

  test('fetches as it is read, never ahead of the reader', async () => {
    const many = Array.from({ length: 40 }, () => rows).flat();
    const result = resultSet(columns, many, 2000);
    const chunks = format.encode(result, {})[Symbol.asyncIterator]();
    for (let read = 0; read < 8; read++) await chunks.next();
    expect(result.fetched).toBeLessThan(25);
    await chunks.return?.();
  });

  test('gives chunks of tens of kilobytes', async () => {
    for await (const chunk of format.encode(resultSet(columns, rows, 1000), {})) {
      expect(chunk.length).toBeLessThan(100_000);
    }
  });
});

test.each(formats.filter(({ name }) => name !== 'xlsx'))('$name takes a huge value', async (format) => {
  const value = 'é"<'.repeat(1_000_000);
  const bytes = await collect(format.encode(resultSet([column('text')], [[value]]), {}));
  expect(bytes.length).toBeGreaterThan(4_000_000);
});
