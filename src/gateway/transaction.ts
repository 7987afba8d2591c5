/**
 * What lasts from one statement to the next: whether a transaction is open or has failed, its savepoints, its cursors and
 * its changes. Redis has no snapshots: each read sees Redis as it is then, and the transaction's own changes over it.
 */
import type { LinkWriting, RedisLink } from '../domain/redis-link.ts';
import type { Cursor } from './cursor.ts';
import { PendingChanges } from './pending-changes.ts';
import { ServerError, sqlstates } from './server-error.ts';

const maxCursors = 1_000;
const maxSavepoints = 1_000;

interface Savepoint {
  readonly name: string;
  readonly position: number;
  /** The cursors that were there before it. */
  readonly cursors: ReadonlySet<Cursor>;
}

export class Transaction {
  #status: 'I' | 'T' | 'E' = 'I';
  #savepoints: Savepoint[] = [];
  #cursors = new Map<string, Cursor>();
  #pending = new PendingChanges();
  #writing: LinkWriting | null = null;

  /** `I`: none, `T`: open, `E`: failed. */
  get status(): 'I' | 'T' | 'E' {
    return this.#status;
  }

  get pending(): PendingChanges {
    return this.#pending;
  }

  /** What its changes will be applied by; opened when it first writes. */
  getWriting(link: RedisLink): LinkWriting {
    this.#writing ??= link.openWriting();
    return this.#writing;
  }

  begin(): void {
    if (this.#status === 'I') this.#status = 'T';
  }

  /** After an error nothing but an end, or a savepoint, helps. */
  fail(): void {
    if (this.#status === 'T') this.#status = 'E';
  }

  /** Throws when the transaction has failed. */
  expectHealthy(): void {
    if (this.#status === 'E')
      throw new ServerError(
        sqlstates.failedTransaction,
        'current transaction is aborted, commands ignored until end of transaction block',
      );
  }

  /** Ends it without a trace. */
  end(): void {
    for (const cursor of this.#cursors.values()) cursor.close();
    this.#cursors.clear();
    this.#savepoints = [];
    this.#pending = new PendingChanges();
    this.#writing?.close();
    this.#writing = null;
    this.#status = 'I';
  }

  #expectOpen(what: string): void {
    if (this.#status === 'I')
      throw new ServerError(sqlstates.noTransaction, `${what} can only be used in transaction blocks`);
  }

  addSavepoint(name: string): void {
    this.#expectOpen('SAVEPOINT');
    if (this.#savepoints.length >= maxSavepoints)
      throw new ServerError(sqlstates.limitExceeded, `a transaction may have ${maxSavepoints} savepoints`);
    const { position } = this.#pending;
    this.#savepoints.push({ name, position, cursors: new Set(this.#cursors.values()) });
  }

  #findSavepoint(name: string): number {
    const at = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (at < 0) throw new ServerError(sqlstates.badSavepoint, `savepoint "${name}" does not exist`);
    return at;
  }

  releaseSavepoint(name: string): void {
    this.#expectOpen('RELEASE SAVEPOINT');
    this.#savepoints.length = this.#findSavepoint(name);
  }

  /** Back to how it was at the savepoint, which stays; the transaction is healthy again. */
  rollbackTo(name: string): void {
    this.#expectOpen('ROLLBACK TO SAVEPOINT');
    const at = this.#findSavepoint(name);
    const { position, cursors } = this.#savepoints[at] as Savepoint;
    this.#savepoints.length = at + 1;
    this.#pending.rollbackTo(position);
    for (const [cursorName, cursor] of this.#cursors) {
      if (cursors.has(cursor)) continue;
      cursor.close();
      this.#cursors.delete(cursorName);
    }
    this.#status = 'T';
  }

  addCursor(name: string, cursor: Cursor): void {
    this.#expectOpen('DECLARE CURSOR');
    if (this.#cursors.has(name))
      throw new ServerError(sqlstates.duplicateCursor, `cursor "${name}" already exists`);
    if (this.#cursors.size >= maxCursors)
      throw new ServerError(sqlstates.limitExceeded, `a transaction may have ${maxCursors} cursors`);
    this.#cursors.set(name, cursor);
  }

  getCursor(name: string): Cursor {
    const cursor = this.#cursors.get(name);
    if (!cursor) throw new ServerError(sqlstates.badCursor, `cursor "${name}" does not exist`);
    return cursor;
  }

  /** Null: all of them. */
  closeCursor(name: string | null): void {
    const names = name === null ? [...this.#cursors.keys()] : [name];
    for (const each of names) {
      this.getCursor(each).close();
      this.#cursors.delete(each);
    }
  }
}
