/** What a run sets, locks or prepares is gone with it: the next run on the same connection finds nothing of it. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { Observer, openReader, runAll, runValue } from '../support/runs.ts';

let database: TestDatabase;
let observer: Observer;
/** One connection each, so that every run meets what the last one left behind. */
let logins: Record<'reader' | 'owner', ReturnType<typeof openReader>>;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(
    database.ownerUrl,
    // An author's function may do whatever its caller may.
    `CREATE FUNCTION do_sql(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; RETURN 1; END'`,
  );
  observer = await Observer.open(database.superuserUrl);
  logins = { reader: openReader(database.readerUrl), owner: openReader(database.ownerUrl) };
});

afterEach(async () => {
  for (const login of Object.values(logins)) await expect.poll(() => login.leased).toBe(0);
  expect(await observer.busy()).toBe(0);
});

afterAll(async () => {
  for (const login of Object.values(logins)) await login.close();
  await observer.end();
  await database.drop();
});

/** What a session is like, seen from within. */
const sessionSql = `SELECT pg_backend_pid(), session_user, current_user,
  (SELECT string_agg(name || '=' || setting, E'\n' ORDER BY name) FROM pg_settings WHERE name !~ '^plpgsql'),
  (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE name <> ''),
  (SELECT count(*) FROM pg_listening_channels()),
  (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory')`;

describe('a run leaves nothing behind', () => {
  it.each([
    ['a default of read-write', `select set_config('default_transaction_read_only', 'off', false)`],
    ['a default isolation', `select set_config('default_transaction_isolation', 'serializable', false)`],
    ['a timeout', `select set_config('statement_timeout', '1ms', true)`],
    ['a timeout for the session', `select set_config('statement_timeout', '1ms', false)`],
    ['a search path', `select set_config('search_path', 'evil', false)`],
    ['a date style', `select set_config('DateStyle', 'German', false)`],
    ['an encoding', `select set_config('client_encoding', 'LATIN1', false)`],
    ['a time zone', `select set_config('TimeZone', 'Asia/Tokyo', false)`],
    ['a setting of its own', `select set_config('my.secret', 'x', false)`],
    ['an application name', `select set_config('application_name', 'psql', false)`],
    ['a role', "select set_config('role', session_user::text, false)"],
    ['a work memory', `select set_config('work_mem', '1TB', false)`],
    ['an advisory lock', 'select pg_advisory_lock(7)'],
    ['a shared advisory lock', 'select pg_advisory_lock_shared(7, 8)'],
    ['an advisory lock of the transaction', 'select pg_advisory_xact_lock(7)'],
    ['a prepared statement', `select do_sql('prepare p as select 1')`],
    ['a cursor', `select do_sql('declare c cursor with hold for select 1')`],
    ['a channel', `select do_sql('listen c')`],
    ['a random seed', 'select setseed(0.5)'],
  ])('%s', async (_, sql) => {
    for (const login of Object.values(logins)) {
      const [clean] = (await runAll(login, sessionSql)).rows;
      await runAll(login, sql);
      const [now] = (await runAll(login, sessionSql)).rows;
      // The first value is the backend: without that it would prove nothing.
      expect(now).toEqual(clean);
    }
  });

  it('also when the run failed or was left in the middle', async () => {
    const [clean] = (await runAll(logins.reader, sessionSql)).rows;
    const hostile = `set_config('DateStyle', 'German', false), pg_advisory_lock(7)`;
    await expect(
      runAll(logins.reader, `select ${hostile}, 1 / (n - n) from generate_series(1, 2) n`),
    ).rejects.toMatchObject({
      code: 'sql_failed',
    });
    expect((await runAll(logins.reader, sessionSql)).rows[0]).toEqual(clean);
    const left = await logins.reader.run(
      `select ${hostile}, repeat('x', 1000) from generate_series(1, 1000000)`,
    );
    await left.close();
    expect((await runAll(logins.reader, sessionSql)).rows[0]?.slice(1)).toEqual(clean?.slice(1));
  });

  it('a seed by which the next random numbers could be foretold', async () => {
    const drawn = new Set<unknown>();
    for (let n = 0; n < 5; n++) {
      await runAll(logins.reader, 'select setseed(0.5)');
      drawn.add(await runValue(logins.reader, 'select random()'));
    }
    expect(drawn.size).toBe(5);
  });

  it('a notification for those who listen', async () => {
    const heard: string[] = [];
    const listener = await Observer.open(database.superuserUrl);
    listener.onNotification((payload) => heard.push(payload));
    await listener.rows('LISTEN c');
    await runAll(logins.owner, `select pg_notify('c', 'hostile')`);
    await observer.rows(`SELECT pg_notify('c', 'ours')`);
    await expect.poll(() => heard).toEqual(['ours']);
    await listener.end();
  });
});
