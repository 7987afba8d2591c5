/**
 * Snapshots in the store file: the ports SnapshotStore and SnapshotWriter. A snapshot that is being written is a
 * row without metadata, which nobody sees; when nothing was appended to it for an hour it is swept.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Clip } from '../../domain/clip.ts';
import type { ClipChange, SnapshotStore, SnapshotWriter } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { chunksMissing, toMicros } from '../store-order.ts';
import type { ClipWrites } from './clips.ts';
import { embeddedEncodings } from './encodings.ts';
import { attempt } from './errors.ts';
import { transaction } from './transaction.ts';
import { pendingTtlMs, withoutSync } from './writing.ts';

/** Removes what was left behind by writers that ended without a word. */
export function sweepPending(database: DatabaseSync): void {
  database
    .prepare('DELETE FROM snapshots WHERE metadata IS NULL AND touched_ms < ?')
    .run(Date.now() - pendingTtlMs);
}

function parseSnapshot(row: Record<string, SQLOutputValue>): Snapshot {
  return JSON.parse(String(row.metadata)) as Snapshot;
}

function prepareStatements(database: DatabaseSync) {
  const published = 'FROM snapshots WHERE clip_id = ? AND id = ? AND metadata IS NOT NULL';
  return {
    begin: database.prepare('INSERT INTO snapshots (clip_id, id, touched_ms) VALUES (?, ?, ?)'),
    touch: database.prepare('UPDATE snapshots SET touched_ms = ? WHERE key = ? AND metadata IS NULL'),
    append: database.prepare('INSERT INTO chunks VALUES (?, ?, ?)'),
    count: database.prepare('SELECT count(*) AS found FROM chunks WHERE snapshot = ?'),
    publish: database.prepare('UPDATE snapshots SET id = ?, taken_us = ?, metadata = ? WHERE key = ?'),
    abandon: database.prepare('DELETE FROM snapshots WHERE key = ? AND metadata IS NULL'),
    find: database.prepare(`SELECT key, taken_us, metadata ${published}`),
    list: database.prepare(`
      SELECT metadata FROM snapshots WHERE clip_id = ? AND metadata IS NOT NULL ORDER BY taken_us DESC, id DESC`),
    remove: database.prepare(`DELETE ${published}`),
    chunk: database.prepare('SELECT bytes FROM chunks WHERE snapshot = ? AND number = ?'),
  };
}

type Statements = ReturnType<typeof prepareStatements>;

/** Changes the clip as a publication asks; null, and nothing is changed, when that does not fit. */
function changeClip(writes: ClipWrites, statements: Statements, change: ClipChange, snapshot: Snapshot) {
  if (change.kind === 'create') {
    writes.create(change.clip);
    return change.clip;
  }
  if (change.kind === 'update') return writes.update(change.clip, change.revision) ? change.clip : null;
  const clip = writes.find(snapshot.clipId);
  if (!clip) return null;
  const shown = clip.mode === 'frozen' && statements.find.get(clip.id, clip.snapshotId);
  if (shown && Number(shown.taken_us) > toMicros(snapshot.takenAt)) return clip;
  const pinned: Clip = {
    ...clip,
    mode: 'frozen',
    snapshotId: snapshot.id,
    updatedAt: change.updatedAt,
    version: clip.version + 1,
  };
  writes.update(pinned, undefined);
  return pinned;
}

function openWriter(
  database: DatabaseSync,
  statements: Statements,
  writes: ClipWrites,
  key: number | bigint,
): SnapshotWriter {
  let count = 0;
  return {
    append: ({ bytes }) =>
      attempt(() => {
        withoutSync(database, () => {
          if (statements.touch.run(Date.now(), key).changes === 0) throw chunksMissing();
          statements.append.run(key, count, bytes);
        });
        count++;
      }),

    publish: (snapshot, change) =>
      attempt(() =>
        transaction(database, () => {
          const clip = changeClip(writes, statements, change, snapshot);
          if (!clip) {
            statements.abandon.run(key);
            return null;
          }
          if (statements.count.get(key)?.found !== snapshot.chunkRows.length) throw chunksMissing();
          const json = JSON.stringify(snapshot);
          const published = statements.publish.run(snapshot.id, toMicros(snapshot.takenAt), json, key);
          if (published.changes === 0) throw chunksMissing();
          return clip;
        }),
      ),

    abandon: () =>
      attempt(() => {
        statements.abandon.run(key);
      }),
  };
}

/** The port on this database. */
export function embeddedSnapshotStore(database: DatabaseSync, writes: ClipWrites): SnapshotStore {
  const statements = prepareStatements(database);

  async function* readChunks(snapshot: Snapshot, from: number): AsyncGenerator<Uint8Array> {
    const row = await attempt(() => statements.find.get(snapshot.clipId, snapshot.id));
    if (!row) throw chunksMissing();
    for (let number = from; number < snapshot.chunkRows.length; number++) {
      const chunk = await attempt(() => statements.chunk.get(row.key ?? null, number));
      if (!(chunk?.bytes instanceof Uint8Array)) throw chunksMissing();
      yield chunk.bytes;
    }
  }

  return {
    begin: (clipId, snapshotId) =>
      attempt(() => {
        sweepPending(database);
        const { lastInsertRowid } = statements.begin.run(clipId, snapshotId, Date.now());
        return openWriter(database, statements, writes, lastInsertRowid);
      }),

    find: (clipId, snapshotId) =>
      attempt(() => {
        const row = statements.find.get(clipId, snapshotId);
        return row ? parseSnapshot(row) : null;
      }),

    list: (clipId) => attempt(() => statements.list.all(clipId).map(parseSnapshot)),

    remove: (clipId, snapshotId) =>
      attempt(() =>
        transaction(database, () => {
          const clip = writes.find(clipId);
          if (clip?.mode === 'frozen' && clip.snapshotId === snapshotId) return 'pinned';
          return statements.remove.run(clipId, snapshotId).changes > 0 ? 'removed' : 'missing';
        }),
      ),

    chunks: (snapshot, from = 0) => readChunks(snapshot, from),

    ...embeddedEncodings(database),
  };
}
