/** The parser and the small parts of the reduction that know nothing of a database. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { likePrefix } from '../../src/reduction/comparisons.ts';
import { applyEdits, originalIndex } from '../../src/reduction/edits.ts';
import { collectNames } from '../../src/reduction/names.ts';
import { withInitialMemory } from '../../src/reduction/parser-memory.ts';
import { isSafeTemplate } from '../../src/reduction/safe-functions.ts';
import { openParser, type SqlParser } from '../../src/reduction/sql-parser.ts';
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
])('the template %j with %i values is safe: %s', (template, values, safe) =>
  expect(isSafeTemplate(template, values)).toBe(safe),
);

it('names and texts are quoted', () => {
  expect(quoteName('a"b')).toBe('"a""b"');
  expect(quoteText("it's \\")).toBe("'it''s \\'");
});
