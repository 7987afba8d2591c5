/** Snapshots: taking, listing and removing them, and what that does to their clip. */
import { type Clip, newId, type Revision } from '../domain/clip.ts';
import { AppError } from '../domain/errors.ts';
import type { ClipChange, Store } from '../domain/ports.ts';
import type { ResultSet } from '../domain/result-set.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Databases } from './databases.ts';
import type { Retentions } from './retention.ts';
import { type WriteProgress, writeRows } from './snapshot-rows.ts';

export interface SnapshotsOptions {
  readonly store: Store;
  readonly databases: Databases;
  readonly retentions: Retentions;
  /** The largest snapshot, as CSV. */
  readonly maxBytes: number;
}

/** What a snapshot is taken of. */
export type SnapshotSource = Pick<Clip, 'id' | 'sql' | 'database' | 'revision'>;

export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /**
   * Takes a snapshot and pins the clip to it. Throws `clip_not_found`, `snapshot_too_large`, `store_full` and what a
   * run throws; the clip is then as it was. `progress` follows it.
   */
  async freeze(
    clipId: string,
    signal?: AbortSignal,
    progress?: WriteProgress,
  ): Promise<{ clip: Clip; snapshot: Snapshot }> {
    const clip = await this.#getClip(clipId);
    const taken = await this.take(clip, (at) => ({ kind: 'pin', updatedAt: at }), signal, progress);
    if (!taken.clip) throw clipNotFound();
    return { clip: taken.clip, snapshot: taken.snapshot };
  }

  /**
   * Runs the source, stores its rows and makes them visible together with the change of the clip. `clip` is null, and
   * nothing is kept, when the clip is gone or was changed meanwhile.
   */
  async take(
    source: SnapshotSource,
    change: (at: string, snapshotId: string) => ClipChange,
    signal?: AbortSignal,
    progress?: WriteProgress,
  ): Promise<{ clip: Clip | null; snapshot: Snapshot }> {
    const askedMs = performance.now();
    const database = await this.#options.databases.getSafe(source.database);
    const id = newId();
    // First, since a store that can't keep what it promises refuses here, before the run has cost anything.
    const writer = await this.#options.store.snapshots.begin(source.id, id);
    let result: ResultSet | undefined;
    try {
      result = await database.run(source.sql, { nestedJson: true, ...(signal ? { signal } : {}) });
      const { maxBytes } = this.#options;
      const limit = { maxBytes, tooLarge: () => tooLarge(maxBytes) };
      const stored = await writeRows(writer, result, id, limit, progress);
      const { columns, ranAt: takenAt, serverVersion } = result;
      const { id: clipId, revision, sql, database: databaseName } = source;
      const durationMs = Math.round(performance.now() - askedMs);
      const run = { revision, sql, database: databaseName, takenAt, serverVersion, durationMs, columns };
      const snapshot: Snapshot = { id, clipId, ...run, ...stored };
      // The rows may have ended before the signal could end them.
      if (signal?.aborted) throw cancelled();
      const clip = await writer.publish(snapshot, change(new Date().toISOString(), id));
      if (clip) await this.#options.retentions.enforceQuietly(clip);
      return { clip, snapshot };
    } catch (error) {
      // What can't be removed now expires by itself; the first error is the one to tell.
      await writer.abandon().catch(() => {});
      throw error;
    } finally {
      await result?.close();
    }
  }

  /** Newest first. Throws `clip_not_found`. */
  async list(clipId: string): Promise<readonly Snapshot[]> {
    await this.#getClip(clipId);
    return this.#options.store.snapshots.list(clipId);
  }

  /** Throws `snapshot_not_found`. */
  async get(clipId: string, snapshotId: string): Promise<Snapshot> {
    const snapshot = await this.#options.store.snapshots.find(clipId, snapshotId);
    if (!snapshot) throw snapshotNotFound();
    return snapshot;
  }

  /** The snapshot that the clip shows, or null for a live one. */
  async findPinned(clip: Clip): Promise<Snapshot | null> {
    return clip.snapshotId ? this.#options.store.snapshots.find(clip.id, clip.snapshotId) : null;
  }

  /** Throws `clip_not_found`, `snapshot_not_found`, and `snapshot_pinned` while the clip shows it. */
  async remove(clipId: string, snapshotId: string): Promise<void> {
    await this.#getClip(clipId);
    const outcome = await this.#options.store.snapshots.remove(clipId, snapshotId);
    if (outcome === 'missing') throw snapshotNotFound();
    if (outcome === 'pinned') {
      throw new AppError(
        'snapshot_pinned',
        'The clip shows this snapshot. Thaw the clip, or freeze it anew, first.',
      );
    }
  }

  async #getClip(clipId: string): Promise<Clip> {
    const clip = await this.#options.store.clips.find(clipId);
    if (!clip) throw clipNotFound();
    return clip;
  }
}

/** The same words for one that never was and one that is gone. */
export function clipNotFound(): AppError {
  return new AppError('clip_not_found', 'No clip is here. Its URL may have been changed by its owner.');
}

function snapshotNotFound(): AppError {
  return new AppError('snapshot_not_found', 'This clip has no such snapshot.');
}

function cancelled(): AppError {
  return new AppError('run_cancelled', 'Nobody waits for this snapshot any more. The clip stays as it was.');
}

function tooLarge(maxBytes: number): AppError {
  return new AppError(
    'snapshot_too_large',
    `The snapshot would be larger than the ${maxBytes.toLocaleString('en-US')} bytes that SNAPSHOT_MAX_BYTES allows. The clip stays as it was.`,
  );
}

/** The revision that a changed clip begins. */
export function revisionOf(clip: Clip): Revision {
  return { number: clip.revision, sql: clip.sql, database: clip.database, createdAt: clip.updatedAt };
}
