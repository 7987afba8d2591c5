/** `kill -9` of the server at random moments of a freeze: the clip is as before, or shows the whole new snapshot. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { Observer } from '../support/runs.ts';
import { waitFor } from '../support/server.ts';
import { describeTally, FreezeTrial, momentsOf, trialSetup } from './freeze-trial.ts';
import { countPending, countPendingRows, findStrayKeys } from './leftovers.ts';
import { openRandom } from './random.ts';
import { verifyAll } from './reading.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const random = openRandom('kill-server');
let database: TestDatabase;
let observer: Observer;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(database.ownerUrl, ...trialSetup);
  observer = await Observer.open(database.superuserUrl);
});
afterAll(async () => {
  await observer?.end();
  await database?.drop();
});

const noCodes: readonly string[] = [];

describe('a server over Redis', () => {
  let redis: RedisServer;
  let raw: Redis;
  let server: ServerProcess;
  let witness: ServerProcess;

  beforeAll(async () => {
    redis = await startRedis();
    raw = new Redis(redis.url);
    const env = { DATABASE_URL: database.readerUrl, REDIS_URL: redis.url };
    [server, witness] = await Promise.all([startServerProcess(env), startServerProcess(env)]);
  });
  afterAll(async () => {
    await Promise.all([server?.kill(), witness?.kill()]);
    raw?.disconnect();
    await redis?.stop();
  });

  it('killed at twenty moments leaves nothing half-written', async () => {
    const trial = await FreezeTrial.open({ server, ownerUrl: database.ownerUrl });
    const lengthMs = await trial.measure(() => server.restart());
    for (const [round, atMs] of momentsOf(random, 20, lengthMs).entries()) {
      const recover = async () => {
        // The other server goes on meanwhile, and sees the same.
        await waitFor(async () => (await observer.busy()) === 0, 10_000);
        expect(await findStrayKeys(raw, witness)).toEqual([]);
        await server.restart();
      };
      const strike = { atMs, harm: () => server.kill(), recover, codes: noCodes };
      await trial.strike(strike, round % 2 === 0 ? witness : server);
    }
    const pending = await countPending(raw);
    const tally = describeTally(trial.tally, lengthMs);
    console.log(`kill-server, Redis: ${tally}; ${pending} unfinished lists wait for their expiry`);
    // Otherwise no kill hit a freeze that was writing.
    expect(pending).toBeGreaterThan(0);
    expect(await verifyAll(server)).toBe(await verifyAll(witness));
  });
});

describe('a server over its store file', () => {
  let dir: string;
  let server: ServerProcess;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pgclip-faults-'));
    server = await startServerProcess({ DATABASE_URL: database.readerUrl, PGCLIP_DIR: dir });
  });
  afterAll(async () => {
    await server?.kill();
    await rm(dir, { recursive: true, force: true });
  });

  it('killed at eight moments leaves nothing half-written', async () => {
    const trial = await FreezeTrial.open({ server, ownerUrl: database.ownerUrl });
    const lengthMs = await trial.measure(() => server.restart());
    for (const atMs of momentsOf(random, 8, lengthMs)) {
      const recover = async () => {
        await waitFor(async () => (await observer.busy()) === 0, 10_000);
        await server.restart();
      };
      await trial.strike({ atMs, harm: () => server.kill(), recover, codes: noCodes });
    }
    await verifyAll(server);
    await server.kill();

    const file = new DatabaseSync(join(dir, 'store.sqlite'));
    const pending = countPendingRows(file);
    const tally = describeTally(trial.tally, lengthMs);
    console.log(`kill-server, store file: ${tally}; ${pending} unfinished ones wait to be swept`);
    expect(pending).toBeGreaterThan(0);
    expect(file.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    // An hour passes.
    file.exec('UPDATE snapshots SET touched_ms = touched_ms - 3600001 WHERE metadata IS NULL');
    file.close();
    await server.restart();
    await verifyAll(server);
    await server.kill();
    const swept = new DatabaseSync(join(dir, 'store.sqlite'));
    expect(countPendingRows(swept)).toBe(0);
    swept.close();
  });
});
