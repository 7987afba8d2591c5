/** How runs end: deadline, abort, a reader that leaves, a backend that dies. Nothing stays leased or running. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { Observer, openReader, type RunSettings, readAll, runAll, runValue } from '../support/runs.ts';

let database: TestDatabase;
let observer: Observer;
const opened: ReturnType<typeof openReader>[] = [];

/** A database that is closed after the test, and must hold nothing then. */
function open(settings: RunSettings = {}): ReturnType<typeof openReader> {
  const reader = openReader(database.readerUrl, settings);
  opened.push(reader);
  return reader;
}

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  observer = await Observer.open(database.superuserUrl);
});

afterEach(async () => {
  for (const reader of opened.splice(0)) {
    await expect.poll(() => reader.leased).toBe(0);
    await expect.poll(() => observer.busy()).toBe(0);
    await reader.close();
  }
  await expect.poll(() => observer.backends()).toBe(0);
});

afterAll(async () => {
  await observer.end();
  await database.drop();
});

// In the target list it gives its rows as they are wanted, instead of making all of them first.
const tenMillion = `select generate_series(1, 10000000), repeat('x', 100)`;
const busy = () => expect.poll(() => observer.busy(), { timeout: 5000 });
const soon = { timeout: 1000, interval: 20 };

async function elapsedMs(work: Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work;
  return performance.now() - startedMs;
}

describe('the deadline', () => {
  const deadline = { code: 'run_deadline', status: 504, message: expect.stringContaining('0.4 s') };

  it.each([
    ['a run that sleeps', 'select pg_sleep(60)'],
    [
      'a run that has switched statement_timeout off',
      `select set_config('statement_timeout', '0', false), pg_sleep(60)`,
    ],
    ['a run that computes', 'select count(*) from generate_series(1, 1000000000) a'],
    ['a run that waits for a lock', 'select pg_advisory_lock(1)'],
  ])('ends %s', async (_, sql) => {
    await observer.rows('SELECT pg_advisory_lock(1)');
    const reader = open({ runDeadlineMs: 400 });
    const took = await elapsedMs(expect(reader.run(sql)).rejects.toMatchObject(deadline));
    expect(took).toBeGreaterThan(390);
    expect(took).toBeLessThan(3000);
    await expect.poll(() => observer.busy(), soon).toBe(0);
    await observer.rows('SELECT pg_advisory_unlock(1)');
  });

  it('ends rows that come one at a time, each in time', async () => {
    const reader = open({ runDeadlineMs: 400 });
    const result = await reader.run(
      `select n, pg_sleep(0.1), repeat('x', 10000) from generate_series(1, 100) n`,
    );
    let rows = 0;
    const reading = (async () => {
      for await (const batch of result.batches) rows += batch.length;
    })();
    await expect(reading).rejects.toMatchObject(deadline);
    expect(rows).toBeGreaterThan(0);
    expect(rows).toBeLessThan(10);
  });

  it('ends rows that nobody reads, and frees their connection meanwhile', async () => {
    const reader = open({ runDeadlineMs: 400 });
    const result = await reader.run(tenMillion);
    await expect.poll(() => reader.leased, soon).toBe(0);
    await expect(readAll(result)).rejects.toMatchObject(deadline);
  });

  it('is not the statement_timeout of a login that has less, nor of one that has more', async () => {
    const login = new URL(database.readerUrl).username;
    for (const [own, seen] of [
      ['300ms', '300ms'],
      ['1h', '20s'],
    ] as const) {
      await executeSql(database.superuserUrl, `ALTER ROLE ${login} SET statement_timeout TO '${own}'`);
      expect(await runValue(open(), `select current_setting('statement_timeout')`)).toBe(seen);
    }
    await executeSql(database.superuserUrl, `ALTER ROLE ${login} SET statement_timeout TO '300ms'`);
    await expect(open().run('select pg_sleep(60)')).rejects.toMatchObject({
      code: 'run_deadline',
      message: expect.stringContaining('0.3 s'),
    });
    await executeSql(database.superuserUrl, `ALTER ROLE ${login} RESET ALL`);
  });
});

