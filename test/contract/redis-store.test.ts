/** What the store in Redis promises beyond the contract: no leftovers, no secrets in errors. */
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { encodeClip } from '../../src/adapters/redis/clip-hash.ts';
import { openRedisConnection } from '../../src/adapters/redis/connection.ts';
import { withNewEntries } from '../../src/adapters/redis/directory.ts';
import { clipKey } from '../../src/adapters/redis/keys.ts';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { aChunk, aClip, aSnapshot, changed, someChunks } from './samples.ts';
import { publish } from './snapshot-contract.ts';

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

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );
}

describe('keys', () => {
  test('of a clip share its hash tag, and nothing is left when it is removed', async () => {
    const clip = aClip();
    await store.clips.create(clip);
    const chunks = someChunks(2);
    await publish(store, aSnapshot(clip, chunks), chunks);
    const late = changed(clip, { version: 3, slug: 'rotated' });
    expect(await store.clips.update(late)).toBe(true);
    const keys = (await raw.keys('*')).toSorted();
    expect(keys.filter((key) => !key.includes(`{${clip.id}}`))).toEqual([
      'pgclip:clips',
      'pgclip:slug:rotated',
    ]);
    expect(keys).toHaveLength(6);

    await store.clips.remove(clip.id);
    expect(await raw.keys('*')).toEqual([]);
  });

  test('of a snapshot being written expire, and those of a published one never', async () => {
    const clip = aClip();
    await store.clips.create(clip);
    const snapshot = aSnapshot(clip, [aChunk, aChunk]);
    const writer = await store.snapshots.begin(clip.id, snapshot.id);
    await writer.append(aChunk);
    const [pending] = await raw.keys('*:pending:*');
    expect(pending).toContain(`{${clip.id}}`);
    await raw.pexpire(pending ?? '', 60_000);
    await writer.append(aChunk);
    expect(await raw.pttl(pending ?? '')).toBeGreaterThan(3_500_000);
    expect(await raw.pttl(pending ?? '')).toBeLessThanOrEqual(3_600_000);

    await writer.publish(snapshot, { kind: 'pin', updatedAt: clip.updatedAt });
    expect(await raw.keys('*:pending:*')).toEqual([]);
    for (const key of await raw.keys('*')) expect(await raw.pttl(key)).toBe(-1);
  });

  test('of a snapshot that expired while it was written fail it', async () => {
    const clip = aClip();
    const writer = await store.snapshots.begin(clip.id, 'slow');
    await writer.append(aChunk);
    await raw.flushall();
    await expect(writer.append(aChunk)).rejects.toMatchObject({ code: 'snapshot_damaged' });
  });

  test('of a refused or abandoned snapshot are gone', async () => {
    const clip = aClip();
    const chunks = someChunks(2);
    expect(await publish(store, aSnapshot(clip, chunks), chunks)).toBeNull();
    const writer = await store.snapshots.begin(clip.id, 'left');
    for (const chunk of chunks) await writer.append(chunk);
    await writer.abandon();
    expect(await raw.keys('*')).toEqual([]);
  });

  test('that a crash left behind are not seen, and the list drops them', async () => {
    const clip = aClip();
    await store.clips.create(clip);
    const old = '001700000000000:deadclip';
    const misplaced = `001700000000000:${clip.id}`;
    await raw.zadd('pgclip:clips', '0', old, '0', misplaced);
    await raw.set('pgclip:slug:dead', 'deadclip');
    await raw.set('pgclip:slug:rotated-away', clip.id);

    expect(await store.clips.findBySlug('dead')).toBeNull();
    expect(await store.clips.findBySlug('rotated-away')).toBeNull();
    expect(await store.clips.list({ limit: 10 })).toEqual({ clips: [clip], next: null });
    expect(await raw.zcard('pgclip:clips')).toBe(1);
  });

  test('of the list that are taken for leftovers while the clip comes into being are made again', async () => {
    const { redis, close } = openRedisConnection({ url: server.url });
    const clip = aClip();
    await withNewEntries(redis, clip, async () => {
      expect(await store.clips.list({ limit: 5 })).toEqual({ clips: [], next: null });
      expect(await raw.zcard('pgclip:clips')).toBe(0);
      return redis.hset(clipKey(clip.id), ...encodeClip(clip));
    });
    expect(await store.clips.list({ limit: 5 })).toEqual({ clips: [clip], next: null });
    await close();
  });

  test('of the list survive being read at any moment of a creation', async () => {
    const clips = Array.from({ length: 100 }, () => aClip());
    const reader = openRedisStore({ url: server.url });
    let creating = true;
    const reading = (async () => {
      while (creating) await reader.clips.list({ limit: 100 });
    })();
    for (const clip of clips) await store.clips.create(clip);
    creating = false;
    await reading;
    expect((await reader.clips.list({ limit: 200 })).clips).toHaveLength(100);
    await reader.close();
  });
});

