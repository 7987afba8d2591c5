/**
 * What pgclip needs from the outside, in the domain's words: databases that run clips and the store that keeps
 * them. Adapters implement these; services use nothing else. Every method may throw AppError
 * `database_unavailable` or `store_unavailable` when the other side does not answer; it recovers by itself.
 */
import type { Clip, Revision } from './clip.ts';
import type { Explanation } from './explanation.ts';
import type { Column, ResultSet } from './result-set.ts';
import type { Snapshot, SnapshotChunk, StoredEncoding } from './snapshot.ts';

export interface RunOptions {
  /** Aborted when nobody wants the result any more: the run is cancelled and its connection freed. */
  readonly signal?: AbortSignal;
  /** Bring Postgres's own JSON of arrays, composites and their like (`Column.jsonAt`). Default false. */
  readonly nestedJson?: boolean;
  /** At most so many rows, after skipping `offset`. Default: all. */
  readonly limit?: number;
  readonly offset?: number;
}

/** One thing that makes a login more than a reader. */
export interface LoginProblem {
  /** `refuse`: clips don't run with it unless allowed. `warn`: they do, and it is said. */
  readonly level: 'refuse' | 'warn';
  /** A sentence: what the login may do. */
  readonly message: string;
}

export interface DatabaseStatus {
  readonly name: string;
  readonly reachable: boolean;
  /** e.g. `18.4`; null when not reachable. */
  readonly serverVersion: string | null;
  /** Name of the Postgres database and of the login; null when not reachable. */
  readonly databaseName: string | null;
  readonly login: string | null;
  /** True when nothing is to be refused; null when not reachable. */
  readonly safe: boolean | null;
  readonly problems: readonly LoginProblem[];
  /** Why it is not reachable, safe for signed-in users: no password. */
  readonly error: string | null;
}

export interface SchemaColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
}

export interface SchemaTable {
  readonly name: string;
  readonly kind: 'table' | 'view' | 'materialized view' | 'foreign table' | 'partitioned table';
  readonly columns: readonly SchemaColumn[];
}

export interface SchemaTree {
  readonly schemas: readonly {
    readonly name: string;
    /** The data link that the schema belongs to, or null. */
    readonly link: string | null;
    readonly tables: readonly SchemaTable[];
  }[];
}

/** A Postgres that clips run against. */
export interface Database {
  /** The config var's name, e.g. `DATABASE_URL`. */
  readonly name: string;
  /**
   * Runs one query and opens its result set with the first batch fetched.
   * Throws `sql_refused` (Postgres does not take the text as one query that returns rows), `sql_failed` (it failed
   * before its first row), `queue_full`, `run_deadline`, `run_cancelled`.
   */
  run(sql: string, options?: RunOptions): Promise<ResultSet>;
  /** The columns that the query would yield, without running it. Throws `sql_refused`, `queue_full`. */
  describe(sql: string): Promise<readonly Column[]>;
  /** Runs the query, throws its rows away and tells what ran where. Throws as `run`. */
  explain(sql: string, options?: Pick<RunOptions, 'signal'>): Promise<Explanation>;
  /** Looks at the server and the login anew. Never throws: what is wrong is in the answer. */
  inspect(): Promise<DatabaseStatus>;
  /** What the login can read, without the system's own schemas. */
  schema(): Promise<SchemaTree>;
  close(): Promise<void>;
}

export interface ClipPage {
  readonly clips: readonly Clip[];
  /** Where the next page begins, or null at the end. */
  readonly next: string | null;
}

/** Clips and their revisions. */
export interface ClipStore {
  /** Keeps a new clip and its first revision. */
  create(clip: Clip): Promise<void>;
  find(id: string): Promise<Clip | null>;
  findBySlug(slug: string): Promise<Clip | null>;
  /**
   * Newest first. `query` (case-insensitive) must stand in the name or the SQL. `cursor` is a `next` of before.
   * Throws `invalid_request` for a cursor that is none.
   */
  list(options: { limit: number; cursor?: string; query?: string }): Promise<ClipPage>;
  /**
   * Replaces the clip (same id) if its version is still `clip.version - 1`, with a new revision if there is one.
   * A changed slug takes the place of the old one, which is found no more. False when it was changed meanwhile or is gone.
   */
  update(clip: Clip, revision?: Revision): Promise<boolean>;
  /** Removes the clip, its revisions and its snapshots. False when there is none. */
  remove(id: string): Promise<boolean>;
  /** Newest first; empty when there is no such clip. */
  revisions(id: string): Promise<readonly Revision[]>;
  /** Begins to bring in a clip with all that it had elsewhere. The clip need not exist yet. */
  restore(id: string): Promise<ClipRestorer>;
}

/** A clip as it was elsewhere. */
export interface RestoredClip {
  readonly clip: Clip;
  /** From the first on. */
  readonly revisions: readonly Revision[];
  /** The one that a frozen clip shows is among them. */
  readonly snapshots: readonly Snapshot[];
}

/** A clip being brought in; nobody sees any of it until it is published. */
export interface ClipRestorer {
  /** Begins to hold chunks under a name; those of a snapshot have its id. */
  hold(name: string): Promise<HeldChunks>;
  /**
   * Makes the clip, its revisions and its snapshots visible, all or nothing. `replaced` is the version of the clip
   * whose place it takes, with all that one has; null when there must be none. Throws `clip_changed` when that is not
   * so or the slug is another clip's, `store_full`, and `snapshot_damaged` when chunks are missing.
   */
  publish(restored: RestoredClip, replaced: number | null): Promise<void>;
  /** Throws away what is held still. Without it the store does so by itself after a while. */
  abandon(): Promise<void>;
}

