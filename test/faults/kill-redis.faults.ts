/**
 * `kill -9` of Redis, which writes an append-only file, at random moments of a freeze, and the loss of the file's
 * tail, as the power takes it under `appendfsync everysec`.
 */
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type ClipAnswer, waitFor } from '../support/server.ts';
import { describeTally, FreezeTrial, momentsOf, trialSetup } from './freeze-trial.ts';
import { findStrayKeys } from './leftovers.ts';
import { openRandom } from './random.ts';
import { verifyAll } from './reading.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const random = openRandom('kill-redis');
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(database.ownerUrl, ...trialSetup);
});
afterAll(async () => {
  await database?.drop();
});

/** A Redis with an append-only file in a folder that outlives its death, and a server over it. */
class Place {
  readonly redis: RedisServer;
  readonly server: ServerProcess;
  readonly #dir: string;

  private constructor(redis: RedisServer, server: ServerProcess, dir: string) {
    this.redis = redis;
    this.server = server;
    this.#dir = dir;
  }

  static async open(appendfsync: 'always' | 'everysec'): Promise<Place> {
    const dir = await mkdtemp(join(tmpdir(), 'pgclip-faults-redis-'));
    // Without rewrites the file only grows: its tail is what came last.
    const aof = ['--appendonly', 'yes', '--appendfsync', appendfsync, '--auto-aof-rewrite-percentage', '0'];
    const redis = await startRedis({ args: ['--dir', dir, ...aof] });
    const server = await startServerProcess({ DATABASE_URL: database.readerUrl, REDIS_URL: redis.url });
    return new Place(redis, server, dir);
  }

  async killRedis(): Promise<void> {
    const exited = once(this.redis.process, 'exit');
    this.redis.process.kill('SIGKILL');
    await exited;
  }

  /** Starts Redis on the same files; the server finds it again by itself. */
  async restartRedis(): Promise<void> {
    await this.redis.restart();
    await this.server.untilReady();
  }

  async withRedis<T>(work: (raw: Redis) => Promise<T>): Promise<T> {
    const raw = new Redis(this.redis.url);
    try {
      return await work(raw);
    } finally {
      raw.disconnect();
    }
  }

  /** Waits until everything that Redis has answered is in its file, and on the disk. */
  untilWritten(): Promise<void> {
    return this.withRedis((raw) =>
      waitFor(async () => {
        const info = await raw.info('persistence');
        return /aof_buffer_length:0\r/.test(info) && /aof_pending_bio_fsync:0\r/.test(info);
      }, 10_000),
    );
  }

  async #file(): Promise<string> {
    const folder = join(this.#dir, 'appendonlydir');
    const names = (await readdir(folder)).filter((name) => name.endsWith('.incr.aof'));
    return join(folder, names.at(-1) as string);
  }

  async fileBytes(): Promise<number> {
    return (await stat(await this.#file())).size;
  }

  async cutFile(bytes: number): Promise<void> {
    await truncate(await this.#file(), bytes);
  }

  async close(): Promise<void> {
    await this.server.kill();
    await this.redis.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** What a freeze may be told when the store is away. */
const codes = ['store_unavailable'];

for (const appendfsync of ['always', 'everysec'] as const) {
  describe(`appendfsync ${appendfsync}`, () => {
    let place: Place;

    beforeEach(async () => {
      place = await Place.open(appendfsync);
    });
    afterEach(async () => {
      await place?.close();
    });

    it('killed at twenty moments: as before or whole, and what was answered is there', async () => {
      const { server } = place;
      const trial = await FreezeTrial.open({ server, ownerUrl: database.ownerUrl });
      const restart = async () => {
        await place.killRedis();
        await place.restartRedis();
      };
      const lengthMs = await trial.measure(restart);
      for (const atMs of momentsOf(random, 20, lengthMs)) {
        await trial.strike({
          prepare: () => place.untilWritten(),
          atMs,
          harm: () => place.killRedis(),
          recover: () => place.restartRedis(),
          codes,
          // Under `everysec` Redis may hold back its writes while the disk is busy.
          mayForget: appendfsync === 'everysec',
        });
      }
      console.log(`kill-redis, ${appendfsync}: ${describeTally(trial.tally, lengthMs)}`);
      expect(trial.tally.before).toBeGreaterThan(0);
      expect(await place.withRedis((raw) => findStrayKeys(raw, server))).toEqual([]);
      await verifyAll(server);
    });
  });
}

describe('appendfsync everysec, and the tail of the file lost', () => {
  let place: Place;

  beforeEach(async () => {
    place = await Place.open('everysec');
  });
  afterEach(async () => {
    await place?.close();
  });

  it('cut at ten places: as before or whole', async () => {
    const { server } = place;
    const trial = await FreezeTrial.open({ server, ownerUrl: database.ownerUrl });
    const lengthMs = await trial.measure();
    for (const part of random.spread(10)) {
      let kept = 0;
      await trial.strike({
        prepare: async () => {
          await place.untilWritten();
          kept = await place.fileBytes();
        },
        // Late, so that most freezes have ended: it is the file that is cut at random.
        atMs: lengthMs * 1.5,
        harm: () => place.killRedis(),
        recover: async () => {
          const added = (await place.fileBytes()) - kept;
          await place.cutFile(kept + Math.round(Math.min(1, part * 1.3) * added));
          await place.restartRedis();
        },
        codes,
        mayForget: true,
      });
    }
    console.log(`kill-redis, tail lost: ${describeTally(trial.tally, lengthMs)}`);
    expect(trial.tally.before).toBeGreaterThan(0);
    expect(await place.withRedis((raw) => findStrayKeys(raw, server))).toEqual([]);
    await verifyAll(server);
  });

  // A clip's version begins again where the file ends: the second freeze gives it the number that the lost one had.
  it.each([
    { asked: true, name: 'shows no snapshot that was lost, though it was sent before' },
    { asked: false, name: 'the same when nobody has asked in between' },
  ])('$name', async ({ asked }) => {
    const { server } = place;
    const setGeneration = (n: number) => executeSql(database.ownerUrl, `UPDATE source SET generation = ${n}`);
    await setGeneration(1);
    const body = { name: 'Small', sql: 'SELECT generation FROM source', mode: 'frozen' };
    const { id, slug } = (await server.call<ClipAnswer>('POST', '/api/clips', body)).body;
    const freeze = async () =>
      expect((await server.call('POST', `/api/clips/${id}/freeze`)).status).toBe(201);
    const read = async () => (await server.fetch(`/c/${slug}.csv`)).text();
    await place.untilWritten();
    const kept = await place.fileBytes();

    await setGeneration(2);
    await freeze();
    for (let n = 0; n < 3; n++) expect(await read()).toBe('generation\n2\n');
    await place.killRedis();
    await place.cutFile(kept);
    await place.restartRedis();
    if (asked) expect(await read()).toBe('generation\n1\n');

    await setGeneration(3);
    await freeze();
    expect(await read()).toBe('generation\n3\n');
  });
});
