import { describe, expect, test } from 'vitest';
import { decodeRows, encodeRows } from '../../src/domain/copy-text.ts';

describe('rows as COPY text', () => {
  test('reads what Postgres writes', () => {
    expect(decodeRows('1\t\\N\t\nb\\\\s\ta\\tb\\nc\\rd\\be\\ff\\vg\t\\\\N\n', 3)).toEqual([
      ['1', null, ''],
      ['b\\s', 'a\tb\nc\rd\be\ff\vg', '\\N'],
    ]);
  });

  test('tells rows of no columns from rows of one empty value', () => {
    expect(decodeRows('\n\n', 0)).toEqual([[], []]);
    expect(decodeRows('\n\n', 1)).toEqual([[''], ['']]);
    expect(decodeRows('', 0)).toEqual([]);
    expect(decodeRows('', 1)).toEqual([]);
  });

  test.each([
    [[['a', null, '']]],
    [[['\\N', '\\', '\\.']]],
    [[['tab\there', 'line\nbreak', 'cr\rlf\r\n']]],
    [[['\b\f\v\u0001\u007f', 'é😀', '\\n']]],
    [[[null], [''], ['x']]],
    [[[], []]],
  ])('gives back %j', (rows) => {
    expect(decodeRows(encodeRows(rows), rows[0]?.length ?? 0)).toEqual(rows);
  });
});
