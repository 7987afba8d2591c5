/** What would lose clips of a store file: a file system that is nearly full, or a file that is none. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { StoreHealth, StoreProblem } from '../../domain/ports.ts';
import { formatBytes } from '../store-problems.ts';

/** Free room is little below both: a tenth of the file system, and this. */
const ampleBytes = 5e9;

/** What is wrong with so much room, in bytes, on the file system of the store. */
export function findRoomProblems(freeBytes: number, totalBytes: number): StoreProblem[] {
  if (freeBytes >= Math.min(totalBytes / 10, ampleBytes)) return [];
  return [
    {
      level: 'warn',
      message: `The file system of the store is nearly full: ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} are free. Delete snapshots or make room on it.`,
    },
  ];
}

/** The health of an open store file; `maxBytes` as it was opened with. */
export async function inspectHealth(
  database: DatabaseSync,
  file: string,
  maxBytes: number | null,
): Promise<StoreHealth> {
  const pragma = (name: string) => Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  const usedBytes = (pragma('page_count') - pragma('freelist_count')) * pragma('page_size');
  if (file === ':memory:') {
    const message = 'The store is in memory alone: every clip is lost when the server ends. Set PGCLIP_DIR.';
    return { problems: [{ level: 'loses', message }], usedBytes, maxBytes };
  }
  const { bavail, blocks, bsize } = await statfs(dirname(file));
  return { problems: findRoomProblems(bavail * bsize, blocks * bsize), usedBytes, maxBytes };
}
