/** Answers on the wire: a failure breaks them off, a client that leaves frees its run, one that reads slowly costs little. */
import { once } from 'node:events';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { getRaw, readSome, sendGet } from '../support/raw-http.ts';
import { openTestServer, type TestServer, testToken, waitFor } from '../support/server.ts';

const formats = ['csv', 'json', 'ndjson', 'xml', 'xlsx'] as const;
const redisUrl = `${inject('redisUrl')}/3`;
const failsLate = 'select n, 1 / (500000 - n) as q from generate_series(1, 1000000) n';
const endless = "select n, repeat('x', 50) as t from generate_series(1, 10000000) n";

let server: TestServer;
let admin: pg.Client;

beforeAll(async () => {
  server = await openTestServer({ postgresUrl: inject('postgresUrl'), redisUrl });
  admin = new pg.Client({ connectionString: server.database.superuserUrl });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await server.close();
});

/** What the reader's backends do that are not idle. */
async function busyBackends(): Promise<{ state: string; wait: string | null }[]> {
  const { rows } = await admin.query(
    `select state, wait_event as wait from pg_stat_activity
     where datname = current_database() and usename like '%_reader' and state <> 'idle'`,
  );
  return rows;
}

const untilFree = () => waitFor(async () => server.leased === 0 && (await busyBackends()).length === 0, 1000);

