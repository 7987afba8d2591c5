/**
 * Snapshots that are on disk when their freeze, or the import of their clip, is answered. Where the server has WAITAOF
 * (Redis 7.2), it is asked to wait for its append-only file; before, `appendfsync always` amounts to it: every answer
 * waits for the disk. Source: Redis manual, "WAITAOF", "Redis persistence".
 */
import { Cluster, Command } from 'ioredis';
import type { Clip } from '../../domain/clip.ts';
import { AppError } from '../../domain/errors.ts';
import type { ClipStore, SnapshotStore } from '../../domain/ports.ts';
import { shareQuestions } from '../shared-question.ts';
import { primariesOf } from './client.ts';
import type { RedisConnection } from './connection.ts';
import { findConfig, isAtLeast, readInfo } from './info.ts';
import { clipKey, listingKey, slugKey, syncKey } from './keys.ts';

/** The longest that the disk is waited for; less than what a command may take. */
const waitMs = 8_000;
const syncTtlMs = 1_000;

function refused(reason: string): AppError {
  return new AppError(
    'store_not_durable',
    `Nothing was stored: Redis can't promise that a snapshot is on disk, as REDIS_DURABILITY=fsync asks. ${reason}`,
  );
}

function notConfirmed(cause: Error): AppError {
  return new AppError(
    'store_not_durable',
    'The snapshot is stored and its clip shows it, but Redis did not confirm that it is on disk: a crash of Redis could still lose it. See whether its disk is slow or full, then do it again.',
    { cause },
  );
}

/** Whether WAITAOF is needed to be sure. Throws `store_not_durable` when nothing would be. */
async function planWaiting({ client, attempt }: RedisConnection): Promise<'wait' | 'always'> {
  return attempt(async () => {
    const servers = await Promise.all(
      primariesOf(client).map(async (server) => ({ server, info: await readInfo(server) })),
    );
    if (servers.some(({ info }) => info.aof_enabled !== '1'))
      throw refused('It has no append-only file: set appendonly yes.');
    if (servers.every(({ info }) => isAtLeast(info, 7, 2))) return 'wait';
    for (const { server } of servers) {
      const config = await findConfig(server, '*appendfsync*');
      if (config?.appendfsync !== 'always' || config['no-appendfsync-on-rewrite'] !== 'no')
        throw refused(
          config
            ? 'Before Redis 7.2 that takes appendfsync always and no-appendfsync-on-rewrite no.'
            : 'Before Redis 7.2 that takes appendfsync always, and it does not say whether that is set (CONFIG is refused).',
        );
    }
    return 'always';
  });
}

/** Keys that a publication has written, one for each slot that they may be in; `clip` when its entries are among them. */
function writtenKeys(clipId: string, clip: Clip | null): string[] {
  return clip ? [clipKey(clipId), slugKey(clip.slug), listingKey] : [clipKey(clipId)];
}

/** Waits until what was written before is on the disk of each server that has one of the keys. */
function openConfirmation({ redis, client, attempt }: RedisConnection): (keys: string[]) => Promise<void> {
  const isCluster = client instanceof Cluster;
  /** A key that each server has; for one that is no cluster, the last one. */
  const keyOf = new Map<string, string>();

  const confirm = shareQuestions((server) =>
    attempt(async () => {
      const key = syncKey(keyOf.get(server) ?? server);
      // A pipeline is not sent anew to where its slot has moved; a command is, and its client knows from then on.
      if (isCluster) await redis.set(key, '', 'PX', syncTtlMs);
      // WAITAOF waits for the writes of its own connection, hence one, in the log behind all that were before it.
      const replies = await redis
        .pipeline()
        .set(key, '', 'PX', syncTtlMs)
        .call('WAITAOF', '1', '0', String(waitMs))
        .exec();
      for (const [error] of replies ?? []) if (error) throw error;
      const [synced] = (replies?.[1]?.[1] ?? []) as readonly number[];
      if (synced !== 1) throw new Error(`No confirmation within ${waitMs} ms.`);
    }),
  );

  async function serverOf(key: string): Promise<string> {
    if (!isCluster) return '';
    // Connects, if nothing has: the slots are known only then.
    if (client.status !== 'ready') await attempt(() => redis.ping());
    return client.slots[new Command('get', [key]).getSlot() ?? 0]?.[0] ?? key;
  }

  return async (keys) => {
    const servers = new Set<string>();
    for (const key of keys) {
      const server = await serverOf(key);
      keyOf.set(server, key);
      servers.add(server);
    }
    await Promise.all([...servers].map(confirm));
  };
}

/** What publishes snapshots, over connections: as it is, but what it has published is on disk. */
export interface Durability {
  snapshots(store: SnapshotStore): SnapshotStore;
  clips(store: ClipStore): ClipStore;
}

/** `waiting` is a connection for that alone: nothing else gets an answer on it while the disk is waited for. */
export function openDurability(connection: RedisConnection, waiting: RedisConnection): Durability {
  const confirm = openConfirmation(waiting);
  const plan = shareQuestions(() => planWaiting(connection));

  async function onDisk(needs: 'wait' | 'always', keys: string[]): Promise<void> {
    if (needs === 'always') return;
    await confirm(keys).catch((cause: Error) => {
      throw notConfirmed(cause);
    });
  }

  return {
    snapshots: (store) => ({
      ...store,
      async begin(clipId, snapshotId) {
        const needs = await plan('');
        const writer = await store.begin(clipId, snapshotId);
        return {
          ...writer,
          async publish(snapshot, change) {
            const clip = await writer.publish(snapshot, change);
            if (clip) await onDisk(needs, writtenKeys(clipId, 'clip' in change ? change.clip : null));
            return clip;
          },
        };
      },
    }),

    clips: (store) => ({
      ...store,
      async restore(id) {
        const needs = await plan('');
        const restorer = await store.restore(id);
        return {
          ...restorer,
          async publish(restored, replaced) {
            await restorer.publish(restored, replaced);
            await onDisk(needs, writtenKeys(id, restored.clip));
          },
        };
      },
    }),
  };
}
