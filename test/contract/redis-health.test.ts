/** What is said of a Redis that would lose clips: real settings where they can be had, INFO's words where not. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findRoomProblems } from '../../src/adapters/embedded/health.ts';
import { findServerProblems } from '../../src/adapters/redis/health.ts';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let server: RedisServer;
let raw: Redis;
let store: Store;

beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
  store = openRedisStore({ url: server.url });
});
afterAll(async () => {
  await store.close();
  raw.disconnect();
  await server.stop();
});

const messages = async (of: Store = store) => (await of.health()).problems.map(({ message }) => message);

describe('a real Redis', () => {
  test('without persistence loses everything, and with saves or a log has no problem', async () => {
    expect(await store.health()).toMatchObject({
      problems: [{ level: 'loses', message: expect.stringMatching(/^Redis keeps nothing on disk/) }],
      usedBytes: expect.any(Number),
      maxBytes: null,
    });
    await raw.config('SET', 'save', '3600 1');
    expect(await messages()).toEqual([]);
    await raw.config('SET', 'save', '');
    await raw.config('SET', 'appendonly', 'yes');
    expect(await messages()).toEqual([]);
  });

  test('that evicts, and whose memory is nearly full', async () => {
    await raw.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await messages()).toEqual([expect.stringMatching(/maxmemory-policy allkeys-lru/)]);
    await raw.config('SET', 'maxmemory-policy', 'noeviction');
    const used = Number(/used_memory:(\d+)/.exec(await raw.info('memory'))?.[1]);
    await raw.config('SET', 'maxmemory', String(Math.round(used * 1.05)));
    expect(await messages()).toEqual([expect.stringMatching(/nearly full: it holds .* of the .* that/)]);
    await raw.config('SET', 'maxmemory', '0');
  });

  test('that is a replica without a primary', async () => {
    await raw.replicaof('127.0.0.1', '1');
    expect(await messages()).toEqual([
      expect.stringMatching(/^REDIS_URL leads to a replica/),
      expect.stringMatching(/^The replica has lost its primary/),
    ]);
    await raw.replicaof('NO', 'ONE');
  });

  test('that refuses CONFIG or INFO is said not to tell', async () => {
    await raw.config('SET', 'appendonly', 'no');
    await raw.call('ACL', 'SETUSER', 'some', 'on', '>pw', '~*', '+info');
    const login = openRedisStore({ url: server.url.replace('//', '//some:pw@') });
    expect(await messages(login)).toEqual([expect.stringMatching(/CONFIG is refused/)]);
    await raw.call('ACL', 'SETUSER', 'some', '-info');
    expect(await messages(login)).toEqual([expect.stringMatching(/denies INFO/)]);
    await login.close();
  });

  test('that does not answer is no health', async () => {
    const lone = openRedisStore({ url: 'redis://127.0.0.1:1', perRequest: true });
    await expect(lone.health()).rejects.toMatchObject({ code: 'store_unavailable' });
    await lone.close();
  });
});

const well = { role: 'master', aof_enabled: '1', maxmemory: '0', maxmemory_policy: 'noeviction' };

test.each([
  [{}, []],
  [{ aof_last_write_status: 'err' }, ['loses']],
  [{ aof_last_bgrewrite_status: 'err' }, ['warn']],
  [{ rdb_last_bgsave_status: 'err' }, ['warn']],
  [{ rdb_last_bgsave_status: 'err', aof_enabled: '0' }, ['loses']],
  [{ master_repl_offset: '90000000', slave0: 'ip=::1,port=1,state=online,offset=1,lag=9' }, ['warn']],
  [{ master_repl_offset: '90000000', slave0: 'ip=::1,port=1,state=online,offset=89999999,lag=0' }, []],
])('INFO with %j', (fields, levels) => {
  const problems = findServerProblems({ ...well, ...fields }, '3600 1');
  expect(problems.map(({ level }) => level)).toEqual(levels);
});

test.each([
  [50e9, 1000e9, 0],
  [4e9, 1000e9, 1],
  [4e9, 20e9, 0],
  [1e9, 20e9, 1],
])('%d bytes free of %d', (free, total, problems) => {
  expect(findRoomProblems(free, total)).toHaveLength(problems);
});
