/** Comparing snapshots: against a comparison in memory, and at the edges. */
import { describe, expect, it } from 'vitest';
import { encodeRows } from '../../src/domain/copy-text.ts';
import type { Change } from '../../src/domain/diff.ts';
import type { Column, Row } from '../../src/domain/result-set.ts';
import { memoryScratch } from '../../src/services/diff/memory-scratch.ts';
import { compareIntegers } from '../../src/services/diff/order.ts';
import { allChanges, countingScratch, randomNumbers, SnapshotShelf } from './diff-support.ts';
import { column } from './format-support.ts';

const id = column('int', 'id');
const name = column('text', 'name');
const both = [id, name];

const range = (count: number) => Array.from({ length: count }, (_, at) => at);

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, item]) => item);
}

async function compare(
  from: readonly Row[],
  to: readonly Row[],
  more: { key?: string[]; columns?: Column[]; toColumns?: Column[]; runSize?: number } = {},
) {
  const shelf = new SnapshotShelf();
  const columns = more.columns ?? both;
  const scratch = countingScratch();
  const diff = await shelf
    .diffs(more.runSize, scratch)
    .open(await shelf.keep(columns, from), await shelf.keep(more.toColumns ?? columns, to), {
      key: more.key,
    });
  const changes = await allChanges(diff);
  expect(scratch.held).toBe(0);
  expect(shelf.ended).toBe(shelf.opened);
  const { added, removed, changed, unchanged } = diff.summary;
  return {
    changes,
    key: diff.key.columns?.map((each) => each.key) ?? null,
    found: diff.key.found,
    counts: [added, removed, changed, unchanged],
    written: scratch.bytes,
  };
}

/** A change without its order, to compare sets of them. */
const textOf = (change: Change) =>
  JSON.stringify(
    change.kind === 'changed'
      ? [change.kind, change.before, change.after, change.columns.map(({ key }) => key)]
      : [change.kind, change.row],
  );

/** The same in memory: `key` columns from the left. */
function naive(from: readonly Row[], to: readonly Row[], key: number): string[] {
  const keyOf = (row: Row) => JSON.stringify(row.slice(0, key));
  const twins = new Map(to.map((row) => [keyOf(row), row]));
  const old = new Set(from.map(keyOf));
  return [
    ...from.flatMap((row) => {
      const twin = twins.get(keyOf(row));
      if (!twin) return [JSON.stringify(['removed', row])];
      const differing = row.flatMap((value, at) => (value === twin[at] ? [] : [both3[at]?.name]));
      return differing.length ? [JSON.stringify(['changed', row, twin, differing])] : [];
    }),
    ...to.filter((row) => !old.has(keyOf(row))).map((row) => JSON.stringify(['added', row])),
  ].sort();
}

const both3 = [id, name, column('numeric', 'price')];

/** Values that a sort, an escape or a comparison may trip over. */
const awkward = [
  null,
  '',
  '0',
  '\\N',
  '\\',
  'a\tb',
  'line\nbreak',
  '"',
  ',',
  'é',
  '📈',
  '\ud7ff',
  'Z',
  'a',
  '\u0000x',
  ' ',
];

