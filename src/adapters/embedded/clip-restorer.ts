/**
 * A clip being brought into the store file: its chunks belong to rows of snapshots without metadata, which nobody
 * sees, until one transaction gives them theirs, together with the clip and its revisions.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Clip, Revision } from '../../domain/clip.ts';
import type { ClipRestorer, HeldChunks } from '../../domain/ports.ts';
import { chunksMissing, clipExists, toMicros } from '../store-order.ts';
import { attempt } from './errors.ts';
import { transaction } from './transaction.ts';
import { pendingTtlMs, withoutSync } from './writing.ts';

/** What is needed of the clips' own statements. */
interface RestoreWrites {
  find(id: string): Clip | null;
  restore(clip: Clip, revisions: readonly Revision[]): void;
}

function prepareStatements(database: DatabaseSync) {
  return {
    begin: database.prepare('INSERT INTO snapshots (clip_id, id, touched_ms) VALUES (?, ?, ?)'),
    touch: database.prepare('UPDATE snapshots SET touched_ms = ? WHERE key = ? AND metadata IS NULL'),
    append: database.prepare('INSERT INTO chunks VALUES (?, ?, ?)'),
    read: database.prepare('SELECT bytes FROM chunks WHERE snapshot = ? AND number = ?'),
    count: database.prepare('SELECT count(*) AS found FROM chunks WHERE snapshot = ?'),
    publish: database.prepare(
      'UPDATE snapshots SET taken_us = ?, metadata = ? WHERE key = ? AND metadata IS NULL',
    ),
    discard: database.prepare('DELETE FROM snapshots WHERE key = ? AND metadata IS NULL'),
    removeSnapshots: database.prepare('DELETE FROM snapshots WHERE clip_id = ? AND metadata IS NOT NULL'),
    removeClip: database.prepare('DELETE FROM clips WHERE id = ?'),
  };
}

/** Opens restorers on this database; they share their statements. */
export function clipRestorers(
  database: DatabaseSync,
  writes: RestoreWrites,
): (clipId: string) => ClipRestorer {
  const statements = prepareStatements(database);

  function openChunks(key: number | bigint, keepAlive: () => void): HeldChunks {
    let count = 0;
    return {
      append: (bytes) =>
        attempt(() => {
          withoutSync(database, () => {
            if (statements.touch.run(Date.now(), key).changes === 0) throw chunksMissing();
            statements.append.run(key, count, bytes);
            keepAlive();
          });
          count++;
        }),
      read: (number) =>
        attempt(() => {
          const chunk = statements.read.get(key, number);
          if (!(chunk?.bytes instanceof Uint8Array)) throw chunksMissing();
          return chunk.bytes;
        }),
      discard: () =>
        attempt(() => {
          statements.discard.run(key);
        }),
    };
  }

  return (clipId) => {
    const keys = new Map<string, number | bigint>();
    let keptAliveMs = Date.now();

    /** What was held first must not be swept while the rest is still coming. */
    function keepAlive(): void {
      if (Date.now() - keptAliveMs < pendingTtlMs / 10) return;
      keptAliveMs = Date.now();
      for (const key of keys.values()) statements.touch.run(keptAliveMs, key);
    }

    return {
      hold: (name) =>
        attempt(() => {
          const key = statements.begin.run(clipId, name, Date.now()).lastInsertRowid;
          keys.set(name, key);
          return openChunks(key, keepAlive);
        }),

      publish: ({ clip, revisions, snapshots }, replaced) =>
        attempt(() =>
          transaction(database, () => {
            if ((writes.find(clipId)?.version ?? null) !== replaced) throw clipExists();
            statements.removeSnapshots.run(clipId);
            statements.removeClip.run(clipId);
            writes.restore(clip, revisions);
            for (const snapshot of snapshots) {
              const key = keys.get(snapshot.id) ?? null;
              const whole = statements.count.get(key)?.found === snapshot.chunkRows.length;
              const { takenAt } = snapshot;
              const published =
                whole && statements.publish.run(toMicros(takenAt), JSON.stringify(snapshot), key);
              if (!published || published.changes === 0) throw chunksMissing();
            }
          }),
        ),

      abandon: () =>
        attempt(() => {
          for (const key of keys.values()) statements.discard.run(key);
        }),
    };
  };
}
