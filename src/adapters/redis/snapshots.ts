/** Snapshots in Redis: the port SnapshotStore. Writing one is snapshot-writer.ts's part. */
import type { SnapshotStore } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { chunksMissing, toMicros } from '../store-order.ts';
import type { RedisConnection } from './connection.ts';
import { findEncoding, openEncodingWriter } from './encodings.ts';
import { chunksKey, clipKey, encodingKey, encodingsKey, snapshotsKey } from './keys.ts';
import { openSnapshotWriter, parseSnapshotEntry } from './snapshot-writer.ts';

function newestFirst(one: Snapshot, other: Snapshot): number {
  return toMicros(other.takenAt) - toMicros(one.takenAt) || (one.id < other.id ? 1 : -1);
}

/** The port on this connection. */
export function redisSnapshotStore(connection: RedisConnection): SnapshotStore {
  const { redis, attempt } = connection;

  async function getChunk(key: string, number: number): Promise<Uint8Array> {
    const bytes = await attempt(() => redis.lindexBuffer(key, number));
    if (bytes === null) throw chunksMissing();
    return bytes;
  }

  async function* readList(key: string, from: number, count: number): AsyncGenerator<Uint8Array> {
    if (from >= count) return;
    let coming = getChunk(key, from);
    for (let number = from; number < count; number++) {
      const chunk = await coming;
      if (number + 1 < count) {
        // The next one is on its way while this one is worked on; if nobody asks for it, nobody hears of its failure.
        coming = getChunk(key, number + 1);
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
        const own = [chunksKey(clipId, snapshotId), encodingsKey(clipId, snapshotId)];
        return redis.removeSnapshot(clipKey(clipId), snapshotsKey(clipId), ...own, snapshotId);
      }),

    chunks: ({ clipId, id, chunkRows }, from = 0) => readList(chunksKey(clipId, id), from, chunkRows.length),

    findEncoding: (snapshot, format) => findEncoding(connection, snapshot, format),

    async beginEncoding(snapshot, format) {
      return openEncodingWriter(connection, snapshot, format);
    },

    removeEncoding: ({ clipId, id }, format) =>
      attempt(async () => {
        const forget = redis.multi().hdel(encodingsKey(clipId, id), format);
        await forget.unlink(encodingKey(clipId, id, format)).exec();
      }),

    encodingChunks: ({ clipId, id }, { format, chunkCount }) =>
      readList(encodingKey(clipId, id, format), 0, chunkCount),
  };
}