describe('random snapshots', () => {
  it.each(range(60))('differ as a comparison in memory says (seed %i)', async (seed) => {
    const random = randomNumbers(seed);
    const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T;
    const keys = shuffled(range(300), random).slice(0, Math.floor(random() * 300));
    const ids = [-3, 10, 9, 2 ** 40, -(2 ** 35)];
    const rowOf = (key: number): Row => [
      String((ids[key % 5] ?? 0) + 7 * key),
      pick(awkward),
      pick(['1', '1.0', 'NaN', null]),
    ];
    const all = new Map(keys.map((key) => [key, rowOf(key)]));
    const from = [...all].filter(() => random() < 0.8);
    const to = [...all]
      .filter(() => random() < 0.8)
      .map(([key, row]) => (random() < 0.7 ? row : [row[0] ?? null, ...rowOf(key).slice(1)]));
    const rows = [from.map(([, row]) => row), to] as const;
    const unique = rows.map((side) => [...new Map(side.map((row) => [row[0], row])).values()]);
    const [left = [], right = []] = unique.map((side) =>
      random() < 0.3 ? [...side].sort((a, b) => compareIntegers(a[0] ?? '', b[0] ?? '')) : side,
    );
    const runSize = pick([1, 200, 2000, undefined]);
    const { changes } = await compare(left, right, {
      columns: both3,
      key: ['id'],
      ...(runSize ? { runSize } : {}),
    });
    expect(changes.map(textOf).sort()).toEqual(naive(left, right, 1));
  });

  it.each(range(40))('without a key differ as sets that count (seed %i)', async (seed) => {
    const random = randomNumbers(1000 + seed);
    const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T;
    const side = () =>
      range(Math.floor(random() * 200)).map((): Row => [pick(['1', '1', null]), pick(awkward.slice(0, 5))]);
    const [from, to] = [
      [...side(), ['1', 'a'], ['1', 'a']],
      [...side(), [null, ''], [null, '']],
    ] as [Row[], Row[]];
    const runSize = pick([1, 100, undefined]);
    const { changes, key, counts } = await compare(from, to, runSize ? { runSize } : {});
    const count = (rows: readonly Row[]) => {
      const counted = new Map<string, number>();
      for (const row of rows) counted.set(JSON.stringify(row), (counted.get(JSON.stringify(row)) ?? 0) + 1);
      return counted;
    };
    const [old, now] = [count(from), count(to)];
    const expected = [...new Set([...old.keys(), ...now.keys()])].flatMap((row) => {
      const more = (now.get(row) ?? 0) - (old.get(row) ?? 0);
      return range(Math.abs(more)).map(() => `["${more > 0 ? 'added' : 'removed'}",${row}]`);
    });
    expect(key).toBe(null);
    expect(changes.map(textOf).sort()).toEqual(expected.sort());
    expect((counts[0] ?? 0) + (counts[3] ?? 0)).toBe(to.length);
    expect((counts[1] ?? 0) + (counts[3] ?? 0)).toBe(from.length);
  });
});

describe('the order of integers', () => {
  it('is that of the numbers', () => {
    const texts = [
      '-9223372036854775808',
      '-10',
      '-9',
      '-1',
      '0',
      '1',
      '9',
      '10',
      '9007199254740993',
      '9223372036854775807',
    ];
    const random = randomNumbers(5);
    for (let round = 0; round < 50; round++)
      expect(shuffled(texts, random).sort(compareIntegers)).toEqual(texts);
    expect(compareIntegers('7', '7')).toBe(0);
  });
});

describe('what comes in order', () => {
  it('by number, NULL last, needs no scratch', async () => {
    const rows = range(2000).map((n): Row => [String(n - 5), `name ${n}`]);
    rows.push([null, 'none']);
    const { counts, written } = await compare(rows, rows.slice(1), { key: ['id'], runSize: 1 });
    expect([counts, written]).toEqual([[0, 1, 0, 2000], 0]);
  });

  it('but for its end is sorted from there on', async () => {
    const rows = range(5000).map((n): Row => [String(n), 'x'.repeat(20)]);
    const late: Row[] = [...rows.slice(10), ...rows.slice(0, 10)];
    const { counts, written } = await compare(late, rows, { key: ['id'], runSize: 100 });
    expect(counts).toEqual([0, 0, 0, 5000]);
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(1000);
  });
});

