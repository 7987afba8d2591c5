/** The store in Redis: the port Store over one connection. Runs on Node and on Cloudflare Workers. */
import type { Store } from '../../domain/ports.ts';
import { redisClipStore } from './clips.ts';
import { openRedisConnection, type RedisConnectionOptions } from './connection.ts';
import { openDurability } from './durability.ts';
import { inspectHealth } from './health.ts';
import { redisSnapshotStore } from './snapshots.ts';

export interface RedisStoreOptions extends RedisConnectionOptions {
  /** When a snapshot is published: once Redis has it (default), or once it is on the disk of Redis. */
  readonly durability?: 'memory' | 'fsync';
}

/**
 * Opens the store; it connects at the first call and a server's store recovers by itself when Redis returns.
 * Whoever opens it closes it. Throws `store_unavailable` for a URL that can't be read.
 */
export function openRedisStore({ durability = 'memory', ...options }: RedisStoreOptions): Store {
  const connection = openRedisConnection(options);
  const waiting = durability === 'fsync' ? openRedisConnection(options) : null;
  const durable = waiting && openDurability(connection, waiting);
  const clips = redisClipStore(connection);
  const snapshots = redisSnapshotStore(connection);
  return {
    clips: durable?.clips(clips) ?? clips,
    snapshots: durable?.snapshots(snapshots) ?? snapshots,
    ping: () =>
      connection.attempt(async () => {
        await connection.redis.ping();
      }),
    health: () => connection.attempt(() => inspectHealth(connection.client)),
    async close() {
      await Promise.all([connection.close(), waiting?.close()]);
    },
  };
}
