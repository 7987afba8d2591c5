/** What a frozen clip costs the store, counted in Redis's own statistics. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { openTestServer, type TestServer } from '../support/server.ts';

let redis: RedisServer;
let server: TestServer;
let raw: Redis;

beforeAll(async () => {
  redis = await startRedis();
  raw = new Redis(redis.url);
  server = await openTestServer({ postgresUrl: inject('postgresUrl'), redisUrl: redis.url });
});
afterAll(async () => {
  await server.close();
  raw.disconnect();
  await redis.stop();
});

it.each(['csv', 'json'])('a 304 and a hot answer of .%s are one round trip each', async (format) => {
  const clip = await server.save({ sql: 'select 1 as one', mode: 'frozen' });
  const path = `/c/${clip.slug}.${format}`;
  const get = async (headers: Record<string, string> = {}) => {
    const response = await server.fetch(path, { headers });
    await response.arrayBuffer();
    return response;
  };
  // The first encodes and keeps, the second is kept to be sent again.
  await get();
  const etag = (await get()).headers.get('etag') ?? '';
  for (const [headers, status] of [
    [{ 'If-None-Match': etag }, 304],
    [{}, 200],
  ] as const) {
    await raw.config('RESETSTAT');
    expect((await get(headers)).status).toBe(status);
    const stats = await raw.info('commandstats');
    const calls = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map((match) => match.slice(1, 3));
    expect(Object.fromEntries(calls)).toEqual({ 'config|resetstat': '1', hgetall: '1' });
  }
});