describe('a key that the reader names', () => {
  it('may be several columns, once each', async () => {
    const from: Row[] = [
      ['1', 'a', '5'],
      ['1', 'b', '5'],
    ];
    const to: Row[] = [
      ['1', 'b', '6'],
      ['2', 'a', '5'],
    ];
    const answer = await compare(from, to, { columns: both3, key: ['name', 'id', 'name'] });
    expect(answer).toMatchObject({ key: ['name', 'id'], found: false, counts: [1, 1, 1, 0] });
  });

  it('may be NULL once', async () => {
    const { changes } = await compare(
      [
        [null, 'a'],
        ['1', 'x'],
      ],
      [
        ['1', 'x'],
        [null, 'b'],
      ],
      { key: ['id'] },
    );
    expect(changes.map(textOf)).toEqual([JSON.stringify(['changed', [null, 'a'], [null, 'b'], ['name']])]);
  });

  const twins: Row[] = [
    ['1', 'a'],
    ['2', 'b'],
    ['1', 'secret'],
  ];
  const nulls: Row[] = [
    [null, 'a'],
    ['1', 'x'],
    [null, 'b'],
  ];
  const single: Row[] = [['1', 'a']];
  it.each([
    ['compared from', twins, single],
    ['compared to', single, twins],
    ['compared to', single, nulls],
    ['compared to', single, [...single, ...single]],
  ])('has to be unique in the snapshot %s', async (which, from, to) => {
    for (const runSize of [1, 1000]) {
      const shelf = new SnapshotShelf();
      const scratch = countingScratch();
      const [left, right] = [await shelf.keep(both, from), await shelf.keep(both, to)];
      const failure = await shelf
        .diffs(runSize, scratch)
        .open(left, right, { key: ['id'] })
        .catch((error) => error);
      expect(failure).toMatchObject({ code: 'key_not_unique', message: expect.stringContaining(which) });
      expect(failure.message).toContain(which === 'compared from' ? left.id : right.id);
      expect(failure.message).not.toContain('secret');
      expect([scratch.held, shelf.ended]).toEqual([0, shelf.opened]);
    }
  });

  it('has to be of columns that both have', async () => {
    const failing = compare([], [], { key: ['name'], toColumns: [id, column('text', 'title')] });
    await expect(failing).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringContaining('"id"'),
    });
    await expect(compare([], [], { key: ['name'], columns: [] })).rejects.toMatchObject({
      code: 'invalid_option',
    });
  });
});

describe('a key that is looked for', () => {
  const n = column('int', 'n');
  const cases: [string, Column[], Row[], string[] | null][] = [
    [
      'the first column that is unique',
      [n, id, name],
      [
        ['1', '1', 'a'],
        ['1', '2', 'b'],
      ],
      ['id'],
    ],
    [
      'an exact kind before a number of any digits',
      [column('numeric', 'total'), name],
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
      ['name'],
    ],
    [
      'a number of any digits when there is no other',
      [column('numeric', 'total'), n],
      [
        ['1', '1'],
        ['2', '1'],
      ],
      ['total'],
    ],
    [
      'no float, boolean or json',
      [column('float'), column('json', 'j'), column('boolean', 'b')],
      [
        ['1', '1', 't'],
        ['2', '2', 'f'],
      ],
      null,
    ],
    [
      'no column with a NULL',
      [id, name],
      [
        [null, 'a'],
        ['1', 'b'],
      ],
      ['name'],
    ],
    [
      'a pair when no column is',
      [id, n, name],
      [
        ['1', '1', 'a'],
        ['1', '2', 'a'],
        ['2', '1', 'a'],
      ],
      ['id', 'n'],
    ],
    [
      'nothing when rows are there twice',
      [id, name],
      [
        ['1', 'a'],
        ['1', 'a'],
      ],
      null,
    ],
    ['nothing of one row, which stays the same row', [n], [['1']], []],
  ];
  it.each(cases)('is %s', async (_, columns, rows, expected) => {
    const answer = await compare(rows, rows, { columns });
    expect(answer).toMatchObject({ key: expected, found: true, counts: [0, 0, 0, rows.length] });
  });

  it('takes one row with other values for changed', async () => {
    expect(await compare([['1', 'a']], [['2', 'a']])).toMatchObject({ key: [], counts: [0, 0, 1, 0] });
    expect(await compare([], [['2', 'a']])).toMatchObject({ key: [], counts: [1, 0, 0, 0] });
  });

  it.each([1, undefined])('is given up when rows that were not sampled break it', async (runSize) => {
    // The twins of `id` and the NULL of `n` stand behind what a sample sees.
    const rows = range(20_000).map(
      (at): Row => [String(at === 19_990 ? 3 : at), at === 19_995 ? null : String(at), `x${at}`],
    );
    const answer = await compare(rows, rows, {
      columns: [id, n, name],
      ...(runSize ? { runSize: 100_000 } : {}),
    });
    expect(answer).toMatchObject({ key: ['name'], found: true, counts: [0, 0, 0, 20_000] });
  });
});

