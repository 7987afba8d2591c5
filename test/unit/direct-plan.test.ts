/** What of a plan may be asked of a remote directly: plans as PostgreSQL 15 and 18 write them, and such as are not sure. */
import { describe, expect, it } from 'vitest';
import type { Field } from '../../src/adapters/postgres/column-types.ts';
import {
  findRemoteQuery,
  findTableOids,
  isZoneSteady,
  type LinkedTable,
} from '../../src/adapters/postgres/direct-plan.ts';

const field = (tableID: number, columnID: number, dataTypeID = 23): Field => ({
  ...{ name: 'x', tableID, columnID, dataTypeID, dataTypeModifier: -1 },
});

function table(
  oid: number,
  name: string,
  columns: readonly string[],
  remote: Partial<LinkedTable> = {},
): LinkedTable {
  return {
    ...{ oid, schema: 'warehouse', name, remoteSchema: 'public', remoteName: name },
    columns: columns.map((each, index) => ({ number: index + 1, name: each, remoteName: `${each}` })),
    ...remote,
  };
}

const events = table(20_000, 'events', ['id', 'note', 'c"d, e', 'at']);
const plans = table(20_001, 'plans', ['event', 'id']);
const renamed = table(20_002, 'Here', [], {
  ...{ remoteSchema: 'S', remoteName: 'there' },
  columns: [{ number: 3, name: 'here', remoteName: 'There' }],
});
const tables = [events, plans, renamed];

const scan = {
  'Node Type': 'Foreign Scan',
  Operation: 'Select',
  'Parallel Aware': false,
  'Async Capable': false,
  'Startup Cost': 100,
  'Total Cost': 20_000,
  'Plan Rows': 50_000,
  'Plan Width': 12,
};
const ofEvents = {
  ...scan,
  'Relation Name': 'events',
  Schema: 'warehouse',
  Alias: 'events',
  Output: ['id', 'note'],
  'Remote SQL': 'SELECT id, note FROM public.events',
};
const join = {
  ...scan,
  Output: ['e.id', 'p.id', 'e.note'],
  Relations: '(warehouse.events e) INNER JOIN (warehouse.plans p)',
  'Remote SQL':
    "SELECT r1.id, r2.id, r1.note FROM (public.events r1 INNER JOIN public.plans r2 ON (((r1.id = r2.event)))) WHERE ((r1.note = E'it''s public.events r9 \"\\\\'))",
};

const find = (plan: object, ...fields: Field[]) => findRemoteQuery({ Plan: plan } as never, tables, fields);

describe('a scan of one table', () => {
  it('is asked as it is, or in the order of the fields', () => {
    expect(find(ofEvents, field(20_000, 1), field(20_000, 2))).toBe(ofEvents['Remote SQL']);
    const swapped = { ...ofEvents, Output: ['note', 'id', 'note'] };
    expect(find(swapped, field(20_000, 2), field(20_000, 1), field(20_000, 2))).toBe(
      'SELECT q.c1, q.c0, q.c1 FROM (SELECT id, note FROM public.events) AS q(c0, c1)',
    );
  });

  it('may have columns behind that only sort, under any names', () => {
    const sorted = {
      ...ofEvents,
      Output: ['"c""d, e"', 'at'],
      'Remote SQL': 'SELECT "c""d, e", at FROM public.events ORDER BY at ASC NULLS LAST',
    };
    expect(find(sorted, field(20_000, 3))).toBe(`SELECT q.c0 FROM (${sorted['Remote SQL']}) AS q(c0, c1)`);
    const other = {
      ...ofEvents,
      'Relation Name': 'Here',
      Output: ['here'],
      'Remote SQL': 'SELECT "There" FROM "S".there',
    };
    expect(find(other, field(20_002, 3))).toBe('SELECT "There" FROM "S".there');
  });

  it.each([
    ['a filter here', { Filter: '(random() < 2)' }],
    ['something below it', { Plans: [{}] }],
    ['what a later version adds', { 'Something New': 1 }],
    ['another work', { Operation: 'Update' }],
    ['another kind', { 'Node Type': 'Seq Scan' }],
    ['another table', { Schema: 'public' }],
    ['an expression', { Output: ['id', '(note || note)'] }],
    ['another column first', { Output: ['note', 'id'] }],
    ['no output', { Output: [] }],
    ['a parameter', { 'Remote SQL': 'SELECT id, note FROM public.events WHERE ((id = $1::integer))' }],
    ['other columns there', { 'Remote SQL': 'SELECT id FROM public.events' }],
    ['a column twice', { 'Remote SQL': 'SELECT id, note, id FROM public.events' }],
    ['no columns there', { 'Remote SQL': 'SELECT NULL FROM public.events' }],
    ['a function there', { 'Remote SQL': 'SELECT id, lower(note) FROM public.events' }],
    ['no query', { 'Remote SQL': undefined }],
    ['little to do', { 'Total Cost': 9999 }],
    ['a sum', { Relations: 'Aggregate on (warehouse.events)' }],
  ])('with %s is not', (_, part) => {
    expect(find({ ...ofEvents, ...part }, field(20_000, 1), field(20_000, 2))).toBeNull();
  });

  it('of columns that are not the fields is not', () => {
    expect(find(ofEvents, field(20_000, 2), field(20_000, 1))).toBeNull();
    expect(find(ofEvents, field(20_001, 1), field(20_000, 2))).toBeNull();
  });
});

