/** Postgres or Redis away: 503 meanwhile, alive all the time, and back by itself. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { openRelay, type Relay } from '../support/relay.ts';
import { openTestServer, PageVisitor, type TestServer, waitFor } from '../support/server.ts';

interface Ready {
  readonly ready: boolean;
  readonly store: boolean;
  readonly storeProblems: readonly string[];
  readonly databases: Record<string, boolean>;
}

const postgresUrl = inject('postgresUrl');
const password = 'password-of-redis-4711';

let redis: RedisServer;
let relay: Relay;
let server: TestServer;

beforeAll(async () => {
  relay = await openRelay(Number(new URL(postgresUrl).port));
  redis = await startRedis({ args: ['--requirepass', password] });
  server = await openTestServer({
    postgresUrl,
    redisUrl: `redis://:${password}@127.0.0.1:${redis.port}/0`,
    env: ({ readerUrl }) => {
      const url = new URL(readerUrl);
      url.host = `127.0.0.1:${relay.port}`;
      return { DATABASE_URL: url.href };
    },
  });
});
afterAll(async () => {
  await server.close();
  await redis.stop();
  await relay.close();
});

async function readiness(): Promise<{ status: number; body: Ready }> {
  const response = await server.fetch('/readyz');
  return { status: response.status, body: (await response.json()) as Ready };
}

async function statusOf(path: string): Promise<[number, string]> {
  const response = await server.fetch(path);
  return [response.status, await response.text()];
}

// The Redis of this test keeps nothing on its disk.
const storeProblems = [expect.stringContaining('keeps nothing on disk')];
const ready = {
  status: 200,
  body: { ready: true, store: true, storeProblems, databases: { DATABASE_URL: true } },
};

describe('a server whose Postgres goes away', () => {
  it('says so, goes on with what needs none, and recovers by itself', async () => {
    const live = await server.save({ sql: 'select 1 as one' });
    const frozen = await server.save({ sql: 'select 2 as two', mode: 'frozen' });
    expect(await readiness()).toEqual(ready);
    expect((await server.fetch('/healthz')).status).toBe(200);

    await relay.stop();
    expect(await readiness()).toEqual({
      status: 503,
      body: { ready: false, store: true, storeProblems, databases: { DATABASE_URL: false } },
    });
    expect(await statusOf('/healthz')).toEqual([200, '{"alive":true}']);
    const refused = await server.fetch(`${live.url}.csv`);
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '5']);
    expect(await refused.json()).toMatchObject({ code: 'database_unavailable' });
    expect((await server.fetch(`${live.url}.csv`, { method: 'HEAD' })).status).toBe(503);
    expect(await statusOf(`${frozen.url}.csv`)).toEqual([200, 'two\n2\n']);
    for (const [method, path, body] of [
      ['POST', '/api/run', { sql: 'select 1' }],
      ['POST', '/api/clips', { name: 'Never', sql: 'select 1' }],
      ['POST', `/api/clips/${live.id}/freeze`, undefined],
      ['PATCH', `/api/clips/${live.id}`, { sql: 'select 3' }],
    ] as const) {
      const answer = await server.call<{ code: string }>(method, path, body);
      expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'database_unavailable']);
    }
    const page = await new PageVisitor(server).get(live.url);
    expect(page.status).toBe(503);
    expect(page.text).toContain('The database does not answer');
    const list = await server.call<{ clips: unknown[] }>('GET', '/api/clips');
    expect(list.body.clips).toHaveLength(2);

    await relay.start();
    expect(await readiness()).toEqual(ready);
    expect(await statusOf(`${live.url}.csv`)).toEqual([200, 'one\n1\n']);
    await server.untilIdle(1000);
  });

  it('breaks off the answers under way', async () => {
    const { url } = await server.save({ sql: 'select n from generate_series(1, 10000000) n' });
    const response = await server.fetch(`${url}.csv`);
    expect(response.status).toBe(200);
    const reader = response.body?.getReader();
    await reader?.read();
    await relay.stop();
    const toItsEnd = (async () => {
      while (reader && !(await reader.read()).done);
    })();
    await expect(toItsEnd).rejects.toThrow();
    await relay.start();
    await server.untilIdle(1000);
    expect(await readiness()).toEqual(ready);
  });
});

describe('a server whose Redis goes away', () => {
  it('says so, answers 503 at once, and recovers by itself', async () => {
    const clip = await server.save({ sql: 'select 1 as one' });
    const visitor = await new PageVisitor(server).signIn();
    await redis.stop();
    await waitFor(async () => !(await readiness()).body.store, 5000);
    expect(await readiness()).toEqual({
      status: 503,
      body: { ready: false, store: false, storeProblems: [], databases: { DATABASE_URL: true } },
    });
    expect(await statusOf('/healthz')).toEqual([200, '{"alive":true}']);
    const startedMs = performance.now();
    for (const [method, path, body] of [
      ['GET', '/api/clips', undefined],
      ['GET', `/api/clips/${clip.id}`, undefined],
      ['POST', '/api/clips', { name: 'n', sql: 'select 1' }],
      ['POST', '/api/clips', { name: 'n', sql: 'select 1', mode: 'frozen' }],
      ['DELETE', `/api/clips/${clip.id}`, undefined],
    ] as const) {
      const answer = await server.call<{ code: string }>(method, path, body);
      expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'store_unavailable']);
    }
    expect((await server.fetch(`${clip.url}.csv`)).status).toBe(503);
    expect((await visitor.get('/')).status).toBe(503);
    // Signing in and running SQL need no store.
    expect((await server.call('POST', '/api/run', { sql: 'select 1' })).status).toBe(200);
    expect((await visitor.get('/clips/new')).status).toBe(200);
    expect(performance.now() - startedMs).toBeLessThan(10_000);

    await redis.restart();
    await waitFor(async () => (await readiness()).status === 200, 5000);
    expect((await server.save({ sql: 'select 1 as one' })).revision).toBe(1);
    await server.untilIdle(1000);
  });
});

describe('the log of both', () => {
  it('says what was away, without a password', () => {
    const lines = server.logged.join('\n');
    expect(lines).toContain('"code":"database_unavailable"');
    expect(lines).toContain('"code":"store_unavailable"');
    expect(lines).not.toContain(password);
    expect(lines).not.toContain('_reader:');
  });
});
