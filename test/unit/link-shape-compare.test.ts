import { describe, expect, it } from 'vitest';
import { compareShapes } from '../../src/adapters/postgres/links/compare-shapes.ts';
import type {
  LinkShape,
  ShapeColumn,
  ShapeTable,
  ShapeType,
} from '../../src/adapters/postgres/links/shape.ts';

const column = (name: string, type: string, more: Partial<ShapeColumn> = {}): ShapeColumn => ({
  ...{ name, type, collation: null, notNull: false, comment: null },
  ...more,
});
const table = (name: string, columns: ShapeColumn[], comment: string | null = null): ShapeTable => ({
  ...{ name, comment, columns },
});
const mood = (...labels: string[]): ShapeType => ({ kind: 'enum', name: 'mood', text: 'w.mood', labels });
const domain = (name: string, base: string): ShapeType => ({
  ...{ kind: 'domain', name, text: `w.${name}`, base, collation: null },
});
const shape = (types: ShapeType[], ...tables: ShapeTable[]): LinkShape => ({ types, tables });
const kinds = (actual: LinkShape, desired: LinkShape) =>
  compareShapes(actual, desired).steps.map((step) => {
    const { kind, ...rest } = step;
    const named = 'type' in rest ? rest.type : rest.table;
    const of = typeof named === 'string' ? named : named.name;
    const what = 'column' in rest ? (typeof rest.column === 'string' ? rest.column : rest.column.name) : null;
    return [kind, of, ...(what === null ? [] : [what]), ...('to' in rest ? [rest.to] : [])].join(' ');
  });
const words = (actual: LinkShape, desired: LinkShape) =>
  compareShapes(actual, desired).changes.map(({ change, kind, name, detail }) =>
    [change, kind, name, ...(detail === null ? [] : [`(${detail})`])].join(' '),
  );

describe('two shapes', () => {
  it('that are alike but for the order of columns and tables have no difference', () => {
    const [a, b] = [column('a', 'integer'), column('b', 'w.mood')];
    const actual = shape([mood('x')], table('t', [a, b]), table('u', []));
    expect(compareShapes(actual, shape([mood('x')], table('u', []), table('t', [b, a])))).toEqual({
      steps: [],
      changes: [],
    });
  });

  it('are told in words', () => {
    const actual = shape(
      [mood('a', 'b'), domain('email', 'text'), domain('gone', 'text')],
      table('users', [
        column('plan', 'integer', { notNull: true }),
        column('name', 'text', { collation: 'pg_catalog."C"' }),
        column('old', 'text', { comment: 'x' }),
        column('said', 'text', { comment: 'x' }),
      ]),
      table('left', [column('id', 'integer')]),
    );
    const desired = shape(
      [mood('a', 'meh', 'b'), domain('email', 'w.mood')],
      table(
        'users',
        [
          column('plan', 'bigint', { comment: 'new' }),
          column('name', 'text'),
          column('added', 'w.mood[]', { notNull: true }),
          column('said', 'text', { comment: 'y' }),
        ],
        'people',
      ),
      table('new', [column('id', 'integer')]),
    );
    expect(words(actual, desired)).toEqual([
      'changed type email (text → w.mood)',
      'removed type gone',
      "changed type mood (added 'meh')",
      'removed table left',
      'added table new',
      'changed table users (comment added)',
      'added column users.added (w.mood[])',
      'changed column users.name (text COLLATE "C" → text)',
      'removed column users.old',
      'changed column users.plan (integer → bigint, NOT NULL dropped, comment added)',
      'changed column users.said (comment changed)',
    ]);
    const { changes } = compareShapes(actual, desired);
    expect(changes.at(-1)).toMatchObject({ kind: 'column', name: 'users.said', table: 'users' });
    expect(changes[0]).toMatchObject({ kind: 'type', table: null });
  });

  it.each([
    [['a'], ['a', 'b', 'c'], "added 'b', 'c'"],
    [['a', 'b'], ['b'], "removed 'a'"],
    [['a', 'b'], ['b', 'a'], "now in the order 'b', 'a'"],
    [['a', 'b'], ['b', 'c', 'a'], "added 'c', now in the order 'b', 'c', 'a'"],
  ])('with labels %j and %j', (before, after, detail) => {
    expect(words(shape([mood(...before)]), shape([mood(...after)]))).toEqual([
      `changed type mood (${detail})`,
    ]);
  });
});

describe('labels', () => {
  it('that were added go where the remote has them', () => {
    const { steps } = compareShapes(
      shape([mood('b', 'd')]),
      shape([mood('a', 'b', 'c1', 'c2', 'd', 'e', 'f')]),
    );
    expect(steps).toEqual(
      [
        ['a', 'b'],
        ['c1', 'd'],
        ['c2', 'd'],
        ['e', null],
        ['f', null],
      ].map(([label, before]) => ({ kind: 'add label', type: 'mood', label, before })),
    );
  });

  it('that were removed take a new type in the place of the old one, for all that is of it', () => {
    const [a, b] = [column('a', 'w.mood[]'), column('b', 'w.moods')];
    const tables = [table('t', [a, b, column('c', 'integer')])];
    const moods = domain('moods', 'w.mood[]');
    expect(kinds(shape([mood('x', 'y'), moods], ...tables), shape([mood('y'), moods], ...tables))).toEqual([
      'rename type mood mood_old',
      'rename type moods moods_old',
      'create type mood',
      'create type moods',
      'retype column t a',
      'retype column t b',
      'drop type moods_old',
      'drop type mood_old',
    ]);
  });
});

describe('names that change hands', () => {
  it('go from a table to a type, and from a type to a table', () => {
    const actual = shape([mood('a')], table('level', [column('m', 'w.mood')]), table('t', []));
    const desired = shape([domain('level', 'text')], table('mood', [column('l', 'w.level')]), table('t', []));
    expect(kinds(actual, desired)).toEqual([
      'rename type mood mood_old',
      'drop table level',
      'create type level',
      'create table mood',
      'drop type mood_old',
    ]);
  });

  it('leave what has the name for a while alone', () => {
    const actual = shape([mood('a'), domain('mood_old', 'text')], table('mood_old2', []));
    expect(kinds(actual, shape([mood('b'), domain('mood_old', 'text')], table('mood_old2', [])))).toEqual([
      'rename type mood mood_old3',
      'create type mood',
      'drop type mood_old3',
    ]);
  });
});

describe('a table that has had 1,600 columns', () => {
  const columns = Array.from({ length: 10 }, (_, i) => column(`c${i}`, 'integer'));
  const actual = (formerColumns: number) => shape([], { ...table('t', columns), formerColumns });
  it.each([
    [1589, ['add column t new']],
    [1590, ['drop table t', 'create table t']],
  ])('and lost %i of them', (former, steps) => {
    expect(kinds(actual(former), shape([], table('t', [...columns, column('new', 'text')])))).toEqual(steps);
  });

  it('is left alone when none is added', () => {
    expect(kinds(actual(1590), shape([], table('t', columns.slice(1))))).toEqual(['drop column t c0']);
  });
});
