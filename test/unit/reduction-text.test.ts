/** The parser and the small parts of the reduction that know nothing of a database. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { likePrefix } from '../../src/reduction/comparisons.ts';
import { applyEdits, composeEdits, originalIndex } from '../../src/reduction/edits.ts';
import { type Facts, nameKey } from '../../src/reduction/facts.ts';
import { planFetch } from '../../src/reduction/fetch.ts';
import { collectNames } from '../../src/reduction/names.ts';
import { withInitialMemory } from '../../src/reduction/parser-memory.ts';
import { notLookedInto, reduce } from '../../src/reduction/reduce.ts';
import { isSafeTemplate } from '../../src/reduction/safe-functions.ts';
import { openParser, type SqlParser } from '../../src/reduction/sql-parser.ts';
import { requireNothingVolatile } from '../../src/reduction/steady.ts';
import { quoteName, quoteText } from '../../src/reduction/writing.ts';

const wasm = readFileSync(createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm'));
let parser: SqlParser;

beforeAll(async () => {
  parser = await openParser(new WebAssembly.Module(wasm));
});

describe('the parser', () => {
  it.each([
    'select 1',
    'values (1)',
    'table t',
    'with a as (select 1) select * from a',
    '(select 1) union select 2',
  ])('takes %s', (sql) => expect(parser.parse(sql)?.select).toBeDefined());

  it.each(['', 'selec', 'select 1; select 2', 'delete from t', 'explain select 1', 'select \0', 'show all'])(
    'leaves %j alone',
    (sql) => expect(parser.parse(sql)).toBeNull(),
  );

  it('counts in characters where the tree counts bytes', () => {
    const sql = `select 'é📈', a = b from t`;
    const parsed = parser.parse(sql);
    const locations: number[] = [];
    JSON.stringify(parsed?.select, (key, value) => {
      if (key === 'location') locations.push(value as number);
      return value as unknown;
    });
    expect(locations.map((each) => sql.slice(parsed?.indexOf(each)).slice(0, 1))).toContain('=');
    expect(sql.slice(parsed?.indexOf(Math.max(...locations)))).toBe('t');
  });

  it('gives up on what is too deep or too long, and goes on', () => {
    expect(parser.parse(`select ${'('.repeat(5000)}1${')'.repeat(5000)}`)).toBeNull();
    expect(parser.parse(`select '${'x'.repeat(70_000)}'`)).toBeNull();
    expect(parser.parse(`select ${'- '.repeat(30_000)}1`)).toBeNull();
    expect(parser.parse('select 1')).not.toBeNull();
  });

  it.each([
    ['half a surrogate pair, which a database gets in another way', `select '\ud83d' from t`],
    ['the other half', `select '\udcc8', a = b from t`],
    ['a chain as long as the stack', `select ${'a || '.repeat(3000)}a from t`],
    ['many joins', `select from t${' join t on true'.repeat(3000)}`],
  ])('leaves %s alone', (_, sql) => expect(parser.parse(sql)).toBeNull());

  it('comes back when it broke off in the middle', async () => {
    let overflown = false;
    const overflow = (): void => {
      try {
        overflow();
      } catch {
        // Here the stack is nearly used up.
        overflown ||= parser.parse(`select ${'-1 + '.repeat(50)}1`) === null;
      }
    };
    overflow();
    await expect.poll(() => parser.parse('select 1')).not.toBeNull();
    expect(overflown).toBe(true);
  });

  it('runs in less memory than it asks for', async () => {
    const small = withInitialMemory(wasm, 8 * 2 ** 20);
    expect(small.length).toBe(wasm.length);
    const other = await openParser(new WebAssembly.Module(small as Uint8Array<ArrayBuffer>));
    expect(other.parse(`select ${'1,'.repeat(30_000)}1`)?.select.targetList).toHaveLength(30_001);
    expect(() => withInitialMemory(wasm, 2 ** 40)).toThrow(TypeError);
    expect(() => withInitialMemory(wasm.subarray(0, 8), 1)).toThrow(TypeError);
  });

  it('leaves nothing behind in the global scope', () => {
    expect('__filename' in globalThis || '__dirname' in globalThis).toBe(false);
  });
});

describe('the names of a text', () => {
  it('are relations, functions and operators, each once', () => {
    const parsed = parser.parse(
      `with c as (select lower(a) from s.t) select concat(x), lower(y) || 'z' from c, "T" where a ~~~ b or (select max(q) from t2) > 1`,
    );
    if (!parsed) throw new Error('not parsed');
    const names = collectNames(parsed);
    expect(names.relations).toEqual([
      { schema: null, name: 'c' },
      { schema: null, name: 'T' },
      { schema: null, name: 't2' },
      { schema: 's', name: 't' },
    ]);
    expect(names.functions.map(({ name }) => name).sort()).toEqual(['concat', 'lower', 'max']);
    expect(names.operators.map(({ name }) => name)).toEqual(expect.arrayContaining(['=', '||', '~~~', '>']));
  });
});

describe('a hostile text', () => {
  const callable = { volatile: false, builtIn: true, someBuiltIn: true, leakproof: false, shadowed: false };
  const relation = (name: string, columns: string[], redisKey: string | null) => ({
    ...{
      schema: 'public',
      name,
      redisKey,
      definition: null,
      unsteady: null,
      readable: true,
      readerBound: false,
    },
    columns: columns.map((column) => ({ name: column, type: 'text', collation: null })),
  });
  const named = <T>(all: Record<string, T>) =>
    new Map(Object.entries(all).map(([name, value]) => [nameKey({ schema: null, name }), value]));
  const facts: Facts = {
    relations: named({ w: relation('w', ['a'], null), redis: relation('redis', ['key'], 'key') }),
    functions: named({ concat: { ...callable, returns: 'text' } }),
    operators: named(
      Object.fromEntries(
        ['=', '<', '<=', '>', '>=', '<>', '^@'].map((name) => [name, { ...callable, returns: null }]),
      ),
    ),
    catalogFirst: true,
  };
  const times = (count: number, text: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => text(n)).join('');

  // Twice as long with each level: none of these would end.
  it('that would take hours is looked into once, however often its columns are named', () => {
    const sql = `select 1 from ${times(90, () => '(select concat(a, a) as a from ')}w${times(90, (n) => `) t${n}`)} x`;
    const joined = `${sql.slice(0, -1)} join redis r on r.key = t89.a`;
    expect(reduce(joined, facts, parser).kind).toBe('reduced');
    expect(planFetch(joined, facts, parser).kind).toBe('fetch');
  });

  it('is not searched for volatile operators in vain', () => {
    const search = (sql: string) => () => requireNothingVolatile(parser.parse(sql)?.select, facts);
    expect(search('select a < concat(a) from w')).not.toThrow();
    // Names of three parts, and those of views over views over views, are not asked for.
    for (const unknown of ['a operator(db.public.<) a', 'a <-> a', 'nothing(a)'])
      expect(search(`select ${unknown} from w`)).toThrow('volatile');
  });

  it.each([
    [
      'CTEs that double',
      `with c0 as (select a from w)${times(60, (n) => `, c${n + 1} as (select a from c${n} union all select a from c${n})`)} select 1 from c60 x join redis r on r.key = x.a`,
    ],
    ['conditions', `select 1 from w join redis r on ${times(2000, () => 'r.key = a and ')} true`],
    ['tables', `select 1 from w${times(1000, (n) => ` join redis r${n} on r${n}.key = w.a`)}`],
  ])('that would take hours is given up: %s', (_, sql) => {
    expect(parser.parse(sql)).not.toBeNull();
    expect(reduce(sql, facts, parser)).toMatchObject({ kind: 'as written', reason: notLookedInto });
    expect(planFetch(sql, facts, parser)).toMatchObject({ kind: 'impossible', reason: notLookedInto });
  });
});

describe('edits', () => {
  const edits = [
    { index: 2, removed: 0, text: 'XY' },
    { index: 4, removed: 3, text: 'Z' },
  ];

  it('are applied in order', () => expect(applyEdits('abcdefghi', edits)).toBe('abXYcdZhi'));

  it('lead back', () => {
    const changed = applyEdits('abcdefghi', edits);
    const back = [...changed].map((_, index) => originalIndex(edits, index));
    expect(back).toEqual([0, 1, 2, 2, 2, 3, 4, 7, 8]);
    expect(originalIndex(edits, changed.length)).toBe(9);
    expect(originalIndex([], 3)).toBe(3);
  });
});

describe('edits of an edited text', () => {
  const first = [
    { index: 2, removed: 3, text: 'uvwxyz' },
    { index: 7, removed: 0, text: '12' },
  ];
  const edited = applyEdits('abcdefghi', first);

  it.each([
    [[{ index: 0, removed: 1, text: '' }]],
    [[{ index: 2, removed: 6, text: 'all' }]],
    [
      [
        { index: 3, removed: 2, text: '__' },
        { index: 8, removed: 1, text: 'F' },
      ],
    ],
    [
      [
        { index: 1, removed: 1, text: 'B' },
        { index: 2, removed: 0, text: '<' },
        { index: 10, removed: 2, text: '' },
        { index: 12, removed: 2, text: '!' },
      ],
    ],
  ])('are edits of the text as it was: %j', (second) => {
    const all = composeEdits(first, second);
    expect(applyEdits('abcdefghi', all)).toBe(applyEdits(edited, second));
    expect(all.map(({ index }) => index)).toEqual(all.map(({ index }) => index).toSorted((a, b) => a - b));
  });
});

it.each([
  ['abc', 'abc'],
  ['abc%', 'abc'],
  ['a_c%', 'a'],
  ['%a', ''],
  ['a\\%b%', 'a%b'],
  ['a\\\\b_', 'a\\b'],
  ['a\\', 'a'],
  ['', ''],
])('LIKE %j begins with %j', (pattern, prefix) => expect(likePrefix(pattern)).toBe(prefix));

it.each([
  ['w:%s', 1, true],
  ['%s:%s', 1, false],
  ['100%%', 0, true],
  ['%I', 1, false],
  ['%1$s', 1, false],
  ['%-5s', 1, false],
  ['x%', 1, false],
  ['x%%%', 1, false],
  ['%\n', 1, false],
])('the template %j with %i values is safe: %s', (template, values, safe) =>
  expect(isSafeTemplate(template, values)).toBe(safe),
);

it('names and texts are quoted', () => {
  expect(quoteName('a"b')).toBe('"a""b"');
  expect(quoteText("it's \\")).toBe("'it''s \\'");
});
