/** Transactions on a synchronous connection: nothing else can come in between, so one at a time is all there is. */
import type { DatabaseSync } from 'node:sqlite';

function rollBack(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // A full disk makes SQLite roll back by itself, and then there is no transaction left.
  }
}

/** Runs work in a transaction that may write: all of it happens, or, when it throws, nothing. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const value = work();
    database.exec('COMMIT');
    return value;
  } catch (error) {
    rollBack(database);
    throw error;
  }
}
