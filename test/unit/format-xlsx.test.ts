import type { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { type CellObject, CFB, read, type WorkBook } from 'xlsx';
import type { Column, Row } from '../../src/domain/result-set.ts';
import { excelSheetLimits, type SheetLimits, streamWorkbook, xlsx } from '../../src/formats/xlsx.ts';
import { encodeDirectory } from '../../src/formats/zip-stream.ts';
import { collect, column, resultSet } from './format-support.ts';

async function workbook(
  columns: readonly Column[],
  rows: readonly Row[],
  limits: SheetLimits = excelSheetLimits,
): Promise<{ bytes: Buffer; book: WorkBook }> {
  const bytes = await collect(streamWorkbook(resultSet(columns, rows), limits));
  return { bytes, book: read(bytes, { cellNF: true }) };
}

function cell(book: WorkBook, reference: string, sheet = 'Sheet1'): CellObject | undefined {
  return book.Sheets[sheet]?.[reference];
}

function part(bytes: Buffer, name: string): string {
  const entry = CFB.find(CFB.read(new Uint8Array(bytes), { type: 'array' }), name);
  if (!entry) throw new Error(`No part ${name}`);
  return new TextDecoder().decode(new Uint8Array(entry.content));
}

/** What a single value becomes. */
async function cellOf(kind: Column['kind'], value: string): Promise<CellObject | undefined> {
  return cell((await workbook([column(kind)], [[value]])).book, 'A2');
}

describe('Excel', () => {
  test.each([
    ['int', '42', 42],
    ['int8', '123456789012345', 123456789012345],
    ['int8', '-123456789012345', -123456789012345],
    ['int8', '100000000000000', 1e14],
    ['numeric', '100000000000000.00', 1e14],
    ['numeric', '0.00', 0],
    ['float', '-1.00000000000001e-07', -1.00000000000001e-7],
    ['numeric', '-1.10', -1.1],
    ['numeric', '1.50000000000000000000', 1.5],
    ['numeric', '0.00000000000000123', 1.23e-15],
    ['float', '1e+20', 1e20],
  ] as const)('writes %s %s as a number', async (kind, value, expected) => {
    expect(await cellOf(kind, value)).toMatchObject({ t: 'n', v: expected });
  });

  test.each([
    ['int8', '9007199254740993'],
    ['int8', '1000000000000000'],
    ['numeric', '1000000000000000.00'],
    ['numeric', '-10.00000000000001'],
    ['float', '1.000000000000001e+20'],
    ['numeric', '123456789.0123456789'],
    ['numeric', `0.${'0'.repeat(320)}1`],
    ['float', '5e-324'],
    ['float', '1.7e+308'],
    ['float', 'NaN'],
    ['numeric', '-Infinity'],
  ] as const)('writes %s %s as text', async (kind, value) => {
    expect(await cellOf(kind, value)).toMatchObject({ t: 's', v: value });
  });

  test('shows long whole numbers whole', async () => {
    expect(await cellOf('numeric', '123456789012')).toMatchObject({ w: '123456789012', z: '0' });
  });

  test.each([
    ['date', '2024-02-29', '2024-02-29'],
    ['date', '1900-03-01', '1900-03-01'],
    ['date', '9999-12-31', '9999-12-31'],
    ['timestamp', '2024-02-29 23:59:59', '2024-02-29 23:59:59'],
    ['timestamp', '2024-02-29 23:59:59.5', '2024-02-29 23:59:59.500'],
    ['timestamptz', '2024-02-29 23:59:59.999+00', '2024-02-29 23:59:59.999'],
    ['timestamptz', '2024-03-01 05:29:59+05:30', '2024-02-29 23:59:59'],
    ['timestamptz', '2024-02-29 20:29:59-03:30', '2024-02-29 23:59:59'],
  ] as const)('writes %s %s as a date that shows %s', async (kind, value, shown) => {
    expect(await cellOf(kind, value)).toMatchObject({ t: 'n', w: shown });
  });

  test.each([
    ['date', '1900-02-28', '1900-02-28'],
    ['date', '0044-03-15 BC', '0044-03-15 BC'],
    ['date', '12345-01-01', '12345-01-01'],
    ['date', 'infinity', 'infinity'],
    ['timestamp', '2024-02-29 12:00:00.123456', '2024-02-29 12:00:00.123456'],
    ['timestamptz', '2024-02-29 12:00:00.123456+02', '2024-02-29 10:00:00.123456+00'],
    ['timestamptz', '1800-01-01 00:00:00+05:53:28', '1799-12-31 18:06:32+00'],
    ['timestamptz', '2024-02-29 12:00:00.123456+00', '2024-02-29 12:00:00.123456+00'],
    ['timestamptz', '0001-01-01 00:00:00+02', '0001-12-31 22:00:00+00 BC'],
    ['timestamptz', '0044-03-15 12:00:00+00 BC', '0044-03-15 12:00:00+00 BC'],
  ] as const)('writes %s %s as the text %s', async (kind, value, expected) => {
    expect(await cellOf(kind, value)).toMatchObject({ t: 's', v: expected });
  });

  test('refuses a date in another DateStyle', async () => {
    await expect(cellOf('timestamp', 'Wed Dec 17 07:37:16 1997')).rejects.toThrow('Row 1, column "c"');
  });

  test.each([
    '=1+1',
    '-1.10',
    '',
    '  pad  ',
    'line\nbreak',
    'a\rb',
    '<&>"\'',
    '&lt;&amp;amp;',
    '\t',
    ' ',
    'ends in a tab\t',
    '_x0041_ __x000D_x',
    '_X0041_',
    '\u0001\u001f\ufffe\uffff',
    'é😀 שלום',
  ])('gives the text %j back', async (text) => {
    const read = await cellOf('text', text);
    expect(read).toMatchObject({ t: 's', v: text });
    expect(read).not.toHaveProperty('f');
  });

  test.each(['\u2003padded', 'padded\u2028', '\u200b'])(
    'keeps the blanks around %j for LibreOffice',
    async (value) => {
      const { bytes } = await workbook([column('text')], [[value]]);
      expect(part(bytes, 'sheet1.xml')).toContain(`<t xml:space="preserve">${value}</t>`);
    },
  );

  test('never writes a time as less than it is, of which LibreOffice would show the second before', async () => {
    const written = await cellOf('timestamp', '1972-01-07 00:44:30');
    const dayMs = 86_400_000;
    // The double next to the exact value is 0.16 µs less.
    expect(written?.v).toBeGreaterThan((Date.UTC(1972, 0, 7, 0, 44, 30) + 25_569 * dayMs) / dayMs);
    expect(written).toMatchObject({ w: '1972-01-07 00:44:30' });
  });

  test('leaves the cell of a NULL out and knows booleans', async () => {
    const { book } = await workbook([column('text'), column('boolean')], [[null, 't']]);
    expect(cell(book, 'A2')).toBeUndefined();
    expect(cell(book, 'B2')).toMatchObject({ t: 'b', v: true });
  });

  test('has a bold frozen header that says UTC, and fitting widths', async () => {
    const columns = [column('timestamptz', 'at'), column('text', 'n'), column('text', 'long')];
    const { bytes, book } = await workbook(columns, [[null, 'x', 'y'.repeat(500)]]);
    expect(['A1', 'B1', 'C1'].map((reference) => cell(book, reference)?.v)).toEqual([
      'at (UTC)',
      'n',
      'long',
    ]);
    const sheet = part(bytes, '/xl/worksheets/sheet1.xml');
    expect(sheet).toContain('<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>');
    expect([...sheet.matchAll(/width="(\d+)"/g)].map((match) => Number(match[1]))).toEqual([10, 6, 60]);
    const styles = part(bytes, '/xl/styles.xml');
    const style = /<c s="(\d+)"[^>]* r="A1"/.exec(sheet)?.[1];
    const xfs = [...(/<cellXfs.*<\/cellXfs>/.exec(styles)?.[0] ?? '').matchAll(/<xf [^>]*fontId="(\d+)"/g)];
    const fonts = [...styles.matchAll(/<font>.*?<\/font>/g)];
    expect(fonts[Number(xfs[Number(style)]?.[1])]?.[0]).toContain('<b/>');
  });

  test('goes on in the next sheet, header repeated', async () => {
    const rows = Array.from({ length: 7 }, (_, index) => [String(index)]);
    const { bytes, book } = await workbook([column('int', 'id')], rows, { ...excelSheetLimits, maxRows: 3 });
    expect(book.SheetNames).toEqual(['Sheet1', 'Sheet2', 'Sheet3']);
    const ids = (sheet: string) => ['A1', 'A2', 'A3', 'A4', 'A5'].map((at) => cell(book, at, sheet)?.v);
    expect(ids('Sheet1')).toEqual(['id', 0, 1, 2, undefined]);
    expect(ids('Sheet2')).toEqual(['id', 3, 4, 5, undefined]);
    expect(ids('Sheet3')).toEqual(['id', 6, undefined, undefined, undefined]);
    expect(part(bytes, '/[Content_Types].xml')).toContain('/xl/worksheets/sheet3.xml');
  });

  test('fills a last sheet to the brim without opening another', async () => {
    const { book } = await workbook([column('int')], [['1'], ['2'], ['3']], {
      ...excelSheetLimits,
      maxRows: 3,
    });
    expect(book.SheetNames).toEqual(['Sheet1']);
  });

  test('ends a sheet before its part grows past what a ZIP entry holds', async () => {
    const rows = Array.from({ length: 12 }, (_, index) => [`${index}`.padEnd(30_000, 'x')]);
    const { book } = await workbook([column('text')], rows, { ...excelSheetLimits, maxBytes: 100_000 });
    expect(book.SheetNames.length).toBeGreaterThan(1);
    const values = book.SheetNames.flatMap((name) =>
      rows.map((_, index) => cell(book, `A${index + 2}`, name)?.v).filter((value) => value !== undefined),
    );
    expect(values).toEqual(rows.flat());
  });

  test('is whole without rows and without columns', async () => {
    expect(cell((await workbook([column('int', 'id')], [])).book, 'A1')?.v).toBe('id');
    expect((await workbook([], [[], []])).book.SheetNames).toEqual(['Sheet1']);
  });

  test('gives back what takes many pieces, and gaps where they were', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => [
      index % 3 ? String(index) : null,
      index % 5 ? `text ${index} ü` : null,
      index % 7 ? '2024-02-29' : null,
    ]);
    const { book } = await workbook([column('int'), column('text'), column('date')], rows);
    for (const [index, [id, text, day]] of rows.entries()) {
      const values = ['A', 'B', 'C'].map((letters) => cell(book, `${letters}${index + 2}`)?.v);
      expect(values).toEqual([id ? Number(id) : undefined, text ?? undefined, day ? 45_351 : undefined]);
    }
  });

  test('can be abandoned while it compresses', async () => {
    const rows = Array.from({ length: 50_000 }, (_, index) => [`text ${index}`]);
    const result = resultSet([column('text')], rows);
    let count = 0;
    for await (const _ of xlsx.encode(result, {})) if (++count === 12) break;
    expect(count).toBe(12);
    expect(result.closed).toBeGreaterThan(0);
  });

  test('gives the same bytes for the same rows', async () => {
    const first = await workbook([column('text')], [['a'], ['b']]);
    const second = await workbook([column('text')], [['a'], ['b']]);
    expect(first.bytes.equals(second.bytes)).toBe(true);
  });

  test('refuses a text over 32,767 characters before a byte is sent', async () => {
    const result = resultSet(
      [column('int', 'id'), column('text', 'story')],
      [
        ['1', 'x'.repeat(32_767)],
        ['2', 'x'.repeat(32_768)],
      ],
    );
    const chunks = xlsx.encode(result, {})[Symbol.asyncIterator]();
    const failure = await chunks.next().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'value_not_representable' });
    expect(String(failure)).toContain('Row 2, column "story"');
    expect(result.closed).toBeGreaterThan(0);
  });

  test('counts rows across batches and sheets when it refuses one later', async () => {
    const rows = Array.from({ length: 9 }, () => ['x']).concat([['x'.repeat(32_768)]]);
    const encoding = workbook([column('text')], rows, { ...excelSheetLimits, maxRows: 4 });
    await expect(encoding).rejects.toThrow('Row 10, column "c"');
  });

  test('takes 16,384 columns and refuses one more before a byte is sent', async () => {
    const columns = Array.from({ length: 16_385 }, (_, index) => column('int', `c${index}`));
    const { book } = await workbook(columns.slice(1), []);
    expect(cell(book, 'XFD1')?.v).toBe('c16384');
    const result = resultSet(columns, []);
    const first = xlsx.encode(result, {})[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: 'too_many_columns' });
    expect(result.closed).toBeGreaterThan(0);
  });
});

describe('the end of an archive', () => {
  const entry = { name: 'a', crc: 1, compressedBytes: 2, bytes: 3 };

  test('is plain below 4 GiB', () => {
    const end = encodeDirectory([{ ...entry, offset: 0 }], 40);
    expect(end.length).toBe(46 + 1 + 22);
    expect(end.readUInt32LE(end.length - 6)).toBe(40);
  });

  test('says in ZIP64 records what lies beyond', () => {
    const end = encodeDirectory([{ ...entry, offset: 5_000_000_000 }], 6_000_000_000);
    expect(end.length).toBe(46 + 1 + 12 + 56 + 20 + 22);
    expect(end.readUInt32LE(42)).toBe(0xffffffff);
    expect(end.readBigUInt64LE(46 + 1 + 4)).toBe(5_000_000_000n);
    expect(end.readBigUInt64LE(46 + 1 + 12 + 48)).toBe(6_000_000_000n);
    expect(end.readBigUInt64LE(46 + 1 + 12 + 56 + 8)).toBe(6_000_000_059n);
    expect(end.readUInt32LE(end.length - 6)).toBe(0xffffffff);
  });
});
