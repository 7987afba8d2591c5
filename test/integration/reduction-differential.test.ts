/**
 * The proof of the reduction: hundreds of random queries, run as they are written and reduced, give the same rows.
 * `PGCLIP_SEED` and `PGCLIP_QUERIES` repeat a run or make it longer.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readFacts } from '../../src/adapters/postgres/reduction-facts.ts';
import { handOver, type RowReader } from '../../src/adapters/postgres/reduction-rows.ts';
import type { Facts } from '../../src/reduction/facts.ts';
import { planFetch } from '../../src/reduction/fetch.ts';
import { reduce } from '../../src/reduction/reduce.ts';
import type { SqlParser } from '../../src/reduction/sql-parser.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { openTestParser, standInLinks } from './reduction-parser.ts';
import { QueryMaker } from './reduction-queries.ts';
import { tablesForQueries } from './reduction-tables.ts';

const seed = Number(process.env.PGCLIP_SEED ?? Math.floor(Math.random() * 1e9));
const count = Number(process.env.PGCLIP_QUERIES ?? 1000);

let database: TestDatabase;
let client: pg.Client;
let parser: SqlParser;

beforeAll(async () => {
  parser = await openTestParser();
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(database.superuserUrl, ...tablesForQueries, 'ANALYZE');
  client = new pg.Client({ connectionString: database.superuserUrl });
  await client.connect();
  // Intervals as text, as they are handed over.
  await client.query("SET statement_timeout = '10s'; SET jit = off");
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

/** The rows, sorted, or the SQLSTATE that the query ends with. */
async function outcome(sql: string): Promise<string[] | string> {
  await client.query("SELECT set_config('test.calls', '0', false)");
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return rows.map((row) => JSON.stringify(row)).sort();
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.code ?? 'unknown';
    throw error;
  }
}

/** True when it gives other rows as soon as Postgres joins in another way: then nothing can be compared. */
async function dependsOnPlan(sql: string, rows: readonly string[]): Promise<boolean> {
  for (const setting of ['enable_hashjoin', 'enable_nestloop', 'enable_mergejoin']) {
    await client.query(`SET ${setting} = off`);
    const others = await outcome(sql);
    await client.query(`RESET ${setting}`);
    if (JSON.stringify(others) !== JSON.stringify(rows)) return true;
  }
  return false;
}

/** Reads the stand-in tables in the place of Redis, in small batches. */
const reader: RowReader = {
  async *ofKeys({ relation }, keys) {
    const text = `SELECT * FROM hredis.${relation.name} WHERE key = ANY ($1)`;
    for (let n = 0; n < keys.length; n += 5) {
      yield (
        await client.query<(string | null)[]>({ text, values: [keys.slice(n, n + 5)], rowMode: 'array' })
      ).rows;
    }
  },
  async *ofPrefix({ relation }, prefix) {
    const text = `SELECT * FROM hredis.${relation.name} WHERE key ^@ $1`;
    yield (await client.query<(string | null)[]>({ text, values: [prefix], rowMode: 'array' })).rows;
  },
};

/** 1 when the way without the gateway could be gone, and gave these rows. */
async function compareFetched(sql: string, facts: Facts, rows: readonly string[]): Promise<number> {
  const plan = planFetch(sql, facts, parser);
  if (plan.kind !== 'fetch') return 0;
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const limits = { maxKeys: 10_000, maxCharacters: 1e6 };
    const handed = await handOver(client, plan, reader, limits);
    if (handed.kind !== 'ready') throw new Error('more than could be handed over');
    expect(await outcome(handed.sql), `fetched, seed ${seed}\n${sql}\n${handed.sql}`).toEqual(rows);
  } finally {
    await client.query('ROLLBACK');
  }
  return 1;
}

describe(`random queries (PGCLIP_SEED=${seed})`, () => {
  it(`give the same rows as written and reduced, ${count} times`, { timeout: 300_000 }, async () => {
    const maker = new QueryMaker(seed);
    const tally = {
      reduced: 0,
      asWritten: 0,
      failed: 0,
      refused: 0,
      undetermined: 0,
      withRows: 0,
      keys: 0,
      perRow: 0,
      fetched: 0,
    };
    for (let n = 0; n < count; n++) {
      const sql = maker.query();
      const parsed = parser.parse(sql);
      expect(parsed, sql).not.toBeNull();
      if (!parsed) continue;
      const facts = await readFacts(client, parsed, parser, standInLinks);
      const reduction = reduce(sql, facts, parser);
      expect(reduction.kind, sql).not.toBe('no redis');
      if (reduction.kind !== 'reduced') {
        tally.asWritten++;
        continue;
      }
      const written = await outcome(sql);
      // What Postgres refuses or fails at as it is written may as well fail otherwise.
      if (typeof written === 'string') {
        if (written.startsWith('42') || written === '0A000') tally.refused++;
        else tally.failed++;
        continue;
      }
      // What counts its calls must not be called once more.
      for (const { text } of reduction.edits) expect(text, sql).not.toMatch(/counted|counting/);
      if (/counted|counting/.test(sql) && (await dependsOnPlan(sql, written))) {
        tally.undetermined++;
        continue;
      }
      tally.reduced++;
      if (written.length > 0) tally.withRows++;
      if (reduction.scans.some(({ reads }) => reads === 'keys')) tally.keys++;
      if (reduction.scans.some(({ reads }) => reads === 'keys per row')) tally.perRow++;
      tally.fetched += await compareFetched(sql, facts, written);
      expect(await outcome(reduction.sql), `seed ${seed}, query ${n}\n${sql}\n${reduction.sql}`).toEqual(
        written,
      );
    }
    console.log(`reduction: seed ${seed}`, JSON.stringify(tally));
    // A reduction that never happens would be right too.
    expect(tally.reduced).toBeGreaterThan(count * 0.45);
    expect(tally.withRows).toBeGreaterThan(count * 0.35);
    expect(tally.keys).toBeGreaterThan(count * 0.33);
    expect(tally.fetched).toBeGreaterThan(count * 0.3);
    expect(tally.perRow).toBeGreaterThan(count * 0.02);
    expect(tally.refused + tally.failed + tally.undetermined).toBeLessThan(count * 0.25);
  });
});
