/** A database under load and in trouble: the queue, mixed runs at once, a server that restarts or falls silent. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import { startPostgres } from '../../src/demo/postgres.ts';
import { createServices } from '../../src/services/services.ts';
import { aClip } from '../contract/samples.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { Observer, openReader, type RunSettings, readAll, runAll, runValue } from '../support/runs.ts';
import { openTunnel } from '../support/tunnel.ts';

let database: TestDatabase;
let observer: Observer;
const opened: ReturnType<typeof openReader>[] = [];

/** A database that is closed after the test, and must hold nothing then. */
function open(settings: RunSettings = {}, url = database.readerUrl): ReturnType<typeof openReader> {
  const reader = openReader(url, settings);
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

describe('the queue', () => {
  it('lets two run, makes the others wait and turns them away in time', async () => {
    const reader = open({ poolSize: 2, queueDeadlineMs: 300 });
    const leaving = new AbortController();
    const running = [1, 2].map(() => reader.run('select pg_sleep(60)', { signal: leaving.signal }));
    await expect.poll(() => observer.busy()).toBe(2);
    const waiting = [3, 4].map((n) => reader.run(`select ${n}`));
    for (const run of waiting) {
      await expect(run).rejects.toMatchObject({ code: 'queue_full', status: 503, retryAfterSeconds: 1 });
    }
    expect(await observer.backends()).toBe(2);
    leaving.abort();
    expect((await Promise.allSettled(running)).map((each) => each.status)).toEqual(['rejected', 'rejected']);
  });

  it('serves in the order of asking, and passes over who has left', async () => {
    const reader = open();
    const first = await reader.run('select 1');
    const leaving = new AbortController();
    const order: string[] = [];
    const ask = async (name: string, signal?: AbortSignal) => {
      await runAll(reader, 'select 1', signal ? { signal } : {});
      order.push(name);
    };
    const asked = [ask('second'), ask('third', leaving.signal), ask('fourth'), ask('fifth')];
    leaving.abort();
    await readAll(first);
    const [second, third] = await Promise.allSettled(asked);
    expect(second?.status).toBe('fulfilled');
    expect(third).toMatchObject({ status: 'rejected', reason: { code: 'run_cancelled' } });
    expect(order).toEqual(['second', 'fourth', 'fifth']);
  });

  it('does not keep anyone from seeing that the database answers', async () => {
    const reader = open();
    const leaving = new AbortController();
    const running = reader.run('select pg_sleep(60)', { signal: leaving.signal });
    await expect.poll(() => observer.busy()).toBe(1);
    expect(await reader.inspect()).toMatchObject({ reachable: true, safe: true });
    expect((await reader.schema()).schemas).toEqual([]);
    leaving.abort();
    await expect(running).rejects.toMatchObject({ code: 'run_cancelled' });
  });
});

it('200 runs of every kind, many at once, leave nothing behind', async () => {
  const reader = open({ poolSize: 8, queueDeadlineMs: 20_000 });
  const kinds: ((n: number) => Promise<unknown>)[] = [
    (n) => runAll(reader, `select ${n}`),
    () => runAll(reader, "select repeat('x', 100) from generate_series(1, 20000)"),
    () => runAll(reader, 'selec 1').catch(expectCode('sql_refused')),
    () =>
      runAll(reader, 'select 1 / (n - 3000) from generate_series(1, 9000) n').catch(expectCode('sql_failed')),
    () => reader.describe('select 1, array[1]'),
    async () => (await reader.run('select generate_series(1, 10000000)')).close(),
    async () => {
      for await (const _ of (await reader.run('select generate_series(1, 10000000)')).batches) break;
    },
    (n) =>
      runAll(reader, 'select pg_sleep(60)', { signal: AbortSignal.timeout(n) }).catch(
        expectCode('run_cancelled'),
      ),
    () =>
      runAll(reader, 'select pg_terminate_backend(pg_backend_pid())').catch(
        expectCode('database_unavailable'),
      ),
    (n) => runAll(reader, `select pg_advisory_lock(${n}), set_config('search_path', 'x', false)`),
  ];
  const runs = Array.from({ length: 200 }, (_, n) => kinds[n % kinds.length]?.(n));
  await Promise.all(runs);
  await expect.poll(() => reader.leased).toBe(0);
  await expect.poll(() => observer.busy()).toBe(0);
  expect(await observer.backends()).toBeLessThanOrEqual(8);
  expect(
    await observer.rows(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND database =
    (SELECT oid FROM pg_database WHERE datname = current_database())`),
  ).toEqual([]);
});

/** A handler that takes this error and no other. */
function expectCode(code: string): (error: unknown) => void {
  return (error) => expect(error).toMatchObject({ code });
}

it('50 who ask for the same live clip at once get the rows of one run', async () => {
  const reader = open({ poolSize: 10 });
  const store = await openEmbeddedStore({ file: ':memory:' });
  const { results } = createServices({
    store,
    databases: [reader],
    allowUnsafeLogin: false,
    snapshotMaxBytes: 1_000_000,
    shareRuns: true,
    log: () => {},
  });
  const clip = aClip({ sql: 'select pg_backend_pid(), random(), pg_sleep(0.3)' });
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => JSON.stringify(await readAll(await results.openLive(clip)))),
  );
  expect(new Set(answers).size).toBe(1);
  expect(JSON.stringify(await readAll(await results.openLive(clip)))).not.toBe(answers[0]);
  await store.close();
});

describe('a server', () => {
  it('that restarted serves the next run, and one that is down says so', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pgclip-test-restart-'));
    const options = { fsync: 'off' };
    let server = await startPostgres({ dir, options });
    const { port } = server;
    const reader = openReader(server.superuserUrl('postgres'), { poolSize: 3 });
    try {
      await Promise.all([1, 2, 3].map(() => runAll(reader, 'select pg_sleep(0.1)')));
      await server.stop();
      const down = { code: 'database_unavailable', status: 503, retryAfterSeconds: 5 };
      await expect(reader.run('select 1')).rejects.toMatchObject(down);
      await expect(reader.describe('select 1')).rejects.toMatchObject(down);
      expect(await reader.inspect()).toMatchObject({ reachable: false });
      server = await startPostgres({ dir, port, options });
      const values = await Promise.all([1, 2, 3].map((n) => runValue(reader, `select ${n}`)));
      expect(values).toEqual(['1', '2', '3']);
    } finally {
      await reader.close();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('that falls silent, as behind a firewall that forgets, holds no run beyond its deadline', async () => {
    const tunnel = await openTunnel(new URL(database.readerUrl));
    const reader = open({ poolSize: 1, runDeadlineMs: 500 }, tunnel.url);
    expect(await runValue(reader, 'select 1')).toBe('1');
    await expect.poll(() => reader.leased).toBe(0);
    tunnel.silence();
    // The first connection is of the pool and silent; the second one is new.
    expect(await runValue(reader, 'select 2')).toBe('2');
    const result = await reader.run('select generate_series(1, 10000000)');
    tunnel.silence();
    await expect(readAll(result)).rejects.toMatchObject({ code: 'run_deadline' });
    await tunnel.close();
  });

  it('that falls silent lets whoever does not want to wait go', async () => {
    const tunnel = await openTunnel(new URL(database.readerUrl));
    const reader = open({}, tunnel.url);
    await runAll(reader, 'select 1');
    await expect.poll(() => reader.leased).toBe(0);
    tunnel.silence();
    const leaving = new AbortController();
    const running = reader.run('select 1', { signal: leaving.signal });
    await expect.poll(() => tunnel.swallowed).toBeGreaterThan(0);
    leaving.abort();
    await expect(running).rejects.toMatchObject({ code: 'run_cancelled' });
    await tunnel.close();
  });
});
