/** The CSV that snapshots are kept as, read back: exactly the rows that were written, or null, never others. */
import { describe, expect, test } from 'vitest';
import type { Row } from '../../src/domain/result-set.ts';
import { csvLines } from '../../src/formats/csv.ts';
import { decodeCsvRows } from '../../src/formats/csv-rows.ts';
import { column } from './format-support.ts';

function encode(rows: readonly Row[], width: number): string {
  const lines = csvLines(Array.from({ length: width }, () => column('text')));
  return rows.map(lines.encodeRow).join('');
}

/** Numbers from 0 to `below - 1`, the same at every run (a linear congruential generator). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const pieces = [
  'a',
  '',
  ',',
  '"',
  '""',
  '\n',
  '\r\n',
  '\\.',
  '\\N',
  ' ',
  '\t',
  'é',
  '😀',
  '\ud800',
  '\0',
  '1',
];

function randomRows(random: (below: number) => number, width: number): Row[] {
  const value = () =>
    random(4) === 0
      ? null
      : Array.from({ length: random(4) }, () => pieces[random(pieces.length)] as string).join('');
  return Array.from({ length: random(6) }, () => Array.from({ length: width }, value));
}

/** The grammar itself, slow and obvious. */
function decodePlainly(text: string, width: number): Row[] | null {
  const value = '(?:"(?:[^"]|"")*"|[^",\\n]*)';
  const line = new RegExp(`${Array.from({ length: width }, () => `(${value})`).join(',')}\\n`, 'y');
  const rows: Row[] = [];
  while (line.lastIndex < text.length) {
    const match = line.exec(text);
    if (!match) return null;
    rows.push(
      match.slice(1).map((raw) => {
        if (raw === '') return null;
        return raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw;
      }),
    );
  }
  return rows;
}

describe('gives back', () => {
  test.each<[string, number, readonly Row[]]>([
    ['no rows', 3, []],
    [
      'NULL and empty text',
      2,
      [
        [null, ''],
        ['', null],
        [null, null],
        ['', ''],
      ],
    ],
    ['NULL and empty text in one column', 1, [[null], [''], [null]]],
    ['rows of no columns', 0, [[], [], []]],
    ['what ends the data of COPY', 1, [['\\.'], ['\\.\n\\.']]],
    [
      'what means NULL elsewhere',
      2,
      [
        ['\\N', 'NULL'],
        ['\\.', 'null'],
      ],
    ],
    [
      'quotes at every place',
      3,
      [
        ['"', '""', 'a"b'],
        ['"a"', '",', '"\n"'],
      ],
    ],
    [
      'line breaks of all kinds',
      2,
      [
        ['\n', '\r'],
        ['\r\n', '\n\n'],
      ],
    ],
    [
      'commas',
      2,
      [
        [',', ',,'],
        ['a,b', ',"'],
      ],
    ],
  ])('%s', (_, width, rows) => {
    expect(decodeCsvRows(encode(rows, width), width)).toEqual(rows);
  });

  test('a value of a megabyte', () => {
    const rows = [
      ['"\n,é'.repeat(250_000), null],
      [null, 'x'.repeat(1_000_000)],
    ];
    expect(decodeCsvRows(encode(rows, 2), 2)).toEqual(rows);
  });

  test('whatever there may be in a row', () => {
    const random = randomNumbers(1);
    for (let n = 0; n < 3_000; n++) {
      const width = random(5);
      const rows = randomRows(random, width);
      expect(decodeCsvRows(encode(rows, width), width)).toEqual(rows);
    }
  });
});

describe('refuses', () => {
  test.each([
    ['a line without its end', 'a,b', 2],
    ['a missing value', 'a\n', 2],
    ['a missing value before a whole line', 'a\nb,c\n', 2],
    ['a value too many', 'a,b,c\n', 2],
    ['a value too many in one column', 'a,b\n', 1],
    ['a value where no column is', 'a\n', 0],
    ['text behind a closing quote', '"a"b\n', 1],
    ['a quote inside of a plain value', 'a"b\n', 1],
    ['a quote that is never closed', '"a\n', 1],
    ['a quote alone', '"', 1],
    ['a closing quote at the very end', 'a\n"b"', 1],
    ['half a doubled quote', '"a"""b"\n', 1],
  ])('%s', (_, text, width) => {
    expect(decodeCsvRows(text, width)).toBeNull();
  });

  test('a row that begins past the bound, however long the one before it is', () => {
    const rows = [['a'], ['"\n'.repeat(100)], ['b']];
    const text = encode(rows, 1);
    expect(decodeCsvRows(text, 1, text.length - 3)).toBeNull();
    expect(decodeCsvRows(text, 1, text.length - 2)).toEqual(rows);
  });

  test('every text that is cut off within a row', () => {
    const rows = [
      ['a', null, '"\n,'],
      ['', '😀', '\r\n'],
      [null, null, null],
    ];
    const text = encode(rows, 3);
    for (let length = 0; length < text.length; length++) {
      const got = decodeCsvRows(text.slice(0, length), 3);
      if (got) expect(got).toEqual(rows.slice(0, got.length));
      const ends = rows.map((_, index) => encode(rows.slice(0, index), 3).length);
      expect([length, got !== null]).toEqual([length, ends.includes(length)]);
    }
  });

  test('what the grammar refuses, and reads the rest as the grammar does', () => {
    const random = randomNumbers(2);
    let refused = 0;
    for (let n = 0; n < 5_000; n++) {
      const width = 1 + random(3);
      const text = encode(randomRows(random, width), width);
      const at = random(text.length + 1);
      const added = pieces[random(pieces.length)] as string;
      const spoiled = text.slice(0, at) + added + text.slice(at + random(3));
      const expected = decodePlainly(spoiled, width);
      expect([spoiled, decodeCsvRows(spoiled, width)]).toEqual([spoiled, expected]);
      if (expected === null) refused++;
    }
    expect(refused).toBeGreaterThan(500);
  });
});
