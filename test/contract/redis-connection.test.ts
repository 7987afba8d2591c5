/** How the store in Redis lives with its connection: lost and found again, or made for one request. */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { aChunk, aClip, aSnapshot, changed, someChunks } from './samples.ts';
import { readChunks } from './snapshot-contract.ts';

const unavailable = { code: 'store_unavailable', status: 503 };

let server: RedisServer;
let raw: Redis;
let store: Store;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(async () => {
  raw = new Redis(server.url);
  await raw.flushall();
  store = openRedisStore({ url: server.url });
});
afterEach(async () => {
  await store.close();
  raw.disconnect();
});
afterAll(() => server.stop());

describe('a Redis that goes away', () => {
  test('fails calls soon and is found again when it returns', async () => {
    const own = await startRedis();
    const lone = openRedisStore({ url: own.url });
    await lone.ping();
    const writer = await lone.snapshots.begin('some', 'snapshot');
    await own.stop();
    const began = performance.now();
    const calls = [
      lone.ping(),
      lone.clips.find('some'),
      lone.clips.create(aClip()),
      lone.clips.list({ limit: 5 }),
      readChunks(lone, aSnapshot({ id: 'some' }, someChunks(3))),
      writer.append(aChunk),
      writer.abandon(),
    ];
    for (const outcome of await Promise.allSettled(calls))
      expect(outcome).toMatchObject({ status: 'rejected', reason: unavailable });
    // Later ones wait for the next attempt to connect.
    await expect(lone.ping()).rejects.toMatchObject(unavailable);
    await expect(lone.ping()).rejects.toMatchObject(unavailable);
    expect(performance.now() - began).toBeLessThan(4_000);

    await own.restart();
    await vi.waitFor(() => lone.ping(), { timeout: 5_000 });
    const clip = aClip();
    await lone.clips.create(clip);
    expect(await lone.clips.find(clip.id)).toEqual(clip);
    await lone.close();
    await own.stop();
  });

  test('fails what is under way at once and does not do it later', async () => {
    const clip = aClip();
    await store.clips.create(clip);
    await raw.call('CLIENT', 'PAUSE', '60000', 'WRITE');
    const updating = store.clips.update(changed(clip, {})).catch((error: unknown) => error);
    await vi.waitFor(async () => expect(await raw.client('LIST')).toMatch(/cmd=eval/));
    await raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect(await updating).toMatchObject(unavailable);
    await raw.client('UNPAUSE');
    await vi.waitFor(() => store.ping());
    expect(await store.clips.find(clip.id)).toEqual(clip);
  });

  test('leaves a client of one request to fail at once', async () => {
    const port = 1;
    const once = openRedisStore({ url: `redis://127.0.0.1:${port}`, perRequest: true });
    await expect(once.ping()).rejects.toMatchObject({ ...unavailable, cause: { code: 'ECONNREFUSED' } });
    await expect(once.clips.find('x')).rejects.toMatchObject(unavailable);
    await once.close();
  });
});

describe('a client of one request', () => {
  test('works like the other and leaves no socket behind', async () => {
    const before = String(await raw.client('LIST')).split('\n').length;
    for (let request = 0; request < 20; request++) {
      const once = openRedisStore({ url: server.url, perRequest: true });
      const clip = aClip();
      await once.clips.create(clip);
      expect(await once.clips.findBySlug(clip.slug)).toEqual(clip);
      await once.close();
    }
    await vi.waitFor(async () =>
      expect(String(await raw.client('LIST')).split('\n').length).toBeLessThanOrEqual(before),
    );
  });

  test('that is never used never connects', async () => {
    const once = openRedisStore({ url: 'redis://127.0.0.1:1', perRequest: true });
    await expect(once.close()).resolves.toBeUndefined();
  });
});