describe('a run that fails at row 500,000', () => {
  it.each(formats)('breaks the connection off: .%s', async (format) => {
    const { url } = await server.save({ sql: failsLate });
    const answer = await getRaw(`${url}.${format}`);
    expect(answer.status).toBe(200);
    expect(answer.head).toContain('transfer-encoding: chunked');
    expect(answer.bodyBytes).toBeGreaterThan(100_000);
    expect(answer.whole).toBe(false);
    expect(answer.tail).not.toMatch(/division|error/i);
    await untilFree();
  });

  it.each(['gzip', 'zstd'])('breaks it off when it is compressed too: %s', async (coding) => {
    const { url } = await server.save({ sql: failsLate });
    const answer = await getRaw(`${url}.csv`, { 'Accept-Encoding': coding });
    expect(answer.head).toContain(`content-encoding: ${coding}`);
    expect([answer.status, answer.bodyBytes > 10_000, answer.whole]).toEqual([200, true, false]);
    await untilFree();
  });

  it('makes fetch reject', async () => {
    const { url } = await server.save({ sql: failsLate });
    const response = await server.fetch(`${url}.csv`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it('ends well when nothing fails', async () => {
    const { url } = await server.save({ sql: 'select n from generate_series(1, 100000) n' });
    for (const format of formats) expect((await getRaw(`${url}.${format}`)).whole).toBe(true);
    await untilFree();
  });
});

describe('a snapshot that lost a part', () => {
  it('breaks the connection off, whatever the format', async () => {
    const clip = await server.save({
      sql: 'select n, md5(n::text) as m from generate_series(1, 100000) n',
      mode: 'frozen',
    });
    const redis = new Redis(redisUrl);
    const chunks = `pgclip:{${clip.id}}:snapshot:${clip.snapshot?.id}`;
    expect(await redis.llen(chunks)).toBeGreaterThan(4);
    await redis.ltrim(chunks, 0, -2);
    await redis.quit();
    for (const format of formats) {
      const response = await server.fetch(`${clip.url}.${format}`);
      await expect(
        response.bytes().then((bytes) => [format, response.status, bytes.length]),
      ).rejects.toThrow();
    }
    expect(server.logged.some((line) => line.includes('snapshot_damaged'))).toBe(true);
  });
});

describe('a client that leaves', () => {
  it.each([...formats, 'html'])('after 1 KB of 10 million rows frees its connection: .%s', async (format) => {
    const { url } = await server.save({ sql: endless });
    await untilFree();
    const socket = await sendGet(`${url}.${format}`);
    await readSome(socket, 1024);
    if (format !== 'html') expect(server.leased).toBe(1);
    socket.destroy();
    await untilFree();
  });

  it.each(['gzip', 'zstd'])('frees it when the answer is compressed too: %s', async (coding) => {
    const { url } = await server.save({ sql: endless });
    await untilFree();
    const socket = await sendGet(`${url}.csv`, { 'Accept-Encoding': coding });
    await readSome(socket, 1024);
    expect(server.leased).toBe(1);
    socket.destroy();
    await untilFree();
  });

  it('before the first row frees its connection', async () => {
    const { url } = await server.save({ sql: 'select pg_sleep(30)' });
    await untilFree();
    for (const tail of ['.csv', '.xlsx', '.html']) {
      const socket = await sendGet(`${url}${tail}`);
      await waitFor(async () => (await busyBackends()).some(({ wait }) => wait === 'PgSleep'), 1000);
      socket.destroy();
      await untilFree();
    }
  });

  it('does not take the rows from another who asked for the same', async () => {
    const { url } = await server.save({
      sql: 'select n from generate_series(1, 300000) n where n > 1 or pg_sleep(0.3) is null',
    });
    const one = await sendGet(`${url}.csv`);
    const other = getRaw(`${url}.csv`);
    await waitFor(async () => (await busyBackends()).some(({ wait }) => wait === 'PgSleep'), 1000);
    one.destroy();
    expect((await other).whole).toBe(true);
    await untilFree();
  });

  it('while it freezes leaves the clip as it was, and nothing behind', async () => {
    const clip = await server.save({ sql: endless });
    await untilFree();
    const leave = new AbortController();
    const freezing = server.fetch(`/api/clips/${clip.id}/freeze`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${testToken}` },
      signal: leave.signal,
    });
    const redis = new Redis(redisUrl);
    const pending = () => redis.keys(`pgclip:{${clip.id}}:pending:*`);
    await waitFor(async () => (await pending()).length === 1, 5000);
    leave.abort();
    await expect(freezing).rejects.toThrow();
    await untilFree();
    await waitFor(async () => (await pending()).length === 0, 1000);
    await redis.quit();
    const { body } = await server.call<typeof clip>('GET', `/api/clips/${clip.id}`);
    expect(body).toEqual(clip);
  });
});

describe('a client that reads slowly', () => {
  it('makes Postgres wait rather than the server remember', async () => {
    const { url } = await server.save({ sql: endless });
    await untilFree();
    const before = process.memoryUsage();
    const sockets = await Promise.all(formats.map((format) => sendGet(`${url}.${format}?`)));
    for (const socket of sockets) await readSome(socket, 1024);
    // Nobody reads on: the backends stand still because what they write is not taken.
    await waitFor(async () => {
      const waits = (await busyBackends()).map(({ wait }) => wait);
      return waits.length > 0 && waits.every((wait) => wait === 'ClientWrite');
    }, 10_000);
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.external - before.heapUsed - before.external;
    expect(grown / 1024 / 1024).toBeLessThan(100);
    for (const socket of sockets) {
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    }
    await untilFree();
  });
});

describe('a full pool', () => {
  it('answers 503 with when to come again, and stays ready', async () => {
    const other = await openTestServer({
      postgresUrl: inject('postgresUrl'),
      env: () => ({ POOL_SIZE: '1', QUEUE_DEADLINE_MS: '200' }),
    });
    const slow = await other.save({ sql: 'select pg_sleep(30)' });
    const quick = await other.save({ sql: 'select 1 as one' });
    await other.untilIdle(1000);
    const socket = await sendGet(`${slow.url}.csv`);
    await waitFor(() => other.leased === 1, 1000);
    const busy = await other.fetch(`${quick.url}.csv`);
    expect([busy.status, busy.headers.get('Retry-After')]).toEqual([503, '1']);
    expect(await busy.json()).toMatchObject({ code: 'queue_full' });
    expect((await other.fetch('/readyz')).status).toBe(200);
    socket.destroy();
    await other.untilIdle(1000);
    expect(await (await other.fetch(`${quick.url}.csv`)).text()).toBe('one\n1\n');
    await other.close();
  });

  it('ends a run at its deadline, also a slow trickle', async () => {
    const other = await openTestServer({
      postgresUrl: inject('postgresUrl'),
      env: () => ({ QUERY_DEADLINE_MS: '600' }),
    });
    const asleep = await other.save({ sql: 'select pg_sleep(30)' });
    const refused = await other.fetch(`${asleep.url}.csv`);
    expect(refused.status).toBe(504);
    expect(await refused.json()).toMatchObject({ code: 'run_deadline' });
    const trickle = await other.save({
      sql: "select repeat('x', 20000) as t, pg_sleep(0.05) from generate_series(1, 1000)",
    });
    const answer = await getRaw(`${trickle.url}.csv`);
    expect([answer.status, answer.whole]).toEqual([200, false]);
    await other.untilIdle(1000);
    await other.close();
  });
});