describe('columns', () => {
  it('of one snapshot alone are compared with nothing', async () => {
    const { changes, counts } = await compare(
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
      [
        ['x', '1'],
        ['y', '3'],
      ],
      {
        columns: [id, name],
        toColumns: [column('text', 'extra'), id],
        key: ['id'],
      },
    );
    expect(counts).toEqual([1, 1, 0, 1]);
    expect(changes.map(textOf)).toEqual(['["removed",["2","b"]]', '["added",["y","3"]]']);
  });

  it('without one in common leave nothing the same', async () => {
    const answer = await compare([['1']], [['1']], { columns: [id], toColumns: [name] });
    expect(answer).toMatchObject({ key: null, counts: [1, 1, 0, 0] });
  });

  it('may be none at all', async () => {
    expect(await compare([[], [], []], [[]], { columns: [] })).toMatchObject({
      key: null,
      counts: [0, 2, 0, 1],
    });
  });

  it('of the same name are told apart', async () => {
    const columns = [id, name, name];
    const { changes } = await compare([['1', 'a', 'b']], [['1', 'a', 'c']], { columns, key: ['id'] });
    expect(changes.map(textOf)).toEqual([
      JSON.stringify(['changed', ['1', 'a', 'b'], ['1', 'a', 'c'], ['name_2']]),
    ]);
  });

  it('that changed their type compare as text, as a key too', async () => {
    const rows = range(30).map((at): Row => [String(at), 'a']);
    const answer = await compare(rows, shuffled(rows, randomNumbers(1)), {
      toColumns: [{ ...id, kind: 'text' }, name],
      key: ['id'],
    });
    expect(answer.counts).toEqual([0, 0, 0, 30]);
  });

  it('keep the JSON that stands beside them through scratch', async () => {
    const tags = column('array', 'tags', { element: 'int', jsonAt: 2 });
    const rows = range(50).map((at): Row => [String(50 - at), `{${at}}`, `[${at}]`]);
    const answer = await compare(rows, rows.slice(1), { columns: [id, tags], key: ['id'], runSize: 1 });
    expect(answer.changes).toEqual([{ kind: 'removed', row: ['50', '{0}', '[0]'] }]);
  });
});

describe('snapshots at the edge', () => {
  it('may be empty, the same, or one row 10,000 times', async () => {
    expect((await compare([], [])).counts).toEqual([0, 0, 0, 0]);
    const rows = Array.from({ length: 10_000 }, (): Row => ['1', 'a']);
    expect((await compare(rows, rows.slice(0, 9_000))).counts).toEqual([0, 1_000, 0, 9_000]);
    expect((await compare(rows.slice(0, 1), rows, { runSize: 1 })).counts).toEqual([9_999, 0, 0, 1]);
  });

  it('may have rows larger than a piece of scratch that is read at once', async () => {
    const rows = range(6).map((at): Row => [String(9 - at), String(at).repeat(300_000)]);
    expect((await compare(rows, [...rows].reverse(), { key: ['id'], runSize: 1 })).counts).toEqual([
      0, 0, 0, 6,
    ]);
  });
});

