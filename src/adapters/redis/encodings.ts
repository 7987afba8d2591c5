/** The bytes of snapshots in formats, in Redis: a hash of what there is, and a list of chunks for each. */
import type { EncodingWriter, SnapshotKey } from '../../domain/ports.ts';
import type { StoredEncoding } from '../../domain/snapshot.ts';
import { chunksMissing } from '../store-order.ts';
import type { RedisConnection } from './connection.ts';
import { encodingKey, encodingsKey, snapshotsKey } from './keys.ts';
import { openPendingList } from './pending-list.ts';

/** What is kept of the snapshot in this format, or null. */
export function findEncoding(
  { redis, attempt }: RedisConnection,
  { clipId, id }: SnapshotKey,
  format: string,
): Promise<StoredEncoding | null> {
  return attempt(async () => {
    const entry = await redis.hget(encodingsKey(clipId, id), format);
    return entry === null ? null : (JSON.parse(entry) as StoredEncoding);
  });
}

/** A writer with a list of its own. To be published or abandoned. */
export function openEncodingWriter(
  connection: RedisConnection,
  { clipId, id }: SnapshotKey,
  format: string,
): EncodingWriter {
  const pending = openPendingList(connection, clipId);
  return {
    append: (bytes) => pending.append(bytes),
    publish: (encoding) =>
      connection.attempt(async () => {
        const keys = [
          snapshotsKey(clipId),
          encodingsKey(clipId, id),
          pending.key,
          encodingKey(clipId, id, format),
        ];
        const reply = await connection.redis.publishEncoding(
          ...keys,
          ...[id, format, JSON.stringify(encoding), String(encoding.chunkCount)],
        );
        if (reply === -1) throw chunksMissing();
        return reply === 1;
      }),
    abandon: () => pending.abandon(),
  };
}
