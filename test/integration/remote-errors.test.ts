/**
 * Runs over a link whose remote fails, is killed or was changed: what is said of it, and that the database itself and
 * its connections are as well as before. On local and remote servers of two versions, each way round.
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { AppError } from '../../src/domain/errors.ts';
import type { ResultSet } from '../../src/domain/result-set.ts';
import { type LinkedDatabases, linkDatabases } from '../support/linked-databases.ts';
import { executeSql } from '../support/postgres.ts';
import { Observer, openReader, type RunSettings, readAll, runAll, runValue } from '../support/runs.ts';

const count = 'SELECT count(*) FROM warehouse.users';
const asleep = 'SELECT slept FROM warehouse.slow';

/** Of what another process does; it may have to wait for a processor. */
const soon = { timeout: 10_000 };

describe.each([
  ['18 over 15', 'postgresUrl', 'postgres15Url'],
  ['15 over 18', 'postgres15Url', 'postgresUrl'],
] as const)('PostgreSQL %s', (_, local, remote) => {
  let databases: LinkedDatabases;
  let here: Observer;
  let there: Observer;
  const opened: ReturnType<typeof openReader>[] = [];

  function open(settings: RunSettings = {}) {
    const reader = openReader(databases.local.readerUrl, settings);
    opened.push(reader);
    return reader;
  }

  beforeAll(async () => {
    databases = await linkDatabases({
      localUrl: inject(local),
      remoteUrl: inject(remote),
      link: 'warehouse',
      setUp: [
        'CREATE TABLE users (id int PRIMARY KEY, plan text)',
        `INSERT INTO users SELECT n, 'secret-' || n FROM generate_series(1, 1000) n`,
        'CREATE VIEW slow AS SELECT pg_sleep(60)::text AS slept',
        `CREATE VIEW many AS SELECT n AS id, repeat('x', 1000) AS text FROM generate_series(1, 60000) n`,
        'ANALYZE',
      ],
      tables: {
        users: 'id int, plan text',
        slow: 'slept text',
        many: 'id int, text text',
        gone: 'id int',
      },
      serverOptions: `fetch_size '100'`,
    });
    here = await Observer.open(databases.local.superuserUrl);
    there = await Observer.open(databases.remote.superuserUrl);
  });

  afterEach(async () => {
    for (const reader of opened.splice(0)) {
      await expect.poll(() => reader.leased, soon).toBe(0);
      await reader.close();
    }
    await expect.poll(() => here.backends(), soon).toBe(0);
    await expect.poll(() => backendsThere(), soon).toEqual([]);
  });

  afterAll(async () => {
    await here.end();
    await there.end();
    await databases.drop();
  });

  /** The remote's backends that serve the link. */
  function backendsThere(where = 'true') {
    return there.rows(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'linked' AND ${where}`,
    );
  }
  const active = `state = 'active'`;

  const killBackends = () =>
    there.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'linked'`,
    );

  const ways = [
    {
      name: 'its backend is killed',
      async kill() {
        expect(await killBackends()).toEqual([['t']]);
      },
      restore: async () => {},
    },
    {
      name: 'the way to it is cut',
      kill: () => databases.relay.stop(),
      async restore() {
        // One that sleeps does not notice.
        await killBackends();
        await databases.relay.start();
      },
    },
  ];

  const backendPid = (reader: ReturnType<typeof openReader>) =>
    runValue(reader, 'SELECT pg_backend_pid() FROM warehouse.users LIMIT 1');

  /** What a run failed with. It must have told nothing but to those who may see it. */
  async function failureOf(work: Promise<unknown>): Promise<AppError> {
    const error = await work.then(
      () => expect.unreachable('it went well'),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof AppError)) throw error;
    expect(`${error.message} ${JSON.stringify(error.cause)}`).not.toMatch(
      new RegExp(`secret-|SELECT|public|127\\.0\\.0\\.1|${databases.remote.name}`),
    );
    return error;
  }

  const unavailable = { code: 'remote_unavailable', status: 503, retryAfterSeconds: 5 };

  it('a remote that is away is no database that is away', async () => {
    const reader = open();
    const pid = await backendPid(reader);
    await databases.relay.stop();
    try {
      for (const work of [reader.run(count), reader.describe(count), reader.explain(count)]) {
        const error = await failureOf(work);
        expect(error).toMatchObject(unavailable);
        expect(error.sql).toMatchObject({
          sqlstate: '08001',
          message: expect.stringContaining('"warehouse_server"'),
          hint: expect.stringContaining('refresh its data link'),
        });
      }
      expect(await reader.inspect()).toMatchObject({ reachable: true });
      expect(await runValue(reader, 'SELECT 7')).toBe('7');
    } finally {
      await databases.relay.start();
    }
    expect(await runValue(reader, count)).toBe('1000');
    expect(await backendPid(reader)).toBe(pid);
  });

  it('and so is a remote that refuses the password', async () => {
    const login = `${databases.remote.name}_reader`;
    await executeSql(databases.remote.superuserUrl, `ALTER ROLE ${login} PASSWORD 'changed'`);
    try {
      expect(await failureOf(open().run(count))).toMatchObject(unavailable);
    } finally {
      await executeSql(databases.remote.superuserUrl, `ALTER ROLE ${login} PASSWORD '${login}'`);
    }
  });

  describe.each(ways)('$name', ({ kill, restore }) => {
    it('before the first row', async () => {
      const reader = open();
      const pid = await backendPid(reader);
      const failing = failureOf(reader.run(asleep));
      await expect.poll(() => backendsThere(active), soon).toHaveLength(1);
      await kill();
      const error = await failing.finally(restore);
      expect(error).toMatchObject(unavailable);
      expect(error.sql).toMatchObject({ sqlstate: '08006', remoteSql: expect.any(String) });
      expect(await runValue(reader, count)).toBe('1000');
      expect(await backendPid(reader)).toBe(pid);
    });

    it('in the middle of the rows', async () => {
      const reader = open();
      const pid = await backendPid(reader);
      const result: ResultSet = await reader.run('SELECT * FROM warehouse.many');
      const batches = result.batches[Symbol.asyncIterator]();
      expect((await batches.next()).done).toBe(false);
      await kill();
      const reading = (async () => {
        while (!(await batches.next()).done);
      })();
      expect(await failureOf(reading).finally(restore)).toMatchObject(unavailable);
      await expect.poll(() => reader.leased, soon).toBe(0);
      expect(await runAll(reader, 'SELECT id FROM warehouse.many').then(({ rows }) => rows.length)).toBe(
        60_000,
      );
      expect(await backendPid(reader)).toBe(pid);
    });

    it('while nothing runs', async () => {
      const reader = open();
      const pid = await backendPid(reader);
      await kill();
      await restore();
      expect(await runValue(reader, count)).toBe('1000');
      expect(await backendPid(reader)).toBe(pid);
    });
  });

  it('what fails on the remote while it plans tells its SQL to those who may see it', async () => {
    const error = await failureOf(open().run('SELECT id FROM warehouse.gone'));
    expect(error).toMatchObject({
      code: 'sql_refused',
      sql: { sqlstate: '42P01', remoteSql: 'EXPLAIN SELECT id FROM public.gone' },
    });
  });

  it('what fails on the remote while it runs does so too', async () => {
    const reader = open();
    const sql = `SELECT plan FROM warehouse.users WHERE 1 / (id - 5) = 0\n AND plan <> E'a: SELECT\\nb: SELECT'`;
    const error = await failureOf(reader.run(sql));
    expect(error).toMatchObject({ code: 'sql_failed', status: 422, sql: { sqlstate: '22012' } });
    expect(error.sql?.remoteSql).toMatch(/SELECT/);
    expect(
      (await failureOf(reader.run(`SELECT plan FROM warehouse.users WHERE 1 / (id - 5) = 0`))).sql?.remoteSql,
    ).toBe('SELECT plan FROM public.users WHERE (((1 / (id - 5)) = 0))');
    expect(await runValue(reader, count)).toBe('1000');
  });

  it('what fails here has no SQL of a remote', async () => {
    const error = await failureOf(open().run('SELECT 1 / (count(*) - 1000) FROM warehouse.users'));
    expect(error).toMatchObject({ code: 'sql_failed', sql: { sqlstate: '22012' } });
  });

  it('a remote that gives less time than the query takes is not the deadline', async () => {
    const login = `${databases.remote.name}_reader`;
    await executeSql(databases.remote.superuserUrl, `ALTER ROLE ${login} SET statement_timeout = '200ms'`);
    try {
      const error = await failureOf(open().run(asleep));
      expect(error).toMatchObject({ code: 'run_cancelled', status: 503, sql: { sqlstate: '57014' } });
      expect(error.message).toContain('remote');
    } finally {
      await executeSql(databases.remote.superuserUrl, `ALTER ROLE ${login} RESET statement_timeout`);
    }
  });

  it('the deadline ends the query on the remote too', async () => {
    expect(await failureOf(open({ runDeadlineMs: 700 }).run(asleep))).toMatchObject({ code: 'run_deadline' });
    await expect.poll(() => backendsThere(active), soon).toEqual([]);
  });

  it('and so does a client that leaves, before the first row and after it', async () => {
    const reader = open();
    const leaving = new AbortController();
    const failing = failureOf(reader.run(asleep, { signal: leaving.signal }));
    await expect.poll(() => backendsThere(active), soon).toHaveLength(1);
    leaving.abort();
    expect(await failing).toMatchObject({ code: 'run_cancelled' });
    await expect.poll(() => backendsThere(active), soon).toEqual([]);
    const result = await reader.run('SELECT * FROM warehouse.many');
    await result.close();
    await expect.poll(() => backendsThere(`state <> 'idle'`), soon).toEqual([]);
    expect(await readAll(await reader.run('SELECT id FROM warehouse.users'))).toHaveLength(1000);
  });

  it('the tree of schemas says which one belongs to the link', async () => {
    await executeSql(
      databases.local.ownerUrl,
      'CREATE SCHEMA IF NOT EXISTS own',
      'CREATE TABLE IF NOT EXISTS own.t ()',
    );
    const { schemas } = await open().schema();
    expect(schemas.map(({ name, link }) => [name, link])).toEqual([
      ['own', null],
      ['warehouse', 'warehouse'],
    ]);
  });
});
