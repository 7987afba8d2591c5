/**
 * A query for the values that expressions can have: at least those that they have for the rows of a level, more where
 * that is simpler (what LIMIT, DISTINCT, GROUP BY, HAVING and unsafe conditions leave out stays in). More values than
 * needed are right, one too few is wrong. All that it evaluates is harmless (expressions.ts).
 */
import type { Node, SelectStmt } from 'libpg-query';
import { spend } from './bounds.ts';
import { type Compiled, entriesIn, type WriteColumn } from './compiled.ts';
import { compile } from './expressions.ts';
import type { Facts } from './facts.ts';
import { type Entry, indexOfInner, isNullable, type Level, type Query } from './scope.ts';
import { fromClause } from './sources.ts';
import { attempt, Unsure } from './unsure.ts';
import { type Condition, type Conditions, type ValuesContext, whereConditions } from './values-context.ts';
import { quoteName } from './writing.ts';

/**
 * The query of the values of expressions, whose columns get these names. Throws `Unsure` when they refer to anything
 * but entries of this level.
 */
export function valuesQuery(
  expressions: readonly Compiled[],
  names: readonly string[],
  level: Level,
  conditions: Conditions,
  context: ValuesContext,
): string {
  const needed = entriesIn(expressions);
  for (const { level: owner } of needed) {
    if (owner !== level) throw new Unsure('it depends on tables of more than one level of the query');
  }
  const select = (write: WriteColumn) =>
    `SELECT ${expressions.map((each, n) => `${each.write(write)} AS ${quoteName(names[n] ?? '')}`).join(', ')}`;
  if (needed.size === 0) return select(() => '');
  const nullable = [...needed].some(isNullable);
  const filters = [...conditions.near, ...(nullable ? [] : conditions.where)].flatMap((condition) =>
    usableFilter(condition, needed, level, context.facts),
  );
  const aliases = new Map([...needed].map((entry) => [entry, context.alias()]));
  const write: WriteColumn = ({ entry, column }) => `${aliases.get(entry)}.${quoteName(column.inner)}`;
  const from = fromClause({ needed, aliases, write, expressions, filters, level, context, queryValues });
  const where = [...new Set(filters.map((each) => each.write(write)))].join(' AND ');
  const query = `${select(write)} FROM ${from}${where && ` WHERE ${where}`}`;
  if (!nullable) return query;
  // What a join fills with NULLs has a value too.
  return `${query} UNION ALL ${select(write)} FROM (SELECT) AS ${context.alias()} LEFT JOIN ${from} ON false`;
}

function usableFilter(
  { node, place }: Condition,
  needed: ReadonlySet<Entry>,
  level: Level,
  facts: Facts,
): Compiled[] {
  const found = attempt(() => compile(node, { facts, level, place }));
  if ('reason' in found) return [];
  const { columns, type } = found.value;
  const fits = columns.length > 0 && columns.every(({ entry }) => needed.has(entry)) && type === 'bool';
  return fits ? [found.value] : [];
}

/** The values of some columns of a query. */
export function queryValues(
  query: Query,
  columns: readonly string[],
  context: ValuesContext,
  names: readonly string[] = columns,
): string {
  const indexes = columns.map((name) => indexOfInner(query.columns, name));
  if (indexes.includes(-1)) throw new Unsure('the columns of a query are not certain');
  return valuesAt(query, indexes, names, context);
}

function valuesAt(
  query: Query,
  indexes: readonly number[],
  names: readonly string[],
  context: ValuesContext,
): string {
  spend(200);
  const { shape, select } = query;
  if (shape.kind === 'union') {
    if (select.op !== 'SETOP_UNION') throw new Unsure('EXCEPT and INTERSECT are not looked into');
    const arms = [shape.left, shape.right].map((arm) => valuesAt(arm, indexes, names, context));
    return arms.map((arm) => `(${arm})`).join(' UNION ALL ');
  }
  const { level } = shape;
  const standing = { facts: context.facts, level, place: 'after' as const };
  if (shape.kind === 'values') {
    const rows = (select.valuesLists ?? []).map((row) => {
      const items = 'List' in row ? (row.List.items ?? []) : [];
      const values = indexes.map((index) => compile(items[index], standing));
      if (entriesIn(values).size > 0) throw new Unsure('VALUES depend on other tables');
      return `(${values.map((value) => value.write(() => '')).join(', ') || 'NULL'})`;
    });
    const columns = names.map(quoteName).join(', ') || quoteName('c');
    return `SELECT * FROM (VALUES ${rows.join(', ')}) AS ${context.alias()}(${columns})`;
  }
  requireNoGroupingSets(select);
  const expressions = indexes.map((index) => compileTarget(query, index, standing));
  const conditions = { near: whereConditions(level), where: [] };
  if (expressions.every(({ columns }) => columns.length === 0)) {
    return `SELECT ${expressions.map((each, n) => `${each.write(() => '')} AS ${quoteName(names[n] ?? '')}`).join(', ')}`;
  }
  return valuesQuery(expressions, names, level, conditions, context);
}

/** Throws `Unsure` where columns become NULL that are not. */
export function requireNoGroupingSets(select: SelectStmt): void {
  if ((select.groupClause ?? []).some((node) => 'GroupingSet' in node))
    throw new Unsure('GROUPING SETS are not looked into');
}

function compileTarget(query: Query, index: number, standing: Parameters<typeof compile>[1]): Compiled {
  const node: Node | undefined = query.columns?.[index]?.from[0]?.node;
  return compile(node, standing);
}
