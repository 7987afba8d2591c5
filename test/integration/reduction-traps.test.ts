/** Queries that have been, or could be, reduced to other rows: each one gives the same ones every way. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { Comparison } from './reduction-comparison.ts';
import { tablesForQueries } from './reduction-tables.ts';

const moreTables = [
  'CREATE EXTENSION citext',
  "INSERT INTO hredis.redis VALUES ('total', 'all of them'), ('zz', '3'), ('A', 'large')",
  'CREATE FUNCTION generate_series(mood) RETURNS SETOF pair IMMUTABLE LANGUAGE sql RETURN (1, $$h$$)::pair',
];

const names = {
  'two columns of a query with one name':
    "SELECT w.b, r.value FROM (SELECT id AS x, stock AS x FROM widgets) w(a, b) JOIN hredis.redis r ON r.key = concat('w:', w.b)",
  'two columns of a CTE with one name':
    "WITH c(a, b) AS (SELECT id AS x, stock AS x FROM widgets) SELECT r.value FROM c JOIN hredis.redis r ON r.key = concat('w:', c.b)",
  'a value that is called as the key': `SELECT k, v FROM (SELECT key, value AS key FROM hredis.redis) x(k, v) WHERE x.v = '3'`,
  'an alias of a table sample, around which stands another':
    "SELECT 1 FROM (SELECT 'nix' AS name) w WHERE EXISTS (SELECT FROM widgets w TABLESAMPLE system (100), hredis.redis r WHERE r.key = w.name)",
  'an alias of a join, around which stands another':
    "SELECT 1 FROM (SELECT 'nix' AS name) j WHERE EXISTS (SELECT FROM hredis.redis r, (widgets a JOIN shops b ON a.shop = b.id) AS j WHERE r.key = j.name)",
  'an alias of USING, around which stands another':
    "SELECT 1 FROM (SELECT 'nix' AS name) j WHERE EXISTS (SELECT FROM hredis.redis r, (widgets a JOIN widgets b USING (name) AS j) WHERE r.key = j.name)",
  'a table of rows that has more columns':
    "SELECT 1 FROM (SELECT 'nix' AS k) w WHERE EXISTS (SELECT FROM unnest(ARRAY[(1, 'zz')::pair]) u, hredis.redis WHERE key = k)",
  'a table of lexemes':
    "SELECT lexeme, (SELECT max(value) FROM hredis.redis, unnest(to_tsvector('simple', 'zz')) WHERE key = lexeme) FROM (SELECT 'nix' AS lexeme) u",
  'a table function of the name of another':
    "SELECT 1 FROM (SELECT 'nix' AS k) w WHERE EXISTS (SELECT FROM generate_series('a'::mood) u, hredis.redis WHERE key = k)",
  'a column of CYCLE': `WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) CYCLE n SET name TO 'a' DEFAULT 'b' USING path
    SELECT (SELECT count(*) FROM t, hredis.redis WHERE key = name) FROM (SELECT 'nix' AS name) o`,
  'a column that is called by its last cast': `SELECT 1 FROM (SELECT 'nix'::text AS varchar) w WHERE EXISTS (SELECT FROM (SELECT 'zz'::text::varchar) x, hredis.redis WHERE key = varchar)`,
};

const rows = {
  'a CTE that is counted in a function of FROM':
    "WITH v AS (SELECT key, value FROM hredis.redis) SELECT r.value, j FROM v r JOIN widgets w ON r.key = concat('w:', w.id), jsonb_array_elements((SELECT jsonb_build_array(count(*)) FROM v)) j",
  'a CTE that is counted in LIMIT': `WITH v AS (SELECT key, value FROM hredis.redis)
    SELECT value FROM v r WHERE r.key IN ('a', 'b') UNION ALL SELECT 'x' FROM widgets LIMIT (SELECT count(*) / 100 FROM v)`,
  'a column that is NULL in a total':
    "SELECT (SELECT max(value) FROM hredis.redis r WHERE r.key = coalesce(w.name, 'total')) FROM widgets w WHERE w.name IS NOT NULL GROUP BY ROLLUP (w.name)",
  'a recursive CTE': `WITH RECURSIVE t(n) AS (SELECT id FROM widgets WHERE id = 1 UNION ALL SELECT o.n FROM odds o JOIN t ON o.n = t.n + 1)
    SELECT t.n, (SELECT max(r.value) FROM hredis.redis r WHERE r.key = concat('w:', t.n)) FROM t`,
};

const views = {
  'a view with a WITH query of its own, named twice':
    "SELECT a.value, b.value FROM either a JOIN either b ON b.key = a.key WHERE a.key = 'a'",
  'a table that the WITH query of a view hides':
    'SELECT o.k, r.value FROM odds o JOIN either r ON r.key = o.k',
  'a WITH query of the name of a table of a view':
    "WITH widgets AS (SELECT 1 AS id) SELECT r.value, w.id FROM of_widgets r, widgets w WHERE r.key IN ('w:1', 'w:2')",
  'a WITH query of the name of a view':
    "WITH seen AS (SELECT 'a' AS key) SELECT r.value FROM seen s JOIN hredis.redis r ON r.key = s.key",
  'a view in WITH, with columns that change their names':
    "WITH c(value, key, n) AS (SELECT * FROM of_widgets) SELECT value, key FROM c WHERE value IN ('w:1', 'w:9')",
  'a column around that is called as one of a view':
    "SELECT (SELECT max(value) FROM again WHERE key = k) FROM (SELECT 'w:nix' AS slug, '3' AS k, 'w:2' AS s) s",
  'views of both sides of a join':
    "SELECT a.key, b.value, c.value FROM seen a FULL JOIN of_widgets b USING (key) LEFT JOIN per_key c ON c.key = a.key WHERE a.key IN ('w:1', 'a')",
  'the type of the row of a view':
    "SELECT pg_typeof(s.*)::text, pg_typeof(s)::text FROM seen s WHERE s.key = 'a'",
  'the type of a row': "SELECT pg_typeof(r.*)::text FROM hredis.redis r WHERE r.key = 'a'",
  'a row of a row': "SELECT ROW(r.*)::text, (r.*, 1)::text, r.* FROM hredis.redis r WHERE r.key = 'a'",
  'a row in an array': "SELECT pg_typeof(array_agg(s.*))::text FROM seen s WHERE s.key = 'a'",
};

const types = {
  'char(n), which is padded': 'SELECT key, value FROM hredis.redis WHERE key IN (SELECT code FROM odds)',
  'citext behind UNION':
    "SELECT x.key FROM (SELECT key FROM hredis.redis UNION ALL SELECT 'q'::citext) x WHERE x.key = 'a'",
  'a whole row':
    "SELECT pg_typeof(r)::text, pg_typeof(redis)::text FROM hredis.redis r, hredis.redis WHERE r.key = 'a' AND redis.key = 'b'",
  'numbers too large for others': `SELECT r.value FROM (VALUES ('1e600'::numeric, '1'::float8, 1), ('1'::numeric, '2'::float8, 2)) w(a, b, c)
    JOIN hredis.redis r ON r.key = concat('w:', w.c) WHERE w.c + 0 > 1 AND w.a < w.b`,
  'a json with half a character': String.raw`SELECT r.value FROM (SELECT '{"k": "\ud800"}'::json AS doc, id FROM widgets WHERE id > 90 UNION ALL SELECT '{"k": "a"}', 1) w JOIN hredis.redis r ON r.key = w.doc ->> 'k'`,
};

describe.each(['postgresUrl', 'postgres15Url'] as const)('the same rows every way on %s', (server) => {
  let database: TestDatabase;
  let comparison: Comparison;

  beforeAll(async () => {
    database = await createTestDatabase(inject(server));
    await executeSql(database.superuserUrl, ...tablesForQueries, ...moreTables, 'ANALYZE');
    comparison = await Comparison.open(database.superuserUrl);
  });

  afterAll(async () => {
    await comparison?.end();
    await database?.drop();
  });

  async function expectTheSame(sql: string): Promise<void> {
    const written = await comparison.outcome(sql);
    expect(written, 'must be a query that works').toBeInstanceOf(Array);
    expect(written).not.toEqual([]);
    const looked = await comparison.look(sql);
    const { reduction } = looked;
    if (reduction.kind === 'reduced') {
      expect(await comparison.outcome(reduction.sql), reduction.sql).toEqual(written);
    }
    const fetched = await comparison.fetched(looked);
    if (fetched) expect(fetched.outcome, fetched.sql).toEqual(written);
  }

  const all = Object.entries({ ...names, ...rows, ...views, ...types });
  it.each(all)('%s', async (_, sql) => expectTheSame(sql));

  /** With something of somebody in the database, which is gone afterwards. */
  async function withObjects<T>(statements: readonly string[], work: () => Promise<T>): Promise<T> {
    await comparison.client.query(`BEGIN; ${statements.join(';')}`);
    await comparison.client.query('COMMIT');
    try {
      return await work();
    } finally {
      await comparison.client.query('DROP SCHEMA IF EXISTS theirs CASCADE; RESET search_path');
      await executeSql(
        database.superuserUrl,
        'DROP CAST IF EXISTS (mood AS text)',
        'DROP CAST IF EXISTS (oid AS name)',
      );
    }
  }

  const begin = ['CREATE SCHEMA theirs', 'SET search_path = public, theirs'];
  const loose =
    'CREATE FUNCTION theirs.same(text, label) RETURNS bool IMMUTABLE LANGUAGE sql RETURN lower($1) = lower($2::text)';

  it.each([
    [
      'a domain with an operator of its own',
      [loose, 'CREATE OPERATOR theirs.= (LEFTARG = text, RIGHTARG = label, FUNCTION = theirs.same)'],
      'SELECT o.label, r.value FROM odds o JOIN hredis.redis r ON r.key = o.label',
    ],
    [
      'a domain with a function of its own',
      [
        'CREATE FUNCTION theirs.concat(label) RETURNS public.citext IMMUTABLE LANGUAGE sql RETURN upper($1)::public.citext',
      ],
      'SELECT o.label, r.value FROM odds o JOIN hredis.redis r ON concat(o.label) = r.key',
    ],
    [
      'an enum with an operator of its own',
      [
        `CREATE FUNCTION theirs.put(text, mood) RETURNS char(9) IMMUTABLE LANGUAGE sql RETURN ($1 || ($2::text))::char(9)`,
        'CREATE OPERATOR theirs.|| (LEFTARG = text, RIGHTARG = mood, FUNCTION = theirs.put)',
      ],
      `SELECT o.mood, r.value FROM odds o JOIN hredis.redis r ON r.key = '' || o.mood`,
    ],
    [
      'an enum with a cast of its own',
      [
        'CREATE FUNCTION theirs.shown(mood) RETURNS text VOLATILE LANGUAGE plpgsql AS $$ BEGIN RETURN $w$b$w$; END $$',
        'CREATE CAST (mood AS text) WITH FUNCTION theirs.shown(mood)',
      ],
      'SELECT o.n FROM odds o JOIN hredis.redis r ON r.key = o.mood::text',
    ],
  ])('%s', async (_, statements, sql) => {
    await withObjects([...begin, ...statements], async () => {
      await expectTheSame(sql);
      expect((await comparison.look(sql)).reduction).toMatchObject({ kind: 'as written' });
    });
  });

  it('a sequence in the place of a table', async () => {
    const sql = `SELECT r.value FROM numbers n JOIN hredis.redis r ON r.key = concat('w:', n.last_value)`;
    await withObjects(
      [
        'CREATE SCHEMA theirs; SET search_path = theirs, public',
        'CREATE SEQUENCE theirs.numbers START 3',
        'CREATE TABLE IF NOT EXISTS public.numbers (last_value int)',
      ],
      () => expectTheSame(sql),
    );
  });

  it('casts between types of Postgres that somebody has made', async () => {
    const sql = "SELECT r.value FROM widgets w JOIN hredis.redis r ON r.key = 'w:' || w.id";
    const made = 'CREATE FUNCTION theirs.named(oid) RETURNS name IMMUTABLE LANGUAGE sql RETURN $$x$$::name';
    await withObjects(
      [...begin, made, 'CREATE CAST (oid AS name) WITH FUNCTION theirs.named(oid)'],
      async () => {
        expect((await comparison.look(sql)).reduction).toMatchObject({ kind: 'as written' });
      },
    );
    expect((await comparison.look(sql)).reduction).toMatchObject({ kind: 'reduced' });
  });
});
