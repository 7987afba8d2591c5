/** The stores that must keep the contract, and what their tests must be able to do to them from outside. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

/** An empty store. */
export interface Contest {
  readonly store: Store;
  /** Leaves the store so much room and no more; null: as much as it wants. */
  limit(bytes: number | null): Promise<void>;
  /** Destroys the last chunk of a published snapshot. */
  damage(snapshot: Snapshot): Promise<void>;
  close(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  start(): Promise<void>;
  open(): Promise<Contest>;
  stop(): Promise<void>;
}

function redisContender(name: string, cluster: boolean): Contender {
  let server: RedisServer;
  return {
    name,
    async start() {
      server = await startRedis({ cluster });
    },
    async open() {
      const raw = new Redis(server.url);
      await raw.config('SET', 'maxmemory', '0');
      await raw.flushall();
      const store = openRedisStore({ url: server.url });
      return {
        store,
        async limit(bytes) {
          const used = Number(/used_memory:(\d+)/.exec(await raw.info('memory'))?.[1]);
          await raw.config('SET', 'maxmemory', bytes === null ? '0' : String(used + bytes));
        },
        async damage({ clipId, id }) {
          await raw.rpop(`pgclip:{${clipId}}:snapshot:${id}`);
        },
        async close() {
          await store.close();
          await raw.quit();
        },
      };
    },
    stop: () => server.stop(),
  };
}

function embeddedContender(): Contender {
  let folder: string;
  let count = 0;
  return {
    name: 'embedded',
    async start() {
      folder = await mkdtemp(join(tmpdir(), 'pgclip-embedded-'));
    },
    async open() {
      const file = join(folder, `${count++}.db`);
      let store = await openEmbeddedStore({ file });
      return {
        get store() {
          return store;
        },
        async limit(bytes) {
          await store.close();
          const raw = new DatabaseSync(file);
          const used = Number(raw.prepare('PRAGMA page_count').get()?.page_count) * 16_384;
          raw.close();
          store = await openEmbeddedStore({ file, ...(bytes !== null && { maxBytes: used + bytes }) });
        },
        async damage({ id, chunkRows }) {
          const raw = new DatabaseSync(file);
          raw
            .prepare(
              'DELETE FROM chunks WHERE snapshot = (SELECT key FROM snapshots WHERE id = ?) AND number = ?',
            )
            .run(id, chunkRows.length - 1);
          raw.close();
        },
        close: () => store.close(),
      };
    },
    stop: () => rm(folder, { recursive: true, force: true }),
  };
}

export const contenders: readonly Contender[] = [
  redisContender('Redis', false),
  redisContender('Redis Cluster', true),
  embeddedContender(),
];
