import { describe, expect, it } from 'vitest';
import {
  type CollationFacts,
  describeCollation,
  sortsAlike,
} from '../../src/adapters/postgres/links/collation-order.ts';
import { compareShapes } from '../../src/adapters/postgres/links/compare-shapes.ts';
import type { LocalTypes } from '../../src/adapters/postgres/links/local-catalog.ts';
import { planShape } from '../../src/adapters/postgres/links/plan-shape.ts';
import type { RemoteCatalog, RemoteType } from '../../src/adapters/postgres/links/remote-catalog.ts';
import { stepSql } from '../../src/adapters/postgres/links/shape-sql.ts';
import { allotNames } from '../../src/adapters/postgres/links/type-names.ts';

const collation = (part: Partial<CollationFacts> = {}): CollationFacts => ({
  ...{ schema: '', name: '', provider: 'libc', collate: 'C', ctype: 'C', rules: null },
  ...{ deterministic: true, version: null },
  ...part,
});
const database = { databaseName: 'd', encoding: 'UTF8', lcMonetary: 'C', defaultCollation: collation() };
const local: LocalTypes = {
  ...database,
  versionNumber: 140000,
  builtIn: new Map([
    ['text', { text: 'text', textBeforeLength: 'text', collation: 'pg_catalog."default"' }],
    ['numeric', { text: 'numeric', textBeforeLength: 'numeric', collation: null }],
    ['interval', { text: 'interval', textBeforeLength: 'interval', collation: null }],
    ['money', { text: 'money', textBeforeLength: 'money', collation: null }],
  ]),
  ofExtensions: new Map([['postgis\0geometry', { text: 'public.geometry', collation: null }]]),
  ofUsers: new Map(),
  collations: new Map(),
  keywords: new Set(['select']),
};
const type = (name: string, part: Partial<RemoteType> = {}): RemoteType => ({
  ...{ schema: 'pg_catalog', name, kind: 'base', extension: null, element: null, delimiter: ',' },
  ...{ ofTable: false, labels: [], parts: [], constraints: [] },
  ...part,
});

/** The plan for a table with one column of the type, which has the key `1`. */
function planOf(types: Record<string, RemoteType>, typeText: string, more: Partial<RemoteCatalog> = {}) {
  const column = { name: 'c', type: '1', typeText, collation: null, notNull: false, comment: null };
  const remote: RemoteCatalog = {
    ...database,
    ...{ serverVersion: '18.0', versionNumber: 180000, schema: 'public', schemaExists: true },
    ...{ types: new Map(Object.entries(types)), collations: new Map(), unreadable: [] },
    tables: [{ name: 't', kind: 'table', comment: null, bytes: null, columns: [column] }],
    ...more,
  };
  const { shape } = planShape(remote, local, 'w');
  return { types: shape.types, type: shape.tables[0]?.columns[0]?.type, shape };
}

describe('what a remote says of a type', () => {
  it.each([
    ['numeric', 'numeric(10,2)', 'numeric(10,2)'],
    ['numeric', 'numeric(3,-2)', 'numeric'],
    ['numeric', 'numeric(2,5)', 'numeric'],
    ['numeric', 'numeric); DROP TABLE users; --', 'numeric'],
    ['numeric', 'numeric(1) DEFAULT current_user', 'numeric'],
    ['interval', 'interval day to second(3)', 'interval day to second(3)'],
    ['interval', 'interval day to second(3) DEFAULT now', 'interval'],
    ['text', 'text COLLATE x', 'text'],
  ])('%s as %j is %j here', (name, text, expected) => {
    expect(planOf({ 1: type(name) }, text).type).toBe(expected);
  });

  it.each([
    ['public.geometry(Point,4326)', 'public.geometry(Point,4326)'],
    ['evil.geometry(1)) SERVER x; --', 'public.geometry'],
    ["x.geometry('a')", 'public.geometry'],
    ['x.geometry(1 --)', 'public.geometry'],
  ])('of an extension as %j is %j here', (text, expected) => {
    const geometry = type('geometry', { schema: 'public', extension: 'postgis', delimiter: ':' });
    expect(planOf({ 1: geometry }, text).type).toBe(expected);
  });

  it('can not end what is quoted', () => {
    const evil = `"; DROP SCHEMA w; '\\`;
    const types = {
      1: type(evil, {
        schema: evil,
        kind: 'composite',
        parts: [{ name: evil, type: '2', typeText: evil, collation: evil }],
      }),
      2: type(evil, { schema: 'public', kind: 'enum', labels: [evil] }),
    };
    const { shape } = planOf(types, evil);
    const tables = shape.tables.map((table) => ({ ...table, name: evil, comment: evil }));
    const place = { schema: evil, server: evil, remoteSchema: evil };
    const sql = compareShapes({ types: [], tables: [] }, { ...shape, tables }).steps.flatMap((step) =>
      stepSql(step, place),
    );
    const unquoted = sql.map((each) =>
      each.replace(/"(""|[^"])*"/g, '').replace(/ E'(\\.|''|[^'\\])*'/g, ''),
    );
    expect(sql.join('\n').split('DROP').length).toBeGreaterThan(10);
    expect(unquoted.filter((each) => /DROP|;/.test(each))).toEqual([]);
  });

  it('in a circle ends', () => {
    const part = (of: string) => [{ name: 'a', type: of, typeText: 'x', collation: null }];
    const types = {
      1: type('one', { schema: 'public', kind: 'composite', parts: part('2') }),
      2: type('two', { schema: 'public', kind: 'composite', parts: part('1') }),
    };
    const { shape } = planOf(types, 'one');
    expect(shape.types.map(({ kind, name }) => [kind, name])).toEqual([
      ['domain', 'one'],
      ['composite', 'two'],
    ]);
  });

  it('of a type that is not there is text', () => {
    expect(planOf({}, 'lost').types).toMatchObject([{ kind: 'domain', name: 'unknown', base: 'text' }]);
  });

  it('of a row type leaves the end of its name', () => {
    const row = (name: string) => planOf({ 1: type(name, { kind: 'composite', ofTable: true }) }, name).type;
    expect(['users', 'x'.repeat(63)].map(row)).toEqual(['w.users_row', `w.${'x'.repeat(59)}_row`]);
  });

  it('of an array takes its delimiter into account', () => {
    const shapeType = type('shape', { schema: 'public', delimiter: ';' });
    const array = type('_shape', { schema: 'public', element: '2' });
    expect(planOf({ 1: array, 2: shapeType }, 'shape[]').type).toBe('w.shape_array');
    expect(planOf({ 1: array, 2: { ...shapeType, delimiter: ',' } }, 'shape[]').type).toBe('w.shape[]');
  });

  it('of money holds where both write it alike', () => {
    const money = (lcMonetary: string) => planOf({ 1: type('money') }, 'money', { lcMonetary }).type;
    expect(['POSIX', 'C.UTF-8', 'de_DE.UTF-8'].map(money)).toEqual(['money', 'money', 'w.money']);
  });
});

