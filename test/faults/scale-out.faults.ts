/** Two servers on one Redis: whatever one of them changes holds on the other at once. Half a minute of random acts. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { ClipModel } from './clip-model.ts';
import { openRandom } from './random.ts';
import { verifyAll } from './reading.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const lengthMs = 30_000;
const clipCount = 6;

const random = openRandom('scale-out');
let database: TestDatabase;
let redis: RedisServer;
let servers: ServerProcess[];

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  redis = await startRedis();
  const env = { DATABASE_URL: database.readerUrl, REDIS_URL: redis.url };
  servers = await Promise.all([startServerProcess(env), startServerProcess(env)]);
});
afterAll(async () => {
  await Promise.all((servers ?? []).map((server) => server.kill()));
  await redis?.stop();
  await database?.drop();
});

it('answers the same on both, whichever was asked for the change', async () => {
  const models = Array.from({ length: clipCount }, () => new ClipModel(servers, random.fork()));
  const endMs = performance.now() + lengthMs;
  // All clips at once: what is asked of one must not show in another.
  await Promise.all(
    models.map(async (model) => {
      while (performance.now() < endMs) await model.step();
    }),
  );
  const sum = (of: (model: ClipModel) => number) => models.reduce((total, model) => total + of(model), 0);
  const [acts, reads] = [sum((model) => model.acts), sum((model) => model.reads)];
  const [one, other] = await Promise.all(servers.map(verifyAll));
  console.log(`scale-out: ${acts} acts, ${reads} reads, ${one} snapshots verified on both servers`);
  expect(one).toBe(other);
  expect(acts).toBeGreaterThan(clipCount);
});
