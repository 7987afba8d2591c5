/** REDIS_DURABILITY=fsync in workerd: heeded there as on Node. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { openWorkerd } from '../support/runtimes.ts';
import { openTestServer, readAnswer, type TestServer, testToken } from '../support/server.ts';

let redis: RedisServer;
let node: TestServer;
let workerd: Awaited<ReturnType<typeof openWorkerd>>;
beforeAll(async () => {
  redis = await startRedis();
  node = await openTestServer({ postgresUrl: inject('postgresUrl'), redisUrl: `${redis.url}/0` });
  workerd = await openWorkerd({
    DATABASE_URL: node.database.readerUrl,
    REDIS_URL: redis.url,
    REDIS_DURABILITY: 'fsync',
    API_TOKEN: testToken,
  });
}, 60_000);
afterAll(async () => {
  await workerd.close();
  await node.close();
  await redis.stop();
});

it('a freeze is refused where Redis does not promise it, and done where it does', async () => {
  const { id } = await node.save({ sql: 'select 1' });
  const headers = { Authorization: `Bearer ${testToken}` };
  const freeze = async () =>
    readAnswer<{ code?: string }>(
      await workerd.fetch(`/api/clips/${id}/freeze`, { method: 'POST', headers }),
    );
  const refused = await freeze();
  expect([refused.status, refused.body.code]).toEqual([503, 'store_not_durable']);
  const raw = new Redis(redis.url);
  await raw.config('SET', 'appendfsync', 'always');
  await raw.config('SET', 'appendonly', 'yes');
  await raw.quit();
  expect((await freeze()).status).toBe(201);
});
