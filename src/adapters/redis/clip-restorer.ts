/**
 * A clip being brought into Redis: its chunks gather in lists that nobody reads and that expire, and one script puts
 * them, the clip and its revisions in place. All lists are kept alive for as long as any of them grows.
 */
import type { ClipRestorer, RestoredClip } from '../../domain/ports.ts';
import { chunksMissing, toMicros } from '../store-order.ts';
import { encodeClip } from './clip-hash.ts';
import type { RedisConnection } from './connection.ts';
import { withNewEntries, withReplacedEntries } from './directory.ts';
import { chunksPrefix, clipKey, encodingsPrefix, pendingKey, revisionsKey, snapshotsKey } from './keys.ts';
import { openPendingList, type PendingList, pendingTtlMs } from './pending-list.ts';

/** A restorer with lists of its own. To be published or abandoned. */
export function openClipRestorer(connection: RedisConnection, clipId: string): ClipRestorer {
  const { redis, attempt } = connection;
  const lists = new Map<string, PendingList>();
  let keptAliveMs = Date.now();

  async function keepAlive(): Promise<void> {
    if (Date.now() - keptAliveMs < pendingTtlMs / 10) return;
    keptAliveMs = Date.now();
    await Promise.all([...lists.values()].map(({ key }) => redis.pexpire(key, pendingTtlMs)));
  }

  async function publish({ clip, revisions, snapshots }: RestoredClip, replaced: number | null) {
    const fields = encodeClip(clip);
    const entries = snapshots.flatMap((snapshot) => {
      // One that holds nothing is named too: a script may touch only keys of its slot, and of the login.
      const list = lists.get(snapshot.id)?.key ?? pendingKey(clipId, snapshot.id);
      const entry = `${toMicros(snapshot.takenAt)} ${JSON.stringify(snapshot)}`;
      return [snapshot.id, entry, String(snapshot.chunkRows.length), list];
    });
    const reply = await redis.restoreClip(
      ...[clipKey(clipId), revisionsKey(clipId), snapshotsKey(clipId)],
      ...[replaced === null ? '' : String(replaced), chunksPrefix(clipId), encodingsPrefix(clipId)],
      ...[String(fields.length), String(revisions.length), ...fields],
      ...[...revisions.map((revision) => JSON.stringify(revision)), ...entries],
    );
    if (reply === -1) throw chunksMissing();
    return reply === 1 ? true : null;
  }

  return {
    async hold(name) {
      const list = openPendingList(connection, clipId);
      lists.set(name, list);
      return {
        async append(bytes) {
          await list.append(bytes);
          await attempt(keepAlive);
        },
        read: (number) =>
          attempt(async () => {
            const bytes = await redis.lindexBuffer(list.key, number);
            if (bytes === null) throw chunksMissing();
            return bytes;
          }),
        async discard() {
          lists.delete(name);
          await list.abandon();
        },
      };
    },

    publish: (restored, replaced) =>
      attempt(async () => {
        const work = () => publish(restored, replaced);
        if (replaced === null) await withNewEntries(redis, restored.clip, work);
        else await withReplacedEntries(redis, restored.clip, work);
      }),

    async abandon() {
      await Promise.all([...lists.values()].map((list) => list.abandon()));
    },
  };
}
