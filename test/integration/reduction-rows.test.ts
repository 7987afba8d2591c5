/** The way without the gateway: keys from Postgres, values from a real Redis, rows handed to the query. */
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readFacts } from '../../src/adapters/postgres/reduction-facts.ts';
import { type HandOverLimits, handOver, type RowReader } from '../../src/adapters/postgres/reduction-rows.ts';
import { type FetchPlan, planFetch } from '../../src/reduction/fetch.ts';
import type { SqlParser } from '../../src/reduction/sql-parser.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { openTestParser, standInLinks } from './reduction-parser.ts';

const widgets = 3000;
const nasty = `'"\\ \t\n{}[],$$ %s :a $1 é📈 NULL \u2028`;
const limits: HandOverLimits = { maxKeys: 100_000, maxCharacters: 100e6 };

let database: TestDatabase;
let client: pg.Client;
let redis: Redis;
let parser: SqlParser;
let read: string[][];

const reader: RowReader = {
  async *ofKeys(_, keys) {
    for (let n = 0; n < keys.length; n += 1000) {
      const some = keys.slice(n, n + 1000);
      read.push(some);
      const values = await redis.mget(some);
      yield some.flatMap((key, index) => (values[index] == null ? [] : [[key, values[index], '00:01:00']]));
    }
  },
  async *ofPrefix(_, prefix) {
    const [, keys] = await redis.scan('0', 'MATCH', `${prefix}*`, 'COUNT', 100_000);
    yield* reader.ofKeys(_ as never, keys);
  },
};

beforeAll(async () => {
  parser = await openTestParser();
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(
    database.superuserUrl,
    'CREATE SCHEMA hredis',
    // Empty: what comes out was handed in.
    'CREATE TABLE hredis.redis (key text COLLATE "C", value text COLLATE "C", ttl interval)',
    `CREATE TABLE widgets AS SELECT n AS id, 'name ' || n AS name FROM generate_series(1, ${widgets}) n`,
    'CREATE VIEW over_redis AS SELECT key, value FROM hredis.redis',
    'ANALYZE',
  );
  client = new pg.Client({ connectionString: database.readerUrl });
  await client.connect();
  redis = new Redis(inject('redisUrl'), { db: 19 });
  await redis.flushdb();
  const values = Array.from({ length: widgets }, (_, n) => [
    `widget:${n + 1}`,
    n === 6 ? nasty : `${n + 1} views`,
  ]);
  await redis.mset(...values.flat(), `strange:${nasty}`, 'strange');
});

afterAll(async () => {
  await redis.flushdb();
  redis.disconnect();
  await client.end();
  await database.drop();
});

async function plan(sql: string): Promise<FetchPlan> {
  const parsed = parser.parse(sql);
  if (!parsed) throw new Error('not parsed');
  return planFetch(sql, await readFacts(client, parsed, parser, standInLinks), parser);
}

/** The rows, as the clip's login gets them in a transaction that reads only. */
async function run(sql: string, bounds = limits): Promise<(string | null)[][]> {
  read = [];
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const planned = await plan(sql);
    if (planned.kind !== 'fetch') throw new Error(JSON.stringify(planned));
    const handed = await handOver(client, planned, reader, bounds);
    if (handed.kind !== 'ready') throw new Error(handed.kind);
    await client.query({ text: `DECLARE c CURSOR FOR ${handed.sql}`, queryMode: 'extended' } as never);
    const types = { getTypeParser: () => (text: string) => text };
    const config = { text: 'FETCH ALL FROM c', rowMode: 'array', types } as unknown as pg.QueryArrayConfig;
    return (await client.query<(string | null)[]>(config)).rows;
  } finally {
    await client.query('ROLLBACK');
  }
}

