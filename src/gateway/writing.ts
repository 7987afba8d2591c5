/**
 * INSERT, UPDATE and DELETE: they look at Redis and at what the transaction has changed before, and note what changes. A
 * table's identifying columns are unique, as a key is: what is there already is told before anything is applied.
 */
import {
  type LinkCell,
  type LinkColumn,
  type LinkRow,
  type LinkTable,
  type LinkWriting,
  linkTables,
} from '../domain/redis-link.ts';
import {
  identityWidth,
  maxBytes,
  maxRows,
  sizeOf,
  tooManyChanges,
  writableTables,
} from './pending-changes.ts';
import { prepareRows, type RowSource, showRow } from './rows.ts';
import { notSupported, ServerError, sqlstates } from './server-error.ts';
import type { ShownRow } from './sql/compiled.ts';
import { columnAt, compileText, plainValue, type Scope } from './sql/condition.ts';
import type { Expression } from './sql/expression.ts';
import type { RowStatement, Target } from './sql/row-statement.ts';
import { parseCell } from './written-cell.ts';

/** Keys that are watched before it is known whether there is anything of them to change. */
const keysWatchedUnseen = 1_000;

type StatementOf<K extends RowStatement['kind']> = Extract<RowStatement, { readonly kind: K }>;
type Parameters = readonly (string | null)[];

/** What TYPE says of the keys of a table. */
const typeNames: Readonly<Partial<Record<LinkTable, string>>> = {
  redis: 'string',
  hashes: 'hash',
  sets: 'set',
  zsets: 'zset',
};

/** Throws unless the table can be written to. */
export function expectWritable(table: LinkTable, isWritable: boolean): void {
  if (!isWritable || !writableTables.has(table))
    throw new ServerError(
      sqlstates.readOnly,
      isWritable ? `the table ${table} can only be read` : 'this data link can only be read',
    );
}

function cellOf(expression: Expression, column: LinkColumn, scope: Scope, row: ShownRow): LinkCell {
  if (column.type === 'text') return parseCell(compileText(expression, scope).at(row), column);
  const value = plainValue(expression, scope);
  if (value === undefined) throw notSupported(`this value for a column of type ${column.type}`);
  return parseCell(value === null ? null : Buffer.from(value), column);
}

/** What a statement works with: what it reads, and what its changes will be applied by. */
interface Work extends RowSource {
  readonly writing: LinkWriting;
}

/** The rows, which are as many as may be changed at most. */
async function readAll(source: RowSource, rows: AsyncGenerator<readonly LinkRow[]>): Promise<LinkRow[]> {
  const all: LinkRow[] = [];
  let bytes = 0;
  for await (const batch of rows) {
    for (const row of batch) {
      all.push(row);
      bytes += sizeOf(row);
    }
    if (all.length > maxRows || bytes > maxBytes) throw tooManyChanges();
    source.signal.throwIfAborted();
  }
  return all;
}

const distinctKeys = (rows: readonly LinkRow[]) => distinct(rows.map(([key]) => key as Buffer));
const distinct = (cells: readonly Buffer[]) => [
  ...new Map(cells.map((cell) => [cell.toString('latin1'), cell])).values(),
];

/** Throws when one of the keys holds another type: Redis would overwrite it, or refuse in the middle of the changes. */
async function expectTypes(table: LinkTable, keys: readonly Buffer[], source: RowSource): Promise<void> {
  const question = { keys, prefix: Buffer.alloc(0), parts: null, signal: source.signal } as const;
  const wanted = [true, true, false, false];
  for (const [, type] of await readAll(source, source.link.read({ table: 'keys', wanted, ...question })))
    if (String(type) !== typeNames[table])
      throw new ServerError(
        sqlstates.wrongType,
        `a key of Redis holds a ${type}: it can't be written to ${table}`,
      );
}

/** The rows that are there already, by what tells them apart. */
async function findExisting(
  table: LinkTable,
  rows: readonly LinkRow[],
  source: Work,
): Promise<(row: LinkRow) => boolean> {
  const keys = distinctKeys(rows);
  await source.writing.watch(keys);
  await expectTypes(table, keys, source);
  const parts = identityWidth(table) === 1 ? null : distinct(rows.map((row) => row[1] as Buffer));
  const wanted = linkTables[table].map((_, at) => at < identityWidth(table));
  const question = { table, keys, prefix: Buffer.alloc(0), parts, wanted, signal: source.signal };
  const nameOf = (row: LinkRow) =>
    row
      .slice(0, identityWidth(table))
      .map((cell) => `${cell?.length} ${(cell as Buffer).toString('latin1')}`)
      .join(' ');
  const found = new Set((await readAll(source, source.link.read(question))).map(nameOf));
  return (row) => {
    const pending = source.pending.find(table, row);
    return pending ? pending.now !== null : found.has(nameOf(row));
  };
}

