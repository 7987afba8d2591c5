/** Clips and revisions in the store file: the port ClipStore. Source of its rules: domain/ports.ts. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Clip, Revision } from '../../domain/clip.ts';
import type { ClipPage, ClipStore } from '../../domain/ports.ts';
import { formatRetention, parseRetention } from '../../domain/retention.ts';
import { shareQuestions } from '../shared-question.ts';
import { clipMatcher, clipPosition, encodeCursor, parseCursor } from '../store-order.ts';
import { clipRestorers } from './clip-restorer.ts';
import { attempt } from './errors.ts';
import { transaction } from './transaction.ts';

/** The statements that change clips, for use inside a transaction; the snapshots share them. */
export interface ClipWrites {
  find(id: string): Clip | null;
  create(clip: Clip): void;
  /** The clip with all its revisions, from the first on. */
  restore(clip: Clip, revisions: readonly Revision[]): void;
  /** False when the clip has another version than the one before, or is gone. */
  update(clip: Clip, revision: Revision | undefined): boolean;
}

const columns = `id, slug, name, sql, database, mode, revision, snapshot_id AS snapshotId,
  created_at AS createdAt, updated_at AS updatedAt, version, retention`;

/** STRICT tables hold what the schema says, so a row is a clip but for its retention, which is text there. */
function toClip(row: Record<string, SQLOutputValue>): Clip {
  const retention = parseRetention(String(row.retention)) ?? null;
  return { ...(row as unknown as Clip), retention };
}

function toRow(clip: Clip) {
  return { ...clip, position: clipPosition(clip), retention: formatRetention(clip.retention) };
}

/** Prepares the statements. */
export function prepareClipWrites(database: DatabaseSync): ClipWrites {
  const find = database.prepare(`SELECT ${columns} FROM clips WHERE id = ?`);
  const insert = database.prepare(`
    INSERT INTO clips VALUES ($id, $position, $slug, $name, $sql, $database, $mode, $revision, $snapshotId,
      $createdAt, $updatedAt, $version, $retention)`);
  const update = database.prepare(`
    UPDATE clips SET position = $position, slug = $slug, name = $name, sql = $sql, database = $database,
      mode = $mode, revision = $revision, snapshot_id = $snapshotId, created_at = $createdAt,
      updated_at = $updatedAt, version = $version, retention = $retention
    WHERE id = $id AND version = $version - 1`);
  const insertRevision = database.prepare('INSERT INTO revisions VALUES (?, ?, ?, ?, ?)');

  function keepRevision(clipId: string, { number, sql, database, createdAt }: Revision): void {
    insertRevision.run(clipId, number, sql, database, createdAt);
  }

  return {
    find(id) {
      const row = find.get(id);
      return row ? toClip(row) : null;
    },
    create(clip) {
      insert.run(toRow(clip));
      keepRevision(clip.id, { ...clip, number: clip.revision });
    },
    restore(clip, revisions) {
      insert.run(toRow(clip));
      for (const revision of revisions) keepRevision(clip.id, revision);
    },
    update(clip, revision) {
      if (update.run(toRow(clip)).changes === 0) return false;
      if (revision) keepRevision(clip.id, revision);
      return true;
    },
  };
}

/** The port on this database. */
export function embeddedClipStore(database: DatabaseSync, writes: ClipWrites): ClipStore {
  const findBySlug = database.prepare(`SELECT ${columns} FROM clips WHERE slug = ?`);
  const newest = database.prepare(`SELECT ${columns} FROM clips ORDER BY position DESC`);
  const newestAfter = database.prepare(
    `SELECT ${columns} FROM clips WHERE position < ? ORDER BY position DESC`,
  );
  const removeClip = database.prepare('DELETE FROM clips WHERE id = ?');
  const removeSnapshots = database.prepare(
    'DELETE FROM snapshots WHERE clip_id = ? AND metadata IS NOT NULL',
  );
  const revisions = database.prepare(`
    SELECT number, sql, database, created_at AS createdAt FROM revisions WHERE clip_id = ? ORDER BY number DESC`);

  const restorerOf = clipRestorers(database, writes);

  function listClips(limit: number, cursor: string | undefined, query: string | undefined): ClipPage {
    const matches = clipMatcher(query);
    const rows = cursor === undefined ? newest.iterate() : newestAfter.iterate(parseCursor(cursor));
    const clips: Clip[] = [];
    for (const row of rows) {
      const clip = toClip(row);
      if (!matches(clip)) continue;
      const last = clips.at(-1);
      if (last && clips.length === limit) return { clips, next: encodeCursor(clipPosition(last)) };
      clips.push(clip);
    }
    return { clips, next: null };
  }

  return {
    create: (clip) => attempt(() => transaction(database, () => writes.create(clip))),
    find: (id) => attempt(() => writes.find(id)),
    findBySlug: shareQuestions((slug) =>
      attempt(() => {
        const row = findBySlug.get(slug);
        return row ? toClip(row) : null;
      }),
    ),
    list: ({ limit, cursor, query }) => attempt(() => listClips(limit, cursor, query)),
    update: (clip, revision) => attempt(() => transaction(database, () => writes.update(clip, revision))),
    remove: (id) =>
      attempt(() =>
        transaction(database, () => {
          removeSnapshots.run(id);
          return removeClip.run(id).changes > 0;
        }),
      ),
    revisions: (id) => attempt(() => revisions.all(id).map((row) => ({ ...row }) as unknown as Revision)),
    restore: (id) => attempt(() => restorerOf(id)),
  };
}
