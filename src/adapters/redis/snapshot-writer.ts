/**
 * A snapshot being written to Redis: chunks gather in a list of their own that nobody reads and that expires when
 * nothing is appended for an hour. Publishing renames it, in the same step that changes the clip.
 */
import { Buffer } from 'node:buffer';
import { type Clip, newId } from '../../domain/clip.ts';
import type { ClipChange, SnapshotWriter } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { chunksMissing, toMicros } from '../store-order.ts';
import { encodeClip, parseFlatClip } from './clip-hash.ts';
import { encodeFirstRevision } from './clips.ts';
import type { RedisClient, RedisConnection } from './connection.ts';
import { withMovedSlug, withNewEntries } from './directory.ts';
import { chunksKey, clipKey, pendingKey, revisionsKey, snapshotsKey } from './keys.ts';

const pendingTtlMs = 3_600_000;

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
export function openSnapshotWriter({ redis, attempt }: RedisConnection, clipId: string): SnapshotWriter {
  const pending = pendingKey(clipId, newId());
  let count = 0;
  return {
    append: ({ bytes }) =>
      attempt(async () => {
        const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const replies = await redis.multi().rpush(pending, chunk).pexpire(pending, pendingTtlMs).exec();
        count++;
        // Another length: the list expired while the query kept silent, and what was before is gone.
        if (replies?.[0]?.[1] !== count) throw chunksMissing();
      }),

    publish: (snapshot, change) =>
      attempt(async () => {
        const publish = () => publishSnapshot(redis, pending, snapshot, change);
        if (change.kind === 'create') return withNewEntries(redis, change.clip, publish);
        if (change.kind === 'update') return withMovedSlug(redis, change.clip, publish);
        return publish();
      }),

    abandon: () =>
      attempt(async () => {
        await redis.unlink(pending);
      }),
  };
}
