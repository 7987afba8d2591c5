/** The database that a Redis URL names, or none: what its server refuses must never become database 0. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedisConnection } from '../../src/adapters/redis/connection.ts';
import { openRedisLink } from '../../src/adapters/redis/link.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  await redis.set('key', 'zero');
  await redis.select(1);
  await redis.set('key', 'one');
  await redis.call('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~*', '+@read', '+@write');
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const urlOf = (login: string, database: number) => `redis://${login}127.0.0.1:${server.port}/${database}`;

async function readByLink(url: string): Promise<readonly string[]> {
  const link = openRedisLink({ url });
  const question = {
    table: 'redis',
    keys: [Buffer.from('key')],
    prefix: Buffer.alloc(0),
    parts: null,
  } as const;
  const found: string[] = [];
  try {
    const signal = AbortSignal.timeout(20_000);
    for await (const rows of link.read({ ...question, wanted: [true, true, false], signal }))
      found.push(...rows.map(([, value]) => String(value)));
    return found;
  } finally {
    await link.close();
  }
}

async function readByStore(url: string, perRequest: boolean): Promise<string | null> {
  const connection = openRedisConnection({ url, perRequest });
  try {
    return await connection.attempt(() => connection.redis.get('key'));
  } finally {
    await connection.close();
  }
}

describe('a database that may be used', () => {
  it('is', async () => {
    expect(await readByLink(urlOf('', 1))).toEqual(['one']);
    expect(await readByLink(urlOf('narrow:pw@', 0))).toEqual(['zero']);
    for (const perRequest of [false, true]) expect(await readByStore(urlOf('', 1), perRequest)).toBe('one');
  });
});

describe.each([
  ['that there is not', '', 99],
  ['that the login may not choose', 'narrow:pw@', 1],
])('a database %s', (_, login, database) => {
  it('is none for a link', async () => {
    await expect(readByLink(urlOf(login, database))).rejects.toMatchObject({ name: 'RedisLinkError' });
  });

  it('is none for the store', async () => {
    for (const perRequest of [false, true])
      await expect(readByStore(urlOf(login, database), perRequest)).rejects.toMatchObject({
        code: 'store_unavailable',
      });
  });
});
