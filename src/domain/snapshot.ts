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
  /** Version of the Postgres that ran it, e.g. `18.4`. */
  readonly serverVersion: string;
  /** From asking for the run to the last row stored, in milliseconds. */
  readonly durationMs: number;
  readonly rowCount: number;
  readonly columns: readonly Column[];
  /** Size as CSV, in bytes. */
  readonly bytes: number;
  /** SHA-256 of its CSV, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** CRC-32 of its CSV, and the size of its CSV as it is stored: what a gzip stream of it needs. */
  readonly crc32: number;
  readonly deflatedBytes: number;
  /**
   * Rows in each stored chunk, in order: where a row is found without reading what stands before it. Chunk 0 is the
   * line of names and holds none.
   */
  readonly chunkRows: readonly number[];
  /**
   * Bytes of the deflated CSV in each stored chunk, in order, and of what is kept beside it (the JSON of arrays and
   * composites); `besideBytes` is empty when nothing is.
   */
  readonly chunkBytes: readonly number[];
  readonly besideBytes: readonly number[];
}

/** Some rows of a snapshot as they are stored; only services know what the bytes mean. */
export interface SnapshotChunk {
  readonly rowCount: number;
  readonly bytes: Uint8Array;
}

/** A snapshot in one format, kept beside it once somebody asked for it. Never changes once published. */
export interface StoredEncoding {
  /** Name of the format; its bytes are those without options. */
  readonly format: string;
  /** Size of the bytes, and as they are stored. */
  readonly bytes: number;
  readonly deflatedBytes: number;
  /** SHA-256 of the bytes, 64 lower-case hexadecimal digits, and their CRC-32. */
  readonly sha256: string;
  readonly crc32: number;
  readonly chunkCount: number;
}
