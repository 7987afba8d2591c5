/**
 * REDIS_DURABILITY=fsync. `appendfsync always` is a real Redis's. WAITAOF needs Redis 7.2: where the one that is here
 * is older, a proxy before it says that it is 7.2 and answers WAITAOF itself, so that what is tested is what pgclip
 * makes of the answers, not what WAITAOF does.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { aClip, aSnapshot, someChunks } from './samples.ts';
import { publish } from './snapshot-contract.ts';

let server: RedisServer;
let raw: Redis;
let store: Store;

beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
});
beforeEach(async () => {
  await raw.flushall();
});
afterEach(() => store.close());
afterAll(async () => {
  raw.disconnect();
  await server.stop();
});

const setAll = async (settings: Record<string, string>) => {
  for (const [name, value] of Object.entries(settings)) await raw.config('SET', name, value);
};

async function freeze(): Promise<void> {
  const clip = aClip();
  await store.clips.create(clip);
  const chunks = someChunks(2);
  await publish(store, aSnapshot(clip, chunks), chunks);
}

describe('a Redis before 7.2', () => {
  beforeEach(() => {
    store = openRedisStore({ url: server.url, durability: 'fsync' });
  });

  test.each([
    [{ appendonly: 'no' }, /set appendonly yes/],
    [{ appendonly: 'yes', appendfsync: 'everysec' }, /appendfsync always/],
    [
      { appendonly: 'yes', appendfsync: 'always', 'no-appendfsync-on-rewrite': 'yes' },
      /no-appendfsync-on-rewrite no/,
    ],
  ])('with %j is refused before anything is written', async (settings, message) => {
    await setAll(settings);
    const clip = aClip();
    await store.clips.create(clip);
    for (const begun of [store.snapshots.begin(clip.id, 'any'), store.clips.restore('any')])
      await expect(begun).rejects.toMatchObject({
        code: 'store_not_durable',
        status: 503,
        message: expect.stringMatching(message),
      });
    expect(await raw.keys('*pending*')).toEqual([]);
    expect(await store.clips.find(clip.id)).toEqual(clip);
  });

  test('that writes every change to its disk is taken', async () => {
    await setAll({ appendonly: 'yes', appendfsync: 'always', 'no-appendfsync-on-rewrite': 'no' });
    await freeze();
  });
});

describe('a Redis with WAITAOF', () => {
  let proxy: Server;
  let url: string;
  /** What WAITAOF answers: how many disks of its own have the writes. */
  let synced: number;
  let waited: number;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    proxy = createServer((client) => {
      const upstream = connect(server.port, '127.0.0.1');
      sockets.add(client).add(upstream);
      client.on('data', (data) => {
        upstream.write(
          data.toString('latin1').replaceAll(/\*4\r\n\$7\r\nWAITAOF\r\n(\$\d+\r\n\d+\r\n){3}/gi, () => {
            waited++;
            const script = `return {${synced},0}`;
            return `*3\r\n$4\r\nEVAL\r\n$${script.length}\r\n${script}\r\n$1\r\n0\r\n`;
          }),
          'latin1',
        );
      });
      upstream.on('data', (data) => {
        client.write(
          data.toString('latin1').replace(/redis_version:\d+\.\d\./g, 'redis_version:7.2.'),
          'latin1',
        );
      });
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const)
        one.on('close', () => other.destroy()).on('error', () => other.destroy());
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    url = `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  });
  beforeEach(async () => {
    await setAll({ appendonly: 'yes', appendfsync: 'everysec' });
    waited = 0;
    store = openRedisStore({ url, durability: 'fsync' });
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });

  test('is waited for, and once for many', async () => {
    synced = 1;
    await Promise.all(Array.from({ length: 20 }, freeze));
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThan(20);
  });

  test('that does not confirm is said so, and that the clip is frozen', async () => {
    synced = 0;
    await expect(freeze()).rejects.toMatchObject({
      code: 'store_not_durable',
      message: expect.stringMatching(/is stored and its clip shows it, but/),
    });
    expect((await store.clips.list({ limit: 5 })).clips).toMatchObject([{ mode: 'frozen' }]);
  });

  test('is waited for when a clip is brought in', async () => {
    const bringIn = async () => {
      const clip = aClip();
      const restorer = await store.clips.restore(clip.id);
      const revision = { number: 1, sql: clip.sql, database: clip.database, createdAt: clip.createdAt };
      await restorer.publish({ clip, revisions: [revision], snapshots: [] }, null);
    };
    synced = 1;
    await bringIn();
    expect(waited).toBeGreaterThan(0);
    synced = 0;
    await expect(bringIn()).rejects.toMatchObject({ code: 'store_not_durable' });
  });

  test('is not waited for unless it is asked for', async () => {
    await store.close();
    store = openRedisStore({ url });
    await freeze();
    expect(waited).toBe(0);
  });
});
