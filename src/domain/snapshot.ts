/** Snapshots: stored result sets that a frozen clip shows, the same for years. */
import type { Column } from './result-set.ts';

/** A snapshot as the store keeps it; its rows are kept beside it in chunks. Never changes once published. */
export interface Snapshot {
  /** Public and stable. */
  readonly id: string;
  readonly clipId: string;
  /** Number and text of the revision that ran. */
  readonly revision: number;
  readonly sql: string;
  readonly database: string;
  /** The run's transaction time by the database's clock, ISO 8601 UTC. */
  readonly takenAt: string;
  readonly rowCount: number;
  readonly columns: readonly Column[];
  /** Size as CSV, in bytes. */
  readonly bytes: number;
  /** SHA-256 of its CSV, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Rows in each stored chunk, in order: where a row is found without reading what stands before it. */
  readonly chunkRows: readonly number[];
}

/** Some rows of a snapshot as they are stored: rows in COPY text form (see copy-text.ts), gzipped. */
export interface SnapshotChunk {
  readonly rowCount: number;
  readonly bytes: Uint8Array;
}
