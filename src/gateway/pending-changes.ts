/**
 * What a transaction has changed and not yet committed: for each row that it has touched, how the row is now. Savepoints
 * undo the latest of it. Becomes the commands of one MULTI at COMMIT.
 */
import type { LinkCell, LinkChange, LinkRow, LinkTable } from '../domain/redis-link.ts';
import { parseInterval } from './interval.ts';
import { ServerError, sqlstates } from './server-error.ts';

/** The tables that can be written to. */
export const writableTables: ReadonlySet<LinkTable> = new Set(['redis', 'hashes', 'sets', 'zsets']);

/** They are applied together, and Redis does nothing else meanwhile: it takes about half a microsecond for each. */
export const maxRows = 10_000;
export const maxBytes = 64 * 1024 * 1024;

/** What a statement gets that would change more. */
export const tooManyChanges = () =>
  new ServerError(
    sqlstates.limitExceeded,
    `a transaction may change ${maxRows} rows and ${maxBytes / 1024 / 1024} MiB of Redis`,
    { hint: 'Redis applies them in one step, in which it serves nobody else: commit in between.' },
  );

/** A touched row. `now` null: deleted. */
interface Touched {
  readonly table: LinkTable;
  readonly key: Buffer;
  /** The columns that tell the row from others. */
  readonly identity: LinkRow;
  readonly now: LinkRow | null;
  /** Columns by position that are no longer as Redis has them; all of them for a new row. */
  readonly changed: ReadonlySet<number>;
}

/** How many of a table's columns tell its rows apart. */
export const identityWidth = (table: LinkTable) => (table === 'redis' ? 1 : 2);

const nameOf = (cell: LinkCell | undefined) => (Buffer.isBuffer(cell) ? cell.toString('latin1') : '');
const partName = (table: LinkTable, row: LinkRow) => (identityWidth(table) === 1 ? '' : nameOf(row[1]));

/** Bytes of a row. */
export const sizeOf = (row: LinkRow | null) =>
  (row ?? []).reduce((sum, cell: LinkCell) => sum + (cell?.length ?? 0), 0);

/** The touched rows of one table: by key, then by part. */
type TouchedRows = Map<string, Map<string, Touched>>;

interface Undo {
  readonly table: LinkTable;
  readonly key: string;
  readonly part: string;
  readonly before: Touched | undefined;
  /** What the change takes. */
  readonly bytes: number;
}

