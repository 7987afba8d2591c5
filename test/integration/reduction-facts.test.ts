/** What is reduced and why not, with facts from a real catalogue, and what the catalogue says of odd objects. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readFacts } from '../../src/adapters/postgres/reduction-facts.ts';
import { estimateKeys } from '../../src/adapters/postgres/reduction-rows.ts';
import { nameKey } from '../../src/reduction/facts.ts';
import { type Reduction, reduce } from '../../src/reduction/reduce.ts';
import type { SqlParser } from '../../src/reduction/sql-parser.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { openTestParser, standInLinks } from './reduction-parser.ts';

let database: TestDatabase;
let client: pg.Client;
let parser: SqlParser;

const setup = [
  'CREATE EXTENSION file_fdw',
  'CREATE EXTENSION citext',
  'CREATE SCHEMA hredis',
  'CREATE SCHEMA "Odd, ""one"""',
  'CREATE TABLE hredis.redis (key text COLLATE "C", value text COLLATE "C", ttl interval)',
  'CREATE TABLE hredis.hashes (key text COLLATE "C", field text COLLATE "C", value text COLLATE "C")',
  `CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  `CREATE TYPE mood AS ENUM ('sad', 'glad')`,
  'CREATE DOMAIN amount AS int CHECK (VALUE > 0)',
  'CREATE DOMAIN deep AS amount',
  'CREATE TYPE pair AS (a int, b text)',
  `CREATE TABLE widgets (id int PRIMARY KEY, name text, stock int, loose text COLLATE loose, mood mood, amount amount,
     deep deep, pair pair, big numeric, tags text[], doc jsonb, ci citext, made date, virtual int GENERATED ALWAYS AS (100 / id) STORED)`,
  'CREATE TABLE "Odd, ""one"""."T" ("a""b" int)',
  'CREATE TABLE walled (id int)',
  'ALTER TABLE walled ENABLE ROW LEVEL SECURITY',
  'CREATE POLICY all_rows ON walled USING (true)',
  'CREATE SERVER files FOREIGN DATA WRAPPER file_fdw',
  `CREATE FOREIGN TABLE from_file (id int) SERVER files OPTIONS (filename '/dev/null')`,
  'CREATE TABLE parted (id int) PARTITION BY RANGE (id)',
  `CREATE FOREIGN TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (9) SERVER files OPTIONS (filename '/dev/null')`,
  'CREATE VIEW plain AS SELECT id, name, 1 / stock AS risky FROM widgets WHERE stock > 1',
  'CREATE VIEW sampled AS SELECT id FROM widgets LIMIT 3',
  'CREATE VIEW risky_order AS SELECT id FROM widgets ORDER BY 1 / stock',
  'CREATE VIEW dice AS SELECT id, random() AS r FROM widgets',
  'CREATE VIEW over_plain AS SELECT id FROM plain',
  'CREATE VIEW over_redis AS SELECT key, value FROM hredis.redis WHERE value IS NOT NULL',
  'CREATE VIEW over_over AS SELECT value, key AS k FROM over_redis',
  'CREATE VIEW numbered AS SELECT key, row_number() OVER () AS n FROM hredis.redis',
  `CREATE FUNCTION concat(int, text) RETURNS text VOLATILE LANGUAGE sql RETURN 'mine' || $2`,
  'CREATE SCHEMA quiet',
  `CREATE FUNCTION quiet.key_of(int) RETURNS text IMMUTABLE LANGUAGE sql RETURN 'w:' || $1`,
  `CREATE FUNCTION quiet.sure_key(int) RETURNS text IMMUTABLE LEAKPROOF LANGUAGE sql RETURN 'w:' || $1`,
];

beforeAll(async () => {
  parser = await openTestParser();
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(database.superuserUrl, ...setup, 'DROP FUNCTION concat(int, text)');
  client = new pg.Client({ connectionString: database.readerUrl });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function factsOf(sql: string) {
  const parsed = parser.parse(sql);
  if (!parsed) throw new Error(`not parsed: ${sql}`);
  return readFacts(client, parsed, parser, standInLinks);
}

async function reduced(sql: string): Promise<Reduction> {
  return reduce(sql, await factsOf(sql), parser);
}

const join = (key: string, from = 'widgets w') =>
  `SELECT 1 FROM ${from} JOIN hredis.redis r ON r.key = ${key}`;

describe('is reduced', () => {
  it.each([
    ["concat('w:', w.id)"],
    ["'w:' || w.id"],
    ['w.name'],
    ['w.id::text'],
    ["format('%s:%s', w.id, w.name)"],
    ['concat(w.mood, w.amount, w.big, w.made, w.tags)'],
    ["coalesce(w.name, 'x')"],
    ["lower(left(w.name, 3)) || ':' || lpad(w.id::text, 5, '0')"],
    ["CASE WHEN w.stock > 3 THEN 'a:' || w.id ELSE w.name END"],
    ["w.doc ->> 'code'"],
    ["to_char(now(), 'YYYY-MM-DD')"],
    ["'day:' || current_date"],
    ["split_part(w.name, '-', 2)"],
    ['quiet.sure_key(w.id)'],
    ["concat('w:', w.id % 16)"],
  ])('with %s', async (key) => expect((await reduced(join(key))).kind).toBe('reduced'));

  it.each([
    ["concat('w:', w.id)", 'plain w'],
    ["concat('w:', w.id)", 'over_plain w'],
    ["concat('w:', w.id)", 'public.widgets AS w'],
    [`concat('w:', w."a""b")`, `"Odd, ""one"""."T" w`],
    ["concat('w:', w)", 'generate_series(1, 9) w'],
    ["concat('w:', w)", "unnest(array['a', 'b']) w"],
  ])('with %s over %s', async (key, from) => {
    const reduction = await reduced(join(key, from));
    expect(reduction.kind === 'as written' ? reduction.reason : reduction.kind).toBe('reduced');
    if (reduction.kind === 'reduced') await client.query(reduction.sql);
  });

  it.each([
    ['over_redis', 'key'],
    ['over_over', 'k'],
  ])('through the view %s', async (view, key) => {
    const reduction = await reduced(
      `SELECT 1 FROM widgets w JOIN ${view} r ON r.${key} = concat('w:', w.id)`,
    );
    expect(reduction).toMatchObject({
      kind: 'reduced',
      scans: [{ relation: 'hredis.redis', reads: 'keys' }],
    });
  });

  it('as the issue has it, and the database takes it', async () => {
    const sql = `SELECT w.id, w.name, w.stock, r.value AS views FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)`;
    const reduction = await reduced(sql);
    if (reduction.kind !== 'reduced') throw new Error(reduction.kind);
    expect(reduction.sql).toBe(
      sql.replace(
        'r.key = ',
        `r.key = ANY (ARRAY(SELECT "concat"('widget:', "pgclip_1"."id") AS "key" FROM "public"."widgets" AS "pgclip_1")) AND "r"."key" = `,
      ),
    );
    await client.query(reduction.sql);
    expect(await estimateKeys(client, reduction.scans[0]?.keyQuery ?? '')).toBeGreaterThanOrEqual(0);
  });

  it('with the conditions on the other table, and no others', async () => {
    const reduction = await reduced(
      `${join("concat('w:', w.id)")} WHERE w.stock > 3 AND w.name ~ 'x' AND r.value > w.name`,
    );
    if (reduction.kind !== 'reduced') throw new Error(reduction.kind);
    expect(reduction.scans[0]?.keyQuery).toContain('WHERE ("pgclip_1"."stock" > (3))');
    expect(reduction.scans[0]?.keyQuery).not.toMatch(/name|value/);
  });

  it('not when a volatile function stands anywhere in the query: how often it is called is for the plan to decide', async () => {
    expect(await reduced(`${join("concat('w:', w.id)")} WHERE random() < 2`)).toMatchObject({
      kind: 'as written',
      reason: expect.stringContaining('random() in it is volatile') as string,
      scans: [{ reads: 'everything', keyQuery: null }],
    });
  });

  it('to a prefix', async () => {
    const sql = `SELECT * FROM hredis.redis WHERE key LIKE 'w:\\_%' AND value = 'x'`;
    expect(await reduced(sql)).toMatchObject({
      sql: `SELECT * FROM hredis.redis WHERE key ^@ 'w:_' AND "key" LIKE 'w:\\_%' AND value = 'x'`,
      scans: [{ reads: 'prefix' }],
    });
  });
});

describe('runs as written', () => {
  it.each([
    ["concat('w:', random())", /random\(\) is volatile/],
    ["concat('w:', w.id + 1)", /operator \+ may fail/],
    ["concat('w:', 10 / w.stock)", /operator \/ may fail/],
    ['w.name::int::text', /cast from text to int4 may fail/],
    ['quiet.key_of(w.id)', /isn't known never to fail/],
    ['w.loose', /type of w.loose/],
    ['concat(w.pair)', /type of w.pair/],
    ['concat(w.deep)', /type of w.deep/],
    ['concat(w.ci)', /type of w.ci/],
    ['w.name COLLATE "C"', /COLLATE/],
    ['(SELECT max(name) FROM widgets)', /a query inside/],
    ['concat(w.*)', /whole row/],
    ['concat(VARIADIC w.tags)', /call of its kind/],
    ['w.tags || w.name', /operator \|\|/],
    ['w.id', /compared with int4/],
    ['repeat(w.name, w.id)', /isn't known never to fail/],
    ['format(w.name, w.id)', /may fail with such arguments/],
    ["split_part(w.name, '-', 0)", /may fail with such arguments/],
  ])('with %s', async (key, reason) => {
    const reduction = await reduced(join(key));
    expect(reduction).toMatchObject({ kind: 'as written', reason: expect.stringMatching(reason) as string });
  });

  it.each([
    ['walled w', /row-level security/],
    ['from_file w', /foreign table of file_fdw/],
    ['parted w', /foreign table of file_fdw/],
    ['sampled w', /view public.sampled: it has LIMIT/],
    ['risky_order w', /view public.risky_order: the operator \/ may fail/],
    ['dice w', /view public.dice: a function random\(\)/],
    ['widgets w TABLESAMPLE system (50)', /isn't known|certain/],
    ['(SELECT id FROM widgets EXCEPT SELECT 1) w', /EXCEPT/],
    ['(SELECT sum(id) AS id FROM widgets) w', /type of w.id|kind/],
    ['nowhere w', /isn't known/],
  ])('with %s', async (from, reason) => {
    const reduction = await reduced(join("concat('w:', w.id)", from));
    expect(reduction).toMatchObject({ kind: 'as written', reason: expect.stringMatching(reason) as string });
  });

  it.each([
    ["FROM widgets w RIGHT JOIN hredis.redis r ON r.key = concat('w:', w.id)", /keeps all of its rows/],
    ["FROM hredis.redis r LEFT JOIN widgets w ON r.key = concat('w:', w.id)", /keeps all of its rows/],
    ["FROM widgets w FULL JOIN hredis.redis r ON r.key = concat('w:', w.id)", /keeps all of its rows/],
    ["FROM widgets w JOIN numbered r ON r.key = concat('w:', w.id)", /no condition/],
    ['FROM hredis.hashes h JOIN hredis.redis r ON r.key = h.value', /in Redis too/],
    ["FROM widgets w JOIN hredis.redis r ON r.key = concat('w:', w.id) OR r.value = '1'", /no condition/],
    ['FROM hredis.redis', /no condition/],
  ])('%s', async (from, reason) => {
    const reduction = await reduced(`SELECT 1 ${from}`);
    expect(reduction).toMatchObject({ kind: 'as written' });
    expect(JSON.stringify(reduction)).toMatch(reason);
  });

  it('when a function of the same name is volatile, or an operator could be another one', async () => {
    const owner = 'CREATE FUNCTION public.upper(mood) RETURNS text VOLATILE LANGUAGE sql RETURN $1::text';
    await executeSql(database.superuserUrl, owner);
    expect(await reduced(join('upper(w.name)'))).toMatchObject({
      reason: expect.stringContaining('volatile') as string,
    });
    // One that names its schema is another matter.
    expect((await reduced(join('pg_catalog.upper(w.name)'))).kind).toBe('reduced');
    await executeSql(database.superuserUrl, 'DROP FUNCTION public.upper(mood)');
    await executeSql(
      database.superuserUrl,
      'CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = int, FUNCTION = pg_catalog.left)',
    );
    expect(await reduced(join('w.name || w.id'))).toMatchObject({
      reason: expect.stringContaining('another one') as string,
    });
    await executeSql(database.superuserUrl, 'DROP OPERATOR public.|| (text, int)');
  });

  it('when pg_catalog was moved in the search path', async () => {
    await client.query('SET search_path = public, pg_catalog');
    const reduction = await reduced(join("'w:' || w.id"));
    await client.query('RESET search_path');
    expect(reduction).toMatchObject({ kind: 'as written' });
  });
});

it('a text without Redis is known as such', async () => {
  expect(await reduced('SELECT 1 FROM widgets')).toEqual({ kind: 'no redis' });
});

it('constants need no text', async () => {
  const reduction = await reduced("SELECT * FROM hredis.redis WHERE key IN ('a', 'b')");
  expect(reduction).toMatchObject({ kind: 'as written', scans: [{ reads: 'constants' }] });
});

it('no built-in operator is volatile, which the facts rely on', async () => {
  const { rows } = await client.query(
    `SELECT o.oprname FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode WHERE o.oid < 16384 AND p.provolatile = 'v'`,
  );
  expect(rows).toEqual([]);
});

it('the functions taken for safe are there and none is volatile', async () => {
  const { safeFunctions } = await import('../../src/reduction/safe-functions.ts');
  for (const name of safeFunctions.keys()) {
    const facts = await factsOf(`SELECT ${name}()`);
    expect([name, facts.functions.get(nameKey({ schema: null, name }))]).toMatchObject([
      name,
      { volatile: false, someBuiltIn: true, shadowed: false },
    ]);
  }
});