/** Chunks that belong to nothing yet. */
export interface HeldChunks {
  /** Appends a chunk. Throws `store_full`. */
  append(bytes: Uint8Array): Promise<void>;
  /** A chunk by its number, from 0. Throws `snapshot_damaged` when it is missing. */
  read(number: number): Promise<Uint8Array>;
  /** Throws them away. */
  discard(): Promise<void>;
}

/** What becomes of the clip in the same atomic step that makes a snapshot visible. */
export type ClipChange =
  /** The clip, whatever its version, becomes frozen to the snapshot unless it already shows a later one. */
  | { readonly kind: 'pin'; readonly updatedAt: string }
  /** A new clip, already frozen to the snapshot, comes into being. */
  | { readonly kind: 'create'; readonly clip: Clip }
  /** As `ClipStore.update`. */
  | { readonly kind: 'update'; readonly clip: Clip; readonly revision?: Revision };

/** A snapshot being written; nobody sees it until it is published. */
export interface SnapshotWriter {
  /** Appends a chunk. Throws `store_full`. */
  append(chunk: SnapshotChunk): Promise<void>;
  /**
   * Makes the snapshot visible and changes the clip, both or none. Returns the clip as it is then, or null (and
   * nothing is kept) when the clip is gone or, for `update`, was changed meanwhile.
   */
  publish(snapshot: Snapshot, change: ClipChange): Promise<Clip | null>;
  /** Throws away what was appended. Without it the store does so by itself after a while. */
  abandon(): Promise<void>;
}

/** A snapshot's bytes in one format being written; nobody sees them until they are published. */
export interface EncodingWriter {
  /** Appends a chunk. Throws `store_full`. */
  append(bytes: Uint8Array): Promise<void>;
  /** Makes them visible. False, and nothing is kept, when the snapshot is gone or has them in this format already. */
  publish(encoding: StoredEncoding): Promise<boolean>;
  /** Throws away what was appended. Without it the store does so by itself after a while. */
  abandon(): Promise<void>;
}

/** What finds a snapshot. */
export type SnapshotKey = Pick<Snapshot, 'clipId' | 'id'>;

/** Snapshots of clips. */
export interface SnapshotStore {
  /** Begins to write a snapshot. The clip need not exist yet. Throws `store_not_durable`. */
  begin(clipId: string, snapshotId: string): Promise<SnapshotWriter>;
  find(clipId: string, snapshotId: string): Promise<Snapshot | null>;
  /** Newest first; empty when there is no such clip. */
  list(clipId: string): Promise<readonly Snapshot[]>;
  /** `pinned`: a frozen clip shows it, nothing was removed. */
  remove(clipId: string, snapshotId: string): Promise<'removed' | 'pinned' | 'missing'>;
  /**
   * The stored chunks' bytes in order, from the one with number `from` (default 0); read as they are asked for.
   * Throws `snapshot_damaged` when one is missing.
   */
  chunks(snapshot: Snapshot, from?: number): AsyncIterable<Uint8Array>;
  /** The snapshot's bytes in a format, if they are kept. They go with the snapshot. */
  findEncoding(snapshot: SnapshotKey, format: string): Promise<StoredEncoding | null>;
  /** Begins to keep them. */
  beginEncoding(snapshot: SnapshotKey, format: string): Promise<EncodingWriter>;
  /** Forgets an encoding; nothing happens when there is none. */
  removeEncoding(snapshot: SnapshotKey, format: string): Promise<void>;
  /** As `chunks`, of an encoding. */
  encodingChunks(snapshot: SnapshotKey, encoding: StoredEncoding): AsyncIterable<Uint8Array>;
}

/** One thing about the store that the operator should know. */
export interface StoreProblem {
  /** `loses`: as it is, what the store keeps can be lost. `warn`: it should be looked at. */
  readonly level: 'loses' | 'warn';
  /** A sentence or two for the operator: what it is and what to set. No secret. */
  readonly message: string;
}

/** What the store says of itself. */
export interface StoreHealth {
  /** Empty when nothing is known to be wrong. */
  readonly problems: readonly StoreProblem[];
  /** What it holds, in bytes; null when it does not say. */
  readonly usedBytes: number | null;
  /** What it may hold; null when nothing but its machine limits it, or it does not say. */
  readonly maxBytes: number | null;
}

/** The store: where clips and snapshots are kept. */
export interface Store {
  readonly clips: ClipStore;
  readonly snapshots: SnapshotStore;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /** Looks at the store anew for what would lose clips. */
  health(): Promise<StoreHealth>;
  close(): Promise<void>;
}

/** Room for what does not fit into memory, for as long as one piece of work lasts. */
export interface Scratch {
  /** Opens an empty space, to be closed. Nothing of it outlives the process. */
  open(): ScratchSpace;
}

export interface ScratchSpace {
  /** Appends bytes, which must stay as they are, and gives where they begin. Throws `diff_too_large` without room. */
  append(bytes: Uint8Array): Promise<number>;
  /** So many bytes from there on. All of them must have been appended. */
  read(start: number, length: number): Promise<Uint8Array>;
  /** Gives the room back; may be called more than once. */
  close(): Promise<void>;
}

/** One line for the operator. `fields` never hold SQL values, slugs, tokens or passwords. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, string | number | boolean | null>>,
) => void;
