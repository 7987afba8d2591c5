/**
 * The store without a server: one SQLite file, by node:sqlite. That module is loaded when the store is opened, so
 * that whoever does not use it does not need it. It is synchronous: each call is short, none waits.
 */
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { AppError } from '../../domain/errors.ts';
import type { Store } from '../../domain/ports.ts';
import { embeddedClipStore, prepareClipWrites } from './clips.ts';
import { attempt, toStoreError } from './errors.ts';
import { inspectHealth } from './health.ts';
import { configure, migrate } from './schema.ts';
import { embeddedSnapshotStore, sweepPending } from './snapshots.ts';

export interface EmbeddedStoreOptions {
  /** Path of the file; it and its folder are made if missing, for this user alone. `:memory:` keeps nothing. */
  readonly file: string;
  /** The file grows to no more than about this; then `store_full`. Default: as the disk allows. */
  readonly maxBytes?: number;
}

async function loadSqlite(): Promise<typeof import('node:sqlite')> {
  try {
    return await import('node:sqlite');
  } catch (cause) {
    throw new AppError(
      'store_unavailable',
      'The embedded store needs Node 22.13 or later. Update Node, or set REDIS_URL to keep clips in Redis.',
      { cause },
    );
  }
}

/** SQLite gives a file's mode to the files that it puts beside it. */
async function makeFile(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await (await open(file, 'a', 0o600)).close();
  } catch (cause) {
    throw new AppError('store_unavailable', `The store file ${file} cannot be made or written to.`, {
      cause,
    });
  }
}

function limitSize(database: DatabaseSync, maxBytes: number): void {
  const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.page_size);
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
}

/**
 * Opens the file, brings it up to this version's shape and sweeps what a crash left. Whoever opens it closes it.
 * Throws `store_unavailable` when Node has no SQLite, or the file can't be used or is a newer version's.
 */
export async function openEmbeddedStore({ file, maxBytes }: EmbeddedStoreOptions): Promise<Store> {
  const sqlite = await loadSqlite();
  if (file !== ':memory:') await makeFile(file);
  let database: DatabaseSync | undefined;
  try {
    const opened = new sqlite.DatabaseSync(file);
    database = opened;
    configure(opened);
    migrate(opened);
    sweepPending(opened);
    if (maxBytes !== undefined) limitSize(opened, maxBytes);
    const writes = prepareClipWrites(opened);
    let closed = false;
    const answers = opened.prepare('SELECT count(*) FROM sqlite_schema');
    return {
      clips: embeddedClipStore(opened, writes),
      snapshots: embeddedSnapshotStore(opened, writes),
      ping: () =>
        attempt(() => {
          answers.get();
        }),
      async health() {
        try {
          return await inspectHealth(opened, file, maxBytes ?? null);
        } catch (error) {
          throw toStoreError(error);
        }
      },
      async close() {
        if (closed) return;
        closed = true;
        opened.close();
      },
    };
  } catch (error) {
    database?.close();
    throw toStoreError(error);
  }
}
