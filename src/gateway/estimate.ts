/**
 * What EXPLAIN tells the planner of the local Postgres: the one line that postgres_fdw reads. The costs are in the
 * planner's unit; what matters is that a few keys are cheap, a scan is dear, and an array of unknown length is not short.
 */
import { type LinkTable, linkTables } from '../domain/redis-link.ts';
import type { Scope } from './sql/condition.ts';
import type { Expression } from './sql/expression.ts';
import type { Select } from './sql/row-statement.ts';
import { conjunctsOf, findPrefix, narrow } from './sql/selection.ts';

/** A question's way there and back. */
const askingCost = 1;
const rowCost = 0.01;
/** Of all keys: how many begin with a prefix, and how many rows a condition of another kind leaves. */
const prefixShare = 0.05;
const conditionShare = 0.3;
/** Rows of one key, where a key has many; a guess. */
const rowsPerKey: Readonly<Record<LinkTable, number>> = {
  redis: 1,
  keys: 1,
  hashes: 10,
  lists: 20,
  sets: 20,
  zsets: 20,
  streams: 50,
};
const columnWidth = 32;

export interface Estimate {
  readonly startCost: number;
  readonly totalCost: number;
  readonly rows: number;
  readonly width: number;
}

function expectedValues(conditions: readonly Expression[], column: string, scope: Scope): number | null {
  for (const condition of conditions) {
    const found = narrow(condition, column, scope);
    if (found) return found.expected ?? found.values.length;
  }
  return null;
}

/** About what reading costs and how many rows it yields. `keyCount`: of the whole Redis. */
export function estimate({ table, targets, condition }: Select, scope: Scope, keyCount: number): Estimate {
  const conditions = conjunctsOf(condition);
  const keys = expectedValues(conditions, 'key', scope);
  const part = linkTables[table][1].name;
  const parts = table === 'keys' ? null : expectedValues(conditions, part, scope);
  const hasPrefix = findPrefix(conditions, scope).length > 0;
  const perKey = parts === null ? rowsPerKey[table] : Math.min(parts, rowsPerKey[table]);
  const selected = keys ?? keyCount * (hasPrefix ? prefixShare : 1);
  const others = conditions.length - [keys !== null, parts !== null, hasPrefix].filter(Boolean).length;
  const rows = Math.max(1, Math.round(selected * perKey * conditionShare ** Math.max(0, others)));
  const read = (keys ?? keyCount) * perKey;
  return {
    startCost: askingCost,
    totalCost: askingCost + read * rowCost,
    rows,
    width: columnWidth * Math.max(1, targets.length),
  };
}

/** The line of EXPLAIN. */
export function encodePlan(table: LinkTable, { startCost, totalCost, rows, width }: Estimate): string {
  const costs = `${startCost.toFixed(2)}..${totalCost.toFixed(2)}`;
  return `Redis Scan on ${table}  (cost=${costs} rows=${rows} width=${width})`;
}
