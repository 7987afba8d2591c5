/**
 * Which keys and parts a condition is about, so that Redis is asked for them and not for everything. What is taken out of
 * the condition here is exactly what the link answers by itself; everything else is left to be checked row by row.
 */
import type { LinkTable } from '../../domain/redis-link.ts';
import { linkTables } from '../../domain/redis-link.ts';
import { parseShown, parseShownPrefix } from '../../domain/shown-text.ts';
import { ByteList } from '../byte-list.ts';
import type { Compiled } from './compiled.ts';
import { arrayTexts, compileArray, compileText, isTextArray, type Scope } from './condition.ts';
import type { Expression } from './expression.ts';

/** The tables in which the second column can be asked for by itself. */
const tablesWithParts: ReadonlySet<LinkTable> = new Set(['hashes', 'sets', 'zsets', 'keys']);

export interface Selection {
  /** As in LinkQuestion. */
  readonly keys: ByteList | null;
  readonly prefix: Buffer;
  readonly parts: readonly Buffer[] | null;
  /** What is left to be checked. */
  readonly rest: readonly Expression[];
}

/** How many values a condition leaves of a column; for the planner's sake, since EXPLAIN knows no parameters. */
export interface Narrowing {
  readonly values: readonly string[];
  /** How many there are when the values aren't known; null: they are. */
  readonly expected: number | null;
}

/** What the planner is told of an array that it doesn't know either. Much less would make it choose nested loops. */
const expectedElements = 1_000;

const constantOf = <T>(value: Compiled<T>): T | null => value.at([]);
const isColumn = (expression: Expression, name: string) =>
  expression.kind === 'column' && expression.name === name;

/** Whether the value of it is told only when the query runs. */
function isUnknown(expression: Expression, { parameters }: Scope): boolean {
  if (expression.kind === 'unknown') return true;
  if (expression.kind === 'parameter') return parameters === null;
  if (expression.kind === 'cast') return isUnknown(expression.inner, { columns: [], parameters });
  return false;
}

/** The values that the column has if the condition is true; null: it doesn't say. */
export function narrow(condition: Expression, column: string, scope: Scope): Narrowing | null {
  if (condition.kind === 'or') {
    const items = condition.items.map((item) => narrow(item, column, scope));
    if (!items.every((item) => item !== null)) return null;
    const expected = items.reduce((sum, item) => sum + (item.expected ?? item.values.length), 0);
    const isKnown = items.every((item) => item.expected === null);
    return { values: items.flatMap(({ values }) => values), expected: isKnown ? null : expected };
  }
  if (condition.kind === 'compare' && condition.operator === '=') {
    const { left, right } = condition;
    const other = isColumn(left, column) ? right : isColumn(right, column) ? left : null;
    if (!other) return null;
    if (isUnknown(other, scope)) return { values: [], expected: 1 };
    const text = compileText(other, scope);
    if (!text.isConstant) return null;
    const value = constantOf(text);
    return { values: value ? [value.toString()] : [], expected: null };
  }
  if (condition.kind !== 'quantified' || condition.quantifier !== 'any' || condition.operator !== '=')
    return null;
  if (!isColumn(condition.left, column)) return null;
  if (isUnknown(condition.array, scope)) return { values: [], expected: expectedElements };
  const values = listTexts(condition.array, scope);
  return values && { values, expected: null };
}

/** The texts of an array that holds no columns. Long ones come as one literal or parameter: no need for more than that. */
function listTexts(array: Expression, scope: Scope): string[] | null {
  const isPlain = array.kind === 'cast' && isTextArray(array.type) && array.length === null;
  const inner = isPlain ? array.inner : array;
  if (inner.kind === 'literal' || inner.kind === 'parameter')
    return (arrayTexts(inner, scope) ?? []).filter((text) => text !== null);
  const compiled = compileArray(array, scope);
  if (!compiled.isConstant) return null;
  return (constantOf(compiled) ?? []).flatMap((text) => (text ? [text.toString()] : []));
}

/** The bytes of the values, each once; values that nothing is shown as are left out. */
function distinctBytes(values: readonly string[]): ByteList {
  const found = new ByteList();
  for (const value of values.length > 1 ? new Set(values) : values) {
    // Nearly all are shown as themselves.
    if (!value.startsWith('\\x') && !value.includes('\0')) {
      found.addText(value);
      continue;
    }
    const bytes = parseShown(Buffer.from(value));
    if (bytes) found.add(bytes);
  }
  return found;
}

/** The first condition that narrows the column, and the others. */
function takeNarrowing(
  conditions: readonly Expression[],
  column: string,
  scope: Scope,
): { bytes: ByteList | null; rest: readonly Expression[] } {
  for (const condition of conditions) {
    const found = narrow(condition, column, scope);
    if (!found) continue;
    return { bytes: distinctBytes(found.values), rest: conditions.filter((each) => each !== condition) };
  }
  return { bytes: null, rest: conditions };
}

/** The constant that the key has to begin with, as shown; empty: it doesn't have to. */
export function findPrefix(conditions: readonly Expression[], scope: Scope): Buffer {
  for (const condition of conditions) {
    if (condition.kind !== 'compare' || condition.operator !== '^@' || !isColumn(condition.left, 'key'))
      continue;
    const text = compileText(condition.right, scope);
    const value = text.isConstant ? constantOf(text) : null;
    if (value) return value;
  }
  return Buffer.alloc(0);
}

/** The conditions that all have to be true. */
export function conjunctsOf(condition: Expression | null): readonly Expression[] {
  if (!condition) return [];
  return condition.kind === 'and' ? condition.items.flatMap(conjunctsOf) : [condition];
}

/** Plans how a table is read for a condition. */
export function planSelection(table: LinkTable, condition: Expression | null, scope: Scope): Selection {
  const conditions = conjunctsOf(condition);
  const byKey = takeNarrowing(conditions, 'key', scope);
  const part = linkTables[table][1].name;
  const byPart = tablesWithParts.has(table)
    ? takeNarrowing(byKey.rest, part, scope)
    : { bytes: null, rest: byKey.rest };
  const prefix = byKey.bytes ? null : parseShownPrefix(findPrefix(byPart.rest, scope));
  const parts = byPart.bytes && [...byPart.bytes];
  return { keys: byKey.bytes, prefix: prefix ?? Buffer.alloc(0), parts, rest: byPart.rest };
}
