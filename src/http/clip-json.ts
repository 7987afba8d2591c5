/** Clips and snapshots as the authoring API gives them. */
import type { Clip } from '../domain/clip.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { type AppContext, originOf } from './context.ts';

/** The clip's URL, without an extension. */
export function clipUrl(c: AppContext, clip: Pick<Clip, 'slug'>): string {
  return `${originOf(c)}/c/${clip.slug}`;
}

/** The URL of one snapshot of the clip, without an extension. */
export function snapshotUrl(c: AppContext, clip: Pick<Clip, 'slug'>, snapshotId: string): string {
  return `${clipUrl(c, clip)}/s/${snapshotId}`;
}

export function toSnapshotJson(c: AppContext, clip: Pick<Clip, 'slug'>, snapshot: Snapshot) {
  const { id, clipId, revision, sql, database, takenAt, serverVersion, durationMs } = snapshot;
  const { rowCount, bytes, sha256 } = snapshot;
  const columns = snapshot.columns.map(({ name, type }) => ({ name, type }));
  const run = { revision, sql, database, takenAt, serverVersion, durationMs };
  return { id, clipId, ...run, rowCount, columns, bytes, sha256, url: snapshotUrl(c, clip, id) };
}

/** The clip with the snapshot that it shows, asked from the store. */
export async function toClipJson(c: AppContext, clip: Clip) {
  const pinned = await c.env.parts.services.snapshots.findPinned(clip);
  const { id, slug, name, sql, database, mode, revision, retention, createdAt, updatedAt } = clip;
  return {
    id,
    slug,
    url: clipUrl(c, clip),
    name,
    sql,
    database,
    mode,
    revision,
    snapshot: pinned ? toSnapshotJson(c, clip, pinned) : null,
    retention,
    createdAt,
    updatedAt,
  };
}
