/** Snapshots in Redis: the port SnapshotStore. Writing one is snapshot-writer.ts's part. */
import type { SnapshotStore } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { chunksMissing, toMicros } from '../store-order.ts';
import type { RedisConnection } from './connection.ts';
import { chunksKey, clipKey, snapshotsKey } from './keys.ts';
import { openSnapshotWriter, parseSnapshotEntry } from './snapshot-writer.ts';

function newestFirst(one: Snapshot, other: Snapshot): number {
  return toMicros(other.takenAt) - toMicros(one.takenAt) || (one.id < other.id ? 1 : -1);
}

/** The port on this connection. */
export function redisSnapshotStore(connection: RedisConnection): SnapshotStore {
  const { redis, attempt } = connection;

  async function getChunk(snapshot: Snapshot, number: number): Promise<Uint8Array> {
    const key = chunksKey(snapshot.clipId, snapshot.id);
    const bytes = await attempt(() => redis.lindexBuffer(key, number));
    if (bytes === null) throw chunksMissing();
    return bytes;
  }

  async function* readChunks(snapshot: Snapshot, from: number): AsyncGenerator<Uint8Array> {
    const count = snapshot.chunkRows.length;
    if (from >= count) return;
    let coming = getChunk(snapshot, from);
    for (let number = from; number < count; number++) {
      const chunk = await coming;
      if (number + 1 < count) {
        // The next one is on its way while this one is worked on; if nobody asks for it, nobody hears of its failure.
        coming = getChunk(snapshot, number + 1);
        coming.catch(() => undefined);
      }
      yield chunk;
    }
  }

  return {
    async begin(clipId) {
      return openSnapshotWriter(connection, clipId);
    },

    find: (clipId, snapshotId) =>
      attempt(async () => {
        const entry = await redis.hget(snapshotsKey(clipId), snapshotId);
        return entry === null ? null : parseSnapshotEntry(entry);
      }),

    list: (clipId) =>
      attempt(async () => {
        const entries = await redis.hvals(snapshotsKey(clipId));
        return entries.map(parseSnapshotEntry).sort(newestFirst);
      }),

    remove: (clipId, snapshotId) =>
      attempt(() => {
        const keys = [clipKey(clipId), snapshotsKey(clipId), chunksKey(clipId, snapshotId)];
        return redis.removeSnapshot(...keys, snapshotId);
      }),

    chunks: (snapshot, from = 0) => readChunks(snapshot, from),
  };
}