describe('what goes wrong', () => {
  const ordered = range(100_000).map((at): Row => [String(at), `name ${at}`]);

  it('a damaged chunk is told before the first change', async () => {
    const shelf = new SnapshotShelf();
    const scratch = countingScratch();
    const [from, to] = [await shelf.keep(both, ordered), await shelf.keep(both, ordered)];
    shelf.damage(to, 5);
    const opening = shelf.diffs(1000, scratch).open(from, to, { key: ['id'] });
    await expect(opening).rejects.toMatchObject({ code: 'snapshot_damaged' });
    expect([scratch.held, shelf.ended]).toEqual([0, shelf.opened]);
  });

  it('a chunk that is damaged later ends the changes with an error', async () => {
    const shelf = new SnapshotShelf();
    const [from, to] = [await shelf.keep(both, ordered), await shelf.keep(both, ordered)];
    const diff = await shelf.diffs().open(from, to, { key: ['id'] });
    shelf.damage(from, 5);
    await expect(allChanges(diff)).rejects.toMatchObject({ code: 'snapshot_damaged' });
    expect(shelf.ended).toBe(shelf.opened);
  });

  it('without room it is refused, and what was written is given back', async () => {
    const shelf = new SnapshotShelf();
    const scratch = countingScratch(memoryScratch(20_000));
    const random = randomNumbers(3);
    const [from, to] = [await shelf.keep(both, shuffled(ordered, random)), await shelf.keep(both, ordered)];
    const opening = shelf.diffs(10_000, scratch).open(from, to, { key: ['id'] });
    await expect(opening).rejects.toMatchObject({ code: 'diff_too_large', status: 413 });
    expect([scratch.held, shelf.ended]).toEqual([0, shelf.opened]);
  });

  it('a reader who leaves stops it, while rows are sorted and while changes are read', async () => {
    const shelf = new SnapshotShelf();
    const scratch = countingScratch();
    const from = await shelf.keep(both, shuffled(ordered, randomNumbers(4)));
    const to = await shelf.keep(both, ordered.slice(50_000));
    const leaving = shelf.diffs(1e6, scratch).open(from, to, { key: ['id'], signal: AbortSignal.abort() });
    await expect(leaving).rejects.toMatchObject({ code: 'run_cancelled' });
    expect([scratch.held, shelf.ended]).toEqual([0, shelf.opened]);
    const diff = await shelf.diffs(1e6, scratch).open(from, to, { key: ['id'] });
    for await (const batch of diff.changes) {
      expect(batch.length).toBeGreaterThan(0);
      expect(scratch.held).toBe(1);
      break;
    }
    expect([scratch.held, shelf.ended]).toEqual([0, shelf.opened]);
  });

  it('a reader who left without a word stops it, too, when the rest has no change to give', async () => {
    const shelf = new SnapshotShelf();
    const scratch = countingScratch();
    const [from, to] = [
      await shelf.keep(both, shuffled(ordered, randomNumbers(4))),
      await shelf.keep(both, ordered),
    ];
    const leaving = new AbortController();
    const diff = await shelf.diffs(1e6, scratch).open(from, to, { key: ['id'], signal: leaving.signal });
    leaving.abort();
    await expect(allChanges(diff)).rejects.toMatchObject({ code: 'run_cancelled' });
    expect([scratch.held, shelf.ended]).toEqual([0, shelf.opened]);
  });
});

describe('memory', () => {
  const ordered = range(20_000).map((n): Row => [String(n), `a name of some length, ${n}`]);

  it('holds no run while others are read', async () => {
    const late = shuffled(ordered, randomNumbers(8));
    const bytes = encodeRows(ordered).length;
    const { counts, written } = await compare(late, ordered, { key: ['id'], runSize: 900_000 });
    expect(counts).toEqual([0, 0, 0, 20_000]);
    // All but the few rows that came in order by chance.
    expect(written).toBeGreaterThan(bytes - 1000);
  });

  it('holds few changes at once: with each, the text of many rows', async () => {
    const shelf = new SnapshotShelf();
    const other = ordered.map(([id]): Row => [id ?? null, 'another']);
    const diff = await shelf.diffs().open(await shelf.keep(both, ordered), await shelf.keep(both, other));
    let count = 0;
    for await (const changes of diff.changes) {
      expect(changes.length).toBeLessThanOrEqual(32);
      count += changes.length;
    }
    expect(count).toBe(20_000);
  });
});
