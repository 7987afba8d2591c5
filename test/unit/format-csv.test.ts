import Papa from 'papaparse';
import { describe, expect, test } from 'vitest';
import { csv } from '../../src/formats/csv.ts';
import { parseFormatOptions } from '../../src/formats/format.ts';
import { column, encodeText } from './format-support.ts';

describe('CSV', () => {
  test('tells NULL from the empty text', async () => {
    const columns = [column('text', 'a'), column('text', 'b')];
    expect(await encodeText(csv, columns, [[null, '']])).toBe('a,b\n,""\n');
  });

  test('quotes only what must be quoted', async () => {
    const row = ['a,b', 'q"q', 'l\nm', 'c\rd', ' pad ', 'tab\t', 'é😀', '\\.'];
    const columns = row.map((_, index) => column('text', `c${index}`));
    const text = await encodeText(csv, columns, [row], { header: '0' });
    expect(text).toBe('"a,b","q""q","l\nm","c\rd", pad ,tab\t,é😀,\\.\n');
    expect(Papa.parse(text, { delimiter: ',', newline: '\n' }).data[0]).toEqual(row);
  });

  test('quotes the end-of-data marker when it stands alone on a line', async () => {
    expect(await encodeText(csv, [column('text', '\\.')], [['\\.'], [null]])).toBe('"\\."\n"\\."\n\n');
  });

  test('keeps duplicate and odd names as they are', async () => {
    const columns = [column('int', '?column?'), column('int', 'a'), column('int', 'a'), column('int', 'a,b')];
    expect(await encodeText(csv, columns, [])).toBe('?column?,a,a,"a,b"\n');
  });

  test('writes a line for each row of no columns', async () => {
    expect(await encodeText(csv, [], [[], []])).toBe('\n\n\n');
  });

  test('writes nothing without header and rows', async () => {
    expect(await encodeText(csv, [column('int')], [], { header: '0' })).toBe('');
  });

  test.each([
    [',', 'a,"b,c",d;e|f\tg\n'],
    [';', 'a;b,c;"d;e|f\tg"\n'],
    ['|', 'a|b,c|"d;e|f\tg"\n'],
    ['tab', 'a\tb,c\t"d;e|f\tg"\n'],
    ['\t', 'a\tb,c\t"d;e|f\tg"\n'],
  ])('takes the delimiter %j', async (delimiter, line) => {
    const options = parseFormatOptions(csv, new URLSearchParams({ delimiter, header: '0' }));
    const columns = [column('text'), column('text'), column('text')];
    expect(await encodeText(csv, columns, [['a', 'b,c', 'd;e|f\tg']], options)).toBe(line);
  });

  test('refuses another delimiter and says what is allowed', () => {
    expect(() => parseFormatOptions(csv, new URLSearchParams('delimiter=x'))).toThrow(/comma.*tab/);
  });

  test('begins with a byte order mark when asked to', async () => {
    expect(await encodeText(csv, [column('int')], [['1']], { bom: '1' })).toBe('\ufeffc\n1\n');
  });

  test('disarms formulas in text and never touches numbers and dates', async () => {
    const columns = [column('text', '=a'), column('numeric', 'b'), column('other', 'i'), column('date', 'd')];
    const rows = [
      ['=1+1', '-1.10', '-1 days', '2024-01-01'],
      ['-2', '-1', null, null],
      ['+3', null, null, null],
      ['@x', null, null, null],
      ['\t=1', null, null, null],
      ['\r=1', null, null, null],
      ['a=1', null, null, null],
    ];
    expect(await encodeText(csv, columns, rows, { safe: '1' })).toBe(
      "'=a,b,i,d\n'=1+1,-1.10,-1 days,2024-01-01\n'-2,-1,,\n'+3,,,\n'@x,,,\n'\t=1,,,\n\"'\r=1\",,,\na=1,,,\n",
    );
    expect(await encodeText(csv, columns.slice(0, 1), [['=1+1']])).toBe('=a\n=1+1\n');
  });
});
