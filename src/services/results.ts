/** Result sets to show: of a clip as it is now, of one snapshot, or of SQL that is not saved. */
import type { Clip } from '../domain/clip.ts';
import { AppError } from '../domain/errors.ts';
import type { Explanation } from '../domain/explanation.ts';
import type { Database, RunOptions, Store } from '../domain/ports.ts';
import type { Column, ResultSet, Row } from '../domain/result-set.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Format } from '../formats/format.ts';
import type { Databases } from './databases.ts';
import type { ContentCoding, FrozenBodies, FrozenBody } from './frozen-bodies.ts';
import type { SharedRuns } from './shared-runs.ts';
import { openSnapshot } from './snapshot-rows.ts';

/** Most rows of a run that is not saved. */
export const previewRows = 1000;

/** Snapshots kept at hand, by id. */
const rememberedSnapshots = 1000;

/** What a preview shows. */
export interface Preview {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** True when the query has more than `previewRows` rows. */
  readonly truncated: boolean;
  /** From asking to the last row, in milliseconds. */
  readonly durationMs: number;
}

export interface ResultsOptions {
  readonly store: Store;
  readonly databases: Databases;
  readonly frozenBodies: FrozenBodies;
  /** Absent where requests can't share a run: Workers. */
  readonly sharedRuns?: SharedRuns;
}

export class Results {
  readonly #options: ResultsOptions;
  /**
   * Snapshots never change, and while a clip is pinned to one it can't be removed; an import may put another clip in its
   * place, at a version of its own, so that is part of the key.
   */
  readonly #pinned = new Map<string, Snapshot>();

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  /** Runs a clip's SQL; at once for all who ask the same. Throws as `Database.run` and `unsafe_login`. */
  async openLive(clip: Clip, options: RunOptions = {}): Promise<ResultSet> {
    const database = await this.#getDatabase(clip);
    const { signal, ...rest } = options;
    const shared = this.#options.sharedRuns;
    if (!shared) return database.run(clip.sql, options);
    const key = JSON.stringify([clip.id, clip.revision, rest.nestedJson, rest.limit, rest.offset]);
    return shared.open(key, (stop) => database.run(clip.sql, { ...rest, signal: stop }), signal);
  }

  /** A snapshot in a format, without options, as it is kept. */
  openFrozen(snapshot: Snapshot, format: Format, coding: ContentCoding): Promise<FrozenBody> {
    return this.#options.frozenBodies.open(snapshot, format, coding);
  }

  /** SHA-256 of a snapshot in a format, without options; null before it was encoded for the first time. */
  findFrozenSha256(snapshot: Snapshot, format: Format): Promise<string | null> {
    return this.#options.frozenBodies.findSha256(snapshot, format);
  }

  /** A snapshot's rows, or some of them. They fail with `snapshot_damaged` when they are not what was stored. */
  openSnapshot(snapshot: Snapshot, page: { offset?: number; limit?: number } = {}): ResultSet {
    return openSnapshot(this.#options.store.snapshots, snapshot, page);
  }

  /** Throws unless a live clip could run: what a HEAD request asks. */
  async check(clip: Clip): Promise<void> {
    const database = await this.#getDatabase(clip);
    await database.describe(clip.sql);
  }

  /** Runs a clip's SQL, throws its rows away and tells what ran where. Throws as `openLive`. */
  async explain(clip: Clip, signal?: AbortSignal): Promise<Explanation> {
    const database = await this.#getDatabase(clip);
    return database.explain(clip.sql, signal ? { signal } : {});
  }

  /** The clip's database. What is told of one that is gone is for strangers: no names of config vars. */
  async #getDatabase(clip: Clip): Promise<Database> {
    try {
      return await this.#options.databases.getSafe(clip.database);
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'database_not_found')) throw error;
      throw new AppError('database_not_found', 'The database of this clip is not configured any more.');
    }
  }

  /** Runs SQL without saving it. Throws as `openLive`. */
  async preview(sql: string, databaseName: string | undefined, signal?: AbortSignal): Promise<Preview> {
    const startedMs = performance.now();
    const name = databaseName ?? this.#options.databases.getDefaultName();
    const database = await this.#options.databases.getSafe(name);
    const result = await database.run(sql, {
      nestedJson: true,
      limit: previewRows + 1,
      ...(signal ? { signal } : {}),
    });
    const rows: Row[] = [];
    for await (const batch of result.batches) rows.push(...batch);
    return {
      columns: result.columns,
      rows: rows.slice(0, previewRows),
      truncated: rows.length > previewRows,
      durationMs: Math.round(performance.now() - startedMs),
    };
  }

  /** The snapshot that a frozen clip shows. Throws `snapshot_damaged` when the store has lost it. */
  async getPinned(clip: Clip): Promise<Snapshot> {
    const id = clip.snapshotId ?? '';
    const key = `${clip.id}/${clip.version}/${id}`;
    const remembered = this.#pinned.get(key);
    if (remembered) return remembered;
    const snapshot = await this.#options.store.snapshots.find(clip.id, id);
    if (!snapshot) throw new AppError('snapshot_damaged', 'The store has lost the snapshot of this clip.');
    if (this.#pinned.size >= rememberedSnapshots) this.#pinned.clear();
    this.#pinned.set(key, snapshot);
    return snapshot;
  }
}
