/** Clips over a linked Redis in workerd, which reads the Redis itself: the parser and the sockets that it has there. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { executeSql } from '../support/postgres.ts';
import { openRedisSite, type RedisSite, testToken } from '../support/redis-links.ts';
import { openWorkerd } from '../support/runtimes.ts';

let site: RedisSite;
let workerd: Awaited<ReturnType<typeof openWorkerd>>;

beforeAll(async () => {
  site = await openRedisSite(inject('postgresUrl'));
  await site.redis.mset('widget:1', '11', 'widget:2', '22', 'other', 'x');
  await executeSql(site.database.ownerUrl, 'CREATE TABLE widgets AS SELECT generate_series(1, 3) AS id');
  await site.host.create({ name: 'hredis', schema: 'public', reader: site.reader }, site.remote);
  // Whoever asks Redis from here on, it is not the gateway.
  await site.gateway.close();
  await executeSql(site.database.ownerUrl, 'ALTER SERVER hredis_server OPTIONS (DROP host)');
  workerd = await openWorkerd({
    DATABASE_URL: site.database.readerUrl,
    CACHE_URL: site.server.url,
    REDIS_URL: `${inject('redisUrl')}/6`,
    API_TOKEN: testToken,
  });
}, 60_000);
afterAll(async () => {
  await workerd?.close();
  await site?.close();
});

async function run(sql: string): Promise<[number, unknown]> {
  const response = await workerd.fetch('/api/run', {
    method: 'POST',
    headers: { Authorization: `Bearer ${testToken}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  return [response.status, await response.json()];
}

it('are joined, again and again', async () => {
  const sql = `SELECT w.id, r.value FROM widgets w LEFT JOIN hredis.redis r ON r.key = concat('widget:', w.id) ORDER BY 1`;
  for (let times = 0; times < 3; times++) {
    expect(await run(sql)).toMatchObject([
      200,
      {
        values: [
          [1, '11'],
          [2, '22'],
          [3, null],
        ],
      },
    ]);
  }
});

it('are refused in words where nobody can answer them', async () => {
  const [status, problem] = await run('SELECT * FROM hredis.redis');
  expect([status, problem]).toMatchObject([422, { code: 'sql_refused' }]);
  expect(JSON.stringify(problem)).toContain('no condition compares its key');
});
