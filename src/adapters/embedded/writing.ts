/** How chunks that nobody sees yet are written to the store file. */
import type { DatabaseSync } from 'node:sqlite';
import { transaction } from './transaction.ts';

/** What was left behind by a writer that ended without a word is swept after this time. */
export const pendingTtlMs = 3_600_000;

/**
 * One transaction whose loss with the power would do no harm: the commit that makes the chunks visible makes them
 * last as well.
 */
export function withoutSync(database: DatabaseSync, work: () => void): void {
  database.exec('PRAGMA synchronous = NORMAL');
  try {
    transaction(database, work);
  } finally {
    database.exec('PRAGMA synchronous = FULL');
  }
}