/** Adds rows that must not be there yet; gives back those that were added. */
async function addRows(
  table: LinkTable,
  rows: readonly LinkRow[],
  onConflict: 'fail' | 'skip',
  source: Work,
): Promise<LinkRow[]> {
  const exists = await findExisting(table, rows, source);
  const added: LinkRow[] = [];
  for (const row of rows) {
    if (exists(row)) {
      if (onConflict === 'skip') continue;
      throw new ServerError(sqlstates.duplicateKey, `a row of ${table} with this key is there already`);
    }
    source.pending.put(table, row, row.keys());
    added.push(row);
  }
  return added;
}

async function insertRows(
  { table, columns, rows, onConflict }: StatementOf<'insert'>,
  parameters: Parameters,
  source: Work,
): Promise<LinkRow[]> {
  const all: readonly LinkColumn[] = linkTables[table];
  const scope: Scope = { columns: [], parameters };
  const places = all.map(({ name }) => columns.indexOf(name));
  for (const name of columns) columnAt(name, all);
  const missing: Expression = { kind: 'literal', value: null };
  const made = rows.map((values) => {
    if (values.length !== columns.length)
      throw new ServerError(sqlstates.syntax, 'INSERT has not as many expressions as target columns');
    return all.map((column, i) => cellOf(values[places[i] as number] ?? missing, column, scope, []));
  });
  return await addRows(table, made, onConflict, source);
}

/** The rows to change, as they are under the watch of the writing, with these columns. */
async function findRows(
  table: LinkTable,
  targets: readonly Target[],
  condition: Expression | null,
  scope: Scope,
  source: Work,
): Promise<LinkRow[]> {
  const select = { table, targets, condition, limit: null, locks: false };
  const first = prepareRows(select, scope);
  if (first.keys && first.keys.length <= keysWatchedUnseen) {
    await source.writing.watch([...first.keys]);
    return await readAll(source, first.openWhole(source));
  }
  // Which keys are concerned is known only when they have been read: then they are watched and read again.
  const names = targets.slice(0, identityWidth(table));
  const keys = distinctKeys(
    await readAll(source, prepareRows({ ...select, targets: names }, scope).openWhole(source)),
  );
  await source.writing.watch(keys);
  return await readAll(source, prepareRows(select, scope, keys).openWhole(source));
}

async function updateRows(
  { table, changes, condition }: StatementOf<'update'>,
  parameters: Parameters,
  source: Work,
): Promise<LinkRow[]> {
  const columns: readonly LinkColumn[] = linkTables[table];
  const scope: Scope = { columns, parameters };
  const places = changes.map(({ column, value }) => ({ at: columnAt(column, columns), value }));
  const updated: LinkRow[] = [];
  const targets = columns.map(({ name }) => name);
  for (const row of await findRows(table, targets, condition, scope, source)) {
    const shown = showRow(row);
    const now = [...row];
    for (const { at, value } of places) now[at] = cellOf(value, columns[at] as LinkColumn, scope, shown);
    const changed = places.map(({ at }) => at).filter((at) => !isSame(row[at], now[at]));
    if (changed.some((at) => at < identityWidth(table))) {
      source.pending.remove(table, row);
      await addRows(table, [now], 'fail', source);
    } else if (changed.length > 0) source.pending.put(table, now, changed);
    updated.push(now);
  }
  return updated;
}

function isSame(before: LinkCell | undefined, now: LinkCell | undefined): boolean {
  if (Buffer.isBuffer(before) && Buffer.isBuffer(now)) return before.equals(now);
  // A time to live that is set again begins anew, whatever it was.
  return before === null && now === null;
}

async function deleteRows(
  { table, condition, returning }: StatementOf<'delete'>,
  parameters: Parameters,
  source: Work,
): Promise<LinkRow[]> {
  const columns: readonly LinkColumn[] = linkTables[table];
  const names = columns.slice(0, identityWidth(table)).map(({ name }) => name);
  const rows = await findRows(table, [...names, ...returning], condition, { columns, parameters }, source);
  for (const row of rows) source.pending.remove(table, row);
  return rows;
}

/** Notes the changes of a statement; gives back the rows that it touched, as they are now (deleted: as they were). */
export async function changeRows(
  statement: RowStatement,
  parameters: Parameters,
  source: RowSource,
  writing: LinkWriting,
): Promise<LinkRow[]> {
  const work = { ...source, writing };
  switch (statement.kind) {
    case 'insert':
      return await insertRows(statement, parameters, work);
    case 'update':
      return await updateRows(statement, parameters, work);
    case 'delete':
      return await deleteRows(statement, parameters, work);
  }
}
