/** The database that a Redis URL names, or none: what its server refuses must never become database 0. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedisConnection } from '../../src/adapters/redis/connection.ts';
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
    expect(await readByStore(urlOf('narrow:pw@', 0), false)).toBe('zero');
    for (const perRequest of [false, true]) expect(await readByStore(urlOf('', 1), perRequest)).toBe('one');
  });
});

describe.each([
  ['that there is not', '', 99],
  ['that the login may not choose', 'narrow:pw@', 1],
])('a database %s', (_, login, database) => {
  it('is none for the store', async () => {
    for (const perRequest of [false, true])
      await expect(readByStore(urlOf(login, database), perRequest)).rejects.toMatchObject({
        code: 'store_unavailable',
      });
  });
});