describe('errors', () => {
  test('of Redis have a code and say nothing of slug, password or URL', async () => {
    const secret = 'very-secret-word';
    await raw.config('SET', 'requirepass', 'right');
    const slug = 'secret-slug-of-a-clip';
    const url = server.url.replace('//', `//:${secret}@`);
    const [stranger, nameless] = [openRedisStore({ url }), openRedisStore({ url: server.url })];
    const errors = await Promise.all([
      rejection(stranger.clips.findBySlug(slug)),
      rejection(nameless.clips.findBySlug(slug)),
      rejection(stranger.clips.create(aClip({ slug }))),
    ]);
    await raw.config('SET', 'requirepass', '');
    await raw.call('ACL', 'SETUSER', 'reader', 'on', `>${secret}`, '~*', '+@read', '+@connection');
    const reader = openRedisStore({ url: server.url.replace('//', `//reader:${secret}@`) });
    errors.push(await rejection(reader.clips.create(aClip({ slug }))));
    await raw.hset('pgclip:slug:wrong', 'a', 'b');
    errors.push(await rejection(store.clips.findBySlug('wrong')));
    for (const error of errors) {
      expect(error).toMatchObject(unavailable);
      const printed = inspect(error, { depth: null, showHidden: true });
      expect(printed).not.toMatch(/very-secret-word|secret-slug|slug:wrong/);
    }
    expect(errors.map((error) => (error as Error).cause)).toMatchObject(
      ['WRONGPASS', 'NOAUTH', 'WRONGPASS', 'NOPERM', 'WRONGTYPE'].map((code) => ({ code })),
    );
    await Promise.all([stranger, nameless, reader].map((each) => each.close()));
  });

  test('of a full Redis name what it holds and what it may', async () => {
    await raw.config('SET', 'maxmemory', '1000000');
    const error = await rejection(store.clips.create(aClip()));
    await raw.config('SET', 'maxmemory', '0');
    expect(error).toMatchObject({ code: 'store_full', status: 507 });
    expect((error as Error).message).toMatch(/Redis holds \d+\.\d MB, and its maxmemory is 1\.0 MB\./);
    await store.clips.create(aClip());
  });

  test('of a URL that is none do not repeat it', () => {
    const open = () => openRedisStore({ url: 'redis://user:very-secret-word@:x:y' });
    expect(open).toThrowError(expect.objectContaining(unavailable));
    expect(open).not.toThrowError(/very-secret-word/);
  });

  test.each([
    ['a replica', 'REPLICAOF', ['127.0.0.1', '1'], ['NO', 'ONE']],
    [
      'too few replicas',
      'CONFIG',
      ['SET', 'min-replicas-to-write', '3'],
      ['SET', 'min-replicas-to-write', '0'],
    ],
  ])('of %s leave nothing half-written', async (_, command, args, undo) => {
    const clip = aClip();
    await store.clips.create(clip);
    await raw.call(command, ...args);
    await expect(store.clips.create(aClip())).rejects.toMatchObject(unavailable);
    await expect(store.clips.update(changed(clip, {}))).rejects.toMatchObject(unavailable);
    await expect(publish(store, aSnapshot(clip, []), [])).rejects.toMatchObject(unavailable);
    await expect(store.clips.remove(clip.id)).rejects.toMatchObject(unavailable);
    await raw.call(command, ...undo);
    expect(await store.clips.list({ limit: 5 })).toEqual({ clips: [clip], next: null });
    expect(await store.snapshots.list(clip.id)).toEqual([]);
  });
});

test('the database number of the URL is the one that is used', async () => {
  const third = openRedisStore({ url: `${server.url}/3` });
  const clip = aClip();
  await third.clips.create(clip);
  expect(await store.clips.find(clip.id)).toBeNull();
  await raw.select(3);
  expect(await raw.exists(`pgclip:{${clip.id}}`)).toBe(1);
  await third.close();
});