describe('rows that are handed over', () => {
  it('are joined, and only their keys are read', async () => {
    const rows = await run(
      `SELECT w.id, r.value, r.ttl FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id) WHERE w.id % 2 = 0 ORDER BY w.id`,
    );
    expect(rows).toHaveLength(widgets / 2);
    expect(rows[0]).toEqual(['2', '2 views', '00:01:00']);
    expect(read.flat()).toHaveLength(widgets / 2);
  });

  it('keep every character', async () => {
    expect(await run("SELECT value FROM hredis.redis WHERE key = 'widget:7'")).toEqual([[nasty]]);
    expect(
      await run(
        `SELECT redis.key FROM hredis.redis WHERE key = 'strange:' || $$${nasty.replace('$$', '$')}$$ OR true`,
      ).catch((error: Error) => error.message),
    ).toContain('impossible');
    expect(await run("SELECT key, value FROM hredis.redis WHERE key LIKE 'strange:%'")).toEqual([
      [`strange:${nasty}`, 'strange'],
    ]);
  });

  it('are none where there are no keys', async () => {
    expect(await run("SELECT * FROM widgets w JOIN hredis.redis r ON r.key = concat('none:', w.id)")).toEqual(
      [],
    );
    expect(
      await run('SELECT w.id, r.ttl FROM widgets w LEFT JOIN hredis.redis r ON r.key = w.name WHERE id = 1'),
    ).toEqual([['1', null]]);
  });

  it('are sorted and compared as those of the link', async () => {
    const rows = await run(
      "SELECT key FROM hredis.redis r WHERE key IN ('widget:10', 'widget:9') ORDER BY key",
    );
    expect(rows).toEqual([['widget:10'], ['widget:9']]);
  });

  it('serve several places and names', async () => {
    const rows = await run(
      `WITH top AS (SELECT id FROM widgets ORDER BY id DESC LIMIT 2)
       SELECT t.id, a.value, "redis".value, (SELECT value FROM hredis.redis WHERE key = concat('widget:', t.id))
       FROM top t JOIN hredis . "redis" AS a (k) ON k = concat('widget:', t.id)
       LEFT JOIN hredis.redis ON redis.key = concat('widget:', t.id - 0, '') ORDER BY 1`,
    ).catch((error: Error) => error.message);
    // `t.id - 0` is arithmetic, and could fail.
    expect(rows).toContain('operator - may fail');
    expect(
      await run(
        `SELECT w.id, a.value, redis.value, (SELECT value FROM hredis.redis WHERE key = concat('widget:', w.id))
         FROM widgets w JOIN hredis . "redis" AS a (k) ON k = concat('widget:', w.id)
         LEFT JOIN hredis.redis ON redis.key = concat('widget:', w.id, '0') WHERE w.id < 2`,
      ),
    ).toEqual([['1', '1 views', '10 views', '1 views']]);
  });

  it('have bounds', async () => {
    const sql = "SELECT 1 FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)";
    await expect(run(sql, { ...limits, maxKeys: widgets - 1 })).rejects.toThrow('too much');
    expect(read).toEqual([]);
    await expect(run(sql, { ...limits, maxCharacters: 1000 })).rejects.toThrow('too much');
    expect(await run(sql, { ...limits, maxKeys: widgets })).toHaveLength(widgets);
  });

  it('make the planner expect as many', async () => {
    await client.query('BEGIN READ ONLY');
    const planned = await plan(
      "SELECT 1 FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)",
    );
    if (planned.kind !== 'fetch') throw new Error(planned.kind);
    const handed = await handOver(client, planned, reader, limits);
    if (handed.kind !== 'ready') throw new Error(handed.kind);
    const lines = await client.query<string[]>({ text: `EXPLAIN ${handed.sql}`, rowMode: 'array' });
    await client.query('ROLLBACK');
    expect(lines.rows.flat().join('\n')).toMatch(/Hash Join|Merge Join/);
    // Settings end with the transaction.
    const left = await client.query("SELECT current_setting('pgclip.rows_0_0', true) AS value");
    expect(left.rows).toEqual([{ value: '' }]);
  });
});

describe('is impossible', () => {
  it.each([
    ['SELECT * FROM hredis.redis', /no condition/],
    ["SELECT * FROM hredis.redis TABLESAMPLE system (1) WHERE key = 'a'", /where it is not looked into/],
    ["SELECT hredis.redis.key FROM hredis.redis WHERE key = 'a'", /with its schema/],
    ["SELECT * FROM ONLY hredis.redis WHERE key = 'a'", /in a way that is not followed/],
    ["SELECT * FROM ONLY/**/hredis.redis WHERE key = 'a'", /in a way that is not followed/],
    ["SELECT * FROM ONLY (hredis.redis) WHERE key = 'a'", /in a way that is not followed/],
    ["SELECT * FROM (TABLE /* */ hredis.redis) r WHERE key = 'a'", /in a way that is not followed/],
    ["SELECT * FROM hredis/**/.redis WHERE key = 'a'", /in a way that is not followed/],
    ["SELECT key FROM hredis.redis WHERE key = 'a' UNION TABLE hredis.redis", /no condition/],
    ['SELECT 1 FROM widgets w JOIN hredis.redis r ON r.key = concat(random())', /volatile/],
  ])('%s', async (sql, reason) => {
    const planned = await plan(sql);
    expect(planned.kind === 'impossible' ? planned.reason : planned.kind).toMatch(reason);
  });
});
