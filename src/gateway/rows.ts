/**
 * The rows of a SELECT: what the link yields, shown as text, checked against what is left of the condition, and cut to
 * the columns that are wanted. With the changes of a transaction that aren't applied yet, its own reads see them.
 */
import { setImmediate } from 'node:timers/promises';
import {
  type LinkColumn,
  type LinkRow,
  type LinkTable,
  linkTables,
  type RedisLink,
} from '../domain/redis-link.ts';
import { showBytes } from '../domain/shown-text.ts';
import { type ByteList, byteListOf } from './byte-list.ts';
import type { PendingChanges } from './pending-changes.ts';
import type { Compiled, ShownRow } from './sql/compiled.ts';
import { columnAt, compileTruth, type Scope } from './sql/condition.ts';
import type { Expression } from './sql/expression.ts';
import type { Select, Target } from './sql/row-statement.ts';
import { planSelection } from './sql/selection.ts';
import type { OutputCell } from './wire-output.ts';

export type OutputRow = readonly OutputCell[];

/** How long rows are looked at before others have their turn. */
const sliceMs = 10;

/** The columns that an expression reads. */
function* columnsOf(expression: Expression): Generator<string> {
  switch (expression.kind) {
    case 'column':
      yield expression.name;
      return;
    case 'cast':
    case 'isNull':
    case 'not':
      yield* columnsOf(expression.inner);
      return;
    case 'array':
      for (const element of expression.elements) yield* columnsOf(element);
      return;
    case 'element':
      yield* columnsOf(expression.array);
      return;
    case 'compare':
    case 'distinct':
      yield* columnsOf(expression.left);
      yield* columnsOf(expression.right);
      return;
    case 'quantified':
      yield* columnsOf(expression.left);
      yield* columnsOf(expression.array);
      return;
    case 'and':
    case 'or':
      for (const item of expression.items) yield* columnsOf(item);
      return;
    case 'case':
      for (const { when, then } of expression.branches) {
        yield* columnsOf(when);
        yield* columnsOf(then);
      }
      yield* columnsOf(expression.otherwise);
  }
}

/** What a row of the link looks like to the client. */
export function showRow(row: LinkRow): ShownRow {
  return row.map((cell) => {
    if (cell === null) return null;
    return typeof cell === 'string' ? Buffer.from(cell) : showBytes(cell);
  });
}

/** From a row of the link to what is sent of it. */
function projector(targets: readonly (number | null)[], columns: readonly LinkColumn[]) {
  const texts = columns.map(({ type }) => type === 'text');
  return (row: LinkRow): OutputRow => {
    const output: OutputCell[] = [];
    for (const at of targets) {
      const cell = at === null ? null : (row[at] ?? null);
      output.push(cell !== null && texts[at as number] ? showBytes(cell as Buffer) : cell);
    }
    return output;
  };
}

/** Rows of the link as the client gets them. */
export function projectRows(
  rows: readonly LinkRow[],
  targets: readonly Target[],
  table: LinkTable,
): readonly OutputRow[] {
  const columns: readonly LinkColumn[] = linkTables[table];
  return rows.map(projector(placesOf(targets, columns), columns));
}

const placesOf = (targets: readonly Target[], columns: readonly LinkColumn[]) =>
  targets.map((name) => (name === null ? null : columnAt(name, columns)));

/**
 * The rows that the condition holds for. Looks after others in between: a condition may be as long as a client likes, and
 * take milliseconds for a row.
 */
async function filterRows(
  rows: readonly LinkRow[],
  condition: Compiled<boolean>,
  signal: AbortSignal,
): Promise<readonly LinkRow[]> {
  const kept: LinkRow[] = [];
  let until = performance.now() + sliceMs;
  for (const row of rows) {
    if (condition.at(showRow(row)) === true) kept.push(row);
    if (performance.now() < until) continue;
    await setImmediate();
    signal.throwIfAborted();
    until = performance.now() + sliceMs;
  }
  return kept;
}

/** What is read, once its names and types have been looked at: from here on it fails for Redis's reasons alone. */
export interface PreparedRows {
  /** The keys that can have rows; null: any. */
  readonly keys: ByteList | null;
  /** The rows as the link has them, in batches; some may be empty. To be returned when not read to its end. */
  openWhole(source: RowSource): AsyncGenerator<readonly LinkRow[]>;
  /** The same, cut to the targets, as the client gets them; at most `limit`. */
  open(source: RowSource): AsyncGenerator<readonly OutputRow[]>;
}

export interface RowSource {
  readonly link: RedisLink;
  /** What the transaction has changed so far. */
  readonly pending: PendingChanges;
  readonly signal: AbortSignal;
}

/** Prepares a reading. Throws for what can't be answered exactly. `onlyKeys`: of these keys alone, each once. */
export function prepareRows(select: Select, scope: Scope, onlyKeys?: readonly Buffer[]): PreparedRows {
  const { table, condition, limit } = select;
  const columns: readonly LinkColumn[] = linkTables[table];
  const targets = placesOf(select.targets, columns);
  const selection = planSelection(table, condition, scope);
  const { prefix, parts, rest } = selection;
  const keys = onlyKeys ? byteListOf(onlyKeys) : selection.keys;
  const filter = rest.length === 0 ? null : compileTruth({ kind: 'and', items: rest }, scope);
  const read = new Set(rest.flatMap((expression) => [...columnsOf(expression)]));
  const wanted = columns.map(({ name }, at) => at === 0 || targets.includes(at) || read.has(name));
  const project = projector(targets, columns);
  const isNever = keys?.length === 0 || parts?.length === 0 || (filter?.isConstant && filter.at([]) !== true);

  async function* readRows({ link, signal }: RowSource): AsyncGenerator<readonly LinkRow[]> {
    if (isNever) return;
    const question = { table, prefix, parts, wanted, signal };
    for (const some of keys?.pieces() ?? [null]) yield* link.read({ ...question, keys: some });
  }

  async function* openWhole(source: RowSource): AsyncGenerator<readonly LinkRow[]> {
    const { pending } = source;
    const isChanged = pending.hasChanges(table);
    for await (const batch of readRows(source)) {
      const rows = isChanged ? batch.filter((row) => !pending.find(table, row)) : batch;
      yield filter ? await filterRows(rows, filter, source.signal) : rows;
    }
    if (!isChanged) return;
    const touched = pending.rows(table, keys);
    yield condition ? await filterRows(touched, compileTruth(condition, scope), source.signal) : touched;
  }

  async function* open(source: RowSource): AsyncGenerator<readonly OutputRow[]> {
    let left = limit ?? Number.POSITIVE_INFINITY;
    if (left === 0) return;
    for await (const batch of openWhole(source)) {
      const rows = batch.length > left ? batch.slice(0, left) : batch;
      yield rows.map(project);
      left -= rows.length;
      if (left === 0) return;
    }
  }
  return { keys, openWhole, open };
}
