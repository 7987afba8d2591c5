/** The network between the server and its Redis or Postgres is cut, or falls silent, at random moments of a freeze. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { openRelay, type Relay } from '../support/relay.ts';
import { Observer } from '../support/runs.ts';
import { waitFor } from '../support/server.ts';
import { describeTally, FreezeTrial, momentsOf, trialSetup } from './freeze-trial.ts';
import { findStrayKeys } from './leftovers.ts';
import { openRandom } from './random.ts';
import { verifyAll } from './reading.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const random = openRandom('cut-network');

let database: TestDatabase;
let observer: Observer;
let redis: RedisServer;
let raw: Redis;
let server: ServerProcess;
const relays = {} as { redis: Relay; postgres: Relay };

function through(url: string, relay: Relay): string {
  const relayed = new URL(url);
  relayed.host = `127.0.0.1:${relay.port}`;
  return relayed.href;
}

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(database.ownerUrl, ...trialSetup);
  observer = await Observer.open(database.superuserUrl);
  redis = await startRedis();
  raw = new Redis(redis.url);
  relays.redis = await openRelay(redis.port);
  relays.postgres = await openRelay(Number(new URL(database.readerUrl).port));
  server = await startServerProcess({
    DATABASE_URL: through(database.readerUrl, relays.postgres),
    REDIS_URL: through(redis.url, relays.redis),
  });
});
afterAll(async () => {
  await server?.kill();
  await Promise.all([relays.redis?.close(), relays.postgres?.close()]);
  raw?.disconnect();
  await redis?.stop();
  await observer?.end();
  await database?.drop();
});

/** The server answers again, no run is left in Postgres, and nothing in Redis for ever. */
async function expectClean(): Promise<void> {
  await server.untilReady();
  await waitFor(async () => (await observer.busy()) === 0, 10_000);
  expect(await findStrayKeys(raw, server)).toEqual([]);
}

describe('a freeze', () => {
  let trial: FreezeTrial;
  let lengthMs: number;

  beforeEach(async () => {
    trial = await FreezeTrial.open({ server, ownerUrl: database.ownerUrl });
    lengthMs = await trial.measure();
  });

  it.each([
    { side: 'redis', code: 'store_unavailable' },
    { side: 'postgres', code: 'database_unavailable' },
  ] as const)('cut off from $side at twelve moments: as before or whole', async ({ side, code }) => {
    for (const atMs of momentsOf(random, 12, lengthMs)) {
      const recover = async () => {
        await relays[side].start();
        await expectClean();
      };
      await trial.strike({
        atMs,
        harm: () => relays[side].stop(),
        recover,
        codes: [code],
        storeKnows: side === 'postgres',
      });
    }
    console.log(`cut-network, ${side}: ${describeTally(trial.tally, lengthMs)}`);
    expect(trial.tally.before).toBeGreaterThan(0);
    await verifyAll(server);
  });

  it('whose Redis falls silent is told so within its deadline: as before or whole', async () => {
    for (const atMs of momentsOf(random, 2, lengthMs)) {
      const harm = async () => redis.process.kill('SIGSTOP');
      const recover = async () => {
        redis.process.kill('SIGCONT');
        await expectClean();
      };
      await trial.strike({ atMs, harm, recover, codes: ['store_unavailable'] });
    }
    console.log(`cut-network, silent Redis: ${describeTally(trial.tally, lengthMs)}`);
    await verifyAll(server);
  });
});
