/**
 * A snapshot being written to Redis: publishing renames the list in which its chunks gathered (pending-list.ts), in
 * the same step that changes the clip.
 */
import type { Clip } from '../../domain/clip.ts';
import type { ClipChange, SnapshotWriter } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { chunksMissing, toMicros } from '../store-order.ts';
import { encodeClip, parseFlatClip } from './clip-hash.ts';
import { encodeFirstRevision } from './clips.ts';
import type { RedisClient, RedisConnection } from './connection.ts';
import { withMovedSlug, withNewEntries } from './directory.ts';
import { chunksKey, clipKey, revisionsKey, snapshotsKey } from './keys.ts';
import { openPendingList } from './pending-list.ts';

/** The snapshot of an entry of the clip's hash of snapshots: its time for the scripts, a space, its JSON. */
export function parseSnapshotEntry(entry: string): Snapshot {
  return JSON.parse(entry.slice(entry.indexOf(' ') + 1)) as Snapshot;
}

/** What the script needs to know of a change. */
function changeArguments(change: ClipChange): string[] {
  switch (change.kind) {
    case 'pin':
      return ['', change.updatedAt, ''];
    case 'create':
      return ['', '', encodeFirstRevision(change.clip), ...encodeClip(change.clip)];
    case 'update': {
      const { clip, revision } = change;
      return [String(clip.version - 1), '', revision ? JSON.stringify(revision) : '', ...encodeClip(clip)];
    }
  }
}

async function publishSnapshot(
  redis: RedisClient,
  pending: string,
  snapshot: Snapshot,
  change: ClipChange,
): Promise<Clip | null> {
  const { id, clipId, chunkRows, takenAt } = snapshot;
  const taken = String(toMicros(takenAt));
  const reply = await redis.publishSnapshot(
    ...[clipKey(clipId), revisionsKey(clipId), snapshotsKey(clipId), pending, chunksKey(clipId, id)],
    ...[change.kind, id, `${taken} ${JSON.stringify(snapshot)}`, taken, String(chunkRows.length)],
    ...changeArguments(change),
  );
  if (typeof reply === 'number') throw chunksMissing();
  return reply === null ? null : parseFlatClip(reply);
}

/** A writer with a list of its own; two of them for one snapshot don't meet. To be published or abandoned. */
export function openSnapshotWriter(connection: RedisConnection, clipId: string): SnapshotWriter {
  const { redis, attempt } = connection;
  const pending = openPendingList(connection, clipId);
  return {
    append: ({ bytes }) => pending.append(bytes),

    publish: (snapshot, change) =>
      attempt(async () => {
        const publish = () => publishSnapshot(redis, pending.key, snapshot, change);
        if (change.kind === 'create') return withNewEntries(redis, change.clip, publish);
        if (change.kind === 'update') return withMovedSlug(redis, change.clip, publish);
        return publish();
      }),

    abandon: () => pending.abandon(),
  };
}
