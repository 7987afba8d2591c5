/** The columns of a run: names, types as Postgres writes them and the kinds that encoders go by. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { openReader, runAll } from '../support/runs.ts';

let database: TestDatabase;
let reader: ReturnType<typeof openReader>;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(
    database.ownerUrl,
    'CREATE EXTENSION hstore',
    'CREATE EXTENSION citext',
    'CREATE SCHEMA app',
    `CREATE TYPE app.mood AS ENUM ('sad', 'glad')`,
    'CREATE TYPE app.pair AS (a int, b text)',
    'CREATE DOMAIN app.amount AS numeric(10,2)',
    'CREATE DOMAIN app.deep AS app.amount CHECK (VALUE > 0)',
    'CREATE DOMAIN app.numbers AS int[]',
    'CREATE DOMAIN app.duo AS app.pair',
    'CREATE DOMAIN app.moment AS timestamptz',
    'CREATE TYPE app.span AS RANGE (subtype = float8)',
  );
  reader = openReader(database.readerUrl, { poolSize: 2 });
});

afterEach(() => expect.poll(() => reader.leased).toBe(0));

afterAll(async () => {
  await reader.close();
  await database.drop();
});

describe('columns', () => {
  it.each([
    ['1::int2', 'smallint', 'int'],
    ['1', 'integer', 'int'],
    ['1::oid', 'oid', 'other'],
    ['1::int8', 'bigint', 'int8'],
    ['1.5', 'numeric', 'numeric'],
    ['1::numeric(10,2)', 'numeric(10,2)', 'numeric'],
    ['1::float4', 'real', 'float'],
    ['1::float8', 'double precision', 'float'],
    ['1::money', 'money', 'other'],
    ['true', 'boolean', 'boolean'],
    [`'a'`, 'text', 'text'],
    [`'a'::varchar(5)`, 'character varying(5)', 'text'],
    [`'a'::char(3)`, 'character(3)', 'text'],
    [`'a'::"char"`, '"char"', 'text'],
    [`'a'::name`, 'name', 'text'],
    [`'a'::citext`, 'citext', 'text'],
    [`'2024-01-01'::date`, 'date', 'date'],
    [`'2024-01-01'::timestamp(3)`, 'timestamp(3) without time zone', 'timestamp'],
    ['now()', 'timestamp with time zone', 'timestamptz'],
    [`'12:00'::time`, 'time without time zone', 'other'],
    [`'1 day'::interval`, 'interval', 'other'],
    [`'{}'::json`, 'json', 'json'],
    [`'{}'::jsonb`, 'jsonb', 'json'],
    [`'<a/>'::xml`, 'xml', 'xml'],
    [`'\\x00'::bytea`, 'bytea', 'bytea'],
    ['gen_random_uuid()', 'uuid', 'other'],
    [`'::1'::inet`, 'inet', 'other'],
    [`'(1,2)'::point`, 'point', 'other'],
    [`'[1,2)'::int4range`, 'int4range', 'other'],
    [`'{[1,2)}'::int4multirange`, 'int4multirange', 'other'],
    [`'[1,2)'::app.span`, 'app.span', 'other'],
    [`'101'::bit(3)`, 'bit(3)', 'other'],
    [`'a'::tsvector`, 'tsvector', 'other'],
    [`'pg_class'::regclass`, 'regclass', 'other'],
    [`'glad'::app.mood`, 'app.mood', 'text'],
    ['row(1, 2)', 'record', 'nested'],
    [`row(1, 'a')::app.pair`, 'app.pair', 'nested'],
    [`'a=>1'::hstore`, 'hstore', 'nested'],
    // Postgres tells of a domain as of the type behind it.
    ['1::app.amount', 'numeric(10,2)', 'numeric'],
    ['1::app.deep', 'numeric(10,2)', 'numeric'],
    ['now()::app.moment', 'timestamp with time zone', 'timestamptz'],
    [`row(1, 'a')::app.duo`, 'app.pair', 'nested'],
  ])('%s is %s: %s', async (sql, type, kind) => {
    const { columns } = await runAll(reader, `select ${sql} as c`);
    expect(columns).toEqual([{ name: 'c', type, kind }]);
    expect(await reader.describe(`select ${sql} as c`)).toEqual(columns);
  });

  it.each([
    ['array[1]', 'integer[]', 'int', ','],
    [`array['a']::varchar(5)[]`, 'character varying(5)[]', 'text', ','],
    [`array[array[1.5]]`, 'numeric[]', 'numeric', ','],
    [`array['(1,1),(0,0)'::box]`, 'box[]', 'other', ';'],
    [`array['glad'::app.mood]`, 'app.mood[]', 'text', ','],
    [`array[row(1, 'a')::app.pair]`, 'app.pair[]', 'nested', ','],
    ['array[row(1)]', 'record[]', 'nested', ','],
    [`array['a=>1'::hstore]`, 'hstore[]', 'nested', ','],
    [`array['{}'::jsonb]`, 'jsonb[]', 'json', ','],
    ['array[1::app.deep]', 'app.deep[]', 'numeric', ','],
    ['array[1]::app.numbers', 'integer[]', 'int', ','],
    [`'1 2'::int2vector`, 'int2vector', 'int', ','],
  ])('%s is the array %s of %s', async (sql, type, element, delimiter) => {
    const { columns } = await runAll(reader, `select ${sql} as c`);
    expect(columns).toEqual([{ name: 'c', type, kind: 'array', element, delimiter }]);
  });

  it('keep their names, also when they are none, the same or strange', async () => {
    const { columns, rows } = await runAll(
      reader,
      `select 1 as a, 2 as a, 3 as "?column?", 4 as "x""; drop table t; --", 5 as "日本", 6`,
    );
    expect(columns.map((column) => column.name)).toEqual([
      ...['a', 'a', '?column?', 'x"; drop table t; --', '日本', '?column?'],
    ]);
    expect(rows).toEqual([['1', '2', '3', '4', '5', '6']]);
  });

  it('of a type that was changed meanwhile are as they are now', async () => {
    await executeSql(database.ownerUrl, `CREATE TYPE app.renamed AS ENUM ('a')`);
    const sql = `select 'a'::app.renamed`;
    expect((await runAll(reader, sql)).columns[0]?.type).toBe('app.renamed');
    await executeSql(database.ownerUrl, 'ALTER TYPE app.renamed RENAME TO other_name');
    expect((await runAll(reader, `select 'a'::app.other_name`)).columns[0]?.type).toBe('app.other_name');
    await executeSql(database.ownerUrl, 'DROP TYPE app.other_name');
  });
});