export class PendingChanges {
  readonly #tables = new Map<LinkTable, TouchedRows>();
  /** What each change replaced, latest last, for savepoints. */
  readonly #undo: Undo[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#undo.length === 0;
  }

  /** A mark to come back to. */
  get position(): number {
    return this.#undo.length;
  }

  hasChanges(table: LinkTable): boolean {
    return (this.#tables.get(table)?.size ?? 0) > 0;
  }

  /** Whether the transaction has touched the row that has this one's key (and part); and how it is now. */
  find(table: LinkTable, row: LinkRow): { readonly now: LinkRow | null } | null {
    return this.#tables.get(table)?.get(nameOf(row[0]))?.get(partName(table, row)) ?? null;
  }

  /** The touched rows of a table that are there; `keys`: only of these keys, null: all. */
  rows(table: LinkTable, keys: Iterable<Buffer> | null): LinkRow[] {
    const byKey: TouchedRows = this.#tables.get(table) ?? new Map();
    const found = keys ? [...keys].map((key) => byKey.get(nameOf(key))) : [...byKey.values()];
    return found.flatMap((parts) => [...(parts?.values() ?? [])].flatMap(({ now }) => (now ? [now] : [])));
  }

  /** Notes how a row is now; `changed`: which columns are new. */
  put(table: LinkTable, row: LinkRow, changed: Iterable<number>): void {
    const before = this.#tables.get(table)?.get(nameOf(row[0]))?.get(partName(table, row));
    // After a deletion everything is new.
    const earlier = before?.now === null ? row.keys() : (before?.changed ?? []);
    this.#note(table, row, row, new Set([...earlier, ...changed]));
  }

  /** Notes that a row is gone. */
  remove(table: LinkTable, row: LinkRow): void {
    this.#note(table, row, null, new Set());
  }

  #note(table: LinkTable, row: LinkRow, now: LinkRow | null, changed: ReadonlySet<number>): void {
    const [key, part] = [nameOf(row[0]), partName(table, row)];
    const bytes = sizeOf(now) + key.length + part.length;
    if (this.#undo.length >= maxRows || this.#bytes + bytes > maxBytes) throw tooManyChanges();
    if (now) this.#expectOneTable(table, key);
    const identity = row.slice(0, identityWidth(table));
    const touched = { table, key: row[0] as Buffer, identity, now, changed };
    this.#undo.push({ table, key, part, before: this.#set(table, key, part, touched), bytes });
    this.#bytes += bytes;
  }

  /** A key is of one type: EXEC would fail halfway at the second one, and halfway is never undone. */
  #expectOneTable(table: LinkTable, key: string): void {
    for (const [other, byKey] of this.#tables) {
      const isThere = other !== table && [...(byKey.get(key)?.values() ?? [])].some(({ now }) => now);
      if (isThere)
        throw new ServerError(
          sqlstates.wrongType,
          `the transaction has written this key to ${other}: it can't be written to ${table}`,
        );
    }
  }

  /** Sets or (undefined) forgets a touched row; gives back what it was. */
  #set(table: LinkTable, key: string, part: string, touched: Touched | undefined): Touched | undefined {
    const byKey = this.#tables.get(table) ?? new Map<string, Map<string, Touched>>();
    const parts = byKey.get(key) ?? new Map<string, Touched>();
    const before = parts.get(part);
    if (touched) parts.set(part, touched);
    else parts.delete(part);
    if (parts.size > 0) byKey.set(key, parts);
    else byKey.delete(key);
    this.#tables.set(table, byKey);
    return before;
  }

  /** Forgets everything after the mark. */
  rollbackTo(position: number): void {
    while (this.#undo.length > position) {
      const undo = this.#undo.pop();
      if (!undo) break;
      this.#set(undo.table, undo.key, undo.part, undo.before);
      this.#bytes -= undo.bytes;
    }
  }

  /** What is to be applied: what goes first, since what comes may take its place. */
  changes(): LinkChange[] {
    const all = [...this.#tables.values()].flatMap((byKey) =>
      [...byKey.values()].flatMap((parts) => [...parts.values()]),
    );
    return [...all.filter(({ now }) => !now), ...all.filter(({ now }) => now)].flatMap(changesOf);
  }
}

function changesOf({ table, key, identity, now, changed }: Touched): LinkChange[] {
  const part = identity[1] as Buffer;
  switch (table) {
    case 'redis':
      return now ? stringChanges(key, now, changed) : [{ kind: 'delete', key }];
    case 'hashes':
      return now
        ? [{ kind: 'hashSet', key, part, value: now[2] as Buffer }]
        : [{ kind: 'hashDelete', key, part }];
    case 'sets':
      return [{ kind: now ? 'setAdd' : 'setRemove', key, part }];
    case 'zsets':
      return now
        ? [{ kind: 'scoreSet', key, part, score: String(now[2]) }]
        : [{ kind: 'scoreRemove', key, part }];
    default:
      throw new ServerError(sqlstates.readOnly, `the table ${table} can only be read`);
  }
}

function stringChanges(key: Buffer, [, value, ttl]: LinkRow, changed: ReadonlySet<number>): LinkChange[] {
  const ttlMs = ttl === null || ttl === undefined ? null : parseInterval(String(ttl));
  if (changed.has(1))
    return [{ kind: 'set', key, value: value as Buffer, ttlMs: changed.has(2) ? ttlMs : 'keep' }];
  return changed.has(2) ? [{ kind: 'expire', key, ttlMs }] : [];
}