describe('names of types', () => {
  const request = (wanted: string, schema = 'public', rank = 0) => ({
    ...{ key: `${schema}.${wanted}`, rank, schema, wanted },
  });
  it('are the wanted ones where they are free, in an order of their own', () => {
    const requests = [request('a', 'z', 1), request('a', 'b', 1), request('a'), request('t')];
    const expected = { 'public.a': 'a', 'b.a': 'b_a', 'z.a': 'z_a', 'public.t': 'public_t' };
    expect(Object.fromEntries(allotNames(requests, ['t']))).toEqual(expected);
    expect(Object.fromEntries(allotNames(requests.toReversed(), ['t']))).toEqual(expected);
  });

  it('fit into 63 bytes', () => {
    const long = 'ü'.repeat(31);
    const names = [...allotNames([request(long)], [long, `public_${'ü'.repeat(28)}`]).values()];
    expect(names).toEqual([`${'ü'.repeat(30)}_2`]);
    expect([...allotNames([request(`remote_${long}`)], []).values()]).toEqual([`remote_${'ü'.repeat(28)}`]);
  });
});

describe('collations', () => {
  const german = collation({ collate: 'de_DE.UTF-8', ctype: 'de_DE.UTF-8', version: '2.36' });
  const icu = collation({ provider: 'icu', collate: 'de-DE', ctype: 'de-DE', version: '153.120' });
  const utf8 = (facts: CollationFacts, encoding = 'UTF8') => ({ collation: facts, encoding });
  it.each([
    ['C and POSIX', collation(), collation({ collate: 'POSIX' }), true],
    ['C and C.UTF-8', collation(), collation({ collate: 'C.UTF-8' }), true],
    [
      'C and the built-in',
      collation(),
      collation({ provider: 'builtin', collate: 'C.UTF-8', version: '1' }),
      true,
    ],
    ['C and German', collation(), german, false],
    ['German and German', german, { ...german, collate: 'de_DE.utf8' }, true],
    ['German of another version', german, { ...german, version: '2.35' }, false],
    ['German of no known version', { ...german, version: null }, { ...german, version: null }, false],
    ['German of other letters', german, { ...german, ctype: 'C' }, false],
    ['libc and ICU', german, icu, false],
    ['ICU and ICU', icu, { ...icu, collate: 'de_DE', ctype: 'de_DE' }, true],
    ['ICU of other rules', icu, { ...icu, rules: '& a < b' }, false],
    ['ICU that knows no case', icu, { ...icu, deterministic: false }, false],
  ])('%s', (_, a, b, alike) => {
    expect(sortsAlike(utf8(a), utf8(b))).toBe(alike);
    expect(sortsAlike(utf8(b), utf8(a))).toBe(alike);
  });

  it('of databases of different encodings are different', () => {
    expect(sortsAlike(utf8(collation()), utf8(collation(), 'LATIN1'))).toBe(false);
    expect(sortsAlike(utf8(collation(), 'LATIN1'), utf8(collation(), 'LATIN1'))).toBe(true);
  });

  it('are described by what they sort by', () => {
    expect(describeCollation(utf8(german))).toBe('de_DE.UTF-8 (libc 2.36, UTF8)');
    expect(describeCollation(utf8({ ...icu, name: 'mine' }))).toBe('"mine" (icu 153.120, UTF8)');
  });
});