describe('an abort', () => {
  it('before the run starts nothing', async () => {
    const reader = open();
    await expect(reader.run('select 1', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'run_cancelled',
    });
    // What the test before has closed may still be going.
    await expect.poll(() => observer.backends(), soon).toBe(0);
  });

  it('while it waits for its first row ends it', async () => {
    const reader = open();
    const leaving = new AbortController();
    const running = reader.run('select pg_sleep(60)', { signal: leaving.signal });
    await busy().toBe(1);
    leaving.abort();
    await expect(running).rejects.toMatchObject({ code: 'run_cancelled' });
    expect(reader.leased).toBe(0);
    await expect.poll(() => observer.busy(), soon).toBe(0);
  });

  it('in the middle of its rows is an error, never an end', async () => {
    const reader = open();
    const leaving = new AbortController();
    const result = await reader.run(tenMillion, { signal: leaving.signal });
    const reading = readAll(result);
    leaving.abort();
    await expect(reading).rejects.toMatchObject({ code: 'run_cancelled' });
    await expect.poll(() => observer.busy(), soon).toBe(0);
  });

  it('after its end does no harm to the connection, which others use by then', async () => {
    const reader = open();
    const leaving = new AbortController();
    await readAll(await reader.run('select 1', { signal: leaving.signal }));
    const other = reader.run('select pg_sleep(0.2), 7');
    await busy().toBe(1);
    leaving.abort();
    expect((await readAll(await other))[0]?.[1]).toBe('7');
  });
});

describe('a reader that leaves', () => {
  it.each(['close', 'return', 'break'])(
    '10 million rows after the first batch frees all: %s',
    async (how) => {
      const reader = open();
      const result = await reader.run(tenMillion);
      const rows = result.batches[Symbol.asyncIterator]();
      if (how === 'break') for await (const batch of result.batches) if (batch.length > 0) break;
      if (how !== 'break') expect((await rows.next()).done).toBe(false);
      if (how === 'close') await result.close();
      if (how === 'return') await rows.return?.();
      expect(reader.leased).toBe(0);
      await expect.poll(() => observer.busy(), soon).toBe(0);
      expect(await runValue(reader, 'select 1')).toBe('1');
    },
  );

  it('slowly does not make memory grow', async () => {
    const reader = open();
    const result = await reader.run(tenMillion);
    const rows = result.batches[Symbol.asyncIterator]();
    await rows.next();
    const before = process.memoryUsage().rss;
    // The server has to stand still, since nobody takes its rows.
    await expect
      .poll(async () => (await observer.rows(waitsToWrite)).length, { timeout: 5000, interval: 20 })
      .toBe(1);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    await result.close();
  });
  const waitsToWrite = `SELECT FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'pgclip' AND wait_event = 'ClientWrite'`;

  it('may close as often as it likes, before, in and after the rows', async () => {
    const reader = open();
    const result = await reader.run('select 1');
    expect(await readAll(result)).toEqual([['1']]);
    await result.close();
    await result.close();
    const unread = await reader.run('select 1');
    await unread.close();
    await unread.close();
    expect(await runValue(reader, 'select 2')).toBe('2');
  });
});

describe('a backend that dies', () => {
  it('in the middle of the rows is an error, never an end; the next run works', async () => {
    const reader = open();
    const result = await reader.run(tenMillion);
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'pgclip'`;
    // Expected before it can fail: the backend may be gone before the killing is answered.
    const refused = expect(readAll(result)).rejects.toMatchObject({
      code: 'database_unavailable',
      retryAfterSeconds: 5,
    });
    await observer.rows(kill);
    await refused;
    expect(await runValue(reader, 'select 1')).toBe('1');
  });

  it('before the first row is an error', async () => {
    const reader = open();
    const refused = expect(reader.run('select pg_sleep(60)')).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    await busy().toBe(1);
    await observer.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'pgclip'`);
    await refused;
  });

  it('by its own hand is an error', async () => {
    const reader = open();
    await expect(runAll(reader, 'select pg_terminate_backend(pg_backend_pid())')).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    expect(await runValue(reader, 'select 1')).toBe('1');
  });

  it('while it is idle goes unnoticed', async () => {
    const reader = open({ poolSize: 3 });
    await Promise.all([1, 2, 3].map(() => runAll(reader, 'select pg_sleep(0.1)')));
    await observer.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'pgclip'`);
    const values = await Promise.all([1, 2, 3].map((n) => runValue(reader, `select ${n}`)));
    expect(values).toEqual(['1', '2', '3']);
  });

  it('by a cancel in the database is an error that says so', async () => {
    const reader = open();
    const refused = expect(reader.run('select pg_sleep(60)')).rejects.toMatchObject({
      code: 'run_cancelled',
    });
    await busy().toBe(1);
    await observer.rows(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'pgclip'`);
    await refused;
  });
});
