/** The store in Redis: the port Store over one connection. Runs on Node and on Cloudflare Workers. */
import type { Store } from '../../domain/ports.ts';
import { redisClipStore } from './clips.ts';
import { openRedisConnection, type RedisConnectionOptions } from './connection.ts';
import { redisSnapshotStore } from './snapshots.ts';

/**
 * Opens the store; it connects at the first call and a server's store recovers by itself when Redis returns.
 * Whoever opens it closes it. Throws `store_unavailable` for a URL that can't be read.
 */
export function openRedisStore(options: RedisConnectionOptions): Store {
  const connection = openRedisConnection(options);
  return {
    clips: redisClipStore(connection),
    snapshots: redisSnapshotStore(connection),
    ping: () =>
      connection.attempt(async () => {
        await connection.redis.ping();
      }),
    close: () => connection.close(),
  };
}
