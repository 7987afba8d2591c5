/** Clips, snapshots and chunks to keep in a store. */
import { type Clip, newId, newSlug } from '../../src/domain/clip.ts';
import type { Snapshot, SnapshotChunk } from '../../src/domain/snapshot.ts';

/** A live clip of its own, created at some fixed time. */
export function aClip(changes: Partial<Clip> = {}): Clip {
  return {
    id: newId(),
    slug: newSlug(),
    name: 'Orders per month',
    sql: 'select 1',
    database: 'DATABASE_URL',
    mode: 'live',
    revision: 1,
    snapshotId: null,
    retention: null,
    createdAt: '2026-01-02T03:04:05.678Z',
    updatedAt: '2026-01-02T03:04:05.678Z',
    version: 1,
    ...changes,
  };
}

/** The clip after a change: the next version. */
export function changed(clip: Clip, changes: Partial<Clip>): Clip {
  return { ...clip, updatedAt: '2026-02-03T04:05:06.789Z', version: clip.version + 1, ...changes };
}

/** Some chunks; each holds every byte there is. */
export function someChunks(count: number): SnapshotChunk[] {
  return Array.from({ length: count }, (_, number) => ({
    rowCount: number + 1,
    bytes: Uint8Array.from({ length: 600 }, (_, at) => (at + number) % 256),
  }));
}

/** A chunk where one is as good as another. */
export const aChunk: SnapshotChunk = { rowCount: 1, bytes: Uint8Array.of(31, 139, 0, 255) };

/** The snapshot of a clip that consists of these chunks. */
export function aSnapshot(
  clip: Pick<Clip, 'id'>,
  chunks: readonly SnapshotChunk[],
  changes: Partial<Snapshot> = {},
): Snapshot {
  return {
    id: newId(),
    clipId: clip.id,
    revision: 1,
    sql: 'select 1',
    database: 'DATABASE_URL',
    takenAt: '2026-03-04T05:06:07.123456Z',
    serverVersion: '18.4',
    durationMs: 1234,
    rowCount: chunks.reduce((rows, chunk) => rows + chunk.rowCount, 0),
    columns: [{ name: 'tags', type: 'text[]', kind: 'array', element: 'text', delimiter: ',' }],
    bytes: 1234,
    sha256: 'ab'.repeat(32),
    crc32: 4_000_000_000,
    deflatedBytes: 12,
    chunkRows: chunks.map((chunk) => chunk.rowCount),
    chunkBytes: chunks.map((chunk) => chunk.bytes.length),
    besideBytes: [],
    ...changes,
  };
}
