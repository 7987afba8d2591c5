/**
 * The tables of the store file and the version of their shape, kept in `PRAGMA user_version`. A change of shape is
 * one more entry in `migrations`; entries that were released never change. Source: SQLite manual, "PRAGMA
 * Statements", "STRICT Tables", "Write-Ahead Logging".
 */
import type { DatabaseSync } from 'node:sqlite';
import { AppError } from '../../domain/errors.ts';
import { transaction } from './transaction.ts';

/**
 * A snapshot's row is there from its first chunk on, as is an encoding's; it is visible once `metadata` is. No
 * reference from a snapshot to its clip: the clip may come into being with it.
 */
const migrations = [
  `
  CREATE TABLE clips (
    id TEXT PRIMARY KEY,
    position TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    sql TEXT NOT NULL,
    database TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('live', 'frozen')),
    revision INTEGER NOT NULL,
    snapshot_id TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    version INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE revisions (
    clip_id TEXT NOT NULL REFERENCES clips (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    sql TEXT NOT NULL,
    database TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (clip_id, number)
  ) STRICT;

  CREATE TABLE snapshots (
    key INTEGER PRIMARY KEY,
    clip_id TEXT NOT NULL,
    id TEXT NOT NULL,
    touched_ms INTEGER NOT NULL,
    taken_us INTEGER,
    metadata TEXT
  ) STRICT;
  CREATE UNIQUE INDEX snapshots_published ON snapshots (clip_id, id) WHERE metadata IS NOT NULL;
  CREATE INDEX snapshots_pending ON snapshots (touched_ms) WHERE metadata IS NULL;

  CREATE TABLE chunks (
    snapshot INTEGER NOT NULL REFERENCES snapshots (key) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (snapshot, number)
  ) STRICT;

  CREATE TABLE encodings (
    key INTEGER PRIMARY KEY,
    snapshot INTEGER NOT NULL REFERENCES snapshots (key) ON DELETE CASCADE,
    format TEXT NOT NULL,
    touched_ms INTEGER NOT NULL,
    metadata TEXT
  ) STRICT;
  CREATE UNIQUE INDEX encodings_published ON encodings (snapshot, format) WHERE metadata IS NOT NULL;
  CREATE INDEX encodings_of_snapshot ON encodings (snapshot);

  CREATE TABLE encoding_chunks (
    encoding INTEGER NOT NULL REFERENCES encodings (key) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (encoding, number)
  ) STRICT;
  `,
  `ALTER TABLE clips ADD COLUMN retention TEXT NOT NULL DEFAULT 'all';`,
];

/** Sets the connection up: lasting commits, other processes waited for, cascades on. */
export function configure(database: DatabaseSync): void {
  // The page size holds for a new file only; chunks are large, and large pages make short chains of them.
  database.exec(`
    PRAGMA busy_timeout = 5000;
    PRAGMA page_size = 16384;
    PRAGMA journal_mode = WAL;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
  `);
}

/** Brings the tables up to this version's shape. Throws `store_unavailable` for a file of a newer pgclip. */
export function migrate(database: DatabaseSync): void {
  transaction(database, () => {
    const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
    if (version > migrations.length)
      throw new AppError(
        'store_unavailable',
        'The store file was written by a newer pgclip. Update this one or set another PGCLIP_DIR.',
      );
    for (const sql of migrations.slice(version)) database.exec(sql);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}
