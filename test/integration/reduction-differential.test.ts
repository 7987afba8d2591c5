/**
 * The proof of the reduction: hundreds of random queries, run as they are written, reduced and over rows that are handed
 * in, give the same rows. The same ones each time; `PGCLIP_SEED` and `PGCLIP_QUERIES` make others and more.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { Comparison, type Outcome } from './reduction-comparison.ts';
import { OddQueryMaker } from './reduction-odd-queries.ts';
import { QueryMaker } from './reduction-queries.ts';
import { tablesForQueries } from './reduction-tables.ts';

const seed = Number(process.env.PGCLIP_SEED ?? 20_261_121);
const count = Number(process.env.PGCLIP_QUERIES ?? 1000);

let database: TestDatabase;
let comparison: Comparison;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(database.superuserUrl, ...tablesForQueries, 'ANALYZE');
  comparison = await Comparison.open(database.superuserUrl);
});

afterAll(async () => {
  await comparison?.end();
  await database.drop();
});

/** True when it gives other rows as soon as Postgres joins in another way: then nothing can be compared. */
async function dependsOnPlan(sql: string, rows: readonly string[]): Promise<boolean> {
  for (const setting of ['enable_hashjoin', 'enable_nestloop', 'enable_mergejoin']) {
    await comparison.client.query(`SET ${setting} = off`);
    const others = await comparison.outcome(sql);
    await comparison.client.query(`RESET ${setting}`);
    if (JSON.stringify(others) !== JSON.stringify(rows)) return true;
  }
  return false;
}

type Tally = Record<
  | 'reduced'
  | 'asWritten'
  | 'failed'
  | 'refused'
  | 'undetermined'
  | 'repeated'
  | 'withRows'
  | 'keys'
  | 'perRow'
  | 'fetched'
  | 'fetchedViews',
  number
>;

/** Functions whose rows depend on how often they are called, and when. */
const counts = /counted|counting/;

/** Views over Redis, which are written out on the way without the gateway. */
const readsView = /\b(?:seen|again|Odd view|either|last_nine|per_key|of_widgets|of_shops)\b/;

/**
 * True when the query's own expression has failed where Postgres happened not to come to it before: then a run is made
 * again as it is written. What is put in never fails.
 */
function failsByItself(outcome: Outcome, sql: string, added: readonly string[]): boolean {
  const risky = /12 \/ |code::int/;
  const failed = outcome === '22012' || outcome === '22P02';
  return failed && risky.test(sql) && !added.some((text) => risky.test(text));
}

/** Runs one query every way. Throws where the rows differ. */
async function compare(sql: string, at: string, tally: Tally): Promise<void> {
  const looked = await comparison.look(sql);
  const { reduction, plan } = looked;
  expect(reduction.kind, sql).not.toBe('no redis');
  if (reduction.kind !== 'reduced' && plan.kind !== 'fetch') {
    tally.asWritten++;
    return;
  }
  const written = await comparison.outcome(sql);
  // What Postgres refuses or fails at as it is written may as well fail otherwise.
  if (typeof written === 'string') {
    if (written.startsWith('42') || written === '0A000') tally.refused++;
    else tally.failed++;
    return;
  }
  // What counts its calls must not be called once more.
  const edits = reduction.kind === 'reduced' ? reduction.edits : [];
  for (const { text } of edits) expect(text, sql).not.toMatch(counts);
  if (counts.test(sql) && (await dependsOnPlan(sql, written))) {
    tally.undetermined++;
    return;
  }
  if (written.length > 0) tally.withRows++;
  if (reduction.kind === 'reduced') {
    tally.reduced++;
    if (reduction.scans.some(({ reads }) => reads === 'keys')) tally.keys++;
    if (reduction.scans.some(({ reads }) => reads === 'keys per row')) tally.perRow++;
    const reduced = await comparison.outcome(reduction.sql);
    const added = edits.map(({ text }) => text);
    if (failsByItself(reduced, sql, added)) tally.repeated++;
    else expect(reduced, `${at}\n${sql}\n${reduction.sql}`).toEqual(written);
  }
  const fetched = await comparison.fetched(looked);
  if (!fetched) return;
  tally.fetched++;
  if (readsView.test(sql)) tally.fetchedViews++;
  if (failsByItself(fetched.outcome, sql, [])) tally.repeated++;
  // Over fewer rows its calls may be counted in an order that no setting above has brought about.
  else if (counts.test(sql) && JSON.stringify(fetched.outcome) !== JSON.stringify(written))
    tally.undetermined++;
  else expect(fetched.outcome, `fetched, ${at}\n${sql}\n${fetched.sql}`).toEqual(written);
}

async function compareAll(maker: { query(): string }, label: string): Promise<Tally> {
  const tally: Tally = {
    ...{ reduced: 0, asWritten: 0, failed: 0, refused: 0, undetermined: 0, repeated: 0 },
    ...{ withRows: 0, keys: 0, perRow: 0, fetched: 0, fetchedViews: 0 },
  };
  for (let n = 0; n < count; n++) await compare(maker.query(), `seed ${seed}, query ${n}`, tally);
  console.log(`reduction, ${label}: seed ${seed}`, JSON.stringify(tally));
  return tally;
}

describe(`random queries (PGCLIP_SEED=${seed}), ${count} of a kind, give the same rows as written and reduced`, () => {
  // A reduction that never happens would be right too.
  it('in every shape', { timeout: 300_000 }, async () => {
    const tally = await compareAll(new QueryMaker(seed), 'shapes');
    expect(tally.reduced).toBeGreaterThan(count * 0.45);
    expect(tally.withRows).toBeGreaterThan(count * 0.35);
    expect(tally.keys).toBeGreaterThan(count * 0.33);
    expect(tally.fetched).toBeGreaterThan(count * 0.3);
    expect(tally.fetchedViews).toBeGreaterThan(count * 0.04);
    expect(tally.perRow).toBeGreaterThan(count * 0.02);
    expect(tally.refused + tally.failed + tally.undetermined).toBeLessThan(count * 0.25);
    expect(tally.repeated).toBeLessThan(count * 0.01);
  });

  it('with names and types that mislead', { timeout: 300_000 }, async () => {
    const tally = await compareAll(new OddQueryMaker(seed), 'odd ones');
    expect(tally.reduced).toBeGreaterThan(count * 0.18);
    expect(tally.withRows).toBeGreaterThan(count * 0.16);
    expect(tally.fetched).toBeGreaterThan(count * 0.12);
    expect(tally.fetchedViews).toBeGreaterThan(count * 0.02);
    expect(tally.refused + tally.failed).toBeLessThan(count * 0.05);
  });
});