describe('a join', () => {
  const fields = [field(20_000, 1), field(20_001, 2), field(20_000, 2)] as const;

  it('is asked with each column of the table that it is of', () => {
    expect(find(join, ...fields)).toBe(join['Remote SQL']);
    const swapped = { ...join, Output: ['p.id', 'e.id'] };
    expect(find(swapped, field(20_001, 2), field(20_000, 1))).toBe(
      `SELECT q.c1, q.c0 FROM (${join['Remote SQL']}) AS q(c0, c1, c2)`,
    );
  });

  it('of a table with itself is told apart by the order of the joins', () => {
    const self = {
      ...scan,
      Output: ['b.id', 'a.id'],
      Relations: '((warehouse.events a) LEFT JOIN (warehouse.events b)) FULL JOIN (warehouse.plans)',
      'Remote SQL':
        'SELECT r4.id, r2.id FROM ((public.events r4 LEFT JOIN public.events r2 ON (((r4.id = r2.id)))) FULL JOIN public.plans r7 ON (TRUE))',
    };
    expect(find(self, field(20_000, 1), field(20_000, 1))).toBe(
      `SELECT q.c1, q.c0 FROM (${self['Remote SQL']}) AS q(c0, c1)`,
    );
  });

  it.each([
    ['a semi-join', { Relations: '(warehouse.events e) SEMI JOIN (warehouse.plans p)' }],
    ['a sum', { Relations: 'Aggregate on ((warehouse.events e) INNER JOIN (warehouse.plans p))' }],
    ['tables in another order', { Relations: '(warehouse.plans p) INNER JOIN (warehouse.events e)' }],
    [
      'a table more',
      { Relations: '((warehouse.events e) INNER JOIN (warehouse.plans p)) INNER JOIN (warehouse.plans q)' },
    ],
    [
      'a table that is none of the fields',
      { Relations: '(warehouse.events e) INNER JOIN (warehouse.others p)' },
    ],
    ['two of one alias', { Relations: '(warehouse.events e) INNER JOIN (warehouse.plans e)' }],
    [
      'a query within',
      { 'Remote SQL': join['Remote SQL'].replace('public.plans r2', '(SELECT id FROM public.plans) r2') },
    ],
    ['columns of a query within', { 'Remote SQL': join['Remote SQL'].replace('r2.id,', 's2.c1,') }],
    ['columns of no table', { Output: ['id', 'p.id', 'e.note'] }],
  ])('with %s is not', (_, part) => {
    expect(find({ ...join, ...part }, ...fields)).toBeNull();
  });
});

it('fields name their tables when all are plain columns of a steady type', () => {
  expect(findTableOids([field(20_000, 1), field(20_001, 1, 25), field(20_000, 2)])).toEqual([20_000, 20_001]);
  expect(findTableOids([])).toBeNull();
  expect(findTableOids([field(20_000, 1), field(0, 0)])).toBeNull();
  expect(findTableOids([field(20_000, 0)])).toBeNull();
  expect(findTableOids([field(1259, 1)])).toBeNull();
  for (const type of [790 /* money */, 2205 /* regclass */, 142 /* xml */, 1186 /* interval */, 16_999])
    expect(findTableOids([field(20_000, 1, type)])).toBeNull();
});

it('times with a zone are steady in UTC', () => {
  const zoned = [field(20_000, 1), field(20_000, 2, 1184)];
  expect([isZoneSteady(zoned, 'UTC'), isZoneSteady(zoned, 'Europe/Berlin')]).toEqual([true, false]);
  expect(isZoneSteady([field(20_000, 2, 1114)], 'Europe/Berlin')).toBe(true);
});
