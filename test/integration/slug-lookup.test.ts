/** Clips found by slug in a real Redis: how often it is asked, and that what is remembered never outlives the slug. */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import { aClip, changed } from '../contract/samples.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let server: RedisServer;
let raw: Redis;
let store: Store;

beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
});
beforeEach(async () => {
  await raw.flushall();
  store = openRedisStore({ url: server.url });
});
afterEach(() => store.close());
afterAll(async () => {
  await raw.quit();
  await server.stop();
});

/** How often each of the commands was called while the work was done. */
async function callsOf(work: () => Promise<unknown>): Promise<{ get: number; hgetall: number }> {
  await raw.config('RESETSTAT');
  await work();
  const stats = await raw.info('commandstats');
  const count = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  return { get: count('get'), hgetall: count('hgetall') };
}

test('a slug costs two commands the first time, and one from then on', async () => {
  const clip = aClip();
  await store.clips.create(clip);
  const find = () => store.clips.findBySlug(clip.slug);
  expect(await callsOf(find)).toEqual({ get: 1, hgetall: 1 });
  expect(await callsOf(find)).toEqual({ get: 0, hgetall: 1 });
  expect(await find()).toStrictEqual(clip);
});

test('those who ask at once share one answer, each slug by itself', async () => {
  const clips = [aClip(), aClip()];
  for (const clip of clips) await store.clips.create(clip);
  const askAll = () =>
    Promise.all(Array.from({ length: 100 }, (_, n) => store.clips.findBySlug(clips[n % 2]?.slug ?? '')));
  expect(await callsOf(askAll)).toEqual({ get: 2, hgetall: 2 });
  expect(await callsOf(askAll)).toEqual({ get: 0, hgetall: 2 });
  expect(await askAll()).toStrictEqual(Array.from({ length: 100 }, (_, n) => clips[n % 2]));
});

test('who asks after a change gets what is after it, also beside one who asked before', async () => {
  const clip = aClip();
  await store.clips.create(clip);
  await store.clips.findBySlug(clip.slug);
  let latest = clip;
  for (let round = 0; round < 50; round++) {
    const before = store.clips.findBySlug(clip.slug);
    latest = changed(latest, { name: `Name ${round}` });
    await store.clips.update(latest);
    expect((await store.clips.findBySlug(clip.slug))?.name).toBe(`Name ${round}`);
    expect((await before)?.id).toBe(clip.id);
  }
});

test('a rotated slug is not found at once, here and in another server that remembers it', async () => {
  const other = openRedisStore({ url: server.url });
  const clip = aClip();
  await store.clips.create(clip);
  for (const each of [store, other]) expect(await each.clips.findBySlug(clip.slug)).toStrictEqual(clip);
  const rotated = changed(clip, { slug: 'another-slug' });
  await store.clips.update(rotated);
  for (const each of [store, other]) {
    expect(await each.clips.findBySlug(clip.slug)).toBeNull();
    expect(await each.clips.findBySlug('another-slug')).toStrictEqual(rotated);
  }
  await store.clips.remove(clip.id);
  for (const each of [store, other]) expect(await each.clips.findBySlug('another-slug')).toBeNull();
  await other.close();
});

test('a slug that went over to another clip leads there', async () => {
  const [one, two] = [aClip(), aClip()];
  await store.clips.create(one);
  expect((await store.clips.findBySlug(one.slug))?.id).toBe(one.id);
  await store.clips.remove(one.id);
  const heir = { ...two, slug: one.slug };
  await store.clips.create(heir);
  expect(await store.clips.findBySlug(one.slug)).toStrictEqual(heir);
});

test('a slug that is none is asked for each time, and found once it is one', async () => {
  const clip = aClip();
  expect(await store.clips.findBySlug(clip.slug)).toBeNull();
  expect(await callsOf(() => store.clips.findBySlug(clip.slug))).toEqual({ get: 1, hgetall: 0 });
  await store.clips.create(clip);
  expect(await store.clips.findBySlug(clip.slug)).toStrictEqual(clip);
});

test('a failure is told to all who asked, and forgotten', async () => {
  const clip = aClip();
  await store.clips.create(clip);
  await store.clips.findBySlug(clip.slug);
  await raw.set('wrong', 'type');
  await raw.rename(`pgclip:{${clip.id}}`, 'kept');
  await raw.rename('wrong', `pgclip:{${clip.id}}`);
  const asked = Array.from({ length: 3 }, () => store.clips.findBySlug(clip.slug));
  for (const answer of await Promise.allSettled(asked))
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } });
  await raw.rename('kept', `pgclip:{${clip.id}}`);
  expect(await store.clips.findBySlug(clip.slug)).toStrictEqual(clip);
});
