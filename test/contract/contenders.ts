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
import { type RedisServerOptions, startRedis } from '../support/redis.ts';
import { type RedisGroup, startRedisCluster } from '../support/redis-cluster.ts';

/** An empty store. */
export interface Contest {
  readonly store: Store;
  /** Leaves the store so much room and no more; null: as much as it wants. */
  limit(bytes: number | null): Promise<void>;
  /** Takes away the room that is left on servers other than the one that is full. */
  fillRest(): Promise<void>;
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

/** `prepare` runs once on each server, and gives the login of the store, if it has one. */
export function redisContender(
  name: string,
  startGroup: () => Promise<RedisGroup>,
  prepare: (server: Redis) => Promise<string> = async () => '',
): Contender {
  let group: RedisGroup;
  let url: string;
  return {
    name,
    async start() {
      group = await startGroup();
      url = group.url;
      for (const server of group.servers) {
        const raw = new Redis(server.url);
        url = group.url.replace('//', `//${await prepare(raw)}`);
        await raw.quit();
      }
    },
    async open() {
      const servers = group.servers.map((server) => new Redis(server.url));
      const each = (work: (server: Redis) => Promise<unknown>) => Promise.all(servers.map(work));
      await each((raw) => raw.config('SET', 'maxmemory', '0'));
      await each((raw) => raw.flushall());
      const store = openRedisStore({ url });
      return {
        store,
        limit: async (bytes) => {
          await each(async (raw) => {
            const used = Number(/used_memory:(\d+)/.exec(await raw.info('memory'))?.[1]);
            await raw.config('SET', 'maxmemory', bytes === null ? '0' : String(used + bytes));
          });
        },
        async fillRest() {
          await each((raw) => raw.config('SET', 'maxmemory', '1'));
        },
        async damage({ clipId, id }) {
          // Those that don't have the key's slot say so.
          await each((raw) => raw.rpop(`pgclip:{${clipId}}:snapshot:${id}`).catch(() => null));
        },
        async close() {
          await store.close();
          await each((raw) => raw.quit());
        },
      };
    },
    stop: () => group.stop(),
  };
}

/** One server as a group. */
export async function startOne(options?: RedisServerOptions): Promise<RedisGroup> {
  const server = await startRedis(options);
  return { url: server.url, servers: [server], stop: () => server.stop() };
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
        async fillRest() {},
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
  redisContender('Redis', startOne),
  redisContender('Redis Cluster', startRedisCluster),
  embeddedContender(),
];
